import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import {
  checkConditions,
  mapStatisticsOf,
  type Outcome,
  parseConditions,
  statisticOf,
  summarise,
} from "../../packages/reconloss/src/compare/index.ts";

const infinity = Number.POSITIVE_INFINITY;

/** A pair with some numbers; undefined where one was not measured. */
function outcome(values: Readonly<Record<string, number | undefined>>): Outcome {
  const measured = Object.entries(values).filter(([, value]) => value !== undefined) as [string, number][];
  const result = { name: "a", output: "o/a", target: "t/a", width: 4, height: 3, values: Object.fromEntries(measured) };
  return { result, failures: [], notes: [], maps: {} };
}

/** Whether a condition holds of pairs with these numbers of a quantity. */
function holds(condition: string, values: readonly (number | undefined)[], key = "psnr", unpaired = 0): boolean {
  const losses = parseLosses("psnr, deltaE");
  const failed = Array.from({ length: unpaired }, () => ({ output: "o/x", target: null, error: "no target" }));
  const comparison = summarise(
    losses,
    values.map((value) => outcome({ [key]: value })),
    failed,
  );
  return checkConditions(parseConditions(condition, losses), comparison)[0].holds;
}

describe("parseConditions", () => {
  const losses = parseLosses(
    "psnr, ssim(preset=skimage), psnr(channels=y-bt601,crop=4), l1 + 0.1*tv, lpips(net=alex), deltaE",
  );

  it.each([
    ["psnr<30", { label: "psnr", over: "mean", operator: "<", limit: 30 }],
    ["ssim(preset=skimage)<=.9", { label: "ssim(preset=skimage)", over: "mean", operator: "<=", limit: 0.9 }],
    ["psnr(channels=y-bt601, crop=4)>=2e1", { label: "psnr(channels=y-bt601,crop=4)", operator: ">=", limit: 20 }],
    ["l1+0.1*tv > -1", { label: "l1 + 0.1*tv", operator: ">", limit: -1 }],
    ["min(psnr)<25", { label: "psnr", over: "min" }],
    ["max( l1 + 0.1*tv )>0.1", { label: "l1 + 0.1*tv", over: "max" }],
    ["p5(ssim(preset=skimage))<0.9", { label: "ssim(preset=skimage)", over: "p5" }],
    ["P99.9(deltaE)>3", { label: "deltaE", over: "p99.9" }],
    ["any(deltaE.max>10)", { label: "deltaE", map: "max", over: "any", operator: ">", limit: 10 }],
    ["deltaE.p99 > 5", { label: "deltaE", map: "p99", over: "mean" }],
    ["median(deltaE.p99.5)>5", { label: "deltaE", map: "p99.5", over: "median" }],
    // By the canonical specification, and by the name alone where one has it.
    ["lpips<0.2", { label: "lpips(net=alex)" }],
    ["ssim<0.9", { label: "ssim(preset=skimage)" }],
    ["any(SSIM.min<0)", { label: "ssim(preset=skimage)", map: "min", over: "any" }],
    // What several have in their names belongs to the one that is called so.
    ["psnr<Infinity", { label: "psnr", limit: infinity }],
  ])("reads %s", (text, expected) => {
    expect(parseConditions(text, losses)).toMatchObject([{ text, ...expected }]);
  });

  it("splits only at commas between conditions", () => {
    const parsed = parseConditions("psnr<30, p5(psnr(channels=y-bt601, crop=4))<2,any(ssim<0.1)", losses);
    expect(parsed.map(({ label, over }) => [label, over])).toEqual([
      ["psnr", "mean"],
      ["psnr(channels=y-bt601,crop=4)", "p5"],
      ["ssim(preset=skimage)", "any"],
    ]);
  });

  it.each([
    ...["", "psnr", "psnr<", "<30", "psnr=30", "psnr<thirty", "psnr<30,", "psnr<20<30", "psnr<<30", "psnr<NaN"],
    ...[
      "any(psnr)<3",
      "any(min(psnr)<3)",
      "min(psnr<3)",
      "min(max(psnr))<3",
      "p101(psnr)<3",
      "mode(psnr)<3",
      "psnr.min<3",
    ],
    ...["l1 + 0.1*tv.frob<3", "any(psnr<3"],
  ])("refuses %j", (text) => {
    expect(() => parseConditions(text, losses)).toThrow(expect.objectContaining({ name: "ReconlossError" }));
  });

  it("refuses a loss that is not computed, and an ambiguous name", () => {
    expect(() => parseConditions("ms-ssim<0.9", losses)).toThrow("ms-ssim is not among the metrics: psnr, ssim(");
    const two = parseLosses("ssim(size=7), ssim(preset=skimage)");
    expect(() => parseConditions("ssim<0.9", two)).toThrow(
      "ssim is ambiguous: it may refer to any of ssim(size=7), ssim(preset=skimage)",
    );
  });

  it("lists each map statistic once", () => {
    const conditions = parseConditions("any(deltaE.max>10), mean(deltaE.max)>3, deltaE.p99>2, psnr<3", losses);
    expect(mapStatisticsOf(conditions)).toEqual([
      { label: "deltaE", statistic: "max" },
      { label: "deltaE", statistic: "p99" },
    ]);
  });
});

