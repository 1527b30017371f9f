import { chain, type Layer, parallel } from "./layer.ts";
import { conv, maxPool, relu } from "./layers.ts";
import { Network } from "./network.ts";

/** A Fire module: a 1x1 convolution to few channels, then 1x1 and 3x3 convolutions side by side. */
function fire(name: string, inputs: number, squeezed: number, expanded: number): Layer {
  return chain(
    conv(`${name}.squeeze`, inputs, squeezed, 1),
    relu,
    parallel(
      chain(conv(`${name}.expand1x1`, squeezed, expanded, 1), relu),
      chain(conv(`${name}.expand3x3`, squeezed, expanded, 3, { padding: 1 }), relu),
    ),
  );
}

/**
 * SqueezeNet 1.1 without its classifier, as in torchvision (Iandola et al. 2016; the Fire modules keep the paper's numbers): taps `conv1`
 * `relu1` `pool1` `fire2` `fire3` `pool3` `fire4` `fire5` `pool5` `fire6` ... `fire9`.
 *
 * @example
 * ```ts
 * import { squeezenet } from "@reconloss/core/nets";
 * squeezenet.taps.length; // 13
 * ```
 */
export const squeezenet = new Network("squeezenet1_1", () => [
  ["conv1", conv("features.0", 3, 64, 3, { stride: 2 })],
  ["relu1", relu],
  ["pool1", maxPool(3, 2, { ceilMode: true })],
  ["fire2", fire("features.3", 64, 16, 64)],
  ["fire3", fire("features.4", 128, 16, 64)],
  ["pool3", maxPool(3, 2, { ceilMode: true })],
  ["fire4", fire("features.6", 128, 32, 128)],
  ["fire5", fire("features.7", 256, 32, 128)],
  ["pool5", maxPool(3, 2, { ceilMode: true })],
  ["fire6", fire("features.9", 256, 48, 192)],
  ["fire7", fire("features.10", 384, 48, 192)],
  ["fire8", fire("features.11", 384, 64, 256)],
  ["fire9", fire("features.12", 512, 64, 256)],
]);
