import { ReconlossError } from "../errors.ts";
import { checkFields } from "./arguments.ts";
import type { FeatureRows } from "./features.ts";
import type { MetricResult, Protocol } from "./metric.ts";
import { neighbourhoodCounts, shareAbove0 } from "./neighbours.ts";
import { refuseRows } from "./points.ts";
import { TwoSidedMetric } from "./two-sided.ts";

/** Options of {@link PrecisionRecall}. */
export interface PrecisionRecallOptions {
  /** A point's neighbourhood reaches to its k-th nearest other point of the same set; default 3. */
  neighbours?: number;
  /** Images of each side whose distances are in memory at once; default 1024. */
  block?: number;
  /** Travels into the result. */
  protocol?: Protocol;
}

const optionKinds = { neighbours: "number", block: "number", protocol: "object" } as const;

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
  checkFields("options", options, optionKinds);
  const { neighbours = 3, block = 1024, protocol } = options;
  if (!Number.isInteger(neighbours) || neighbours < 1 || !Number.isInteger(block) || block < 1) {
    throw new ReconlossError(
      "invalid-argument",
      `neighbours and block must be positive integers, got ${neighbours} and ${block}`,
    );
  }
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
    warnings: few < 1000 ? [`${few} images are few for neighbourhoods; customary are 10000 or more`] : [],
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
    checkFields("options", options, optionKinds);
    this.#options = options;
  }

  protected override resultOf(output: FeatureRows, real: FeatureRows): Promise<PrecisionRecallResult> {
    return precisionRecall(output, real, this.#options);
  }
}
