import { describe, expect, it } from "vitest";
import { formatNumber, isWorse, worstFirst } from "../../packages/reconloss/src/compare/index.ts";

describe("numbers", () => {
  it("formats values that are missing or not finite", () => {
    const shown = [1 / 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, undefined];
    expect(shown.map((value) => formatNumber(value, 2))).toEqual(["0.33", "∞", "-∞", "NaN", "–"]);
  });

  it("never writes a nonzero number as 0", () => {
    expect([0.00004, -0.00004, 0, 0.00006].map((value) => formatNumber(value, 4))).toEqual([
      "4.0e-5",
      "-4.0e-5",
      "0.0000",
      "0.0001",
    ]);
  });

  it("ranks a prior by the distance from the target's own value", () => {
    // 0.046, 0.024 and 0.004 away; the blurriest, which has the lowest, is the worst.
    expect(isWorse("target", 0.02, 0.09, 0.066)).toBe(true);
    expect(isWorse("target", 0.07, 0.09, 0.066)).toBe(false);
    expect(isWorse("target", 0.07, 0.09)).toBe(false);
    const pairs = [0.02, 0.07, 0.09].map((tv) => ({ values: { tv }, targetValues: { tv: 0.066 } }));
    const sorted = pairs.toSorted(worstFirst({ label: "tv", better: "target" }));
    expect(sorted.map(({ values }) => values.tv)).toEqual([0.02, 0.09, 0.07]);
  });

  it("knows in which direction values are worse", () => {
    expect(isWorse("lower", 2, 1)).toBe(true);
    expect(isWorse("higher", 2, 1)).toBe(false);
    expect(isWorse("higher", 1, 1)).toBe(false);
    expect(isWorse("higher", Number.NaN, -1)).toBe(true);
    expect(isWorse("lower", Number.NaN, Number.NaN)).toBe(false);
  });

  it("sorts the worst first and missing values last", () => {
    const pairs = [30, Number.POSITIVE_INFINITY, undefined, 20, Number.NaN].map((psnr) => ({
      values: (psnr === undefined ? {} : { psnr }) as Record<string, number>,
    }));
    const sorted = pairs.toSorted(worstFirst({ label: "psnr", better: "higher" })).map(({ values }) => values.psnr);
    expect(sorted).toEqual([Number.NaN, 20, 30, Number.POSITIVE_INFINITY, undefined]);
  });
});
