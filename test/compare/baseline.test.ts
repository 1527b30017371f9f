import { describe, expect, it } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import {
  compareWithBaseline,
  type Outcome,
  parseBaseline,
  parseTolerances,
  summarise,
  toJson,
} from "../../packages/reconloss/src/compare/index.ts";

const infinity = Number.POSITIVE_INFINITY;
const losses = parseLosses("psnr, l1, tv");

type Numbers = Readonly<Record<string, number>>;

/** A run with these numbers by pair; what a prior makes of each target is 0.5. */
function run(pairs: Readonly<Record<string, Numbers>>, of = losses) {
  const outcomes = Object.entries(pairs).map(([name, values]): Outcome => {
    const result = { name, output: `o/${name}`, target: `t/${name}`, width: 4, height: 3, values };
    return { result: { ...result, targetValues: { tv: 0.5 } }, failures: [], notes: [], maps: {} };
  });
  return summarise(of, outcomes);
}

/** The findings of a second run against the first's JSON. */
function judged(
  before: Readonly<Record<string, Numbers>>,
  now: Readonly<Record<string, Numbers>>,
  tolerance = "",
  of: readonly [typeof losses, typeof losses] = [losses, losses],
) {
  const baseline = parseBaseline(toJson(run(before, of[0])), "before.json");
  return compareWithBaseline(run(now, of[1]), baseline, parseTolerances(tolerance, of[1]));
}

const all = (psnr: number, l1 = 0.1, tv = 0.5) => ({ psnr, l1, tv });

describe("compareWithBaseline", () => {
  it.each([
    ["the same", { a: all(30), b: all(20) }, { a: all(30), b: all(20) }, "", true],
    ["better each way", { a: all(30, 0.2, 0.1) }, { a: all(31, 0.1, 0.4) }, "", true],
    ["worse where higher is better", { a: all(30) }, { a: all(29.9) }, "", false],
    ["worse where lower is better", { a: all(30, 0.1) }, { a: all(30, 0.11) }, "", false],
    // 0.6 is further from the target's 0.5 than 0.45 is, and 0.55 as far.
    ["further from the target's own value", { a: all(30, 0.1, 0.45) }, { a: all(30, 0.1, 0.6) }, "", false],
    ["as far on the other side", { a: all(30, 0.1, 0.45) }, { a: all(30, 0.1, 0.55) }, "", true],
    // psnr is shown with two digits.
    ["worse by less than is shown", { a: all(30) }, { a: all(29.9951) }, "", true],
    ["worse by more than is shown", { a: all(30) }, { a: all(29.9949) }, "", false],
    ["worse within the tolerance", { a: all(30) }, { a: all(29.8) }, "psnr=0.2", true],
    ["worse beyond the tolerance", { a: all(30) }, { a: all(29.8) }, "psnr=0.19", false],
    [
      "one pair within its own tolerance",
      { a: all(30), b: all(30) },
      { a: all(29), b: all(31) },
      "psnr=0.1,any(psnr)=1",
      true,
    ],
    ["one pair beyond it", { a: all(30), b: all(30) }, { a: all(28.9), b: all(31.2) }, "psnr=0.1,any(psnr)=1", false],
    [
      "all pairs together beyond theirs",
      { a: all(30), b: all(30) },
      { a: all(29.5), b: all(29.5) },
      "psnr=0.1,any(psnr)=1",
      false,
    ],
    // The mean over finite numbers alone would fall from 25 to 20.
    ["a pair that became identical", { a: all(30), b: all(20) }, { a: all(infinity), b: all(20) }, "", true],
    ["identical before and now", { a: all(infinity) }, { a: all(infinity) }, "", true],
    ["no more identical", { a: all(infinity) }, { a: all(90) }, "psnr=1e300", false],
    ["no number any more", { a: all(30) }, { a: all(Number.NaN) }, "psnr=1e300", false],
    ["no number in either", { a: all(Number.NaN) }, { a: all(Number.NaN) }, "", false],
    ["a number at last", { a: all(Number.NaN) }, { a: all(5) }, "", true],
    ["a pair less", { a: all(30), b: all(20) }, { a: all(30) }, "psnr=99", false],
    ["a pair more", { a: all(30) }, { a: all(30), b: all(20) }, "psnr=99", false],
    ["a number of a pair less", { a: all(30) }, { a: { psnr: 30, tv: 0.5 } }, "l1=99", false],
    ["a number of a pair more", { a: { psnr: 30, tv: 0.5 } }, { a: all(30) }, "l1=99", false],
  ] as const)("%s", (_, before, now, tolerance, pass) => {
    expect(judged(before, now, tolerance).pass).toBe(pass);
  });

  it("lists changes in both directions, the worst first, and what is missing", () => {
    const before = { a: all(30), b: all(30), c: all(30), d: all(30) };
    const { overall, moved, missing } = judged(before, { a: all(29), b: all(33), c: all(25), e: all(1) }, "psnr=0.5");
    expect(moved.map(({ pair, loss, before, now, worseBy }) => [pair, loss, before, now, worseBy])).toEqual([
      ["c", "psnr", 30, 25, 5],
      ["a", "psnr", 30, 29, 1],
      ["b", "psnr", 30, 33, -3],
    ]);
    expect(missing).toEqual([
      { pair: "d", text: "only before.json has it" },
      { pair: "e", text: "before.json lacks it" },
    ]);
    expect(overall.find(({ loss }) => loss === "psnr")).toEqual({
      ...{ loss: "psnr", before: 30, now: 29, worseBy: 1, tolerance: 0.5 },
    });
  });

  it("fails for a loss missing on either side, and recognises equivalent specifications", () => {
    const [few, typed] = [parseLosses("psnr"), parseLosses("PSNR, mae, tv")];
    const numbers = { a: all(30) };
    expect(judged(numbers, { a: { psnr: 30 } }, "", [losses, few]).missing).toEqual([
      { loss: "l1", text: "only before.json has it" },
      { loss: "tv", text: "only before.json has it" },
    ]);
    expect(judged({ a: { psnr: 30 } }, numbers, "", [few, losses]).pass).toBe(false);
    expect(judged(numbers, { a: { PSNR: 30, mae: 0.1, tv: 0.5 } }, "", [losses, typed]).pass).toBe(true);
  });

  it("uses the pooled mean of a loss that has one", () => {
    const pooled = parseLosses("psnr(pooling=dataset)");
    const [label] = pooled.map((loss) => loss.label);
    const of = (name: string, mse: number): Outcome => ({
      ...{ failures: [], notes: [], maps: {} },
      result: {
        ...{ name, output: `o/${name}`, target: `t/${name}`, width: 4, height: 3 },
        ...{ values: { [label]: -10 * Math.log10(mse) }, scores: { [label]: mse } },
      },
    });
    const before = summarise(pooled, [of("a", 0.01), of("b", 0.03)]);
    const now = summarise(pooled, [of("a", 0.01), of("b", 0.07)]);
    const { overall } = compareWithBaseline(now, parseBaseline(toJson(before), "x.json"), parseTolerances("", pooled));
    // -10 lg of the means 0.02 and 0.04: 3.01 dB, not half of the 3.68 dB of one pair.
    expect(overall[0].worseBy).toBeCloseTo(10 * Math.log10(2), 10);
  });

  it("refuses a loss of other options under the same name", () => {
    const text = toJson(run({ a: all(30) })).replace('"spec": "l1"', '"spec": "l1(crop=4)"');
    const baseline = parseBaseline(text, "before.json");
    const compare = () => compareWithBaseline(run({ a: all(30) }), baseline, parseTolerances("", losses));
    expect(compare).toThrow("baseline: l1 was l1(crop=4) in before.json and is l1 now; they cannot be compared");
  });
});

