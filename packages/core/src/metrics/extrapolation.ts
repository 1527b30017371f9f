import { flag, integer } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import type { FeatureRows } from "./features.ts";
import { NumpyRandom } from "./numpy-random.ts";
import { numbersFrom, selection } from "./points.ts";

/** The options of a number that is extrapolated to infinitely many images; the defaults are mchong6/FID_IS_infinity's. */
export const extrapolationOptions = {
  points: integer(15, "at how many numbers of images it is computed, evenly spaced from `least` to all", { min: 2 }),
  least: integer(5000, "the least of these numbers of images", { min: 2 }),
  shuffle: flag(true, "whether images are put in a new random order for each of them"),
  seed: integer(0, "of these orders, as numpy's RandomState shuffles", { min: 0, below: 2 ** 32 }),
};

interface Settings {
  readonly points: number;
  readonly least: number;
  readonly shuffle: boolean;
  readonly seed: number;
}

/** A number at some numbers of images, and what it tends to. */
export interface Extrapolation {
  /** The line's value at 1/N = 0. */
  readonly value: number;
  /** The slope of the number by 1/N. */
  readonly slope: number;
  readonly points: readonly { readonly images: number; readonly value: number }[];
}

/**
 * Fits a line through a number as a function of 1/N and extends it to N = infinity, by least squares. The first N images of each order are taken; orders
 * follow from each other as numpy's `RandomState(seed).shuffle` in place does before every point.
 *
 * @throws {ReconlossError} `invalid-argument` with no more than `least` images
 */
export async function extrapolate(
  metric: string,
  rows: FeatureRows,
  { points, least, shuffle, seed }: Settings,
  compute: (sample: FeatureRows) => Promise<number>,
): Promise<Extrapolation> {
  if (rows.count <= least) {
    throw new ReconlossError(
      "invalid-argument",
      `${metric} needs more than ${least} outputs, where it starts, got ${rows.count}; give it a smaller number as least`,
    );
  }
  const random = new NumpyRandom(seed);
  let order = numbersFrom(0, rows.count);
  const computed: { images: number; value: number }[] = [];
  for (let k = 0; k < points; k++) {
    if (shuffle) order = random.permutation(rows.count).map((place) => order[place]);
    // As numpy's linspace, cut to whole numbers.
    const images = k === points - 1 ? rows.count : Math.floor(least + k * ((rows.count - least) / (points - 1)));
    computed.push({ images, value: await compute(selection(rows, order.subarray(0, images))) });
  }
  const inverses = computed.map(({ images }) => 1 / images);
  const [centre, mean] = [meanOf(inverses), meanOf(computed.map(({ value }) => value))];
  let [covariance, variance] = [0, 0];
  for (const [k, inverse] of inverses.entries()) {
    covariance += (inverse - centre) * (computed[k].value - mean);
    variance += (inverse - centre) ** 2;
  }
  const slope = covariance / variance;
  return { value: mean - slope * centre, slope, points: computed };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
