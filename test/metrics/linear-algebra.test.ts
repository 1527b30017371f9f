import { describe, expect, test } from "vitest";
import { choleskyFactor } from "../../src/metrics/cholesky.ts";
import { symmetricEigenvalues } from "../../src/metrics/eigenvalues.ts";
import { inLoops, type Matrix, multiplyTransposed, transpose } from "../../src/metrics/matrix.ts";
import { randomSource } from "../random.ts";

function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = randomSource(seed);
  return { rows, columns, data: Float64Array.from({ length: rows * columns }, () => 2 * random() - 1) };
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - b[i])), 0);
}

/** Q diag(values) Q with the reflection Q = I - 2 u u^T: a symmetric matrix with known eigenvalues. */
function withEigenvalues(values: readonly number[], seed: number): Matrix {
  const n = values.length;
  const u = randomMatrix(1, n, seed).data;
  const length = Math.sqrt(u.reduce((sum, value) => sum + value * value, 0));
  const q = (i: number, j: number) => Number(i === j) - (2 * u[i] * u[j]) / length ** 2;
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) data[i * n + j] = values.reduce((sum, value, k) => sum + q(i, k) * value * q(j, k), 0);
  }
  return { rows: n, columns: n, data };
}

describe("symmetricEigenvalues", () => {
  // Sizes around the block of 64 and the groups of 4.
  test.each([1, 2, 3, 4, 63, 64, 65, 66, 131, 200])("finds those a matrix of size %i was made with", async (n) => {
    const random = randomSource(n);
    const values = Array.from({ length: n }, () => 10 * random() - 5).sort((a, b) => a - b);
    const got = await symmetricEigenvalues(withEigenvalues(values, n + 1));
    expect(largestDifference(got, Float64Array.from(values))).toBeLessThan(1e-13 * 5 * n);
  });

  test("of multiples, zeros and clusters", async () => {
    const values = [0, 0, 0, 1, 1, 1 + 1e-14, 2, 2, 1e6];
    const got = await symmetricEigenvalues(withEigenvalues(values, 5));
    expect(largestDifference(got, Float64Array.from(values))).toBeLessThan(1e-9);
    expect([...(await symmetricEigenvalues({ rows: 3, columns: 3, data: new Float64Array(9) }))]).toEqual([0, 0, 0]);
  });

  test("of tiny and huge matrices", async () => {
    for (const scale of [1e-200, 1e150]) {
      const values = [1, 2, 3, 4, 5].map((value) => value * scale);
      const got = await symmetricEigenvalues(withEigenvalues(values, 6));
      expect(largestDifference(got, Float64Array.from(values)) / scale).toBeLessThan(1e-13);
    }
  });

  test("refuses NaN", async () => {
    await expect(
      symmetricEigenvalues({ rows: 2, columns: 2, data: Float64Array.of(1, 0, Number.NaN, 1) }),
    ).rejects.toThrow(/NaN/);
  });
});

describe("choleskyFactor", () => {
  test.each([
    [12, 12],
    [40, 7],
    [5, 1],
  ])("of a %i x %i Gram matrix has its rank and gives it back", async (n, rank) => {
    const points = randomMatrix(n, rank, n);
    const gram = await multiplyTransposed(points, points);
    const factor = await choleskyFactor(gram);
    expect(factor.columns).toBe(rank);
    expect(largestDifference((await multiplyTransposed(factor, factor)).data, gram.data)).toBeLessThan(1e-13);
  });

  test("of zeros is empty", async () => {
    expect((await choleskyFactor({ rows: 3, columns: 3, data: new Float64Array(9) })).columns).toBe(0);
  });
});

describe("products", () => {
  test("in loops and on ONNX Runtime are the same", async () => {
    const [a, b] = [randomMatrix(301, 257, 1), randomMatrix(263, 257, 2)];
    const got = await multiplyTransposed(a, b);
    const byHand = Float64Array.from({ length: 301 * 263 }, (_, at) => {
      const [i, j] = [Math.floor(at / 263), at % 263];
      let sum = 0;
      for (let k = 0; k < 257; k++) sum += a.data[i * 257 + k] * b.data[j * 257 + k];
      return sum;
    });
    expect(largestDifference(got.data, byHand)).toBeLessThan(1e-12);
    expect(largestDifference(inLoops(a, b).data, byHand)).toBeLessThan(1e-12);
  });

  test("a transpose turned again is the matrix", () => {
    const a = randomMatrix(45, 70, 3);
    expect(transpose(a).data[1]).toBe(a.data[70]);
    expect(transpose(transpose(a))).toEqual(a);
  });
});