describe("statisticOf", () => {
  // numpy.percentile([10, 20, 30, 50], [5, 50, 90]) is 11.5, 25, 44 by its default, linear interpolation.
  it.each([
    ["p5", 11.5],
    ["median", 25],
    ["p90", 44],
    ["p0", 10],
    ["p100", 50],
    ["min", 10],
    ["max", 50],
    ["mean", 27.5],
    // numpy.std: the root of the mean of 306.25, 56.25, 6.25 and 506.25.
    ["std", Math.sqrt(218.75)],
  ] as const)("%s of four numbers in any order", (statistic, expected) => {
    expect(statisticOf(statistic, [50, 20, 10, 30])).toBeCloseTo(expected, 10);
  });

  it("equals a statistic of the sorted numbers, ties included, and does not modify its input", () => {
    const percentOf = (sorted: readonly number[], percent: number) => {
      const position = ((sorted.length - 1) * percent) / 100;
      const [below, share] = [Math.floor(position), position % 1];
      return share === 0 ? sorted[below] : sorted[below] * (1 - share) + sorted[below + 1] * share;
    };
    const numbers = fc.array(
      fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, min: -1e9, max: 1e9 })),
      {
        minLength: 1,
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 100 }), (values, percent) => {
        const before = [...values];
        const sorted = [...values].sort((a, b) => a - b);
        const expected = [percentOf(sorted, percent), percentOf(sorted, 50), sorted[0], sorted[sorted.length - 1]];
        const statistics = [`p${percent}`, "median", "min", "max"] as const;
        // 0 and -0 are one number here.
        const found = statistics.map((statistic) => statisticOf(statistic as "median", values) + 0);
        for (const [index, value] of found.entries()) expect(value).toBeCloseTo(expected[index] + 0, 5);
        expect(values).toEqual(before);
      }),
    );
  });

  it("interpolates with an infinite neighbour only where its weight is not 0", () => {
    expect(statisticOf("median", [10, 20, infinity])).toBe(20);
    expect(statisticOf("median", [10, infinity])).toBe(infinity);
    expect(statisticOf("p99", [])).toBeNaN();
    for (const at of [0, 1, 2]) expect(statisticOf("min", [1, 2, 0].with(at, Number.NaN))).toBeNaN();
  });
});

