import { differentiate, type Traced, type Tracing } from "../../packages/core/src/graph/autodiff.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

/** An operation, or several that depend on each other. */
export interface OpsCase {
  f: <T>(o: Ops<T>, x: T[]) => T;
  /** Shapes of the inputs, for two runs of one compiled program; default: one image. */
  shapes?: readonly (readonly Shape[])[];
  /** Range of the random inputs; default [-1, 1]. */
  range?: readonly [number, number];
  /** Inputs whose shape is written into the program, such as weights. */
  fixed?: readonly number[];
  /** Not differentiable, or not twice. */
  order?: 0 | 1 | 2;
}

const images: readonly (readonly Shape[])[] = [[[2, 3, 7, 6]], [[1, 3, 9, 8]]];
const two: OpsCase["shapes"] = [
  [
    [2, 3, 5, 4],
    [2, 3, 5, 4],
  ],
  [
    [1, 3, 6, 7],
    [1, 3, 6, 7],
  ],
];
const scaled: OpsCase["shapes"] = [
  [
    [2, 3, 5, 4],
    [1, 3, 1, 1],
  ],
  [
    [2, 3, 3, 2],
    [1, 3, 1, 1],
  ],
];
const withWeight = (weight: Shape, channels = 4): OpsCase["shapes"] => [
  [[2, channels, 9, 8], weight],
  [[1, channels, 12, 11], weight],
];

