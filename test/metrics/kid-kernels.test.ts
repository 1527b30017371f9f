import { expect, test } from "vitest";
import { parseMetric } from "../../packages/core/src/metrics/index.ts";
import { expectValue } from "../golden.ts";
import { rowsOf } from "./rows.ts";

/**
 * The numbers of KID's definition, the unbiased squared maximum mean discrepancy of all images, in rational numbers for the polynomial kernels and with 40 digits for the
 * others, by this program of Python's standard library (3.11), which shares nothing with what is tested:
 *
 *     from decimal import Decimal, getcontext
 *     from fractions import Fraction as F
 *     getcontext().prec = 40
 *     x = [(1, 2), (3, -1), (0, 1), (2, 2)]
 *     y = [(1, 0), (-1, 2), (2, 1), (0, -3)]
 *     def kid(k):
 *         n = len(x)
 *         same = lambda a: sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
 *         return same(x) + same(y) - 2 * sum(k(p, q) for p in x for q in y) / (n * n)
 *     dot = lambda p, q: sum(a * b for a, b in zip(p, q))
 *     for degree, gamma, coef0 in [(3, F(1, 2), F(1)), (2, F(1), F(0)), (1, F(1, 4), F(3)), (4, F(1, 8), F(1, 2)), (5, F(2), F(1, 2))]:
 *         v = kid(lambda p, q: (gamma * dot(p, q) + coef0) ** degree)
 *         print(degree, float(gamma), float(coef0), v, float(v))
 *     for sigma in [F(10), F(1), F(5, 2)]:
 *         s = Decimal(sigma.numerator) / Decimal(sigma.denominator)
 *         v = kid(lambda p, q: (-Decimal(sum((a - b) ** 2 for a, b in zip(p, q))) / (2 * s * s)).exp())
 *         print("rbf", float(sigma), v)
 */
const expected: readonly (readonly [metric: string, value: number])[] = [
  ["kid(degree=3,gamma=0.5,coef0=1)", -43 / 8],
  ["kid(degree=2,gamma=1,coef0=0)", -28 / 3],
  ["kid(degree=1,gamma=0.25,coef0=3)", -1 / 8],
  ["kid(degree=4,gamma=0.125,coef0=0.5)", -2833 / 12288],
  ["kid(degree=5,gamma=2,coef0=0.5)", 331259 / 16],
  ["kid(kernel=rbf,sigma=10)", -0.005524198984786926],
  ["kid(kernel=rbf,sigma=1)", -0.05259660077714368],
  ["kid(kernel=rbf,sigma=2.5)", -0.10876072177639384],
];
const output = rowsOf([
  [1, 2],
  [3, -1],
  [0, 1],
  [2, 2],
]);
const real = rowsOf([
  [1, 0],
  [-1, 2],
  [2, 1],
  [0, -3],
]);

test.each(expected)("%s equals its definition", async (metric, value) => {
  const result = await parseMetric(metric).compute({ output, real });
  expectValue(result.value, value, { rel: 1e-13 });
  // Every subset is all there is.
  expect(result.protocol.subsetSize).toBe(4);
});

// Of 2 features, gamma is 1 / 2 by itself.
test("the default kernel has degree 3, gamma 1 / d and coef0 1", async () => {
  const distanceBy = async (metric: string) => (await parseMetric(metric).compute({ output, real })).value;
  expect(await distanceBy("kid")).toBe(await distanceBy("kid(kernel=poly,degree=3,gamma=0.5,coef0=1)"));
});
