import { ReconlossError } from "../errors.ts";
import { formatShape, type Shape } from "../tensor.ts";
import {
  type Axis,
  axisOrder,
  type ConvAttributes,
  type PoolAttributes,
  type Primitive,
  type Primitives,
  type SliceAttributes,
} from "./primitives.ts";

/** The shape of each axis's largest size, where the others are as large or 1. */
export function broadcastShape(name: string, shapes: readonly Shape[]): Shape {
  return axisOrder.map((_, axis) => {
    const sizes = new Set(shapes.map((shape) => shape[axis]).filter((size) => size !== 1));
    if (sizes.size > 1) {
      throw new ReconlossError("shape", `${name}: shapes ${shapes.map(formatShape).join(" and ")} do not broadcast`);
    }
    return sizes.size === 0 ? 1 : [...sizes][0];
  }) as unknown as Shape;
}

/** A shape with another size of one axis. */
export function withAxis(shape: Shape, axis: Axis, size: number): Shape {
  return axisOrder.map((name, index) => (name === axis ? size : shape[index])) as unknown as Shape;
}

/** A shape in which some axes are summed up. */
export function reducedShape(shape: Shape, axes: readonly Axis[]): Shape {
  return axisOrder.map((axis, index) => (axes.includes(axis) ? 1 : shape[index])) as unknown as Shape;
}

/** The positions that a slice takes of an axis of this size. */
export function slicePositions(size: number, { start, end, step }: Omit<SliceAttributes, "axis">): number[] {
  const resolve = (position: number) => Math.min(Math.max(position < 0 ? position + size : position, 0), size);
  if (step > 0) {
    const stop = end === undefined ? size : resolve(end);
    return Array.from(
      { length: Math.max(0, Math.ceil((stop - resolve(start)) / step)) },
      (_, i) => resolve(start) + i * step,
    );
  }
  if (step !== -1 || start !== -1 || end !== undefined) {
    throw new ReconlossError(
      "invalid-argument",
      `slice: a negative step must reverse the whole axis, got ${start}:${end}:${step}`,
    );
  }
  return Array.from({ length: size }, (_, i) => size - 1 - i);
}

