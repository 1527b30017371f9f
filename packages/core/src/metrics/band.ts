import { type Band, clearRows, type Reflections } from "../kernels/reflections.ts";
import { type Matrix, multiply, multiplyTransposed, transpose } from "./matrix.ts";
import { subtractKeeping } from "./subtract.ts";

/** Off-diagonals that are left: few are little work to chase away, many make better use of matrix products. Even. */
const width = 64;

/**
 * A band matrix with the eigenvalues of a symmetric one, whose elements are at most about 1, and which is overwritten: the first of two stages to
 * tridiagonal form, with nearly all its work in matrix products (Bischof, Lang, Sun, A framework for symmetric band reduction, 2000).
 */
export async function reduceToBand(matrix: Matrix): Promise<Band> {
  const n = matrix.rows;
  const band = new Float64Array(n * 2 * width);
  for (let rest = matrix; rest.rows > 0; ) {
    const m = rest.rows;
    const height = Math.min(width, m);
    const rows = rest.data.slice(0, height * m);
    const reflections = await clearRows(rows, m, width);
    for (let i = 0; i < height; i++) {
      band.set(rows.subarray(i * m + i, i * m + Math.min(i + width + 1, m)), (n - m + i) * 2 * width);
    }
    rest = await reflected(rest, reflections, height);
  }
  return { size: n, width, data: band };
}

/**
 * A matrix A reflected from both sides, from row and column `from` on, in the place of the former. Together the reflections are Q = I - V^T T V
 * (Schreiber, Van Loan 1989), and Q^T A Q = A - V^T W - W^T V.
 */
async function reflected(a: Matrix, { vectors, taus }: Reflections, from: number): Promise<Matrix> {
  const v: Matrix = { rows: taus.length, columns: a.columns, data: vectors };
  const y = await multiply(transpose(await triangleOf(v, taus)), v);
  const w = await multiplyTransposed(y, a);
  const middle = await multiplyTransposed(w, y);
  const excess = await multiply(middle, v);
  for (let i = 0; i < w.data.length; i++) w.data[i] -= excess.data[i] / 2;
  const kept = Array.from({ length: a.rows - from }, (_, i) => from + i);
  return subtractKeeping(a, stack(v, w), stack(w, v), kept);
}

/** The triangle T. */
async function triangleOf(v: Matrix, taus: Float64Array): Promise<Matrix> {
  const count = v.rows;
  const { data: gram } = await multiplyTransposed(v, v);
  const data = new Float64Array(count * count);
  for (let k = 0; k < count; k++) {
    data[k * count + k] = taus[k];
    for (let i = 0; i < k; i++) {
      let sum = 0;
      for (let j = i; j < k; j++) sum += data[i * count + j] * gram[j * count + k];
      data[i * count + k] = -taus[k] * sum;
    }
  }
  return { rows: count, columns: count, data };
}

/** One matrix above the other. */
function stack(above: Matrix, below: Matrix): Matrix {
  const data = new Float64Array(above.data.length + below.data.length);
  data.set(above.data);
  data.set(below.data, above.data.length);
  return { rows: above.rows + below.rows, columns: above.columns, data };
}
