import { lowestFloat32 } from "../graph/float32.ts";
import type { PadAttributes, PoolAttributes } from "../graph/primitives.ts";
import { poolShape } from "../graph/shapes.ts";
import type { Shape } from "../tensor.ts";
import { every, matrixOf, scattered, shapeOf, withAxes, withZeros } from "./arrays.ts";
import { convolved } from "./convolutions.ts";
import type { JaxArray as A } from "./framework.ts";
import type { O, Table } from "./table.ts";

/** The cells of a window, row by row. */
function cellsOf([height, width]: PoolAttributes["kernel"]): readonly (readonly [row: number, column: number])[] {
  return Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width] as const);
}

/** The values of a cell of all windows of a padded image. */
function cellOf(
  o: O,
  padded: A,
  [row, column]: readonly [number, number],
  image: Shape,
  attributes: PoolAttributes,
): A {
  const [, , rows, columns] = poolShape(image, attributes);
  const { stride } = attributes;
  return every(o, every(o, padded, 2, row, rows, stride[0]), 3, column, columns, stride[1]);
}

/** An image with what never is a maximum around it. */
function paddedForMaximum(o: O, x: A, padding: PadAttributes): A {
  const { top, bottom, left, right } = padding;
  if (top + bottom + left + right === 0) return x;
  const [, , h, w] = shapeOf(x);
  const [height, width] = [h + top + bottom, w + left + right];
  const values = Float32Array.from({ length: height * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width) - top, (i % width) - left];
    return row >= 0 && row < h && column >= 0 && column < w ? 1 : 0;
  });
  const inside = matrixOf(o, { rows: height, columns: width, values });
  const { notEqual, where } = o.numpy;
  return where(notEqual(inside, 0), withZeros(o, x, padding), lowestFloat32);
}

/** The largest of each window, whose cells it goes through in order, telling for each where it is larger than all before. */
function maxima(
  o: O,
  x: A,
  attributes: PoolAttributes,
  see: (isLarger: A | undefined, index: number) => void = () => {},
): A {
  const padded = paddedForMaximum(o, x, attributes.padding);
  let best: A | undefined;
  for (const [index, place] of cellsOf(attributes.kernel).entries()) {
    const cell = cellOf(o, padded, place, shapeOf(x), attributes);
    const isLarger = best && o.numpy.greater(cell, best);
    best = isLarger && best ? o.numpy.where(isLarger, cell, best) : cell;
    see(isLarger, index);
  }
  return best as A;
}

/** Pooling, and what scatters and gathers by it. */
export const pooling = {
  maxPool: (o, [x], attributes) => maxima(o, withAxes(o, x), attributes),
  maxUnpool: (o, [g, x], attributes) => {
    let winner: A | undefined;
    maxima(o, withAxes(o, x), attributes, (isLarger, index) => {
      winner = isLarger ? o.numpy.where(isLarger, index, winner ?? 0) : undefined;
    });
    const { padding, stride } = attributes;
    const [, , h, w] = shapeOf(x);
    const [height, width] = [h + padding.top + padding.bottom, w + padding.left + padding.right];
    const parts = cellsOf(attributes.kernel).map(([row, column], index) => {
      const own = winner === undefined ? g : o.numpy.where(o.numpy.equal(winner, index), g, 0);
      return scattered(o, scattered(o, own, 2, row, stride[0], height), 3, column, stride[1], width);
    });
    const sum = parts.reduce((sum, part) => o.numpy.add(sum, part));
    return every(o, every(o, sum, 2, padding.top, h, 1), 3, padding.left, w, 1);
  },
  maxGather: (o, [v, x], attributes) => {
    const padded = withZeros(o, withAxes(o, v), attributes.padding);
    const cells = cellsOf(attributes.kernel);
    let best: A | undefined;
    maxima(o, withAxes(o, x), attributes, (isLarger, index) => {
      const cell = cellOf(o, padded, cells[index], shapeOf(x), attributes);
      best = isLarger && best ? o.numpy.where(isLarger, cell, best) : cell;
    });
    return best as A;
  },
  avgPool: (o, [x], attributes) => {
    const { kernel, stride, padding, countIncludePad } = attributes;
    const [n, c, h, w] = shapeOf(x);
    const ones = (rows: number, columns: number) =>
      matrixOf(o, { rows, columns, values: new Float32Array(rows * columns).fill(1) });
    const window = ones(...kernel);
    const sumUp = (x: A) => convolved(o, x, window, { stride, padding, dilation: [1, 1], groups: 1 });
    const sums = sumUp(o.numpy.reshape(x, [n * c, 1, h, w]));
    const count = countIncludePad ? kernel[0] * kernel[1] : sumUp(ones(h, w));
    return o.numpy.reshape(o.numpy.divide(sums, count), [...poolShape(shapeOf(x), attributes)]);
  },
} satisfies Partial<Table>;
