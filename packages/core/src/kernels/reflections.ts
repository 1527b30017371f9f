import { module } from "./generated/reflections.ts";
import { loadKernels } from "./load.ts";

/** Householder reflections I - tau v v^T, in the order in which they apply; the vectors are rows, one after another. */
export interface Reflections {
  readonly vectors: Float64Array;
  readonly taus: Float64Array;
}

/**
 * Reflects the rows of a matrix, which are overwritten, from the right, one reflection a row, so that row k is 0 beyond column `first` + k. Elements
 * are at most about 1.
 *
 * @param columns the length of a row
 */
export async function clearRows(rows: Float64Array, columns: number, first: number): Promise<Reflections> {
  const height = rows.length / columns;
  const count = Math.max(0, Math.min(height, columns - first - 1));
  const kernels = await loadKernels([module]);
  kernels.reset();
  // Rows in memory have an even length.
  const pitch = columns + (columns & 1);
  const addresses = [height * pitch, count * pitch, count].map((length) => kernels.bytes(length * 8));
  const [inside, vectorsInside] = [
    kernels.view64(addresses[0], height * pitch),
    kernels.view64(addresses[1], count * pitch),
  ];
  inside.fill(0);
  vectorsInside.fill(0);
  for (let k = 0; k < height; k++) inside.set(rows.subarray(k * columns, (k + 1) * columns), k * pitch);
  kernels.run.clearRows(addresses[0], height, pitch, first, count, addresses[1], addresses[2]);
  for (let k = 0; k < height; k++) rows.set(inside.subarray(k * pitch, k * pitch + columns), k * columns);
  const vectors = new Float64Array(count * columns);
  for (let k = 0; k < count; k++) vectors.set(vectorsInside.subarray(k * pitch, k * pitch + columns), k * columns);
  return { vectors, taus: kernels.view64(addresses[2], count).slice() };
}

/** A symmetric matrix whose elements more than `width` off the diagonal are 0, with elements up to about 1. */
export interface Band {
  readonly size: number;
  /** Even. */
  readonly width: number;
  /** Row i holds elements (i, i) to (i, i + 2 width - 1), twice as many as there are: with room for bulges. */
  readonly data: Float64Array;
}

/** A symmetric tridiagonal matrix. */
export interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** Element i stands between i and i + 1; the last is 0. */
  readonly offDiagonal: Float64Array;
}

/**
 * A tridiagonal matrix with the eigenvalues of a band matrix. A Householder reflection clears a row right of its off-diagonal element and so makes
 * a bulge beyond the band; reflections further down chase it out of the matrix, as far as the next row's turn needs (Murata, Horikoshi 1975). All
 * of it happens in a few rows at a time, which stay in the cache.
 */
export async function chaseBulges({ size: n, width, data }: Band): Promise<Tridiagonal> {
  const kernels = await loadKernels([module]);
  kernels.reset();
  // Rows of zeros after the matrix stand in for those that blocks at its end lack.
  const length = (n + width) * 2 * width;
  const [address, scratch] = [kernels.bytes(length * 8), kernels.bytes(3 * width * 8)];
  const band = kernels.view64(address, length);
  band.fill(0).set(data);
  kernels.run.chaseBulges(address, n, width, scratch);
  return {
    diagonal: Float64Array.from({ length: n }, (_, i) => band[i * 2 * width]),
    offDiagonal: Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? band[i * 2 * width + 1] : 0)),
  };
}
