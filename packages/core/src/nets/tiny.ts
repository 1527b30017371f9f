import type { StateDict, TensorShapes } from "../weights/state-dict.ts";
import { constant, kaimingNormal } from "./initializers.ts";
import { conv, type LayerInitializers, maxPool, relu } from "./layers.ts";
import { headShapes } from "./lpips-heads.ts";
import { Network } from "./network.ts";

/** The initial weights of training: no channel is silent at first. */
const initializers: LayerInitializers = (fanIn) => ({ weight: kaimingNormal(fanIn), bias: constant(0.1) });

/** Rounded up, so that images of 20x20 pixels are large enough. */
const pool = maxPool(3, 2, { ceilMode: true });

/** Of so many channels after each convolution. */
function network(name: string, [c1, c2, c3, c4, c5]: readonly number[]): Network {
  return new Network(name, () => [
    ["conv1", conv("conv1", 3, c1, 8, { stride: 4, initializers })],
    ["relu1", relu],
    ["pool1", pool],
    ["conv2", conv("conv2", c1, c2, 5, { padding: 2, initializers })],
    ["relu2", relu],
    ["pool2", pool],
    ["conv3", conv("conv3", c2, c3, 3, { padding: 1, initializers })],
    ["relu3", relu],
    ["conv4", conv("conv4", c3, c4, 3, { padding: 1, initializers })],
    ["relu4", relu],
    ["conv5", conv("conv5", c4, c5, 3, { padding: 1, initializers })],
    ["relu5", relu],
  ]);
}

/**
 * The network of `lpips(net=tiny)`, of its second edition, which is small enough to be part of the package: five convolutions with ReLU, taps `conv1` `relu1` `pool1` ... `relu5`. It was
 * trained by this project to see image distances as LPIPS with AlexNet does, on nothing else; `docs/tiny-lpips.md` tells how. It is no published network.
 *
 * The layers are AlexNet's, with fewer channels and a smaller first window. Receptive fields are centred where AlexNet's are (half a pixel off): against patterns of
 * squares, of 8x8 pixels above all, it matters whether one looks at their borders or beside them. The first window is twice its stride, so that every pixel counts in as
 * many positions.
 *
 * @example
 * ```ts
 * import { tiny } from "@reconloss/core/nets";
 * tiny.tensors(["relu1"]); // { "conv1.weight": [32, 3, 8, 8], "conv1.bias": [32] }
 * tiny.leastSize(["relu5"]); // 20
 * ```
 */
export const tiny = network("tiny", [32, 64, 96, 96, 80]);

/** The network of the first edition, `lpips(net=tiny,version=1)`, with fewer channels. */
export const tinyFirst = network("tiny-1", [32, 48, 64, 64, 64]);

/** The taps of the distance. */
export const tinyTaps = ["relu1", "relu2", "relu3", "relu4", "relu5"];

/** All tensors of the network of an edition and of its heads, in the order in which they are stored. */
export function tinyTensors(edition: Network = tiny): TensorShapes {
  return { ...edition.tensors(), ...headShapes(tinyTaps.map((tap) => edition.channels(tap))) };
}

/** The tensors of an edition by name, of their numbers one after the other. */
export function tensorsOf(values: Float32Array, edition: Network = tiny): StateDict {
  let start = 0;
  return Object.fromEntries(
    Object.entries(tinyTensors(edition)).map(([name, shape]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const data = values.subarray(start, start + count);
      start += count;
      return [name, { shape, data }];
    }),
  );
}

let loaded: Promise<StateDict> | undefined;
let loadedFirst: Promise<StateDict> | undefined;

/**
 * The weights of the network and its heads, which are part of the package, loaded when they are first asked for.
 *
 * @example
 * ```ts
 * import { tinyWeights } from "@reconloss/core/nets";
 * (await tinyWeights())["conv1.bias"].shape; // [32]
 * ```
 */
export function tinyWeights(): Promise<StateDict> {
  // Parts of their own, so that whoever does not use the network does not load them.
  loaded ??= Promise.all([import("./tiny-packed.ts"), import("./tiny-weights.ts")]).then(
    ([{ unpackSteps }, { packed }]) => tensorsOf(unpackSteps(packed, tinyTensors())),
  );
  return loaded;
}

/** Those of the first edition. */
export function tinyFirstWeights(): Promise<StateDict> {
  loadedFirst ??= Promise.all([import("./tiny-packed.ts"), import("./tiny-first-weights.ts")]).then(
    ([{ unpackHalves }, { packed }]) => tensorsOf(unpackHalves(packed), tinyFirst),
  );
  return loadedFirst;
}
