import type { Ops } from "./ops.ts";
import type { PoolAttributes, Primitive, Primitives } from "./primitives.ts";

/**
 * A vector-Jacobian product: given `g`, the derivative of some number with respect to a primitive's result, the derivative with
 * respect to each operand (`undefined` where it is zero everywhere).
 */
type Derivative<P extends Primitive> = <T>(
  o: Ops<T>,
  g: T,
  operands: readonly T[],
  result: T,
  attributes: Primitives[P],
) => readonly (T | undefined)[];

const none = () => [];

/** Small enough to be no colour at all, large enough for float32. */
const tiny = 1e-30;

/** The derivative of max(a, b) by a: 1 where it follows a, and one half at a tie, as in PyTorch. */
function winner<T>(o: Ops<T>, a: T, b: T): T {
  return o.mul(o.add(o.sub(o.greater(a, b), o.greater(b, a)), 1), 0.5);
}

/** One axis without what it was continued by, which is added where it came from. */
function folded<T>(
  o: Ops<T>,
  g: T,
  axis: "h" | "w",
  before: number,
  after: number,
  mode: Primitives["pad"]["mode"],
): T {
  const inner = o.slice(g, axis, before, after === 0 ? undefined : -after);
  if (mode === "zero") return inner;
  const back = (border: T, mirrored: readonly [number, number], end: readonly [number, number?]) =>
    mode === "reflect"
      ? o.embed(o.flip(border, axis), inner, axis, ...mirrored)
      : o.embed(o.sum(border, axis), inner, axis, ...end);
  let result = inner;
  if (before > 0) result = o.add(result, back(o.slice(g, axis, 0, before), [1, before + 1], [0, 1]));
  if (after > 0) result = o.add(result, back(o.slice(g, axis, -after), [-after - 1, -1], [-1]));
  return result;
}

/** The number of cells that each average divides by. */
function poolCount<T>(o: Ops<T>, x: T, ones: T, attributes: Primitives["avgPool"]): T {
  if (attributes.countIncludePad) return o.scalar(attributes.kernel[0] * attributes.kernel[1]);
  return o.conv2d(o.expand(o.scalar(1), x), ones, depthwise(o, x, attributes));
}

function depthwise<T>(o: Ops<T>, x: T, { stride, padding }: PoolAttributes) {
  return { stride, padding, groups: o.channels(x) };
}

