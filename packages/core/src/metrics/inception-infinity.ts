import { defineMetric } from "./definition.ts";
import { type Extrapolation, extrapolate, extrapolationOptions as schema } from "./extrapolation.ts";
import type { FeatureRows } from "./features.ts";
import { usedSettings } from "./frechet-infinity.ts";
import { scoreOf } from "./inception-score.ts";
import type { MetricResult } from "./metric.ts";
import { refuseOutputs } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";

const table = { name: "is-infinity", options: schema };

/** Options of {@link inceptionInfinity}. */
export type InceptionInfinityOptions = MetricOptions<typeof schema>;

/** The Inception Score at some numbers of images, and what it tends to. */
export interface InceptionInfinityResult extends MetricResult, Extrapolation {}

/**
 * The Inception Score extrapolated to infinitely many images (Chong, Forsyth 2020, "Effectively unbiased FID and Inception Score and where to find them",
 * section 4), from rows of logits: that of the first N images in a random order, in one split, at 15 numbers N from 5000 to all, as a line in 1/N,
 * extended to 1/N = 0. Higher is better, up to the number of classes.
 *
 * Equals mchong6/FID_IS_infinity for the same logits and order: with `seed`, what it gives after `np.random.seed(seed)`. Memory is a block of rows.
 *
 * @throws {ReconlossError} `invalid-argument` when there are no more images than `least`; `non-finite` for logits that are NaN or infinite
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { inceptionInfinity, MemoryRows } from "@reconloss/core/metrics";
 * const logits = new MemoryRows();
 * for (let i = 0; i < 4; i++) logits.append(Tensor.from([99, 0, 0, 99], [2, 2, 1, 1]));
 * const { points } = await inceptionInfinity(logits, { points: 3, least: 2, shuffle: false });
 * points.map(({ images }) => images); // [2, 5, 8]
 * ```
 */
export async function inceptionInfinity(
  logits: FeatureRows,
  options: InceptionInfinityOptions = {},
): Promise<InceptionInfinityResult> {
  const { protocol, ...settings } = settingsOf(table, options);
  refuseOutputs("is-infinity", logits, 2);
  const found = await extrapolate("is-infinity", logits, settings, (sample) => scoreOf(sample));
  return {
    metric: "is-infinity",
    ...found,
    images: { output: logits.count },
    protocol: { ...protocol, ...usedSettings(settings) },
    hint: "without the bias of the number of images; compare only scores of the same network",
    warnings: [],
  };
}

/** {@link inceptionInfinity} as a metric of sets. */
export const isInfinity = defineMetric({
  ...table,
  summary: "the Inception Score extrapolated to infinitely many images",
  better: "higher",
  source: "Chong, Forsyth 2020; equals mchong6/FID_IS_infinity with the same order",
  features: "logits",
  needs: { output: "rows" },
  network: "inception",
  compute: ({ output }, options, { protocol }) => inceptionInfinity(output, { ...options, protocol }),
});
