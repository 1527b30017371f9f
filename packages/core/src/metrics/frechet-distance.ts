import { ReconlossError } from "../errors.ts";
import { allowedNegative, choleskyFactor, largestOf, refuseIndefinite } from "./cholesky.ts";
import { symmetricEigenvalues } from "./eigenvalues.ts";
import { multiplyTransposed, transpose } from "./matrix.ts";
import type { Statistics } from "./moments.ts";
import { checkStatisticsKind } from "./moments.ts";

/** The Frechet distance in its parts: value = means + traces - 2 cross. */
export interface FrechetParts {
  readonly value: number;
  /** Squared distance of the means. */
  readonly means: number;
  /** Trace of both covariances. */
  readonly traces: number;
  /** Trace of (S1 S2)^1/2. */
  readonly cross: number;
}

/**
 * The squared Frechet distance of two Gaussians, `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2)` (Dowson, Landau 1982; FID: Heusel et al. 2017).
 *
 * S1 S2 is not symmetric, but with S1 = F F^T it has the same non-zero eigenvalues as F^T S2 F, which is symmetric positive semidefinite
 * and no larger than the rank of S1. So the trace is a sum of square roots of real numbers at least 0, also where covariances are singular, and
 * needs no complex square root and no added epsilon. The value equals pytorch-fid's, clean-fid's and torch-fidelity's. Time grows with the cube of the
 * dimension, nearly all of it in matrix products; memory is a few matrices of the covariances' size.
 *
 * @throws {ReconlossError} `shape` when the two have different dimensions; `non-finite` when statistics hold NaN or infinity, or values so large that
 *   the distance is; `invalid-argument` when a covariance is indefinite, which no covariance is
 *
 * @example
 * ```ts
 * import { frechetDistance } from "@reconloss/core/metrics";
 * const gaussian = (mean: number, variance: number) => ({
 *   mean: Float64Array.of(mean),
 *   covariance: { rows: 1, columns: 1, data: Float64Array.of(variance) },
 * });
 * const { value } = await frechetDistance(gaussian(0, 1), gaussian(1, 4));
 * value; // 2: (0 - 1)^2 + (1 - 2)^2
 * ```
 */
export async function frechetDistance(a: Statistics, b: Statistics): Promise<FrechetParts> {
  checkStatistics(a, b);
  const d = a.mean.length;
  let [means, traces] = [0, 0];
  for (let i = 0; i < d; i++) {
    means += (a.mean[i] - b.mean[i]) ** 2;
    traces += a.covariance.data[i * d + i] + b.covariance.data[i * d + i];
  }
  const cross = await traceOfRoot(a, b);
  const value = means + traces - 2 * cross;
  if (!Number.isFinite(value)) {
    throw new ReconlossError(
      "non-finite",
      `the Frechet distance overflows float64: the means are ${means} apart, squared, the variances add up to ${traces}`,
    );
  }
  return { value, means, traces, cross };
}

/** The names of the covariances in errors. */
const [first, second] = ["sigma of the first set", "sigma of the second set"];

async function traceOfRoot(a: Statistics, b: Statistics): Promise<number> {
  const rankLimit = ({ count, mean }: Statistics) => Math.min(mean.length, (count ?? Number.POSITIVE_INFINITY) - 1);
  const isFirst = rankLimit(a) <= rankLimit(b);
  const [small, large] = isFirst ? [a, b] : [b, a];
  // F shrunk or grown so that neither product overflows or vanishes; a power of 2 rounds nothing.
  const scale = 2 ** Math.floor((log2OfLargest(a) + log2OfLargest(b)) / 2);
  if (scale === 0) return 0;
  const factor = await choleskyFactor(small.covariance, isFirst ? first : second);
  for (let i = 0; i < factor.data.length; i++) factor.data[i] /= scale;
  const turned = transpose(factor);
  const half = await multiplyTransposed(turned, large.covariance);
  const eigenvalues = await symmetricEigenvalues(await multiplyTransposed(half, turned));
  const [least, greatest] = [eigenvalues[0], eigenvalues[eigenvalues.length - 1]];
  if (least < -allowedNegative * greatest) refuseIndefinite(isFirst ? second : first);
  // No more of them than the smaller rank can be real; the others are 0 but for rounding, whose square root would not be small.
  const rank = Math.min(eigenvalues.length, rankLimit(large));
  const roots = eigenvalues.slice(eigenvalues.length - rank).map((value) => Math.sqrt(Math.max(value, 0)));
  return scale * roots.reduce((sum, root) => sum + root, 0);
}

/** Of the largest variance; -Infinity where all are 0. */
function log2OfLargest(statistics: Statistics): number {
  return Math.min(Math.log2(largestVariance(statistics)), 1023);
}

function largestVariance({ mean: { length: d }, covariance: { data } }: Statistics): number {
  let largest = 0;
  for (let i = 0; i < d; i++) largest = Math.max(largest, data[i * d + i]);
  return largest;
}

function checkStatistics(a: Statistics, b: Statistics): void {
  checkStatisticsKind("a", a);
  checkStatisticsKind("b", b);
  if (a.mean.length !== b.mean.length) {
    throw new ReconlossError(
      "shape",
      `one set has ${a.mean.length} features an image, the other ${b.mean.length}; are they from the same network and tap?`,
    );
  }
  for (const { mean, covariance } of [a, b]) {
    const name = covariance === a.covariance ? first : second;
    const d = mean.length;
    if (covariance.rows !== d || covariance.columns !== d || covariance.data.length !== d * d) {
      throw new ReconlossError(
        "shape",
        `a mean of ${d} values needs a covariance of ${d}x${d}, got ${covariance.rows}x${covariance.columns}`,
      );
    }
    const largest = largestOf(covariance.data);
    if (!Number.isFinite(largest) || !Number.isFinite(largestOf(mean))) {
      throw new ReconlossError("non-finite", `the statistics hold NaN or infinity`);
    }
    // No covariance is larger than the larger of its two variances.
    if (largest > (1 + allowedNegative) * largestVariance({ mean, covariance })) refuseIndefinite(name);
  }
}