/** Returns the number of positions of a window that slides over an axis. */
function outputSize(size: number, before: number, after: number, kernel: number, stride: number, dilation = 1): number {
  return Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** The shape of a convolution's result. */
export function convShape(input: Shape, weight: Shape, { stride, padding, dilation, groups }: ConvAttributes): Shape {
  const [n, channels, height, width] = input;
  const [outputs, inputs, kh, kw] = weight;
  if (channels !== inputs * groups || outputs % groups !== 0) {
    throw new ReconlossError(
      "shape",
      `conv2d: input ${formatShape(input)} does not fit weight ${formatShape(weight)} in ${groups} groups`,
    );
  }
  return [
    n,
    outputs,
    outputSize(height, padding.top, padding.bottom, kh, stride[0], dilation[0]),
    outputSize(width, padding.left, padding.right, kw, stride[1], dilation[1]),
  ];
}

/** The shape of a pooling's result. */
export function poolShape([n, c, height, width]: Shape, { kernel, stride, padding }: PoolAttributes): Shape {
  return [
    n,
    c,
    outputSize(height, padding.top, padding.bottom, kernel[0], stride[0]),
    outputSize(width, padding.left, padding.right, kernel[1], stride[1]),
  ];
}

type ShapeRule<P extends Primitive> = (operands: readonly Shape[], attributes: Primitives[P], primitive: P) => Shape;

const elementwise = (operands: readonly Shape[], _: object, primitive: Primitive) =>
  broadcastShape(primitive, operands);

/** The shape of every primitive's result, from those of its operands. */
const rules: { readonly [P in Primitive]: ShapeRule<P> } = {
  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  div: elementwise,
  maximum: elementwise,
  minimum: elementwise,
  atan2: elementwise,
  greater: elementwise,
  neg: ([x]) => x,
  abs: ([x]) => x,
  sign: ([x]) => x,
  sqrt: ([x]) => x,
  exp: ([x]) => x,
  log: ([x]) => x,
  log1p: ([x]) => x,
  expm1: ([x]) => x,
  sin: ([x]) => x,
  cos: ([x]) => x,
  relu: ([x]) => x,
  round: ([x]) => x,
  power: ([x]) => x,
  clamp: ([x]) => x,
  stopGradient: ([x]) => x,
  where: elementwise,
  sum: ([x], { axes }) => reducedShape(x, axes),
  max: ([x], { axes }) => reducedShape(x, axes),
  kthSmallest: ([[n, c]]) => [n, c, 1, 1],
  size: () => [1, 1, 1, 1],
  expand: (operands) => broadcastShape("expand", operands),
  slice: ([x], attributes) => {
    const { length } = slicePositions(x[axisOrder.indexOf(attributes.axis)], attributes);
    if (length > 0) return withAxis(x, attributes.axis, length);
    throw new ReconlossError("shape", `slice: nothing is left of axis ${attributes.axis} of ${formatShape(x)}`);
  },
  embed: ([x, like], { axis }) => withAxis(x, axis, like[axisOrder.indexOf(axis)]),
  pad: ([[n, c, h, w]], { top, bottom, left, right }) => [n, c, h + top + bottom, w + left + right],
  concat: (operands) =>
    withAxis(
      operands[0],
      "c",
      operands.reduce((sum, [, c]) => sum + c, 0),
    ),
  depthToSpace: ([[n, c, h, w]], { factor: f }) => [n, c / f ** 2, h * f, w * f],
  spaceToDepth: ([[n, c, h, w]], { factor: f }) => [n, c * f ** 2, h / f, w / f],
  conv2d: ([x, weight], attributes) => convShape(x, weight, attributes),
  convInput: ([, , like]) => like,
  convWeight: ([x, g], { kernel, groups }) => [g[1], x[1] / groups, ...kernel],
  maxPool: ([x], attributes) => poolShape(x, attributes),
  maxUnpool: ([, x]) => x,
  maxGather: ([, x], attributes) => poolShape(x, attributes),
  avgPool: ([x], attributes) => poolShape(x, attributes),
  gram: ([a, b]) => [a[0], a[1], b[1], 1],
  mix: ([m, [n, , h, w]], { transpose }) => [n, m[transpose ? 2 : 1], h, w],
  toRows: ([[n, c, h, w]]) => [n, h * w, c, 1],
  fromRows: ([[n, , c], [, , h, w]]) => [n, c, h, w],
  matmul: ([a, b], { transposeA, transposeB }) => {
    const [n, c] = broadcastShape(
      "matmul",
      [a, b].map(([n, c]) => [n, c, 1, 1]),
    );
    return [n, c, a[transposeA ? 3 : 2], b[transposeB ? 2 : 3]];
  },
  resize: ([[n, c], [, , h, w]]) => [n, c, h, w],
  resizeAdjoint: ([[n, c], [, , h, w]]) => [n, c, h, w],
  fft: ([[n, c, h, w]]) => [n, 2 * c, h, Math.floor(w / 2) + 1],
  fftAdjoint: ([[n, c], [, , h, w]]) => [n, c / 2, h, w],
};

/** The primitives of which operands with an axis of size 1 are repeated along it. */
export const broadcasting: ReadonlySet<Primitive> = new Set(
  (Object.keys(rules) as Primitive[]).filter((primitive) => rules[primitive] === elementwise),
);

/** The shape of a primitive's result. */
export function resultShape<P extends Primitive>(
  primitive: P,
  operands: readonly Shape[],
  attributes: Primitives[P],
): Shape {
  return (rules[primitive] as ShapeRule<P>)(operands, attributes, primitive);
}
