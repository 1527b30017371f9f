import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  comparePairs,
  type Outcome,
  summarise,
  toCsv,
  toJson,
  unpairedFailures,
} from "../../packages/reconloss/src/compare/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";

const infinity = Number.POSITIVE_INFINITY;

function outcome(name: string, values: Record<string, number>): Outcome {
  return {
    result: { name, output: `o/${name}`, target: `t/${name}`, width: 4, height: 3, values },
    failures: [],
    notes: [],
    maps: {},
  };
}

describe("summarise", () => {
  it("averages over the pairs that have a value", () => {
    const outcomes = [outcome("a", { l1: 1, tv: 4 }), outcome("b", { l1: 2 }), outcome("c", { l1: 6, tv: 6 })];
    expect(summarise(parseLosses("l1, tv"), outcomes).mean).toEqual({ l1: 3, tv: 5 });
  });

  it("computes statistics of the finite numbers, and counts the others", () => {
    const values = [20, infinity, 23, 21, 28];
    const outcomes = [...values.map((psnr, index) => outcome(`${index}`, { psnr })), outcome("without", {})];
    const { mean, measured, notFinite, statistics } = summarise(parseLosses("psnr"), outcomes);
    expect({ mean, measured, notFinite }).toEqual({
      mean: { psnr: 23 },
      measured: { psnr: 5 },
      notFinite: { psnr: 1 },
    });
    // numpy.std of 20, 23, 21, 28: the root of (9 + 0 + 4 + 25) / 4.
    const std = expect.closeTo(Math.sqrt(9.5), 12);
    expect(statistics.psnr).toEqual({ n: 4, mean: 23, median: 22, min: 20, max: 28, std });
  });

  it("has no mean where nothing was computed, and infinity where all numbers are infinite", () => {
    expect(summarise(parseLosses("l1"), [])).toMatchObject({ mean: {}, measured: { l1: 0 }, statistics: {} });
    const outcomes = [outcome("a", { psnr: infinity }), outcome("b", { psnr: infinity })];
    const { mean, measured, notFinite, statistics } = summarise(parseLosses("psnr"), outcomes);
    expect({ mean, measured, notFinite, statistics }).toEqual({
      ...{ mean: { psnr: infinity }, measured: { psnr: 2 }, notFinite: { psnr: 2 }, statistics: {} },
    });
  });

  it("uses the specifications that were typed as keys", () => {
    const losses = parseLosses("lpips(net=alex), l1+0.1*tv");
    const label = "lpips(net=alex)";
    const { mean } = summarise(losses, [outcome("a", { [label]: 0.5, "l1+0.1*tv": 1 })]);
    expect(mean).toEqual({ [label]: 0.5, "l1+0.1*tv": 1 });
  });

  it("pools squared errors before decibels for pooling=dataset", async () => {
    const folder = await temporaryFolder();
    const losses = parseLosses("psnr(pooling=dataset), psnr");
    const target = join(folder, "target.png");
    await writeImage(target, Tensor.full([1, 1, 8, 8], 0.6));
    const pairs = [0.2, 0.4].map((level) => ({
      name: `${level}`,
      output: join(folder, `${level}.png`),
      target,
      level,
    }));
    for (const { output, level } of pairs) await writeImage(output, Tensor.full([1, 1, 8, 8], level));
    const outcomes: Outcome[] = [];
    for await (const one of comparePairs(pairs, losses)) outcomes.push(one);
    const { mean, pairs: results } = summarise(losses, outcomes);
    // Squared errors 0.16 and 0.04: 10 log10(1 / 0.1) = 10 dB pooled; 7.9588 and 13.9794 dB each.
    expect(mean["psnr(pooling=dataset)"]).toBeCloseTo(10, 4);
    expect(mean.psnr).toBeCloseTo((7.9588 + 13.9794) / 2, 3);
    expect(results[0].values["psnr(pooling=dataset)"]).toBeCloseTo(7.9588, 3);
  });

  it("lists images without a partner as failed", () => {
    const failed = unpairedFailures([
      { path: "o/x.png", side: "output", reason: "no target" },
      { path: "t/y.png", side: "target", reason: "no output" },
    ]);
    expect(failed).toEqual([
      { output: "o/x.png", target: null, error: "no target" },
      { output: null, target: "t/y.png", error: "no output" },
    ]);
    expect(summarise(parseLosses("l1"), [], failed).failed).toEqual(failed);
  });
});

