import { checkArguments } from "../arguments.ts";
import { leakyRelu } from "./activations.ts";
import { checkChoice, checkCount } from "./check.ts";
import { normal } from "./initializers.ts";
import { activation, chain, type Layer, seen } from "./layer.ts";
import { conv, narrowNormal } from "./layers.ts";
import { atLeast, type Model, model } from "./model.ts";
import { batchNorm, instanceNorm } from "./norms.ts";

/** The normalisations of a PatchGAN. */
export const norms = ["batch", "instance", "spectral", "none"] as const;

/** The options of a PatchGAN. */
export interface PatchGanOptions {
  /** Channels of the images. Default 3; 6 for pairs of output and condition, put together along the channels. */
  inputs?: number;
  /** Channels after the first layer, doubled in each of the next three. Default 64. */
  features?: number;
  /** The number of layers that halve the size: 1 to 6 judge patches of 16, 34, 70, 142, 286 and 574 pixels. Default 3. */
  depth?: number;
  /** Default `batch`; `spectral` normalises the weights of all layers, and no values. */
  norm?: (typeof norms)[number];
}

/**
 * PatchGAN (Isola et al. 2017; `NLayerDiscriminator` of pix2pix, with its tensor names): one logit for each of many overlapping patches.
 *
 * Takes [n, inputs, h, w], at least 3 * 2^depth pixels on a side (24 for depth 3); gives [n, 1, h / 2^depth - 2, w / 2^depth - 2]. Weights start normal with
 * deviation 0.02, biases at 0, scales of batch norms around 1.
 *
 * @throws {ReconlossError} `invalid-argument` for options that make no sense; `shape` for smaller images
 *
 * @example
 * ```ts
 * import { patchGan } from "@reconloss/core/nets";
 * const discriminator = patchGan({ norm: "instance" });
 * discriminator.parameters["model.2.weight"].shape; // [128, 64, 4, 4]
 * ```
 */
export function patchGan(options: PatchGanOptions = {}): Model {
  checkArguments("patchGan", { options: [options, "object?"] });
  const { inputs = 3, features = 64, depth = 3, norm = "batch" } = options;
  const name = "patchGan";
  checkCount(name, "inputs", inputs);
  checkCount(name, "features", features);
  checkCount(name, "depth", depth, 1, 6);
  checkChoice(name, "norm", norm, norms);

  const layers: Layer[] = [];
  // A layer's number in the nn.Sequential is its place, which places without a layer take up too.
  let place = 0;
  const put = (...next: Layer[]) => layers.push(...next);
  const convolution = (from: number, to: number, stride: number, bias: boolean) =>
    put(
      conv(`model.${place++}`, from, to, 4, {
        stride,
        padding: 1,
        bias,
        spectral: norm === "spectral",
        initializers: narrowNormal,
      }),
    );
  const activate = () => {
    place++;
    put(activation(leakyRelu), seen);
  };

  convolution(inputs, features, 2, true);
  activate();
  let channels = features;
  for (let layer = 1; layer <= depth; layer++) {
    const wider = features * Math.min(2 ** layer, 8);
    // A batch norm's own bias makes the convolution's superfluous.
    convolution(channels, wider, layer < depth ? 2 : 1, norm !== "batch");
    if (norm === "batch") put(batchNorm(`model.${place}`, wider, { scale: normal(0.02, 1) }));
    if (norm === "instance") put(instanceNorm);
    place++;
    activate();
    channels = wider;
  }
  convolution(channels, 1, 1, true);
  return model(name, { channels: inputs, refuse: atLeast(name, 3 * 2 ** depth) }, chain(...layers));
}
