import { ReconlossError } from "../errors.ts";
import { checkFields } from "./arguments.ts";
import type { FeatureRows } from "./features.ts";
import { type Points, pointsOf, refuseRows } from "./kernel-distance.ts";
import { multiplyTransposed } from "./matrix.ts";
import type { MetricResult, Protocol } from "./metric.ts";
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
  const radii = { output: await radiiOf(output, neighbours, block), real: await radiiOf(real, neighbours, block) };
  const covered = { output: new Uint8Array(output.count), real: new Uint8Array(real.count) };
  await forDistances(output, real, block, (distance, i, j) => {
    if (distance <= radii.real[j]) covered.output[i] = 1;
    if (distance <= radii.output[i]) covered.real[j] = 1;
  });
  const share = (flags: Uint8Array) => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
  const [precision, recall] = [share(covered.output), share(covered.real)];
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

/** The squared distance of each point to its k-th nearest other. */
async function radiiOf(rows: FeatureRows, k: number, block: number): Promise<Float64Array> {
  const nearest = new Float64Array(rows.count * k).fill(Number.POSITIVE_INFINITY);
  await forDistances(rows, rows, block, (distance, i, j) => {
    const last = (i + 1) * k - 1;
    if (i === j || distance >= nearest[last]) return;
    let at = last;
    for (; at > i * k && nearest[at - 1] > distance; at--) nearest[at] = nearest[at - 1];
    nearest[at] = distance;
  });
  return Float64Array.from({ length: rows.count }, (_, i) => nearest[(i + 1) * k - 1]);
}

/** Calls `visit` with the squared distance of each pair, from products of blocks. */
export async function forDistances(
  x: FeatureRows,
  y: FeatureRows,
  block: number,
  visit: (distance: number, i: number, j: number) => void,
): Promise<void> {
  for (let i = 0; i < x.count; i += block) {
    const a = await range(x, i, block);
    for (let j = 0; j < y.count; j += block) {
      const b = x === y && i === j ? a : await range(y, j, block);
      const { data } = await multiplyTransposed(a, b);
      for (let r = 0; r < a.rows; r++) {
        for (let c = 0; c < b.rows; c++) visit(a.squares[r] + b.squares[c] - 2 * data[r * b.rows + c], i + r, j + c);
      }
    }
  }
}

function range(rows: FeatureRows, start: number, block: number): Promise<Points> {
  return pointsOf(
    rows,
    Uint32Array.from({ length: Math.min(block, rows.count - start) }, (_, i) => start + i),
  );
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
