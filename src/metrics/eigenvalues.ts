import { ReconlossError } from "../errors.ts";
import { type Matrix, multiplyTransposed } from "./matrix.ts";

/** Householder vectors that are gathered before the matrix is updated with all of them at once. */
const blockSize = 64;

/**
 * The eigenvalues of a symmetric matrix in ascending order. The matrix is overwritten.
 *
 * Householder reduction to tridiagonal form, with updates gathered in blocks (Dongarra, Hammarling, Sorensen 1989), then implicit QL
 * without vectors (Golub, Van Loan, Matrix Computations, section 8.3).
 *
 * @throws {ReconlossError} `non-finite` when the matrix holds NaN or infinity
 */
export async function symmetricEigenvalues(matrix: Matrix): Promise<Float64Array> {
  const { rows: n, data } = matrix;
  const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  if (!Number.isFinite(largest)) {
    throw new ReconlossError("non-finite", "symmetricEigenvalues: the matrix holds NaN or infinity");
  }
  if (largest === 0) return new Float64Array(n);
  // Scaled so that no square underflows; a power of 2 rounds nothing.
  const scale = 2 ** Math.round(Math.log2(largest));
  for (let i = 0; i < data.length; i++) data[i] /= scale;
  const { diagonal, offDiagonal } = await tridiagonalise(matrix);
  return tridiagonalEigenvalues(diagonal, offDiagonal).map((value) => value * scale);
}

interface Tridiagonal {
  diagonal: Float64Array;
  /** Element i stands between i and i + 1; the last is 0. */
  offDiagonal: Float64Array;
}

async function tridiagonalise({ rows: n, data: a }: Matrix): Promise<Tridiagonal> {
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  for (let last = n - 1; last >= 0; ) {
    const vs: Float64Array[] = [];
    const ws: Float64Array[] = [];
    const first = Math.max(0, last - blockSize + 1);
    for (let i = last; i >= first; i--) {
      const row = a.slice(i * n, i * n + i + 1);
      for (const [k, v] of vs.entries()) addScaled(row, i + 1, ws[k], -v[i], v, -ws[k][i]);
      diagonal[i] = row[i];
      if (i === 0) break;
      const reflector = householder(row, i);
      offDiagonal[i - 1] = reflector.kept;
      if (reflector.tau === 0) continue;
      const v = row.subarray(0, i);
      const w = symmetricTimesVector(a, n, v);
      for (const [k, vk] of vs.entries()) addScaled(w, i, vk, -dot(ws[k], v, i), ws[k], -dot(vk, v, i));
      const half = (-reflector.tau / 2) * reflector.tau * dot(w, v, i);
      for (let j = 0; j < i; j++) w[j] = reflector.tau * w[j] + half * v[j];
      vs.push(v);
      ws.push(w);
    }
    await subtractProducts(a, n, first, vs, ws);
    last = first - 1;
  }
  return { diagonal, offDiagonal };
}

/** The reflection I - tau v v^T that leaves only element i - 1 of the first i; v replaces them. */
function householder(row: Float64Array, i: number): { tau: number; kept: number } {
  const alpha = row[i - 1];
  let scale = 0;
  for (let j = 0; j < i - 1; j++) scale = Math.max(scale, Math.abs(row[j]));
  if (scale === 0) return { tau: 0, kept: alpha };
  scale = Math.max(scale, Math.abs(alpha));
  let squares = 0;
  for (let j = 0; j < i; j++) squares += (row[j] / scale) ** 2;
  const beta = (alpha > 0 ? -1 : 1) * scale * Math.sqrt(squares);
  for (let j = 0; j < i - 1; j++) row[j] /= alpha - beta;
  row[i - 1] = 1;
  return { tau: (beta - alpha) / beta, kept: beta };
}

