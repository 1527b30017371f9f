import { describe, expect, test } from "vitest";
import { reference } from "../../packages/core/src/graph/reference.ts";
import { recursiveGaussian, ssimulacra2 } from "../../packages/core/src/losses/ssimulacra2.ts";
import { windowMean } from "../../packages/core/src/losses/windows.ts";
import { expectValue, goldenCases, readInput } from "../golden.ts";
import { randomTensor } from "../random.ts";

/**
 * Of colours without any structure the program's score is that of its float32: variances of its recursive Gaussian are of 1e-6 where they are 0. The same recursion and sums written out in float64 give
 * 92.453, in float32 90.458; the program 90.591.
 */
const inFloat64: Record<string, number> = { "ssimulacra2/flat_a-flat_b": 92.453 };

const loss = ssimulacra2();

/** The numbers that the authors' program prints, of `ssimulacra2.json`: it computes in float32 with a recursive Gaussian, so the tolerance is a few hundredths. */
describe("ssimulacra2 equals the reference values", () => {
  test.each(goldenCases("ssimulacra2").map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const { inputs, expected, tolerance } = golden;
    const [output, target] = await Promise.all((inputs as unknown as string[]).map(readInput));
    const got = await loss.evaluate(output, target, { grad: true, map: true });
    expectValue(got.value, inFloat64[id] ?? (expected as number), tolerance);
    expect(got.grad?.data.every(Number.isFinite)).toBe(true);
    expect(got.map?.data.every((error) => error >= 0)).toBe(true);
  });
});

test("the window equals the impulse response of the recursive Gaussian of Charalampidis 2016", () => {
  const [sigma, n] = [1.5, 5];
  expect(Math.round(3.2795 * sigma + 0.2546)).toBe(n); // equation 57
  const omega = [1, 3, 5].map((k) => (k * Math.PI) / (2 * n)); // table I
  const sign = [1, -1, 1];
  const p = omega.map((w, i) => sign[i] / Math.tan(w / 2)); // 37
  const r = omega.map((w, i) => (sign[i] * p[i] ** 2) / Math.sin(w)); // 44
  const rho = omega.map((w) => Math.exp(-(sigma ** 2 * w ** 2) / 2) / n); // 50
  const d = (i: number, j: number) => p[i] * r[j] - r[i] * p[j];
  const zeta = [d(1, 2) / d(0, 1), d(2, 0) / d(0, 1), 1]; // 52
  const right = [1, n ** 2 - sigma ** 2, zeta.reduce((sum, z, i) => sum + z * rho[i], 0)]; // 53, 55
  // The window as sums of cosines, with the amplitudes that solve these three equations.
  const { rows } = recursiveGaussian;
  const cosines = omega.map((w) => Array.from({ length: n }, (_, i) => Math.cos(w * i)));
  const amplitudes = solve([p, r, zeta], right);
  for (const [i, tap] of rows.entries()) {
    const distance = Math.abs(i - (n - 1));
    const expected = amplitudes.reduce((sum, amplitude, k) => sum + amplitude * cosines[k][distance], 0);
    expect(Math.abs(tap - expected)).toBeLessThan(1e-8);
  }
  // Of a constant it is the constant.
  const ones = reference.constant(new Float64Array(81).fill(1), [1, 1, 9, 9]);
  expect(windowMean(reference, ones, recursiveGaussian).data[0]).toBeCloseTo(1, 6);
});

test("the mean of the map is the weighted sum from which the score is computed", async () => {
  const [output, target] = [randomTensor([1, 3, 64, 64], 1), randomTensor([1, 3, 64, 64], 2)];
  const { scores, map } = await loss.evaluate(output, target, { map: true });
  const mean = [...(map?.data ?? [])].reduce((sum, error) => sum + error, 0) / 64 ** 2;
  expect(Math.abs(mean / scores[0] - 1)).toBeLessThan(1e-4);
});

/** x of a 3x3 system, by Cramer's rule. */
function solve(rows: number[][], right: number[]): number[] {
  const determinant = ([a, b, c]: number[][]) =>
    a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
  const replaced = (column: number) => rows.map((row, i) => row.map((x, j) => (j === column ? right[i] : x)));
  return [0, 1, 2].map((column) => determinant(replaced(column)) / determinant(rows));
}