/** The derivative of every primitive, in primitives: that is what makes a gradient differentiable again. */
export const derivatives: { readonly [P in Primitive]: Derivative<P> } = {
  add: (o, g, [a, b]) => [o.sumTo(g, a), o.sumTo(g, b)],
  sub: (o, g, [a, b]) => [o.sumTo(g, a), o.sumTo(o.neg(g), b)],
  mul: (o, g, [a, b]) => (a === b ? [o.mul(o.mul(g, 2), a)] : [o.sumTo(o.mul(g, b), a), o.sumTo(o.mul(g, a), b)]),
  div: (o, g, [a, b], result) => {
    const ratio = o.div(g, b);
    return [o.sumTo(ratio, a), o.sumTo(o.neg(o.mul(ratio, result)), b)];
  },
  maximum: (o, g, [a, b]) => [o.sumTo(o.mul(g, winner(o, a, b)), a), o.sumTo(o.mul(g, winner(o, b, a)), b)],
  minimum: (o, g, [a, b]) => [o.sumTo(o.mul(g, winner(o, b, a)), a), o.sumTo(o.mul(g, winner(o, a, b)), b)],
  atan2: (o, g, [y, x]) => {
    // The angle of the origin is undefined; 0 there keeps gradients at grey finite.
    const squared = o.add(o.square(x), o.square(y));
    const scaled = o.where(o.greater(squared, 0), o.div(g, o.maximum(squared, tiny)), 0);
    return [o.sumTo(o.mul(scaled, x), y), o.sumTo(o.neg(o.mul(scaled, y)), x)];
  },
  greater: none,
  neg: (o, g) => [o.neg(g)],
  abs: (o, g, [x]) => [o.mul(g, o.sign(x))],
  sign: none,
  sqrt: (o, g, _, result) => [o.div(g, o.mul(result, 2))],
  exp: (o, g, _, result) => [o.mul(g, result)],
  log: (o, g, [x]) => [o.div(g, x)],
  log1p: (o, g, [x]) => [o.div(g, o.add(x, 1))],
  expm1: (o, g, [x]) => [o.mul(g, o.exp(x))],
  sin: (o, g, [x]) => [o.mul(g, o.cos(x))],
  cos: (o, g, [x]) => [o.neg(o.mul(g, o.sin(x)))],
  // The result is positive where x is; asking the result leaves x to the convolution that it is fused with.
  relu: (o, g, _, result) => [o.mul(g, o.greater(result, 0))],
  round: none,
  power: (o, g, [x], _, { exponent }) => [o.mul(g, o.mul(o.power(x, exponent - 1), exponent))],
  clamp: (o, g, [x], _, { low, high }) => [o.where(o.add(o.greater(o.scalar(low), x), o.greater(x, high)), 0, g)],
  stopGradient: none,
  where: (o, g, [mask, a, b]) => [undefined, o.sumTo(o.where(mask, g, 0), a), o.sumTo(o.where(mask, 0, g), b)],
  sum: (o, g, [x]) => [o.expand(g, x)],
  max: (o, g, [x], result, { axes }) => {
    const largest = o.sub(1, o.greater(result, x));
    return [o.mul(o.div(g, o.sum(largest, axes.join(""))), largest)];
  },
  kthSmallest: (o, g, [x], result) => {
    const equal = o.sub(1, o.add(o.greater(result, x), o.greater(x, result)));
    return [o.mul(o.div(g, o.sum(equal, "hw")), equal)];
  },
  size: none,
  expand: (o, g, [x]) => [o.sumTo(g, x)],
  slice: (o, g, [x], _, { axis, start, end, step }) => [o.embed(g, x, axis, start, end, step)],
  embed: (o, g, _, __, { axis, start, end, step }) => [o.slice(g, axis, start, end, step)],
  pad: (o, g, _, __, { top, bottom, left, right, mode }) => [
    folded(o, folded(o, g, "w", left, right, mode), "h", top, bottom, mode),
  ],
  concat: (o, g, operands) => {
    let end = 0;
    return operands.map((operand) => o.slice(g, "c", end, (end += o.channels(operand))));
  },
  depthToSpace: (o, g, _, __, { factor }) => [o.spaceToDepth(g, factor)],
  spaceToDepth: (o, g, _, __, { factor }) => [o.depthToSpace(g, factor)],
  conv2d: (o, g, [x, weight], _, attributes) => [
    o.convInput(g, weight, x, attributes),
    o.convWeight(x, g, kernelSize(o, weight), attributes),
  ],
  convInput: (o, g, [x, weight], _, attributes) => [
    o.conv2d(g, weight, attributes),
    o.convWeight(g, x, kernelSize(o, weight), attributes),
  ],
  convWeight: (o, g, [x, y], _, attributes) => [o.convInput(y, g, x, attributes), o.conv2d(x, g, attributes)],
  maxPool: (o, g, [x], _, attributes) => [o.backend.run("maxUnpool", [g, x], attributes)],
  maxUnpool: (o, g, [_, x], __, attributes) => [o.backend.run("maxGather", [g, x], attributes)],
  maxGather: (o, g, [_, x], __, attributes) => [o.backend.run("maxUnpool", [g, x], attributes)],
  avgPool: (o, g, [x], _, attributes) => {
    const [kh, kw] = attributes.kernel;
    const channels = o.channels(x);
    const ones = o.constant(new Float32Array(channels * kh * kw).fill(1), [channels, 1, kh, kw]);
    return [o.convInput(o.div(g, poolCount(o, x, ones, attributes)), ones, x, depthwise(o, x, attributes))];
  },
  gram: (o, g, [a, b]) => [o.mix(g, b), o.mix(g, a, true)],
  mix: (o, g, [m, x], _, { transpose }) => [transpose ? o.gram(x, g) : o.gram(g, x), o.mix(m, g, !transpose)],
  toRows: (o, g, [x]) => [o.fromRows(g, x)],
  fromRows: (o, g) => [o.toRows(g)],
  matmul: (o, g, [a, b], _, { transposeA, transposeB }) => {
    const ofA = transposeA
      ? o.matmul(b, g, { transposeA: transposeB, transposeB: true })
      : o.matmul(g, b, { transposeB: !transposeB });
    const ofB = transposeB
      ? o.matmul(g, a, { transposeA: true, transposeB: transposeA })
      : o.matmul(a, g, { transposeA: !transposeA });
    return [o.sumTo(ofA, a), o.sumTo(ofB, b)];
  },
  resize: (o, g, [x], _, attributes) => [o.backend.run("resizeAdjoint", [g, x], attributes)],
  resizeAdjoint: (o, g, [x], _, attributes) => [o.backend.run("resize", [g, x], attributes)],
  fft: (o, g, [x]) => [o.backend.run("fftAdjoint", [g, x], {})],
  fftAdjoint: (o, g) => [o.fft(g)],
};

function kernelSize<T>(o: Ops<T>, weight: T): readonly [number, number] {
  const [, , kh, kw] = o.dims(weight);
  return [kh as number, kw as number];
}