/** The leading part of a, as large as v, times v. Four rows at a time, each element used for its own row and for its mirror image. */
function symmetricTimesVector(a: Float64Array, n: number, v: Float64Array): Float64Array {
  const m = v.length;
  const y = new Float64Array(m);
  let i = 0;
  for (; i + 3 < m; i += 4) {
    const [r0, r1, r2, r3] = [i * n, (i + 1) * n, (i + 2) * n, (i + 3) * n];
    const [v0, v1, v2, v3] = [v[i], v[i + 1], v[i + 2], v[i + 3]];
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    for (let j = 0; j < i; j++) {
      const x = v[j];
      const a0 = a[r0 + j];
      const a1 = a[r1 + j];
      const a2 = a[r2 + j];
      const a3 = a[r3 + j];
      s0 += a0 * x;
      s1 += a1 * x;
      s2 += a2 * x;
      s3 += a3 * x;
      y[j] += a0 * v0 + a1 * v1 + (a2 * v2 + a3 * v3);
    }
    y[i] += s0;
    y[i + 1] += s1;
    y[i + 2] += s2;
    y[i + 3] += s3;
    for (let row = i; row < i + 4; row++) multiplyRow(a, n, row, i, v, y);
  }
  for (; i < m; i++) multiplyRow(a, n, i, 0, v, y);
  return y;
}

/** Row `row` of the lower triangle from column `from` on. */
function multiplyRow(a: Float64Array, n: number, row: number, from: number, v: Float64Array, y: Float64Array): void {
  let sum = a[row * n + row] * v[row];
  for (let j = from; j < row; j++) {
    const value = a[row * n + j];
    sum += value * v[j];
    y[j] += value * v[row];
  }
  y[row] += sum;
}

/** Subtracts v w^T + w v^T of every pair from the lower triangle of the first `m` rows. */
async function subtractProducts(a: Float64Array, n: number, m: number, vs: Float64Array[], ws: Float64Array[]) {
  if (m === 0 || vs.length === 0) return;
  const [left, right] = [columnsOf([...vs, ...ws], m), columnsOf([...ws, ...vs], m)];
  const { data } = await multiplyTransposed(left, right);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j <= i; j++) a[i * n + j] -= data[i * m + j];
  }
}

/** The first `m` elements of vectors as the columns of a matrix. */
function columnsOf(vectors: readonly Float64Array[], m: number): Matrix {
  const columns = vectors.length;
  const data = new Float64Array(m * columns);
  for (const [k, vector] of vectors.entries()) {
    for (let i = 0; i < m; i++) data[i * columns + k] = vector[i];
  }
  return { rows: m, columns, data };
}

/** target += p x + q y, over the first `count` elements. */
function addScaled(target: Float64Array, count: number, x: Float64Array, p: number, y: Float64Array, q: number): void {
  for (let j = 0; j < count; j++) target[j] += p * x[j] + q * y[j];
}

function dot(x: Float64Array, y: Float64Array, count: number): number {
  let sum = 0;
  for (let j = 0; j < count; j++) sum += x[j] * y[j];
  return sum;
}

/** Implicit QL; each eigenvalue converges in about two sweeps. */
function tridiagonalEigenvalues(d: Float64Array, e: Float64Array): Float64Array {
  const n = d.length;
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < n - 1 && Math.abs(e[m]) > Number.EPSILON * (Math.abs(d[m]) + Math.abs(d[m + 1]))) m++;
      if (m === l) break;
      if (sweep === 100) {
        throw new ReconlossError("non-finite", "symmetricEigenvalues: the QL sweeps do not converge");
      }
      sweepFrom(l, m, d, e);
    }
  }
  return d.sort();
}

/** One implicit QL sweep over the unreduced block from l to m, with Wilkinson's shift. */
function sweepFrom(l: number, m: number, d: Float64Array, e: Float64Array): void {
  const slope = (d[l + 1] - d[l]) / (2 * e[l]);
  let g = d[m] - d[l] + e[l] / (slope + (slope < 0 ? -1 : 1) * Math.sqrt(slope * slope + 1));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i];
    const b = c * e[i];
    const r = Math.sqrt(f * f + g * g);
    e[i + 1] = r;
    if (r === 0) {
      // The block falls apart here; the next sweep takes the parts one by one.
      d[i + 1] -= p;
      e[m] = 0;
      return;
    }
    s = f / r;
    c = g / r;
    g = d[i + 1] - p;
    const t = (d[i] - g) * s + 2 * c * b;
    p = s * t;
    d[i + 1] = g + p;
    g = c * t - b;
  }
  d[l] -= p;
  e[l] = g;
  e[m] = 0;
}
