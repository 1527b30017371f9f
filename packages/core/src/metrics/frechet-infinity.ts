import { defineMetric } from "./definition.ts";
import { type Extrapolation, extrapolate, extrapolationOptions as schema } from "./extrapolation.ts";
import type { FeatureRows } from "./features.ts";
import { frechetDistance } from "./frechet-distance.ts";
import { itemsOf, type MetricResult } from "./metric.ts";
import { checkStatisticsKind, type Statistics } from "./moments.ts";
import { refuseOutputs } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";
import { statisticsOfRows } from "./statistics-of-rows.ts";

const table = { options: schema };

/** Options of {@link frechetInfinity}. */
export type FrechetInfinityOptions = MetricOptions<typeof schema>;

/** FID at some numbers of outputs, and what it tends to. */
export interface FrechetInfinityResult extends MetricResult, Extrapolation {}

/**
 * FID extrapolated to infinitely many outputs (Chong, Forsyth 2020, "Effectively unbiased FID and Inception Score and where to find them", section 4): the
 * Frechet distance of the first N outputs in a random order, at 15 numbers N from 5000 to all, as a line in 1/N, extended to 1/N = 0. Lower is
 * better; without the bias of FID of a sample, but with more noise. The reals stay as they are, with the bias of their own number.
 *
 * Equals mchong6/FID_IS_infinity with the same order of the outputs: with `seed`, what it gives after `np.random.seed(seed)`. Takes the time of
 * `points` Frechet distances; memory is a few covariances and a block of 1024 rows.
 *
 * @param real - statistics of the reals
 * @throws {ReconlossError} `invalid-argument` when there are no more outputs than `least`; `shape` when the sides' features differ in length; `non-finite` for
 *   features that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { frechetInfinity, MemoryRows, Moments } from "@reconloss/core/metrics";
 * const [output, real] = [new MemoryRows(), new Moments()];
 * real.update(Tensor.from([0, 2], [2, 1, 1, 1]));
 * output.append(Tensor.from([1, 3, 1, 3, 1, 3], [6, 1, 1, 1]));
 * const { value, points } = await frechetInfinity(output, real.statistics(), { points: 2, least: 2, shuffle: false });
 * points[0].value; // 1: of the first two outputs, the same variance, the mean moved by 1
 * ```
 */
export async function frechetInfinity(
  output: FeatureRows,
  real: Statistics,
  options: FrechetInfinityOptions = {},
): Promise<FrechetInfinityResult> {
  return extrapolated("fid-infinity", output, real, options);
}

/** {@link frechetInfinity} under the name that stands for the features. */
async function extrapolated(
  name: string,
  output: FeatureRows,
  real: Statistics,
  options: FrechetInfinityOptions,
): Promise<FrechetInfinityResult> {
  const { protocol, ...settings } = settingsOf({ ...table, name }, options);
  refuseOutputs(name, output, 2);
  checkStatisticsKind("real", real);
  const found = await extrapolate(name, output, settings, async (sample) => {
    const { value } = await frechetDistance(await statisticsOfRows(sample), real);
    return value;
  });
  return {
    metric: name,
    ...found,
    images: { output: output.count, real: real.count },
    protocol: { ...protocol, features: output.dimension, ...usedSettings(settings) },
    hint: "without the bias of the number of outputs; that of the reals stays: compare only numbers with the same reals",
    warnings: shortWarning(settings.least, itemsOf(protocol ?? {}), output.dimension),
  };
}

/** The settings that a number depends on: without a new order there is no seed. */
export function usedSettings({ points, least, shuffle, seed }: { [K in keyof typeof schema]: number | boolean }) {
  return { points, least, shuffle, ...(shuffle ? { seed } : {}) };
}

function shortWarning(least: number, items: string, dimension: number): string[] {
  if (least > dimension) return [];
  return [
    `the line starts at ${least} ${items}, which cannot fill the covariance of ${dimension} features: there the distance is no line in 1/N`,
  ];
}

/** The common part of both: only the features differ. */
const shared = {
  better: "lower",
  source: "Chong, Forsyth 2020; equals mchong6/FID_IS_infinity with the same order",
  features: "main",
  needs: { output: "rows", real: "moments" },
  options: schema,
} as const;

/** {@link frechetInfinity} of Inception's features as a metric of sets. */
export const fidInfinity = defineMetric({
  ...shared,
  name: "fid-infinity",
  summary: "FID extrapolated to infinitely many outputs",
  network: "inception",
  compute: ({ output, real }, options, { protocol }) =>
    extrapolated("fid-infinity", output, real, { ...options, protocol }),
});

/** {@link frechetInfinity} of any network's features as a metric of sets. */
export const frechetToInfinity = defineMetric({
  ...shared,
  name: "frechet-infinity",
  summary: "the Frechet distance of another network's features, extrapolated to infinitely many outputs",
  compute: ({ output, real }, options, { protocol }) =>
    extrapolated("frechet-infinity", output, real, { ...options, protocol }),
});
