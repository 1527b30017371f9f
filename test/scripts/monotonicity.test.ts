import { expect, test } from "vitest";
import { responseOf } from "../../scripts/monotonicity/response.ts";

// Expected: the definition of a strictly monotone list, and Spearman's coefficient by hand (1 - 6 sum d^2 / (n (n^2 - 1)) without ties).
test.each([
  ["rising values of a loss", [0, 1, 2, 5], "lower", true, 1],
  ["falling values of a loss", [5, 2, 1, 0], "lower", false, -1],
  ["falling values of a measure, from infinite decibels", [Number.POSITIVE_INFINITY, 40, 30, 20], "higher", true, 1],
  ["two neighbours in the wrong order", [0, 2, 1, 3], "lower", false, 0.8],
  ["equal values in the middle are no step", [0, 1, 1, 2], "lower", false, 0.9486832980505138],
  ["a prior that moves away from the photograph's value, up", [1, 1.5, 2, 3], "target", true, 1],
  ["a prior that moves away from it, down", [1, 0.5, 0.2, 0.1], "target", true, 1],
  ["a value that never moves", [0, 0, 0, 0], "lower", false, 0],
] as const)("%s", (_, values, better, monotone, correlation) => {
  const response = responseOf(values, better);
  expect(response.monotone).toBe(monotone);
  expect(response.correlation).toBeCloseTo(correlation, 12);
});
