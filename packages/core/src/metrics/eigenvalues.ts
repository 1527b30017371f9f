import { ReconlossError } from "../errors.ts";
import { chaseBulges } from "../kernels/reflections.ts";
import { reduceToBand } from "./band.ts";
import type { Matrix } from "./matrix.ts";
import { tridiagonalEigenvalues } from "./tridiagonal.ts";

/**
 * The eigenvalues of a symmetric matrix in ascending order. The matrix is overwritten.
 *
 * Householder reduction to a band matrix, whose work is matrix products, from there to tridiagonal form by chasing bulges (Bischof, Lang, Sun 2000;
 * LAPACK's dsytrd_2stage goes the same way), then root-free implicit QL. Errors are a few roundings of the largest eigenvalue's size.
 *
 * @throws {ReconlossError} `non-finite` when the matrix holds NaN or infinity
 */
export async function symmetricEigenvalues(matrix: Matrix): Promise<Float64Array> {
  const { rows: n, data } = matrix;
  const largest = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  if (!Number.isFinite(largest)) {
    throw new ReconlossError("non-finite", "the matrix whose eigenvalues are needed holds NaN or infinity");
  }
  if (largest === 0) return new Float64Array(n);
  // Scaled so that no square underflows; a power of 2 rounds nothing.
  const scale = 2 ** Math.min(Math.floor(Math.log2(largest)), 1023);
  for (let i = 0; i < data.length; i++) data[i] /= scale;
  const tridiagonal = await chaseBulges(await reduceToBand(matrix));
  return tridiagonalEigenvalues(tridiagonal).map((value) => value * scale);
}
