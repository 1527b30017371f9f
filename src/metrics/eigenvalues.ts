import { ReconlossError } from "../errors.ts";
import { reduceToBand } from "./band.ts";
import { chaseBulges } from "./bulge-chasing.ts";
import type { Matrix } from "./matrix.ts";
import { tridiagonalEigenvalues } from "./tridiagonal.ts";

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
  const scale = 2 ** Math.floor(Math.log2(largest));
  for (let i = 0; i < data.length; i++) data[i] /= scale;
  const tridiagonal = chaseBulges(await reduceToBand(matrix));
  return tridiagonalEigenvalues(tridiagonal).map((value) => value * scale);
}
