import { inflateSync } from "fflate";
import { checkArguments } from "../arguments.ts";
import type { Ops } from "../graph/ops.ts";
import { decodeElements } from "../weights/elements.ts";
import type { StateDict, TensorShapes } from "../weights/state-dict.ts";
import { constant, kaimingNormal } from "./initializers.ts";
import { conv, maxPool, relu } from "./layers.ts";
import type { TensorSpec } from "./model.ts";
import { Network } from "./network.ts";

/**
 * The convolutions, each followed by a ReLU, some after a pooling: AlexNet's, with fewer channels and a smaller first window. What a position sees is centred where AlexNet's
 * is (half a pixel off): against patterns of squares, of 8x8 pixels above all, it matters whether one looks at their borders or beside them.
 * The first window is twice its stride, so that every pixel counts in as many positions.
 */
const convolutions = [
  { outputs: 32, kernel: 8, stride: 4, padding: 0, pooled: false },
  { outputs: 48, kernel: 5, stride: 1, padding: 2, pooled: true },
  { outputs: 64, kernel: 3, stride: 1, padding: 1, pooled: true },
  { outputs: 64, kernel: 3, stride: 1, padding: 1, pooled: false },
  { outputs: 64, kernel: 3, stride: 1, padding: 1, pooled: false },
] as const;
/** Rounded up, so that images of 20x20 pixels are large enough. */
const pooling = { kernel: 3, stride: 2, ceilMode: true } as const;

const inputsOf = (index: number) => (index === 0 ? 3 : convolutions[index - 1].outputs);
const convName = (index: number) => `conv${index + 1}`;

/**
 * The network of `lpips(net=tiny)`, which is small enough to be part of the package: five convolutions with ReLU, taps `conv1` `relu1` `pool1` ... `relu5`. It was
 * trained by this project to see image distances as LPIPS with AlexNet does, on nothing else; `docs/tiny-lpips.md` tells how. It is no published network.
 *
 * @example
 * ```ts
 * import { tiny } from "@reconloss/core/nets";
 * tiny.tensors(["relu1"]); // { "conv1.weight": [32, 3, 8, 8], "conv1.bias": [32] }
 * tiny.leastSize(["relu5"]); // 20
 * ```
 */
export const tiny = new Network(
  "tiny",
  convolutions.flatMap(({ outputs, kernel, stride, padding, pooled }, index) => [
    ...(pooled ? [[`pool${index}`, maxPool(pooling.kernel, pooling.stride, pooling)] as const] : []),
    [convName(index), conv(convName(index), inputsOf(index), outputs, kernel, { stride, padding })] as const,
    [`relu${index + 1}`, relu] as const,
  ]),
);

/** Where the distance looks, and how many channels there are. */
export const tinyTaps = convolutions.map((_, index) => `relu${index + 1}`);
export const tinyChannels = convolutions.map(({ outputs }) => outputs);

/** The name of a layer's head, as LPIPS's checkpoints write it. */
export function tinyHead(layer: number): string {
  checkArguments("tinyHead", { layer: [layer, "number"] });
  return `lin${layer}.model.1.weight`;
}

const headShapes: TensorShapes = Object.fromEntries(tinyChannels.map((count, i) => [tinyHead(i), [1, count, 1, 1]]));

/** All tensors of the network and of its heads, in the order in which they are stored. */
export const tinyTensors: TensorShapes = { ...tiny.tensors(tiny.taps), ...headShapes };

/** Half-precision numbers from base64: deflated, all high bytes and then all low bytes. */
function unpackHalves(packed: string): Float32Array {
  const planes = inflateSync(Uint8Array.from(atob(packed), (character) => character.charCodeAt(0)));
  const count = planes.length / 2;
  const bytes = planes.map((_, at) => planes[(at % 2 === 0 ? count : 0) + (at >> 1)]);
  return decodeElements("float16", bytes) as Float32Array;
}

let decoded: Promise<StateDict> | undefined;

/** The weights that are part of the package, decoded when they are first asked for. */
export function tinyWeights(): Promise<StateDict> {
  decoded ??= import("./tiny-weights.ts").then(({ packed }) => {
    const values = unpackHalves(packed);
    let start = 0;
    return Object.fromEntries(
      Object.entries(tinyTensors).map(([name, shape]) => {
        const count = shape.reduce((product, size) => product * size, 1);
        const data = values.subarray(start, start + count);
        start += count;
        return [name, { shape, data }];
      }),
    );
  });
  return decoded;
}

/** The root of a head: while they are trained heads are squares, and so never negative. */
const rootName = (layer: number) => `root${layer}`;

/** What training changes: the network's tensors, and the roots of the heads. */
export const tinyParameters: Readonly<Record<string, TensorSpec>> = Object.fromEntries(
  convolutions.flatMap(({ outputs, kernel }, index): [string, TensorSpec][] => {
    const inputs = inputsOf(index);
    const initialize = kaimingNormal(inputs * kernel * kernel);
    return [
      [`${convName(index)}.weight`, { shape: [outputs, inputs, kernel, kernel], initialize }],
      [`${convName(index)}.bias`, { shape: [outputs], initialize: constant(0.1) }],
      [rootName(index), { shape: [outputs], initialize: constant(Math.sqrt(0.05)) }],
    ];
  }),
);

/**
 * The network with tensors that are values like any other, so that they can be trained: the values at {@link tinyTaps}.
 *
 * @param image - [n, 3, h, w], already normalised
 * @param tensors - {@link tinyParameters}
 */
export function trainableTiny<T>(o: Ops<T>, image: T, tensors: Readonly<Record<string, T>>): T[] {
  checkArguments("trainableTiny", {
    o: [o, "object", ["backend"]],
    image: [image, "object"],
    tensors: [tensors, "object"],
  });
  let x = image;
  return convolutions.map(({ stride, padding, pooled }, index) => {
    if (pooled) x = o.maxPool(x, pooling.kernel, pooling);
    const sums = o.conv2d(x, tensors[`${convName(index)}.weight`], { stride, padding });
    x = o.relu(o.add(sums, tensors[`${convName(index)}.bias`]));
    return x;
  });
}

/** A layer's head, [1, c, 1, 1], of tensors that are trained. */
export function trainableHead<T>(o: Ops<T>, tensors: Readonly<Record<string, T>>, layer: number): T {
  checkArguments("trainableHead", { o: [o, "object"], tensors: [tensors, "object"], layer: [layer, "number"] });
  return o.square(tensors[rootName(layer)]);
}

/** The tensors to use, {@link tinyTensors}, of those that were trained. */
export function trainedTiny(tensors: Readonly<Record<string, { readonly data: Float32Array }>>): StateDict {
  checkArguments("trainedTiny", { tensors: [tensors, "object", ["conv1.weight"]] });
  return Object.fromEntries(
    Object.entries(tinyTensors).map(([name, shape]) => {
      const layer = tinyTaps.findIndex((_, index) => tinyHead(index) === name);
      const data = layer < 0 ? tensors[name].data : tensors[rootName(layer)].data.map((root) => root * root);
      return [name, { shape, data }];
    }),
  );
}
