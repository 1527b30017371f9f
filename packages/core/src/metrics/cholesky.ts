import { ReconlossError } from "../errors.ts";
import type { Matrix } from "./matrix.ts";
import { subtractKeeping } from "./subtract.ts";

/** Columns of the factor that are found before the rest of the matrix is updated with all of them at once. */
const blockSize = 128;

/**
 * The tolerance for negative eigenvalues of a covariance, relative to its largest variance. Covariances that were stored in half precision, rounded to 11
 * bits, can be that far from positive semidefinite.
 */
export const allowedNegative = 5e-3;

/**
 * A factor F with F F^T = A of a symmetric positive semidefinite matrix, n x rank: Cholesky with diagonal pivoting, which stops where only
 * rounding is left (Higham, Accuracy and Stability of Numerical Algorithms, section 10.3), in blocks (Hammarling, Higham, Lucas 2007). Rows keep
 * their places.
 *
 * @param name - what the error calls the matrix
 * @throws {ReconlossError} `invalid-argument` when the matrix is indefinite by more than {@link allowedNegative}
 */
export async function choleskyFactor(matrix: Matrix, name = "the matrix"): Promise<Matrix> {
  const { rows: n, data: a } = matrix;
  const factor = new Float64Array(n * n);
  let residual = Float64Array.from({ length: n }, (_, i) => a[i * n + i]);
  const largest = residual.reduce((max, value) => Math.max(max, value), 0);
  const tolerance = n * Number.EPSILON * largest;
  // What the columns so far leave of the matrix, without the rows and columns that are done, and the places of those that are not.
  let rest: Matrix = { ...matrix, data: a.slice() };
  let places = Array.from({ length: n }, (_, i) => i);
  for (let rank = 0; ; ) {
    const block = factorBlock(rest, residual, tolerance);
    if (residual.some((value) => value !== done && value < -allowedNegative * largest)) refuseIndefinite(name);
    for (const [i, place] of places.entries()) {
      for (let k = 0; k < block.rows; k++) factor[place * n + rank + k] = block.data[k * block.columns + i];
    }
    rank += block.rows;
    const kept = [...places.keys()].filter((i) => residual[i] !== done);
    rest = kept.length > 0 ? await subtractKeeping(rest, block, block, kept) : rest;
    if (block.rows < blockSize) {
      // Where no variance is left, no covariance may be.
      if (kept.length > 0 && largestOf(rest.data) > allowedNegative * largest) refuseIndefinite(name);
      return { rows: n, columns: rank, data: firstColumns(factor, n, rank) };
    }
    places = kept.map((i) => places[i]);
    residual = Float64Array.from(kept, (i) => residual[i]);
  }
}

/** In place of the residual of a row that has been a pivot. */
const done = Number.NEGATIVE_INFINITY;

/** The error of a matrix that is no covariance. */
export function refuseIndefinite(name: string): never {
  throw new ReconlossError(
    "invalid-argument",
    `${name} is indefinite: a combination of features has a negative variance, so it is not a covariance`,
  );
}

/** The largest absolute value, NaN where one is; a loop, since there are millions. */
export function largestOf(values: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
}

/** Up to `blockSize` columns of the factor, as rows. What they leave of the diagonal stays in `residual`. */
function factorBlock({ rows: m, data: a }: Matrix, residual: Float64Array, tolerance: number): Matrix {
  const columns = new Float64Array(blockSize * m);
  let count = 0;
  for (; count < Math.min(blockSize, m); count++) {
    const pivot = residual.reduce((best, value, i) => (value > residual[best] ? i : best), 0);
    if (!(residual[pivot] > tolerance)) break;
    const column = a.slice(pivot * m, (pivot + 1) * m);
    // Four columns at a time; those that are not there yet are 0.
    for (let k = 0; k < count; k += 4) {
      const [c0, c1, c2, c3] = [k * m, (k + 1) * m, (k + 2) * m, (k + 3) * m];
      const [x0, x1, x2, x3] = [columns[c0 + pivot], columns[c1 + pivot], columns[c2 + pivot], columns[c3 + pivot]];
      for (let i = 0; i < m; i++) {
        column[i] -= x0 * columns[c0 + i] + x1 * columns[c1 + i] + (x2 * columns[c2 + i] + x3 * columns[c3 + i]);
      }
    }
    // A covariance is no larger than the variances: where it is, only rounding is left, or the matrix is indefinite, which the rest will show.
    if (isLarger(column, residual, 2 * residual[pivot])) break;
    const root = Math.sqrt(residual[pivot]);
    for (let i = 0; i < m; i++) {
      column[i] = residual[i] === done ? 0 : column[i] / root;
      residual[i] -= column[i] * column[i];
    }
    column[pivot] = root;
    residual[pivot] = done;
    columns.set(column, count * m);
  }
  return { rows: count, columns: m, data: columns.subarray(0, count * m) };
}

/** Whether an element of a row that is not done yet is larger than a limit. */
function isLarger(column: Float64Array, residual: Float64Array, limit: number): boolean {
  for (let i = 0; i < column.length; i++) if (Math.abs(column[i]) > limit && residual[i] !== done) return true;
  return false;
}

function firstColumns(data: Float64Array, n: number, count: number): Float64Array {
  if (count === n) return data;
  const kept = new Float64Array(n * count);
  for (let i = 0; i < n; i++) kept.set(data.subarray(i * n, i * n + count), i * count);
  return kept;
}