describe("parseBaseline", () => {
  it.each([
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"losses":{},"pairs":[{}],"mean":{}}',
    '{"losses":{"a":1},"pairs":[],"mean":{}}',
  ])("refuses %j", (text) => {
    expect(() => parseBaseline(text, "x.json")).toThrow(expect.objectContaining({ code: "content" }));
  });

  it("refuses pairs without a name, and values that are not numbers", () => {
    const text = toJson(run({ a: all(30) }));
    expect(() => parseBaseline(text.replace('"name": "a",', ""), "x.json")).toThrow(/no name; write the file again/);
    expect(() => parseBaseline(text.replace('"l1": 0.1', '"l1": "much"'), "x.json")).toThrow(/not numbers/);
  });

  it("refuses two pairs of the same name, which are ambiguous", () => {
    const text = toJson(run({ a: all(30), b: all(99) }));
    expect(() => parseBaseline(text.replace('"name": "b"', '"name": "a"'), "x.json")).toThrow(
      /two pairs are called a$/,
    );
  });
});

describe("parseTolerances", () => {
  it.each(["psnr", "psnr=", "psnr=-1", "psnr=x", "=1", "psnr=NaN"])("refuses %s", (text) => {
    expect(() => parseTolerances(text, losses)).toThrow(/loss=number/);
  });

  it.each([
    ["ssim=1", /ssim is not among the metrics: psnr, l1, tv/],
    ["psnr=1,psnr=2", /psnr is listed twice/],
  ])("refuses %s, which makes no sense", (text, message) => {
    expect(() => parseTolerances(text, losses)).toThrow(message);
  });

  it("accepts specifications with options, and tolerances for each pair", () => {
    const several = parseLosses("psnr(channels=y-bt601,crop=4), psnr");
    expect([...parseTolerances("psnr(channels=y-bt601, crop=4)=0.5, any(psnr)=2", several).values()]).toEqual([
      { overall: 0.5, pair: 0.5 },
      { overall: 0.005, pair: 2 },
    ]);
  });
});
