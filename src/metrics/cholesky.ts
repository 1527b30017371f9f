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
    // Four rows at a time share the pivot row's elements; at the end, the last row stands in for those that are missing.
    for (let i = 0; i < remaining.length; i += 4) {
      const row = (k: number) => remaining[Math.min(i + k, remaining.length - 1)] * n;
      const [r0, r1, r2, r3] = [row(0), row(1), row(2), row(3)];
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let k = 0; k < rank; k++) {
        const x = factor[pivotRow + k];
        s0 += factor[r0 + k] * x;
        s1 += factor[r1 + k] * x;
        s2 += factor[r2 + k] * x;
        s3 += factor[r3 + k] * x;
      }
      const sums = [s0, s1, s2, s3];
      for (let k = 0; k < 4 && i + k < remaining.length; k++) {
        const other = remaining[i + k];
        const value = (a[other * n + pivot] - sums[k]) / root;
        factor[other * n + rank] = value;
        residual[other] -= value * value;
      }
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
