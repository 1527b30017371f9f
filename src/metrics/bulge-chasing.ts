import type { Band } from "./band.ts";
import { reflect } from "./householder.ts";
import type { Tridiagonal } from "./tridiagonal.ts";

/**
 * A tridiagonal matrix with the eigenvalues of a band matrix, which is overwritten: the second stage. A reflection clears a row right of its
 * off-diagonal element and so makes a bulge beyond the band; reflections further down chase it out of the matrix, as far as the next row's turn
 * needs (Murata, Horikoshi 1975). All of it happens within a few rows at a time, which stay in the cache.
 */
export function chaseBulges({ size: n, width, data: a }: Band): Tridiagonal {
  // Element (i, j) is at i * pitch + j.
  const pitch = 2 * width - 1;
  const [v, next, w] = [new Float64Array(width), new Float64Array(width), new Float64Array(width)];
  for (let row = 0; row < n - 2; row++) {
    let first = row + 1;
    let count = Math.min(width, n - first);
    let tau = reflect(a, row * pitch + first, count, v);
    while (count > 0) {
      reflectDiagonal(a, first * (pitch + 1), pitch, count, v, tau, w);
      const right = first + count;
      const rightCount = Math.min(width, n - right);
      if (rightCount === 0) break;
      tau = reflectBlock(a, first * pitch + right, pitch, count, rightCount, v, tau, w, next);
      v.set(next);
      [first, count] = [right, rightCount];
    }
  }
  return {
    diagonal: Float64Array.from({ length: n }, (_, i) => a[i * (pitch + 1)]),
    offDiagonal: Float64Array.from({ length: n }, (_, i) => (i < n - 1 ? a[i * (pitch + 1) + 1] : 0)),
  };
}

/** Reflects a block on the diagonal, of which the upper triangle is kept, from both sides. */
function reflectDiagonal(
  a: Float64Array,
  at: number,
  pitch: number,
  count: number,
  v: Float64Array,
  tau: number,
  w: Float64Array,
): void {
  w.fill(0);
  for (let i = 0; i < count; i++) {
    const row = at + i * pitch;
    const vi = v[i];
    let sum = a[row + i] * vi;
    for (let j = i + 1; j < count; j++) {
      const value = a[row + j];
      sum += value * v[j];
      w[j] += value * vi;
    }
    w[i] += sum;
  }
  let product = 0;
  for (let i = 0; i < count; i++) product += w[i] * v[i];
  const half = (tau * tau * product) / 2;
  for (let i = 0; i < count; i++) w[i] = tau * w[i] - half * v[i];
  for (let i = 0; i < count; i++) {
    const row = at + i * pitch;
    const vi = v[i];
    const wi = w[i];
    for (let j = i; j < count; j++) a[row + j] -= vi * w[j] + wi * v[j];
  }
}

/**
 * Reflects a block from the left, then from the right by the reflection that clears its first row.
 *
 * @returns tau of that reflection; its vector goes to `next`
 */
function reflectBlock(
  a: Float64Array,
  at: number,
  pitch: number,
  rows: number,
  columns: number,
  v: Float64Array,
  tau: number,
  w: Float64Array,
  next: Float64Array,
): number {
  w.fill(0);
  for (let i = 0; i < rows; i++) {
    const row = at + i * pitch;
    const factor = tau * v[i];
    for (let j = 0; j < columns; j++) w[j] += factor * a[row + j];
  }
  for (let j = 0; j < columns; j++) a[at + j] -= w[j];
  const nextTau = reflect(a, at, columns, next);
  for (let i = 1; i < rows; i++) {
    const row = at + i * pitch;
    const vi = v[i];
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      const value = a[row + j] - vi * w[j];
      a[row + j] = value;
      sum += value * next[j];
    }
    sum *= nextTau;
    for (let j = 0; j < columns; j++) a[row + j] -= sum * next[j];
  }
  return nextTau;
}
