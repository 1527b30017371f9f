import { describe, expect, test } from "vitest";
import { choleskyFactor } from "../../packages/core/src/metrics/cholesky.ts";
import { symmetricEigenvalues } from "../../packages/core/src/metrics/eigenvalues.ts";
import {
  inLoops,
  type Matrix,
  multiply,
  multiplyTransposed,
  transpose,
} from "../../packages/core/src/metrics/matrix.ts";
import { subtractKeeping } from "../../packages/core/src/metrics/subtract.ts";
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
  // Sizes around the band's width of 64 and its multiples.
  test.each([1, 2, 3, 4, 63, 64, 65, 66, 127, 128, 129, 130, 131, 193, 200])(
    "finds the eigenvalues with which a matrix of size %i was built",
    async (n) => {
      const random = randomSource(n);
      const values = Array.from({ length: n }, () => 10 * random() - 5).sort((a, b) => a - b);
      const got = await symmetricEigenvalues(withEigenvalues(values, n + 1));
      expect(largestDifference(got, Float64Array.from(values))).toBeLessThan(1e-13 * 5 * n);
    },
  );

  test("finds repeated, zero and clustered eigenvalues", async () => {
    const values = [0, 0, 0, 1, 1, 1 + 1e-14, 2, 2, 1e6];
    const got = await symmetricEigenvalues(withEigenvalues(values, 5));
    expect(largestDifference(got, Float64Array.from(values))).toBeLessThan(1e-9);
    expect([...(await symmetricEigenvalues({ rows: 3, columns: 3, data: new Float64Array(9) }))]).toEqual([0, 0, 0]);
  });

  // Their eigenvalues are known without computing them; 131 is more than two bands.
  const n = 131;
  const special: Record<string, [element: (i: number, j: number) => number, values: number[]]> = {
    diagonal: [(i, j) => (i === j ? n - i : 0), Array.from({ length: n }, (_, i) => i + 1)],
    identity: [(i, j) => Number(i === j), new Array(n).fill(1)],
    ones: [() => 1, [...new Array(n - 1).fill(0), n]],
    exchange: [
      (i, j) => Number(i + j === n - 1),
      [...new Array((n - 1) / 2).fill(-1), ...new Array((n + 1) / 2).fill(1)],
    ],
    "rank 1": [(i, j) => 2 ** -i * 2 ** -j, [...new Array(n - 1).fill(0), (1 - 4 ** -n) / (1 - 1 / 4)]],
    path: [
      (i, j) => (i === j ? 2 : -Number(Math.abs(i - j) === 1)),
      Array.from({ length: n }, (_, i) => 2 - 2 * Math.cos((Math.PI * (i + 1)) / (n + 1))),
    ],
    "all but rounding": [(i, j) => (i === j ? 1 : 1e-160), new Array(n).fill(1)],
  };
  test.each(Object.entries(special))("finds the eigenvalues of a special matrix: %s", async (_, [element, values]) => {
    const data = Float64Array.from({ length: n * n }, (_, at) => element(Math.floor(at / n), at % n));
    const got = await symmetricEigenvalues({ rows: n, columns: n, data });
    expect(largestDifference(got, Float64Array.from(values))).toBeLessThan(1e-13 * values[n - 1]);
  });

  test("returns none for an empty matrix", async () => {
    expect([...(await symmetricEigenvalues({ rows: 0, columns: 0, data: new Float64Array(0) }))]).toEqual([]);
  });

  test("is accurate for tiny and huge matrices", async () => {
    const [least, most] = [Number.MIN_VALUE, Number.MAX_VALUE];
    expect([
      ...(await symmetricEigenvalues({ rows: 2, columns: 2, data: Float64Array.of(most, 0, 0, least) })),
    ]).toEqual([0, most]);
    expect([...(await symmetricEigenvalues({ rows: 1, columns: 1, data: Float64Array.of(least) }))]).toEqual([least]);
    for (const scale of [1e-200, 1e150]) {
      const values = [1, 2, 3, 4, 5].map((value) => value * scale);
      const got = await symmetricEigenvalues(withEigenvalues(values, 6));
      expect(largestDifference(got, Float64Array.from(values)) / scale).toBeLessThan(1e-13);
    }
  });

  test("rejects NaN", async () => {
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
  ])("of a %i x %i Gram matrix has the matrix's rank and reconstructs it", async (n, rank) => {
    const points = randomMatrix(n, rank, n);
    const gram = await multiplyTransposed(points, points);
    const factor = await choleskyFactor(gram);
    expect(factor.columns).toBe(rank);
    expect(largestDifference((await multiplyTransposed(factor, factor)).data, gram.data)).toBeLessThan(1e-13);
  });

  // More than a block of 128; the bound is that of Higham, theorem 10.3, for a diagonal of up to about n / 2.
  test.each([
    [200, 150],
    [300, 300],
  ])("of a %i x %i Gram matrix reconstructs it in blocks", async (n, rank) => {
    const points = randomMatrix(n, rank, n);
    const gram = await multiplyTransposed(points, points);
    const factor = await choleskyFactor(gram);
    expect(factor.columns).toBe(rank);
    const difference = largestDifference((await multiplyTransposed(factor, factor)).data, gram.data);
    expect(difference).toBeLessThan((n * Number.EPSILON * n) / 2);
  });

  test("of a zero matrix is empty", async () => {
    expect((await choleskyFactor({ rows: 3, columns: 3, data: new Float64Array(9) })).columns).toBe(0);
  });
});

describe("matrix products", () => {
  test("are the same in loops and on ONNX Runtime", async () => {
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
    expect(largestDifference((await multiply(a, transpose(b))).data, byHand)).toBeLessThan(1e-12);
    const room = new Float64Array(byHand.length + 1);
    expect((await multiply(a, transpose(b), room)).data.length).toBe(byHand.length);
    expect(largestDifference(room.subarray(0, byHand.length), byHand)).toBeLessThan(1e-12);
  });

  test("are subtracted from a symmetric matrix, keeping some rows and columns only", async () => {
    const [n, inner] = [200, 10];
    const [left, right, symmetric] = [randomMatrix(inner, n, 4), randomMatrix(inner, n, 5), randomMatrix(n, n, 6)];
    const kept = Array.from({ length: n }, (_, i) => i).filter((i) => i % 7 !== 3);
    const expected = kept.flatMap((i) =>
      kept.map((j) => {
        let value = symmetric.data[i * n + j];
        for (let k = 0; k < inner; k++) value -= left.data[k * n + i] * right.data[k * n + j];
        return value;
      }),
    );
    const got = await subtractKeeping(symmetric, left, right, kept);
    expect([got.rows, got.columns]).toEqual([kept.length, kept.length]);
    expect(largestDifference(got.data, Float64Array.from(expected))).toBeLessThan(1e-13);
  });

  test("transposing twice gives the original matrix", () => {
    const a = randomMatrix(45, 70, 3);
    expect(transpose(a).data[1]).toBe(a.data[70]);
    expect(transpose(transpose(a))).toEqual(a);
  });
});
