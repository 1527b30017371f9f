import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bootstrapInterval, meansWithoutOne, resampledMeans } from "../../packages/reconloss/src/judge/bootstrap.ts";
import { normalBelow, normalBeyond, normalQuantile } from "../../packages/reconloss/src/judge/normal.ts";
import { holm, wilcoxon } from "../../packages/reconloss/src/judge/wilcoxon.ts";

/** The results of scipy for the same numbers and samples, written by test/judge/expected.py. */
const expected: {
  seed: number;
  resamples: number;
  cases: {
    name: string;
    a: number[];
    b: number[];
    wilcoxon: { p: number; how: string };
    mean: number;
    intervals: Record<string, [number, number]>;
    difference: [number, number];
  }[];
  pooled: { squares: number[]; interval: [number, number]; value: number };
  normal: { x: number; below: number; beyond: number }[];
  quantiles: { share: number; x: number }[];
} = JSON.parse(readFileSync(new URL("scipy.json", import.meta.url), "utf8"));

/** The interval of a mean, and of what is made of it. */
function intervalOf(values: readonly number[], confidence: number, toReported = (mean: number) => mean) {
  const [means] = resampledMeans([values], expected);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return bootstrapInterval(
    toReported(mean),
    means.map(toReported),
    meansWithoutOne(values).map(toReported),
    confidence,
  );
}

function expectEnds(interval: readonly number[] | undefined, ends: readonly number[]) {
  expect(interval).toHaveLength(2);
  for (const [i, end] of ends.entries()) expect(interval?.[i]).toBeCloseTo(end, 9);
}

describe.each(expected.cases)("equals scipy: $name", ({ a, b, wilcoxon: test_, intervals, difference }) => {
  test("intervals of the mean", () => {
    for (const [confidence, ends] of Object.entries(intervals)) expectEnds(intervalOf(a, Number(confidence)), ends);
  });

  test("the interval of the difference, by the same samples", () => {
    const [x, y] = resampledMeans([a, b], expected);
    const apart = a.map((value, i) => value - b[i]);
    const mean = apart.reduce((sum, value) => sum + value, 0) / apart.length;
    expectEnds(
      bootstrapInterval(
        mean,
        x.map((value, i) => value - y[i]),
        meansWithoutOne(apart),
        0.95,
      ),
      difference,
    );
  });

  test(`the signed-rank test (${test_.how}), in either direction`, () => {
    for (const sign of [1, -1]) {
      const p = wilcoxon(a.map((value, i) => sign * (value - b[i])));
      expect(Math.abs(p / test_.p - 1)).toBeLessThan(1e-10);
    }
  });
});

test("an interval of a pooled metric equals scipy's of the same statistic", () => {
  const { squares, interval } = expected.pooled;
  expectEnds(
    intervalOf(squares, 0.95, (mean) => -10 * Math.log10(mean)),
    interval,
  );
});

test("the normal distribution equals scipy's", () => {
  for (const { x, below, beyond } of expected.normal) {
    expect(Math.abs(normalBelow(x) / below - 1)).toBeLessThan(1e-11);
    expect(Math.abs(normalBeyond(x) / beyond - 1)).toBeLessThan(1e-11);
  }
  for (const { share, x } of expected.quantiles) expect(normalQuantile(share)).toBeCloseTo(x, 8);
});

test("one image, equal images and infinite numbers have no interval", () => {
  expect(intervalOf([30], 0.95)).toBeUndefined();
  expect(intervalOf([0.1, 0.1, 0.1], 0.95)).toEqual([expect.closeTo(0.1, 12), expect.closeTo(0.1, 12)]);
  expect(intervalOf([30, Number.POSITIVE_INFINITY], 0.95)).toBeUndefined();
});

test("the same seed gives the same interval, another a different one", () => {
  const [{ a }] = expected.cases;
  const of = (seed: number) => resampledMeans([a], { resamples: 50, seed })[0];
  expect(of(3)).toEqual(of(3));
  expect(of(3)).not.toEqual(of(4));
});

test("equal scores are no evidence of a difference", () => {
  expect(wilcoxon([])).toBe(1);
  expect(wilcoxon([0, 0, 0])).toBe(1);
  // Five of one sign: 2 of 32 choices of signs are as far out.
  expect(wilcoxon([1, 2, 3, 4, 5])).toBe(2 / 32);
});

test("Holm's correction, by hand: 0.01 x 3, then no less than that and 0.02 x 2, then 0.04 x 1", () => {
  expect(holm([0.04, 0.01, 0.02])).toEqual([0.04, 0.03, 0.04]);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
});
