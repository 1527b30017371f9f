import type { Matrix } from "./matrix.ts";

/** A symmetric matrix as eigenvalues, unordered, and eigenvectors: row i of `vectors` belongs to value i. */
export interface Eigensystem {
  readonly values: Float64Array;
  readonly vectors: Matrix;
}

/** Sweeps over all pairs; convergence is quadratic, so a handful are enough. */
const mostSweeps = 60;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub, Van Loan, Matrix Computations, section 8.5): for matrices
 * up to a few hundred rows. The matrix is overwritten.
 */
export function symmetricEigensystem({ rows: n, data: a }: Matrix): Eigensystem {
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let rotated = false;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const off = a[p * n + q];
        const scale = Math.sqrt(Math.abs(a[p * n + p] * a[q * n + q]));
        if (off === 0 || Math.abs(off) <= Number.EPSILON * scale * 0.5) continue;
        rotated = true;
        rotate(a, vectors, n, p, q);
      }
    }
    if (!rotated) break;
  }
  return {
    values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]),
    vectors: { rows: n, columns: n, data: vectors },
  };
}

/** Makes element p, q zero. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k], a[q * n + k]];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p], a[k * n + q]];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
    const [v, w] = [vectors[p * n + k], vectors[q * n + k]];
    vectors[p * n + k] = c * v - s * w;
    vectors[q * n + k] = s * v + c * w;
  }
  a[p * n + q] = a[q * n + p] = 0;
}