describe("checkConditions", () => {
  it.each([
    ["psnr<30", [29.9], true],
    ["psnr<30", [30], false],
    ["psnr<=30", [30], true],
    ["psnr>30", [30], false],
    ["psnr>=30", [30], true],
    // One identical pair among four at 8 dB does not hide them, nor does it fail by itself.
    ["psnr<30", [8, 8, 8, 8, infinity], true],
    ["psnr<30", [40, 40, infinity], false],
    ["psnr<30", [infinity, infinity], false],
    ["median(psnr)<30", [20, infinity, infinity], true],
    ["max(psnr)<30", [20, infinity], true],
    // Where too similar is what fails, identical pairs do.
    ["psnr>50", [20, infinity], true],
    ["psnr>50", [infinity], true],
    ["psnr>50", [20, 30], false],
    ["min(psnr)>50", [20, infinity], false],
    ["any(psnr>50)", [20, infinity], true],
    ["any(psnr<30)", [20, infinity], true],
    ["any(psnr<30)", [40, infinity], false],
    ["any(psnr<30)", [40, 40, 29], true],
    ["min(psnr)<25", [24, 90, 90], true],
    ["p5(psnr)<25", [24, 90, 90], false],
    ["std(psnr)>5", [20, 40], true],
    ["psnr<Infinity", [infinity, infinity], false],
    ["psnr<Infinity", [infinity, 20], true],
  ])("%s of %j holds: %s", (condition, values, expected) => {
    expect(holds(condition, values)).toBe(expected);
  });

  it("evaluates map statistics within each image", () => {
    expect(holds("deltaE.max>10", [4, 12], "deltaE.max")).toBe(false);
    expect(holds("any(deltaE.max>10)", [4, 12], "deltaE.max")).toBe(true);
  });

  const statistics = ["mean", "median", "min", "max", "std", "p5", "p99"];
  const forms = ["<", "<=", ">", ">="].flatMap((operator) => [
    ...statistics.map((name) => (limit: number) => `${name}(psnr)${operator}${limit}`),
    (limit: number) => `psnr${operator}${limit}`,
    (limit: number) => `any(psnr${operator}${limit})`,
  ]);
  const finite = fc.double({ min: -200, max: 200, noNaN: true });
  const limit = fc.integer({ min: -300, max: 300 });

  it("holds, and so fails the run, wherever a value is missing or NaN", () => {
    const broken = fc.constantFrom(undefined, Number.NaN);
    const values = fc.array(fc.oneof(finite, fc.constant(infinity)), { maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...forms), limit, values, broken, fc.nat(), (form, limit, others, one, place) => {
        const all: (number | undefined)[] = [...others];
        all.splice(place % (others.length + 1), 0, one);
        return holds(form(limit), all);
      }),
      { numRuns: 500, seed: 3 },
    );
    for (const form of forms) {
      expect(holds(form(0), [])).toBe(true);
      // An image without a partner, or a pair that could not be read, is a number that is missing.
      expect(holds(form(-300), [1, 2], "psnr", 1) && holds(form(300), [1, 2], "psnr", 1)).toBe(true);
    }
  });

  it("ignores identical pairs where low values fail, and never passes because of them where high values fail", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...forms),
        limit,
        fc.array(finite, { minLength: 1, maxLength: 5 }),
        (form, limit, all) => {
          const text = form(limit);
          const [without, withOne] = [holds(text, all), holds(text, [...all, infinity])];
          const isSpread = text.startsWith("std");
          return text.includes("<") && !isSpread ? withOne === without : withOne || !without;
        },
      ),
      { numRuns: 500, seed: 4 },
    );
  });

  it("pools the scores of a loss with pooling=dataset, identical pairs included", () => {
    const losses = parseLosses("psnr(pooling=dataset)");
    const label = losses[0].label;
    const pairs = [0.16, 0].map((score) => {
      const one = outcome({ [label]: score > 0 ? -10 * Math.log10(score) : infinity });
      Object.assign(one.result as object, { scores: { [label]: score } });
      return one;
    });
    // A mean squared error of 0.08 is 10.97 dB.
    const [low, high] = checkConditions(parseConditions("psnr<11, psnr<10.9", losses), summarise(losses, pairs));
    expect(low).toMatchObject({ holds: true, value: expect.closeTo(10.969, 3), measured: 2, missing: 0 });
    expect(high.holds).toBe(false);
  });

  it("reports what decided", () => {
    const losses = parseLosses("psnr");
    const of = (text: string, values: (number | undefined)[]) => {
      const outcomes = values.map((psnr) => outcome({ psnr }));
      return checkConditions(parseConditions(text, losses), summarise(losses, outcomes))[0];
    };
    expect(of("psnr<30", [8, infinity])).toMatchObject({ value: 8, of: 1, measured: 2, missing: 0 });
    expect(of("psnr>50", [8, infinity])).toMatchObject({ value: infinity, of: 2 });
    expect(of("any(psnr<30)", [31, 8])).toMatchObject({ value: 8 });
    expect(of("psnr<30", [31, undefined])).toMatchObject({ holds: true, value: 31, measured: 1, missing: 1 });
    expect(of("psnr<30", [])).not.toHaveProperty("value");
  });
});
