import { type Definition, sides } from "../definitions/definition.ts";
import type { ImageOptions } from "../definitions/image-options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare } from "./images.ts";

/** Differences of pixels to their neighbours: those below and those to the right. */
export interface Differences<T> {
  rows: T;
  columns: T;
}

/** Differences to the next row (`h`) or column (`w`); of order 2, the differences of these. */
export function difference<T>(o: Ops<T>, x: T, axis: "h" | "w", order = 1): T {
  const next = o.sub(o.slice(x, axis, 1), o.slice(x, axis, 0, -1));
  return order === 1 ? next : difference(o, next, axis, order - 1);
}

/** Pads what belongs to differences of an order to the shape of the image: zeros at the last rows or columns. */
export function padDifferences<T>(o: Ops<T>, x: T, axis: "h" | "w", order = 1): T {
  const none = { top: 0, bottom: 0, left: 0, right: 0 };
  return o.pad(x, axis === "h" ? { ...none, bottom: order } : { ...none, right: order });
}

/** Differences to the next row and the next column. */
export function differences<T>(o: Ops<T>, x: T): Differences<T> {
  return { rows: difference(o, x, "h"), columns: difference(o, x, "w") };
}

/** The same with a last row and column of zeros, in the shape of x. */
export function paddedDifferences<T>(o: Ops<T>, x: T): Differences<T> {
  const { rows, columns } = differences(o, x);
  return { rows: padDifferences(o, rows, "h"), columns: padDifferences(o, columns, "w") };
}

/** The weights of differences: each has that of its first pixel, above or on the left. */
export function differenceWeights<T>(o: Ops<T>, weight: T | undefined): Partial<Differences<T>> {
  if (weight === undefined) return {};
  return { rows: o.slice(weight, "h", 0, -1), columns: o.slice(weight, "w", 0, -1) };
}

/**
 * A prior that is the mean penalty of all vertical differences plus that of all horizontal ones.
 *
 * @param penalty - of each difference, 0 for 0
 */
export function meanOfDifferences(options: ImageOptions, penalty: <T>(o: Ops<T>, difference: T) => T): Definition {
  return {
    mapBorder: sides(options.crop),
    score: (o, images) => {
      const { output, weight } = prepare(o, images, options);
      const { rows, columns } = differences(o, output);
      const weights = differenceWeights(o, weight);
      return o.add(
        weightedMean(o, penalty(o, rows), weights.rows, "chw"),
        weightedMean(o, penalty(o, columns), weights.columns, "chw"),
      );
    },
    map: (o, images) => {
      const { rows, columns } = paddedDifferences(o, prepare(o, images, options).output);
      return o.mean(o.add(penalty(o, rows), penalty(o, columns)), "c");
    },
  };
}
