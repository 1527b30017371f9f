import { describe, expect, it } from "vitest";
import { decimalsFor, formatNumber, isWorse, worstFirst } from "../../src/compare/index.ts";

describe("numbers", () => {
  it.each([
    [[31.4, 28.2], 2],
    [[0.91, 0.95], 4],
    [[0.031], 5],
    [[0, 0.000012], 8],
    [[1234], 2],
    [[Number.POSITIVE_INFINITY, Number.NaN], 2],
    [[], 2],
  ])("shows four digits of most of %j with %i decimals", (values, decimals) => {
    expect(decimalsFor(values)).toBe(decimals);
  });

  it("writes what is not finite, and what is missing", () => {
    const shown = [1 / 3, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, undefined];
    expect(shown.map((value) => formatNumber(value, 2))).toEqual(["0.33", "∞", "-∞", "NaN", "–"]);
  });

  it("knows what is worse", () => {
    expect(isWorse("lower", 2, 1)).toBe(true);
    expect(isWorse("higher", 2, 1)).toBe(false);
    expect(isWorse("higher", 1, 1)).toBe(false);
    expect(isWorse("higher", Number.NaN, -1)).toBe(true);
    expect(isWorse("lower", Number.NaN, Number.NaN)).toBe(false);
  });

  it("sorts the worst first and the missing last", () => {
    const pairs = [30, Number.POSITIVE_INFINITY, undefined, 20, Number.NaN].map((psnr) => ({
      values: (psnr === undefined ? {} : { psnr }) as Record<string, number>,
    }));
    const sorted = pairs.toSorted(worstFirst("psnr", "higher")).map(({ values }) => values.psnr);
    expect(sorted).toEqual([Number.NaN, 20, 30, Number.POSITIVE_INFINITY, undefined]);
  });
});
