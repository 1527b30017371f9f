import type { Matrix } from "./matrix.ts";

/**
 * A factor F with F F^T = A of a symmetric positive semidefinite matrix, n x rank: Cholesky with diagonal pivoting, which stops where only
 * rounding is left (Higham, Accuracy and Stability of Numerical Algorithms, section 10.3). Rows keep their places.
 */
export function choleskyFactor({ rows: n, data: a }: Matrix): Matrix {
  const factor = new Float64Array(n * n);
  const residual = Float64Array.from({ length: n }, (_, i) => a[i * n + i]);
  const tolerance = n * Number.EPSILON * residual.reduce((max, value) => Math.max(max, value), 0);
  const remaining = Array.from({ length: n }, (_, i) => i);
  let rank = 0;
  for (; rank < n; rank++) {
    const pivot = takeLargest(remaining, residual);
    if (!(residual[pivot] > tolerance)) break;
    const root = Math.sqrt(residual[pivot]);
    const pivotRow = pivot * n;
    factor[pivotRow + rank] = root;
    for (const row of remaining) {
      const start = row * n;
      let [even, odd] = [0, 0];
      let k = 0;
      for (; k + 1 < rank; k += 2) {
        even += factor[start + k] * factor[pivotRow + k];
        odd += factor[start + k + 1] * factor[pivotRow + k + 1];
      }
      if (k < rank) even += factor[start + k] * factor[pivotRow + k];
      const value = (a[start + pivot] - (even + odd)) / root;
      factor[start + rank] = value;
      residual[row] -= value * value;
    }
  }
  return { rows: n, columns: rank, data: rank === n ? factor : firstColumns(factor, n, rank) };
}

function takeLargest(remaining: number[], residual: Float64Array): number {
  let at = 0;
  for (let i = 1; i < remaining.length; i++) if (residual[remaining[i]] > residual[remaining[at]]) at = i;
  const pivot = remaining[at];
  remaining[at] = remaining[remaining.length - 1];
  remaining.pop();
  return pivot;
}

function firstColumns(data: Float64Array, n: number, count: number): Float64Array {
  const kept = new Float64Array(n * count);
  for (let i = 0; i < n; i++) kept.set(data.subarray(i * n, i * n + count), i * count);
  return kept;
}
