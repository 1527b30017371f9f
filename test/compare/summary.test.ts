import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  comparePairs,
  holding,
  type Outcome,
  parseConditions,
  summarise,
  toCsv,
  toJson,
  unpairedFailures,
} from "../../src/compare/index.ts";
import { writeImage } from "../../src/image/index.ts";
import { parseLosses } from "../../src/losses/index.ts";
import { Tensor } from "../../src/tensor.ts";
import { temporaryFolder } from "../folder.ts";

function outcome(name: string, values: Record<string, number>): Outcome {
  return {
    result: { name, output: `o/${name}`, target: `t/${name}`, width: 4, height: 3, values },
    failures: [],
    notes: [],
    maps: {},
  };
}

describe("summarise", () => {
  it("averages over the pairs that have a loss", () => {
    const outcomes = [outcome("a", { l1: 1, tv: 4 }), outcome("b", { l1: 2 }), outcome("c", { l1: 6, tv: 6 })];
    expect(summarise(parseLosses("l1, tv"), outcomes).mean).toEqual({ l1: 3, tv: 5 });
  });

  it("has no mean where nothing was computed, and infinity where a value is infinite", () => {
    expect(summarise(parseLosses("l1"), []).mean).toEqual({});
    const outcomes = [outcome("a", { psnr: Number.POSITIVE_INFINITY }), outcome("b", { psnr: 20 })];
    expect(summarise(parseLosses("psnr"), outcomes).mean).toEqual({ psnr: Number.POSITIVE_INFINITY });
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
    expect(Object.keys(object)).toEqual(["losses", "pairs", "mean", "failed"]);
    expect(Object.keys(object.losses.psnr)).toEqual(["options", "better"]);
    expect(object.losses.psnr.better).toBe("higher");
    expect(object.losses.psnr.options).toMatchObject({ channels: "rgb", crop: 0, identical: "Infinity" });
    const words = { psnr: "Infinity", l1: "NaN", tv: "-Infinity" };
    expect(object.pairs).toEqual([{ output: "o/a.png", target: "t/a.png", width: 4, height: 3, values: words }]);
    expect(object.mean).toEqual(words);
    expect(object.failed).toEqual([{ output: "o/b.png", target: "t/b.png", error: "damaged" }]);
  });
});

describe("toCsv", () => {
  it("quotes what needs quotes and lists failures", () => {
    const losses = parseLosses("psnr(channels=y-bt601,crop=4), l1");
    const partial = outcome('a,"b".png', { l1: 0.5 });
    partial.failures.push({ output: 'o/a,"b".png', target: 't/a,"b".png', loss: "psnr", error: "too small" });
    const failed = [{ output: null, target: "t/c.png", error: "no output\nof this name" }];
    expect(toCsv(summarise(losses, [partial], failed)).split("\r\n")).toEqual([
      'output,target,width,height,"psnr(channels=y-bt601,crop=4)",l1,error',
      '"o/a,""b"".png","t/a,""b"".png",4,3,,0.5,too small',
      ',t/c.png,,,,,"no output\nof this name"',
      "",
    ]);
  });
});

describe("conditions", () => {
  const losses = parseLosses("psnr, ssim(preset=skimage), psnr(channels=y-bt601,crop=4), l1 + 0.1*tv");

  it("reads losses as --metrics does", () => {
    expect(
      parseConditions("psnr<30, ssim(preset=skimage)<=.9,psnr(channels=y-bt601, crop=4)>=2e1, l1+0.1*tv > -1", losses),
    ).toEqual([
      { spec: "psnr", operator: "<", limit: 30 },
      { spec: "ssim(preset=skimage)", operator: "<=", limit: 0.9 },
      { spec: "psnr(channels=y-bt601,crop=4)", operator: ">=", limit: 20 },
      { spec: "l1 + 0.1*tv", operator: ">", limit: -1 },
    ]);
  });

  it.each(["", "psnr", "psnr<", "<30", "psnr=30", "psnr<thirty", "psnr<30,", "psnr<20<30", "psnr<<30"])(
    "refuses %j",
    (text) => {
      expect(() => parseConditions(text, losses)).toThrow(expect.objectContaining({ name: "ReconlossError" }));
    },
  );

  it("refuses a loss that is not computed", () => {
    expect(() => parseConditions("ssim<0.9", losses)).toThrow(
      "ssim is not among the metrics: psnr, ssim(preset=skimage)",
    );
  });

  it.each([
    ["psnr<30", 29.9, true],
    ["psnr<30", 30, false],
    ["psnr<=30", 30, true],
    ["psnr>30", 30, false],
    ["psnr>=30", 30, true],
    ["psnr<30", Number.POSITIVE_INFINITY, false],
    ["psnr<30", Number.NaN, true],
    ["psnr>30", Number.NaN, true],
    ["psnr<30", undefined, true],
  ])("%s of %s holds: %s", (text, mean, holds) => {
    const means = mean === undefined ? {} : { psnr: mean };
    expect(holding(parseConditions(text, losses), means as Record<string, number>).length === 1).toBe(holds);
  });
});