/** Every operation. */
export const cases: Record<string, OpsCase> = {
  add: { f: (o, [a, b]) => o.add(a, b), shapes: two },
  "add, broadcast": { f: (o, [a, b]) => o.square(o.add(a, b)), shapes: scaled, fixed: [1] },
  sub: { f: (o, [a, b]) => o.sub(a, b), shapes: two },
  mul: { f: (o, [a, b]) => o.mul(a, b), shapes: two },
  "mul, broadcast": { f: (o, [a, b]) => o.mul(a, b), shapes: scaled, fixed: [1] },
  div: { f: (o, [a, b]) => o.div(a, b), shapes: two, range: [0.5, 1.5] },
  "div, broadcast": { f: (o, [a, b]) => o.div(a, b), shapes: scaled, fixed: [1], range: [0.5, 1.5] },
  maximum: { f: (o, [a, b]) => o.square(o.maximum(a, b)), shapes: two },
  minimum: { f: (o, [a, b]) => o.square(o.minimum(a, b)), shapes: two },
  atan2: { f: (o, [a, b]) => o.atan2(a, b), shapes: two },
  greater: { f: (o, [a, b]) => o.greater(a, b), shapes: two, order: 0 },
  neg: { f: (o, [x]) => o.neg(x) },
  abs: { f: (o, [x]) => o.abs(x) },
  sign: { f: (o, [x]) => o.sign(x), order: 0 },
  sqrt: { f: (o, [x]) => o.sqrt(x), range: [0.2, 2] },
  root: { f: (o, [x]) => o.root(x), range: [0.2, 2] },
  exp: { f: (o, [x]) => o.exp(x) },
  log: { f: (o, [x]) => o.log(x), range: [0.2, 2] },
  log1p: { f: (o, [x]) => o.log1p(x), range: [-0.5, 2] },
  "log1p of small numbers": { f: (o, [x]) => o.mul(o.log1p(o.mul(x, 1e-6)), 1e6) },
  expm1: { f: (o, [x]) => o.expm1(x), range: [-4, 4] },
  "expm1 of small numbers": { f: (o, [x]) => o.mul(o.expm1(o.mul(x, 1e-6)), 1e6) },
  sin: { f: (o, [x]) => o.sin(x), range: [-4, 4] },
  cos: { f: (o, [x]) => o.cos(x), range: [-4, 4] },
  relu: { f: (o, [x]) => o.relu(x) },
  round: { f: (o, [x]) => o.round(x), range: [-3, 3], order: 0 },
  square: { f: (o, [x]) => o.square(x) },
  "power 2.4": { f: (o, [x]) => o.power(x, 2.4), range: [0.2, 2] },
  "power 1/3": { f: (o, [x]) => o.power(x, 1 / 3), range: [0.2, 2] },
  clamp: { f: (o, [x]) => o.square(o.clamp(x, -0.5, 0.25)) },
  where: { f: (o, [a, b]) => o.where(o.greater(a, b), o.square(a), o.exp(b)), shapes: two },
  "where, a number as mask": { f: (o, [a, b]) => o.where(o.round(a), b, 2), shapes: two },
  "sum chw": { f: (o, [x]) => o.square(o.sum(x, "chw")) },
  "sum c": { f: (o, [x]) => o.square(o.sum(x, "c")) },
  "sum n": { f: (o, [x]) => o.square(o.sum(x, "n")) },
  "mean nchw": { f: (o, [x]) => o.square(o.mean(x, "nchw")) },
  "mean hw": { f: (o, [x]) => o.sub(x, o.mean(x, "hw")) },
  "log of a mean": { f: (o, [x]) => o.log(o.mean(o.square(x), "chw")) },
  "max hw": { f: (o, [x]) => o.sub(o.square(x), o.square(o.max(o.sin(x), "hw"))) },
  kthSmallest: { f: (o, [x]) => o.sub(o.square(x), o.square(o.kthSmallest(o.sin(x), 3))) },
  "max nchw": { f: (o, [x]) => o.mul(x, o.exp(o.max(x, "nchw"))) },
  size: { f: (o, [x]) => o.div(o.square(x), o.size(x, "nhw")) },
  expand: { f: (o, [x]) => o.square(o.expand(o.mean(x, "hw"), x)) },
  slice: { f: (o, [x]) => o.slice(x, "h", 1, -2) },
  "slice, from the end": { f: (o, [x]) => o.slice(x, "w", -3) },
  "slice, step 2": { f: (o, [x]) => o.slice(x, "w", 1, undefined, 2) },
  flip: { f: (o, [x]) => o.mul(o.flip(x, "h"), o.flip(x, "c")) },
  channel: { f: (o, [x]) => o.square(o.channel(x, 2)) },
  crop: { f: (o, [x]) => o.crop(x, 2) },
  embed: { f: (o, [x]) => o.embed(o.slice(x, "h", 1, 3), x, "h", -3, -1) },
  "embed, step 2": { f: (o, [x]) => o.embed(o.slice(x, "w", 0, undefined, 2), x, "w", 0, undefined, 2) },
  pad: { f: (o, [x]) => o.pad(x, { top: 1, bottom: 0, left: 2, right: 3 }) },
  "pad reflect": { f: (o, [x]) => o.square(o.padWith(x, 3, "reflect")) },
  "pad replicate": { f: (o, [x]) => o.square(o.padWith(x, { top: 0, bottom: 2, left: 1, right: 3 }, "replicate")) },
  "pad circular": {
    f: (o, [x]) => o.square(o.padWith(x, { top: 0, bottom: 2, left: 1, right: 3 }, "circular")),
  },
  "pad symmetric": { f: (o, [x]) => o.square(o.padWith(x, [2, 3], "symmetric")) },
  concat: { f: (o, [a, b]) => o.square(o.concat([a, b, a])), shapes: two },
  depthToSpace: { f: (o, [x]) => o.square(o.depthToSpace(x, 2)), shapes: [[[2, 8, 3, 2]], [[1, 8, 2, 4]]] },
  spaceToDepth: { f: (o, [x]) => o.square(o.spaceToDepth(x, 3)), shapes: [[[2, 2, 3, 6]], [[1, 2, 6, 3]]] },
  conv2d: { f: (o, [x, k]) => o.conv2d(x, k), shapes: withWeight([5, 4, 3, 3]), fixed: [1] },
  "conv2d, padding": { f: (o, [x, k]) => o.conv2d(x, k, { padding: 1 }), shapes: withWeight([5, 4, 3, 3]), fixed: [1] },
  "conv2d, stride 2": {
    f: (o, [x, k]) => o.conv2d(x, k, { stride: 2, padding: 1 }),
    shapes: withWeight([5, 4, 4, 3]),
    fixed: [1],
  },
  "conv2d, stride 3 without padding": {
    f: (o, [x, k]) => o.conv2d(x, k, { stride: 3 }),
    shapes: withWeight([2, 4, 2, 2]),
    fixed: [1],
  },
  "conv2d, stride 4 padding 2 kernel 5": {
    f: (o, [x, k]) => o.conv2d(x, k, { stride: 4, padding: 2 }),
    shapes: withWeight([2, 4, 5, 5]),
    fixed: [1],
  },
  "conv2d, dilation": {
    f: (o, [x, k]) => o.conv2d(x, k, { dilation: [2, 1], padding: 2 }),
    shapes: withWeight([3, 4, 3, 3]),
    fixed: [1],
  },
  "conv2d, wide padding": {
    f: (o, [x, k]) => o.conv2d(x, k, { padding: 3 }),
    shapes: withWeight([2, 4, 2, 2]),
    fixed: [1],
  },
  "conv2d, groups": {
    f: (o, [x, k]) => o.conv2d(x, k, { groups: 2, padding: 1 }),
    shapes: withWeight([6, 2, 3, 3]),
    fixed: [1],
  },
  "conv2d, depthwise stride 2": {
    f: (o, [x, k]) => o.conv2d(x, k, { groups: 4, stride: 2 }),
    shapes: withWeight([4, 1, 3, 3]),
    fixed: [1],
  },
  "conv2d, row kernel": {
    f: (o, [x, k]) => o.conv2d(x, k, { groups: 4 }),
    shapes: withWeight([4, 1, 1, 5]),
    fixed: [1],
  },
  convInput: {
    f: (o, [x, k]) => o.convInput(o.conv2d(x, k, { stride: 2, padding: 1 }), k, x, { stride: 2, padding: 1 }),
    shapes: withWeight([3, 4, 3, 3]),
    fixed: [1],
  },
  convWeight: {
    f: (o, [x, k]) => o.mul(o.convWeight(x, o.square(o.conv2d(x, k, { padding: 1 })), [3, 3], { padding: 1 }), 0.01),
    shapes: withWeight([3, 4, 3, 3]),
    fixed: [1],
  },
  "maxPool 2": { f: (o, [x]) => o.maxPool(o.exp(x), 2) },
  "maxPool 3, stride 2": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 2 }) },
  "maxPool 3, stride 2, padding 1": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 2, padding: 1 }) },
  "maxPool 3, stride 2, ceilMode": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 2, ceilMode: true }) },
  "maxPool 3, stride 1, padding 1": { f: (o, [x]) => o.maxPool(o.exp(x), 3, { stride: 1, padding: 1 }) },
  "avgPool 2": { f: (o, [x]) => o.avgPool(o.exp(x), 2) },
  "avgPool 3 by 2": { f: (o, [x]) => o.avgPool(o.exp(x), [3, 2]) },
  "avgPool 3, stride 1, padding 1": { f: (o, [x]) => o.avgPool(o.exp(x), 3, { stride: 1, padding: 1 }) },
  "avgPool, padding not counted": {
    f: (o, [x]) => o.avgPool(o.exp(x), 3, { stride: 2, padding: 1, countIncludePad: false }),
  },
  "avgPool, ceilMode": { f: (o, [x]) => o.avgPool(o.exp(x), 2, { ceilMode: true }) },
  gram: { f: (o, [a, b]) => o.gram(a, o.slice(b, "c", 1)), shapes: two },
  mix: { f: (o, [a, b]) => o.mix(o.gram(a, o.channel(a, 0)), o.channel(b, 1)), shapes: two },
  matmul: { f: (o, [a, b]) => o.matmul(o.slice(a, "w", 0, 3), o.slice(b, "h", 0, 3)), shapes: two },
  "matmul, transposed": {
    f: (o, [a, b]) => o.matmul(o.matmul(o.sin(a), b, { transposeA: true }), a, { transposeB: true }),
    shapes: two,
  },
  "matmul, both transposed": {
    f: (o, [a, b]) => o.matmul(a, o.matmul(o.sin(a), b, { transposeB: true }), { transposeA: true, transposeB: true }),
    shapes: two,
  },
  "matmul, broadcast": {
    f: (o, [a, b]) => o.matmul(o.square(b), o.slice(a, "c", 0, 1), { transposeA: true }),
    shapes: two,
  },
  "mix, transposed": { f: (o, [a, b]) => o.mix(o.gram(a, o.channel(b, 0)), b, true), shapes: two },
  "rows of every pixel's products with the others": {
    f: (o, [a, b]) => o.exp(o.mix(o.toRows(a), o.square(b))),
    shapes: [
      [
        [2, 3, 3, 2],
        [2, 3, 2, 4],
      ],
      [
        [1, 3, 2, 5],
        [1, 3, 3, 1],
      ],
    ],
  },
  toRows: { f: (o, [x]) => o.square(o.toRows(x)) },
  "fromRows, in another shape": {
    f: (o, [x, like]) => o.square(o.add(o.fromRows(o.square(o.toRows(x)), like), like)),
    shapes: [
      [
        [2, 3, 2, 4],
        [2, 1, 4, 2],
      ],
      [
        [1, 3, 3, 2],
        [1, 1, 1, 6],
      ],
    ],
  },
  "resize up": { f: (o, [x]) => o.resize(o.exp(x), o.padWith(x, 3, "zero")) },
  "resize down": { f: (o, [x]) => o.resize(o.exp(x), o.crop(x, 1)) },
  "resize, aligned corners": { f: (o, [x]) => o.resize(o.exp(x), o.padWith(x, 2, "zero"), { alignCorners: true }) },
  fft: { f: (o, [x]) => o.square(o.fft(x)), shapes: [[[2, 2, 7, 6]], [[1, 2, 6, 5]]] },
  "fft, adjoint": {
    f: (o, [x]) => o.backend.run("fftAdjoint", [o.square(o.fft(x)), x], {}),
    shapes: [[[2, 2, 3, 5]], [[1, 2, 1, 2]]],
  },
  "resize, nearest": { f: (o, [x]) => o.resize(o.exp(x), o.padWith(x, 2, "zero"), { mode: "nearest" }) },
};