describe("toJson", () => {
  it("writes the documented object, with infinity and NaN as words", () => {
    const values = { psnr: Number.POSITIVE_INFINITY, l1: Number.NaN, tv: Number.NEGATIVE_INFINITY };
    const comparison = summarise(
      parseLosses("psnr, l1, tv"),
      [outcome("a.png", values)],
      [{ output: "o/b.png", target: "t/b.png", error: "damaged" }],
    );
    const object = JSON.parse(toJson(comparison));
    const keys = ["losses", "pairs", "mean", "measured", "notFinite", "statistics", "targetMean", "notes", "failed"];
    expect(Object.keys(object)).toEqual(keys);
    expect(Object.keys(object.losses.psnr)).toEqual(["spec", "options", "better"]);
    expect(object.losses.psnr.better).toBe("higher");
    expect(object.losses.psnr.options).toMatchObject({ channels: "rgb", crop: 0, identical: "Infinity" });
    const words = { psnr: "Infinity", l1: "NaN", tv: "-Infinity" };
    expect(object.pairs).toEqual([
      { name: "a.png", output: "o/a.png", target: "t/a.png", width: 4, height: 3, values: words },
    ]);
    expect(object.mean).toEqual(words);
    expect(object.measured).toEqual({ psnr: 1, l1: 1, tv: 1 });
    expect(object.notFinite).toEqual({ psnr: 1, l1: 1, tv: 1 });
    expect(object.failed).toEqual([{ output: "o/b.png", target: "t/b.png", error: "damaged" }]);
  });
});

describe("toCsv", () => {
  it("quotes where needed, and lists failures", () => {
    const losses = parseLosses("psnr(channels=y-bt601,crop=4), l1");
    const partial = outcome('a,"b".png', { l1: 0.5 });
    partial.failures.push({ output: 'o/a,"b".png', target: 't/a,"b".png', loss: "psnr", error: "too small" });
    const failed = [{ output: null, target: "t/c.png", error: "no output\nof this name" }];
    expect(toCsv(summarise(losses, [partial], failed)).split("\r\n")).toEqual([
      'output,target,width,height,"psnr(channels=y-bt601,crop=4)",l1,error',
      '"o/a,""b"".png","t/a,""b"".png",4,3,,0.5,too small',
      // A control character is escaped, so that a row is a line.
      ",t/c.png,,,,,no output\\x0aof this name",
      "",
    ]);
  });

  it.each(["=1+1", "+1", "-1", "@SUM(A1)"])("prevents a spreadsheet from evaluating the name %s", (name) => {
    const pair = outcome("x", { l1: -0.5 });
    Object.assign(pair.result as object, { output: name });
    const failed = [{ output: null, target: name, error: name }];
    const [, row, last] = toCsv(summarise(parseLosses("l1"), [pair], failed)).split("\r\n");
    // Numbers stay numbers.
    expect(row).toBe(`'${name},t/x,4,3,-0.5,`);
    expect(last).toBe(`,'${name},,,,'${name}`);
  });

  it("escapes control characters of names", () => {
    const csv = toCsv(summarise(parseLosses("l1"), [outcome("\u001b[2J\r\n\t=1,2.png", { l1: 0 })]));
    expect(csv.split("\r\n")[1]).toBe('"o/\\x1b[2J\\x0d\\x0a\\x09=1,2.png","t/\\x1b[2J\\x0d\\x0a\\x09=1,2.png",4,3,0,');
  });
});
