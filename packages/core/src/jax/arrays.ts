import { type Axis, axisOrder, type PadAttributes } from "../graph/primitives.ts";
import { broadcastShape } from "../graph/shapes.ts";
import type { Shape } from "../tensor.ts";
import type { JaxArray as A } from "./framework.ts";
import type { Matrix } from "./matrices.ts";
import type { O } from "./table.ts";

export function shapeOf({ shape }: A): Shape {
  return shape.length === 0 ? [1, 1, 1, 1] : (shape as unknown as Shape);
}

export function axisIndex(axis: Axis): number {
  return axisOrder.indexOf(axis);
}

/** The last axis along which there is more than one element. */
function innermost(shape: Shape): number {
  return Math.max(
    0,
    shape.findLastIndex((size) => size > 1),
  );
}

/** Numbers along one axis, and none along the others. */
function along(axis: number, before: number, after: number): [number, number][] {
  return axisOrder.map((_, index) => (index === axis ? [before, after] : [0, 0]));
}

/**
 * An array in which a number is repeated. Not by `broadcastTo` alone: what `jit` knows to be one number it takes to be that number in padding too.
 */
export function filled(o: O, x: A, shape: Shape): A {
  return o.numpy.multiply(x, o.numpy.full([...shape], 1));
}

/**
 * An array repeated to a shape. Its derivative is a sum, for which `jit` is to store what it adds up, unless that is along the innermost axis: fused with a product of which one factor is
 * repeated, jax-js 0.1.25 mixes up the rows of the sum on `wasm`.
 */
export function repeatedTo(o: O, x: A, shape: Shape): A {
  const own = shapeOf(x);
  if (x.shape.length === 0 || own.every((size, axis) => size === shape[axis])) return x;
  const repeated = o.numpy.broadcastTo(x, [...shape]);
  // The derivative of `split` is `concatenate`.
  return own[innermost(shape)] === 1 ? repeated : o.numpy.split(repeated, 1, 0)[0];
}

/** Arrays of one shape; numbers stay numbers. */
export function toOneShape(o: O, operands: readonly A[]): A[] {
  const shape = broadcastShape("operands", operands.map(shapeOf));
  return operands.map((x) => repeatedTo(o, x, shape));
}

/** A number as an array with all axes. */
export function withAxes(o: O, x: A): A {
  return x.shape.length === 0 ? filled(o, x, [1, 1, 1, 1]) : x;
}

/** A matrix as a plane. */
export function matrixOf(o: O, { rows, columns, values }: Matrix): A {
  return o.numpy.array(values, { shape: [1, 1, rows, columns] });
}

export function transposed(o: O, x: A): A {
  return o.numpy.transpose(x, [0, 1, 3, 2]);
}

/** Positions `first`, `first + step` ... of an axis. */
export function every(o: O, x: A, axis: number, first: number, count: number, step: number): A {
  const { slice, numpy } = o;
  const shape = shapeOf(x);
  const range = (start: number, end: number) =>
    slice(
      x,
      shape.map((size, index): [number, number] => (index === axis ? [start, end] : [0, size])),
    );
  if (step === 1) return first === 0 && count === shape[axis] ? x : range(first, first + count);
  const length = count * step;
  const missing = Math.max(0, first + length - shape[axis]);
  const taken = range(first, Math.min(first + length, shape[axis]));
  const split = numpy.reshape(
    missing === 0 ? taken : numpy.pad(taken, along(axis, 0, missing)),
    shape.flatMap((size, index) => (index === axis ? [count, step] : [size])),
  );
  const ranges = shape.flatMap((size, index): [number, number][] =>
    index === axis
      ? [
          [0, count],
          [0, 1],
        ]
      : [[0, size]],
  );
  return numpy.reshape(
    slice(split, ranges),
    shape.map((size, index) => (index === axis ? count : size)),
  );
}

/** The reverse: x at these positions of an axis of `size` zeros. */
export function scattered(o: O, x: A, axis: number, first: number, step: number, size: number): A {
  const { slice, numpy } = o;
  const shape = shapeOf(x);
  const count = shape[axis];
  let spread = x;
  if (step > 1) {
    const apart = numpy.reshape(
      x,
      shape.flatMap((size, index) => (index === axis ? [size, 1] : [size])),
    );
    const width = shape.flatMap((_, index): [number, number][] =>
      index === axis
        ? [
            [0, 0],
            [0, step - 1],
          ]
        : [[0, 0]],
    );
    const filled = numpy.reshape(
      numpy.pad(apart, width),
      shape.map((size, index) => (index === axis ? size * step : size)),
    );
    const length = (count - 1) * step + 1;
    spread = slice(
      filled,
      shape.map((size, index): [number, number] => [0, index === axis ? length : size]),
    );
  }
  const after = size - first - shapeOf(spread)[axis];
  return first === 0 && after === 0 ? spread : numpy.pad(spread, along(axis, first, after));
}

export function withZeros(o: O, x: A, { top, bottom, left, right }: PadAttributes): A {
  if (top + bottom + left + right === 0) return x;
  return o.numpy.pad(x, [
    [0, 0],
    [0, 0],
    [top, bottom],
    [left, right],
  ]);
}

/** Padding as convolutions of jax-js take it. */
export function sidesOf({ top, bottom, left, right }: PadAttributes): [number, number][] {
  return [
    [top, bottom],
    [left, right],
  ];
}

/** Sizes or counts along rows and columns. */
export type Steps = readonly [h: number, w: number];

/** Rows and columns of x in blocks of this size, whose places become channels: of each channel one after the other. */
export function placesAsChannels(o: O, x: A, [rows, columns]: Steps): A {
  const [n, c, h, w] = shapeOf(x);
  const blocks = o.numpy.reshape(x, [n, c, h / rows, rows, w / columns, columns]);
  const places = o.numpy.transpose(blocks, [0, 1, 3, 5, 2, 4]);
  return o.numpy.reshape(places, [n, c * rows * columns, h / rows, w / columns]);
}

/** The reverse. */
export function channelsAsPlaces(o: O, x: A, [rows, columns]: Steps): A {
  const [n, channels, h, w] = shapeOf(x);
  const c = channels / (rows * columns);
  const places = o.numpy.reshape(x, [n, c, rows, columns, h, w]);
  const blocks = o.numpy.transpose(places, [0, 1, 4, 2, 5, 3]);
  return o.numpy.reshape(blocks, [n, c, h * rows, w * columns]);
}