/** A number that depends on every element of x differently, so that no two errors cancel. */
export function probe<T>(o: Ops<T>, x: T, phase: number): T {
  const ones = o.expand(o.scalar(1), x);
  const rows = o.add(o.mul(o.sin(o.mul(x, 0.7)), 0.3), o.mul(x, 1.1 + phase));
  return o.sum(o.mul(rows, ones), "nchw");
}

/** The gradients of the probe by every input. */
export function first<T>(o: Ops<T>, f: OpsCase["f"], inputs: readonly T[]): T[] {
  return differentiate(o, ({ o }: Tracing<T>, x) => probe(o, f(o, x), 0), inputs).gradients;
}

/** The gradients of what is made of those. */
export function second<T>(o: Ops<T>, f: OpsCase["f"], inputs: readonly T[]): T[] {
  const total = ({ o }: Tracing<T>, x: Traced<T>[]): Traced<T> =>
    first(o, f, x)
      .map((gradient, index) => probe(o, o.sin(gradient), index))
      .reduce((a, b) => o.add(a, b));
  return differentiate(o, total, inputs).gradients;
}

/** The results of an operation, by name: its value, and its derivatives as far as it has them. */
export function valueAndDerivatives<T>(o: Ops<T>, { f, order = 2 }: OpsCase, x: T[]): Record<string, T> {
  const outputs: Record<string, T> = { value: f(o, x) };
  if (order > 0) for (const [i, gradient] of first(o, f, x).entries()) outputs[`first${i}`] = gradient;
  if (order > 1) for (const [i, gradient] of second(o, f, x).entries()) outputs[`second${i}`] = gradient;
  return outputs;
}

/** Reproducible inputs of an operation, for two runs. */
export function inputsOf({ shapes = images, range = [-1, 1] }: OpsCase): Tensor[][] {
  return shapes.map((run) => run.map((shape, i) => randomTensor(shape, 17 + i, ...range)));
}
