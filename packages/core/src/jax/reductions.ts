import { axisIndex, shapeOf, withAxes } from "./arrays.ts";
import type { JaxArray as A } from "./framework.ts";
import type { Table } from "./table.ts";

/** Primitives that make one number of many. */
export const reductions = {
  // One axis after the other: sums of sums lose less to rounding than one long sum.
  sum: (o, [x], { axes }) =>
    axes.reduceRight((sum, axis) => o.numpy.sum(sum, [axisIndex(axis)], { keepdims: true }), withAxes(o, x)),
  max: (o, [x], { axes }) => o.numpy.max(withAxes(o, x), axes.map(axisIndex), { keepdims: true }),
  kthSmallest: (o, [x], { k }) => {
    const [n, c, h, w] = shapeOf(x);
    const sorted = o.numpy.sort(o.numpy.reshape(o.lax.stopGradient(x), [n, c, h * w]), 2);
    const smallest = o.numpy.reshape(
      o.slice(sorted, [
        [0, n],
        [0, c],
        [k - 1, k],
      ]),
      [n, c, 1, 1],
    );
    const isEqual = o.numpy.equal(x, smallest);
    const sum = (x: A) => o.numpy.sum(o.numpy.sum(x, [3], { keepdims: true }), [2], { keepdims: true });
    return o.numpy.divide(sum(o.numpy.where(isEqual, x, 0)), sum(o.numpy.where(isEqual, 1, 0)));
  },
  size: (o, [x], { axes }) => {
    const count = axes.reduce((product, axis) => product * shapeOf(x)[axisIndex(axis)], 1);
    return o.numpy.array(Float32Array.of(count), { shape: [] });
  },
} satisfies Partial<Table>;
