import { expect } from "vitest";

/** Holds numbers against others, relative to the largest. */
export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what?: string,
): void {
  expect(got.length, what).toBe(expected.length);
  const scale = Array.from(expected).reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3);
  const error = Array.from(got).reduce((max, value, i) => Math.max(max, Math.abs(value - expected[i])), 0);
  expect(error / scale, what).toBeLessThan(tolerance);
}
