import type { Ops } from "../graph/ops.ts";
import { type Definition, sides } from "./definition.ts";
import type { ImageOptions } from "./image-options.ts";
import { prepare } from "./images.ts";
import { weightedMean } from "./pixel-weights.ts";

/** Differences of pixels to their neighbours: those below and those to the right. */
export interface Differences<T> {
  rows: T;
  columns: T;
}

/** Differences to the next row and the next column. */
export function differences<T>(o: Ops<T>, x: T): Differences<T> {
  return {
    rows: o.sub(o.slice(x, "h", 1), o.slice(x, "h", 0, -1)),
    columns: o.sub(o.slice(x, "w", 1), o.slice(x, "w", 0, -1)),
  };
}

/** The same with a last row and column of zeros, in the shape of x. */
export function paddedDifferences<T>(o: Ops<T>, x: T): Differences<T> {
  const { rows, columns } = differences(o, x);
  return {
    rows: o.pad(rows, { top: 0, bottom: 1, left: 0, right: 0 }),
    columns: o.pad(columns, { top: 0, bottom: 0, left: 0, right: 1 }),
  };
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
