import { expect, test } from "vitest";
import { type Float64Image, reference } from "../../packages/core/src/graph/reference.ts";
import { symmetricEigen } from "../../packages/core/src/losses/symmetric-eigen.ts";
import { Random } from "../../packages/core/src/random.ts";

/** Expected values are the definition's, A v = l v, and the closed form of the eigenvalues of a path's Laplacian. */

const size = 10;
const eigen = (entries: ArrayLike<number>) =>
  symmetricEigen<Float64Image>(reference, reference.constant(entries, [1, 1, size, size]), size);

/** The largest entry of A V - V diag(l). */
function residual(entries: ArrayLike<number>): number {
  const { values, vectors } = eigen(entries);
  let largest = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let product = 0;
      for (let k = 0; k < size; k++) product += entries[row * size + k] * vectors.data[k * size + column];
      largest = Math.max(largest, Math.abs(product - values.data[column] * vectors.data[row * size + column]));
    }
  }
  return largest;
}

test("finds 4 sin^2(pi k / (2 n)) as eigenvalues of a path's Laplacian", () => {
  const entries = Array.from({ length: size * size }, (_, i) => {
    const [row, column] = [Math.floor(i / size), i % size];
    if (row === column) return row === 0 || row === size - 1 ? 1 : 2;
    return Math.abs(row - column) === 1 ? -1 : 0;
  });
  const sorted = Array.from(eigen(entries).values.data).sort((a, b) => a - b);
  for (const [k, value] of sorted.entries())
    expect(Math.abs(value - 4 * Math.sin((Math.PI * k) / (2 * size)) ** 2)).toBeLessThan(1e-6);
});

test("is accurate to rounding for nearly diagonal matrices over eight orders of magnitude", () => {
  const random = new Random("eigen");
  const scale = (i: number) => 10 ** (-i / 2.5);
  const entries = new Float64Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column <= row; column++) {
      const entry = row === column ? 1 : 0.2 * (random.uniform() - 0.5);
      entries[row * size + column] = entries[column * size + row] = entry * scale(row) * scale(column);
    }
  expect(residual(entries)).toBeLessThan(1e-9);
});

test("handles zero matrices, multiples of the identity, and matrices of ones", () => {
  expect(residual(new Float64Array(size * size))).toBe(0);
  expect(residual(Float64Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 3 : 0)))).toBe(0);
  const ones = new Float64Array(size * size).fill(1);
  expect(residual(ones)).toBeLessThan(1e-9);
  expect(Math.max(...eigen(ones).values.data)).toBeCloseTo(size, 9);
});
