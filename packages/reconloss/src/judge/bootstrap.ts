import { Random } from "@reconloss/core";
import { statisticOf } from "../compare/index.ts";
import { normalBelow, normalQuantile } from "./normal.ts";
import type { Interval } from "./types.ts";

/** The means of numbers of the same images, in samples of them with replacement that are the same for all. */
export function resampledMeans(
  series: readonly (readonly number[])[],
  { resamples, seed }: { readonly resamples: number; readonly seed: number },
): Float64Array[] {
  const random = new Random(seed);
  const count = series[0]?.length ?? 0;
  const numbers = series.map((values) => Float64Array.from(values));
  const means = series.map(() => new Float64Array(resamples));
  const drawn = new Uint32Array(count);
  for (let sample = 0; sample < resamples; sample++) {
    for (let i = 0; i < count; i++) drawn[i] = Math.min(count - 1, Math.floor(random.uniform() * count));
    for (let which = 0; which < numbers.length; which++) {
      const values = numbers[which];
      let sum = 0;
      for (let i = 0; i < count; i++) sum += values[drawn[i]];
      means[which][sample] = sum / count;
    }
  }
  return means;
}

/** The mean of all numbers but one, for each. */
export function meansWithoutOne(values: readonly number[]): Float64Array {
  const sum = values.reduce((a, b) => a + b, 0);
  return Float64Array.from(values, (value) => (sum - value) / (values.length - 1));
}

/**
 * The bias-corrected and accelerated bootstrap interval (BCa, Efron 1987), as `scipy.stats.bootstrap` has it.
 *
 * @param estimate - of all images
 * @param resampled - of each sample
 * @param withoutOne - of all images but one, for each
 * @returns undefined where there is none, of one image or of numbers that are not finite
 */
export function bootstrapInterval(
  estimate: number,
  resampled: Float64Array,
  withoutOne: Float64Array,
  confidence: number,
): Interval | undefined {
  const n = withoutOne.length;
  if (n < 2 || !Number.isFinite(estimate) || !withoutOne.every(Number.isFinite)) return undefined;
  if (withoutOne.every((value) => value === withoutOne[0])) return [estimate, estimate];
  const centre = withoutOne.reduce((a, b) => a + b, 0) / n;
  let [squares, cubes, below, equal] = [0, 0, 0, 0];
  for (const value of withoutOne) {
    squares += (centre - value) ** 2;
    cubes += (centre - value) ** 3;
  }
  // The same images in another order have the same mean, but for rounding.
  const rounding = 1e-12 * Math.abs(estimate);
  for (const value of resampled) {
    if (Math.abs(value - estimate) <= rounding) equal++;
    else if (value < estimate) below++;
  }
  const bias = normalQuantile((below + equal / 2) / resampled.length);
  const acceleration = cubes / (6 * squares ** 1.5);
  const sorted = resampled.toSorted();
  // Where all samples lie on one side, as rounding may put them, the interval is all that they span.
  if (!Number.isFinite(bias)) return [sorted[0], sorted[sorted.length - 1]];
  const end = (share: number) => {
    const z = bias + normalQuantile(share);
    return statisticOf(`p${100 * normalBelow(bias + z / (1 - acceleration * z))}`, sorted);
  };
  return [end((1 - confidence) / 2), end((1 + confidence) / 2)];
}
