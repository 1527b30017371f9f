import { integer } from "../definitions/options.ts";
import { defineMetric } from "./definition.ts";
import type { FeatureRows } from "./features.ts";
import { areFew, type MetricResult } from "./metric.ts";
import { neighbourhoodCounts, shareAbove0 } from "./neighbours.ts";
import { refuseRows } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";
import { TwoSidedMetric } from "./two-sided.ts";

const schema = {
  neighbours: integer(3, "a point's neighbourhood reaches to its k-th nearest other point of the same set", { min: 1 }),
  block: integer(1024, "images of each side whose distances are in memory at once; changes no number", { min: 1 }),
};

const table = { name: "pr", options: schema };

/** Options of {@link PrecisionRecall}. */
export type PrecisionRecallOptions = MetricOptions<typeof schema>;

/** Precision (which is `value`) and recall. */
export interface PrecisionRecallResult extends MetricResult {
  /** Share of outputs that lie in the neighbourhood of a real image: quality. */
  readonly precision: number;
  /** Share of real images that lie in the neighbourhood of an output: diversity. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly fScore: number;
}

/**
 * Improved precision and recall (Kynkaanniemi et al. 2019) of features, each in [0, 1], higher is better; memory does not grow with the number of
 * images beyond one number for each. Equals torch-fidelity's and the ADM evaluator's for the same features.
 *
 * @throws {ReconlossError} `invalid-argument` when a side has no more than `neighbours` images; `shape` when the sides' features differ in length
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { PrecisionRecall } from "@reconloss/core/metrics";
 * const metric = new PrecisionRecall({ neighbours: 1 });
 * metric.update("real", Tensor.from([0, 1, 10, 11], [4, 1, 1, 1]));
 * metric.update("output", Tensor.from([0.2, 0.8], [2, 1, 1, 1])); // only one of the two clusters
 * const { precision, recall } = await metric.compute();
 * precision; // 1
 * recall; // 0.5
 * ```
 */
export async function precisionRecall(
  output: FeatureRows,
  real: FeatureRows,
  options: PrecisionRecallOptions = {},
): Promise<PrecisionRecallResult> {
  const { protocol, neighbours, block } = settingsOf(table, options);
  refuseRows("pr", output, real, neighbours + 1);
  const counts = await neighbourhoodCounts(output, real, { k: neighbours, closed: true, block });
  const [precision, recall] = [shareAbove0(counts.output), shareAbove0(counts.real)];
  const few = Math.min(output.count, real.count);
  return {
    metric: "pr",
    value: precision,
    precision,
    recall,
    fScore: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    images: { output: output.count, real: real.count },
    protocol: { ...protocol, features: output.dimension, neighbours },
    hint: "compare only with equally many images on each side",
    warnings: few < 1000 ? [`${areFew(few, protocol)} for neighbourhoods; customary are 10000 or more`] : [],
  };
}

/**
 * {@link precisionRecall} fed with batches of features, which it keeps in memory.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { PrecisionRecall } from "@reconloss/core/metrics";
 * const metric = new PrecisionRecall();
 * for (const side of ["real", "output"] as const) metric.update(side, Tensor.from([0, 1, 2, 3], [4, 1, 1, 1]));
 * (await metric.compute()).fScore; // 1
 * ```
 */
export class PrecisionRecall extends TwoSidedMetric<PrecisionRecallResult> {
  readonly #options: PrecisionRecallOptions;

  constructor(options: PrecisionRecallOptions = {}) {
    super();
    settingsOf(table, options);
    this.#options = options;
  }

  protected override resultOf(output: FeatureRows, real: FeatureRows): Promise<PrecisionRecallResult> {
    return precisionRecall(output, real, this.#options);
  }
}

/** {@link precisionRecall} as a metric of sets. */
export const pr = defineMetric({
  ...table,
  summary: "improved precision and recall: shares of one set that lie in neighbourhoods of the other's images",
  better: "higher",
  source: "Kynkaanniemi et al. 2019; equals torch-fidelity and the ADM evaluator",
  features: "main",
  needs: { output: "rows", real: "rows" },
  flags: { neighbours: "neighbours" },
  numbers: ["precision", "recall"],
  compute: ({ output, real }, options, { protocol }) => precisionRecall(output, real, { ...options, protocol }),
  detail: ({ protocol }) => [`k = ${protocol.neighbours}`],
});
