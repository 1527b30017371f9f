import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseLosses } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { modelOptionsUnder } from "../../packages/reconloss/src/compare/apply-protocol.ts";
import {
  applyProtocol,
  checkConditions,
  comparePairs,
  findProtocol,
  type Outcome,
  openModelMetric,
  parseConditions,
  protocols,
  summarise,
} from "../../packages/reconloss/src/compare/index.ts";
import { pairPaths, readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { mergeShards, planComparison, runShard } from "../../packages/reconloss/src/shards/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { writeModel } from "../onnx/models.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
const model = join(folder, "mean.onnx");

beforeAll(async () => {
  for (let i = 0; i < 2; i++) {
    const target = randomTensor([1, 3, 24, 28], i);
    const noise = randomTensor([1, 3, 24, 28], 10 + i);
    await writeImage(join(targets, `${i}.png`), target);
    const noisy = Tensor.from(
      target.data.map((x, k) => 0.8 * x + 0.2 * noise.data[k]),
      target.shape,
    );
    await writeImage(join(outputs, `${i}.png`), noisy);
  }
  const mean = (scale: number) =>
    writeModel(
      [{ name: "image", type: "float", dims: ["n", 3, "h", "w"] }],
      [
        {
          ...{ name: "value", type: "float" as const, dims: [] },
          from: (writer) =>
            writer.node("Mul", [
              writer.node("ReduceMean", ["image"], { keepdims: 0 }),
              writer.constant("float", [], [scale]),
            ]),
        },
      ],
    );
  await writeFile(model, mean(1));
  await writeFile(join(folder, "hundred.onnx"), mean(100));
});

describe("the table of protocols", () => {
  test("lists existing metrics, a summary and the origin for each protocol", () => {
    expect(new Set(protocols.map(({ name }) => name)).size).toBe(protocols.length);
    for (const { metrics, title, summary, source, models, total, pixels } of protocols) {
      const names = parseLosses(metrics).map(({ name }) => name);
      for (const text of [title, summary, source]) expect(text.length).toBeGreaterThan(8);
      const known = [...names, ...models.map(({ name }) => name)];
      for (const need of total?.needs ?? []) expect(known).toContain(need);
      expect(pixels).toEqual({ decode: "stored", alpha: "reject" });
    }
  });

  test("docs/protocols.md has a row for each, with its metrics, and no other", () => {
    const text = readFileSync(new URL("../../docs/protocols.md", import.meta.url), "utf8");
    const rows = text.split("\n").filter((line) => /^\| `/.test(line));
    const recorded = rows.map((row) =>
      row
        .split("|")
        .slice(1, 3)
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
    expect(recorded).toEqual(protocols.map(({ name, metrics }) => [name, metrics]));
    expect(text).toContain(findProtocol("ntire2026").total?.formula);
  });

  test("is the source of the listing and the help", async () => {
    const { stdout } = await run(["protocols", "--json"]);
    expect(JSON.parse(stdout).map(({ name }: { name: string }) => name)).toEqual(protocols.map(({ name }) => name));
    const [listing, help, planned] = await Promise.all(
      [["protocols"], ["compare", "--help"], ["shards", "plan", "compare", "--help"]].map((args) => run(args)),
    );
    for (const { name, title } of protocols) {
      expect(listing.stdout).toContain(`${name}  ${title}`);
      expect(help.stdout).toMatch(new RegExp(`${name}\\s+${title.replaceAll(/[()]/g, ".")}`));
      expect(planned.stdout).toContain(name);
    }
  });

  test("names match as leniently as other names, and a typo gets a suggestion", () => {
    expect(findProtocol("SR_X3").name).toBe("sr-x3");
    expect(() => findProtocol("sr-x5")).toThrow(
      /there is no protocol "sr-x5"; did you mean "sr-x\d"\?; there are: sr-x2/,
    );
  });
});

/** PSNR of the luma as BasicSR's to_y_channel has it, by its formula, without a border. */
async function lumaPsnr(name: string, crop: number): Promise<number> {
  const [a, b] = await Promise.all([outputs, targets].map((side) => readImage(join(side, name))));
  const [, , h, w] = a.shape;
  const luma = ({ data }: Tensor, i: number) =>
    (65.481 * data[i] + 128.553 * data[h * w + i] + 24.966 * data[2 * h * w + i] + 16) / 255;
  let [sum, count] = [0, 0];
  for (let y = crop; y < h - crop; y++) {
    for (let x = crop; x < w - crop; x++, count++) sum += (luma(a, y * w + x) - luma(b, y * w + x)) ** 2;
  }
  return -10 * Math.log10(sum / count);
}

test.each([2, 3, 4])("sr-x%d is the PSNR of BasicSR's luma without a border of the scale", async (scale) => {
  const { stdout, code } = await run(["compare", outputs, targets, "--protocol", `sr-x${scale}`, "--json"]);
  const { mean, protocol, losses } = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(Object.keys(losses)).toEqual(["psnr", "ssim"].map((name) => `${name}(channels=y-bt601,crop=${scale})`));
  const expected = ((await lumaPsnr("0.png", scale)) + (await lumaPsnr("1.png", scale))) / 2;
  expect(mean[`psnr(channels=y-bt601,crop=${scale})`]).toBeCloseTo(expected, 4);
  expect(protocol).toMatchObject({ name: `sr-x${scale}`, changed: [], beside: [] });
  expect(protocol.source).toContain("BasicSR");
});

describe("metrics beside a protocol", () => {
  test("replace a metric of the same name, reported as a change, or are added to the others", () => {
    const { losses, changed, beside } = applyProtocol("sr-x4", { metrics: "l1, psnr(crop=2), deltaE" });
    expect(losses.map(({ label }) => label)).toEqual(["psnr(crop=2)", "ssim(channels=y-bt601,crop=4)", "l1", "deltaE"]);
    expect(changed).toEqual(["psnr(crop=2) in place of psnr(channels=y-bt601,crop=4)"]);
    expect(beside).toEqual(["l1", "deltaE"]);
  });

  test("change nothing where they equal the protocol's own metric", () => {
    const { losses, changed, beside } = applyProtocol("sr-x4", { metrics: "SSIM(crop=4,channels=y-bt601), psnr" });
    expect(losses.map(({ label }) => label)).toEqual(["psnr", "ssim(channels=y-bt601,crop=4)"]);
    expect(changed).toEqual(["psnr in place of psnr(channels=y-bt601,crop=4)"]);
    expect(beside).toEqual([]);
  });

  test.each([
    [{ alpha: "composite" }, { decode: "stored", alpha: "composite" }, ["alpha=composite in place of reject"]],
    [
      { background: "black" },
      { decode: "stored", alpha: "composite", background: "black" },
      ["alpha=composite in place of reject", "background=black"],
    ],
    [{ decode: "pillow" }, { decode: "pillow", alpha: "reject" }, ["decode=pillow in place of stored"]],
    [{ decode: "stored", alpha: "reject" }, { decode: "stored", alpha: "reject" }, []],
  ] as const)("reports changed pixel options %j", (recorded, pixels, changed) => {
    const applied = applyProtocol("deblur", recorded);
    expect(applied.pixels).toEqual(pixels);
    expect(applied.changed).toEqual(changed);
    expect(applied.otherPixels).toBe(changed.length > 0);
  });

  test("every output states the changes: table, JSON, CSV, lines of JSON, report", async () => {
    const [csv, lines, report] = ["out.csv", "out.jsonl", "out.html"].map((name) => join(folder, name));
    const args = ["compare", outputs, targets, "--protocol", "sr-x4", "-m", "psnr(crop=2),l1", "--csv", csv];
    const { stdout } = await run([...args, "--jsonl", lines, "--report", report]);
    const change = "psnr(crop=2) in place of psnr(channels=y-bt601,crop=4)";
    expect(stdout).toContain(`protocol: sr-x4: ${findProtocol("sr-x4").summary}`);
    expect(stdout).toContain(`source: ${findProtocol("sr-x4").source}`);
    expect(stdout).toContain(`changed: ${change}`);
    expect(stdout).toContain("beside it: l1");
    const rows = (await readFile(csv, "utf8")).trim().split("\r\n");
    expect(rows[0]).toMatch(/,error,protocol$/);
    for (const row of rows.slice(1))
      expect(row).toMatch(new RegExp(`,"sr-x4, changed: ${change.replaceAll(/[()]/g, ".")}"$`));
    for (const line of (await readFile(lines, "utf8")).trim().split("\n")) {
      expect(JSON.parse(line).protocol).toBe(`sr-x4, changed: ${change}`);
    }
    const page = await readFile(report, "utf8");
    for (const text of ["Protocol: super-resolution x4", `sr-x4, changed: ${change}`, "BasicSR"])
      expect(page).toContain(text);
    const plain = await run(["compare", outputs, targets, "-m", "psnr", "--json"]);
    expect(JSON.parse(plain.stdout).protocol).toBeUndefined();
  });
});

describe("the score of ntire2026", () => {
  const labels = ["psnr(channels=y-bt601,crop=4)", "ssim(channels=y-bt601,crop=4)", "lpips(net=alex)", "dists"];
  const own = (name: string, better: "higher" | "lower" = "higher") =>
    ({ ...parseLosses("l1")[0], name, label: name, better, definition: undefined }) as never;
  const outcome = (values: Record<string, number>): Outcome => ({
    result: { name: "a", output: "o/a", target: "t/a", width: 4, height: 3, values },
    ...{ failures: [], notes: [], maps: {} },
  });
  const measured = (lpips: number, niqe: number) => ({
    ...{ [labels[0]]: 28, [labels[1]]: 0.8, [labels[2]]: lpips, dists: 0.1, "niqe(preset=pyiqa)": niqe },
    ...{ "clip-iqa": 0.7, MANIQA: 0.5, musiq: 64 },
  });
  const models = [own("clip-iqa"), own("MANIQA"), own("musiq")];

  test("equals the formula in the challenge's README, applied to the means", () => {
    const applied = applyProtocol("ntire2026", { models });
    // Of the means: the mean NIQE, 11, is beyond 10 and counts as 0; of the images, (10 - 6) / 10 of one of them would count.
    const outcomes = [measured(0.1, 6), measured(0.3, 16)].map(outcome);
    const { protocol } = summarise(applied.losses, outcomes, [], undefined, applied);
    expect(protocol?.total).toMatchObject({ name: "perceptual score", missing: [] });
    expect(protocol?.total?.value).toBeCloseTo(1 - 0.2 + (1 - 0.1) + 0.7 + 0.5 + 0.64 + 0, 12);
    const better = summarise(applied.losses, [outcome(measured(0.1, 4))], [], undefined, applied).protocol;
    expect(better?.total?.value).toBeCloseTo(0.9 + 0.9 + 0.7 + 0.5 + 0.64 + 0.6, 12);
    expect(protocol?.beside).toEqual([]);
  });

  test.each([
    ["without models", {}, [measured(0.1, 6)], ["clip-iqa", "maniqa", "musiq"]],
    ["with one of them", { models: [own("clip_iqa")] }, [{ ...measured(0.1, 6), clip_iqa: 0.7 }], ["maniqa", "musiq"]],
    [
      "with another lpips",
      { models, metrics: "lpips(net=vgg)" },
      [{ ...measured(0.1, 6), "lpips(net=vgg)": 0.2 }],
      ["lpips as in the protocol"],
    ],
    ["of other pixels", { models, decode: "pillow" }, [measured(0.1, 6)], ["pixels as in the protocol"]],
    [
      "where a number is not finite",
      { models },
      [measured(0.1, 6), measured(0.1, Number.NaN)],
      ["niqe of 1 of 2 pairs"],
    ],
  ] as const)("is not given %s, and reports what it lacks", (_, recorded, values, missing) => {
    const applied = applyProtocol("ntire2026", recorded);
    const { protocol } = summarise(applied.losses, values.map(outcome), [], undefined, applied);
    expect(protocol?.total?.value).toBeUndefined();
    expect(protocol?.total?.missing).toEqual(missing);
  });

  test("is omitted where a pair could not be compared", () => {
    const applied = applyProtocol("ntire2026", { models });
    const failed = [{ output: "o/b", target: null, error: "it has no partner" }];
    const { protocol } = summarise(applied.losses, [outcome(measured(0.1, 6))], failed, undefined, applied);
    expect(protocol?.total?.missing).toEqual(applied.protocol.total?.needs.map((need) => `${need} of 1 of 2 pairs`));
  });

  // Of the one pair the score is 0.9 + 0.9 + 0.7 + 0.5 + 0.64 + 0.6 = 4.24 by the README's formula.
  test.each([
    ["total<4", false],
    ["total < 4.3", true],
    ["TOTAL>=4.2", true],
    ["any(psnr<20), total<4", false],
  ])("is available in conditions as total: %s", (text, holds) => {
    const applied = applyProtocol("ntire2026", { models });
    const comparison = summarise(applied.losses, [outcome(measured(0.1, 4))], [], undefined, applied);
    const verdict = checkConditions(parseConditions(text, applied.losses, [], applied), comparison).at(-1);
    expect(verdict).toMatchObject({ holds, of: 1, measured: 1, missing: 0 });
    expect(verdict?.value).toBeCloseTo(4.24, 12);
  });

  test("a condition on an omitted score holds, and so fails the run", () => {
    const applied = applyProtocol("ntire2026");
    const comparison = summarise(applied.losses, [outcome(measured(0.1, 4))], [], undefined, applied);
    const [verdict] = checkConditions(parseConditions("total<1", applied.losses, [], applied), comparison);
    expect(verdict).toMatchObject({ holds: true, of: 0, measured: 0, missing: 1 });
  });

  test.each([
    ["total<3", "sr-x4", 'fail: in "total<3", protocol sr-x4 has no total; these have one: ntire2026'],
    ["total<3", undefined, 'fail: in "total<3", only a protocol has a total; these have one: ntire2026'],
    ["min(total)<3", "ntire2026", 'fail: in "min(total)<3", total is one value for all pairs; write total<3'],
    ["any(total<3)", "ntire2026", 'fail: in "any(total<3)", total is one value for all pairs; write total<3'],
    ["total.max<3", "ntire2026", 'fail: in "total.max<3", total is one value for all pairs; write total<3'],
  ])("refuses %s under %s", (text, name, message) => {
    const applied = name === undefined ? undefined : applyProtocol(name);
    expect(() => parseConditions(text, applied?.losses ?? parseLosses("psnr"), [], applied)).toThrow(message);
  });

  test("the command line refuses a total that the protocol does not have", async () => {
    const args = ["compare", outputs, targets, "--no-progress", "--protocol"];
    const refused = await run([...args, "sr-x4", "--fail", "total<3"]);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("protocol sr-x4 has no total") });
  });

  test("a model with the opposite direction is reported as a change", () => {
    const { changed } = applyProtocol("ntire2026", { models: [own("musiq", "lower")] });
    expect(changed).toEqual(["musiq with better=lower in place of better=higher"]);
  });
});

test("models take the columns that the protocol names, and their direction from it", async () => {
  const open = (name: string, path = model) =>
    openModelMetric(name, path, modelOptionsUnder("ntire2026", name, {}) as { better: "higher" });
  await expect(open("mine")).rejects.toThrow("mine: state which values are better");
  const models = [await open("CLIPIQA"), await open("musiq", join(folder, "hundred.onnx"))];
  expect(models.map(({ better }) => better)).toEqual(["higher", "higher"]);
  const applied = applyProtocol("ntire2026", { models });
  const { pairs } = await pairPaths(outputs, targets);
  const outcomes: Outcome[] = [];
  for await (const outcome of comparePairs(pairs, models, applied.pixels)) outcomes.push(outcome);
  const { mean, protocol } = summarise(applied.losses, outcomes, [], undefined, applied);
  expect(mean.musiq).toBeCloseTo(100 * mean.CLIPIQA, 4);
  expect(protocol?.beside).toEqual([]);
  // Of these two nothing is missing.
  const missing = ["lpips of 2 of 2 pairs", "dists of 2 of 2 pairs", "maniqa", "niqe of 2 of 2 pairs"];
  expect(protocol?.total?.missing).toEqual(missing);
});

test("a plan of shards keeps the protocol, and gives the same bits", async () => {
  const work = join(folder, "work");
  const args = ["--protocol", "SR-X4", "-m", "psnr(crop=2)", "--alpha", "composite"];
  const whole = await run(["compare", outputs, targets, ...args, "--json"]);
  const planned = await run(["shards", "plan", "compare", outputs, targets, ...args, "--shards", "2", "-o", work]);
  expect(planned).toMatchObject({ code: 0 });
  for (const shard of [0, 1]) await runShard(work, shard);
  const merged = await run(["shards", "merge", work, "--json"]);
  const absolute = (text: string) =>
    JSON.parse(text, (key, value) => (key === "output" || key === "target" ? 0 : value));
  expect(absolute(merged.stdout)).toEqual(absolute(whole.stdout));
  const again = await mergeShards(work);
  if (again.kind !== "compare") throw new Error(again.kind);
  expect(again.comparison.protocol).toMatchObject({ name: "sr-x4" });
  expect(again.comparison.protocol?.changed).toHaveLength(2);
});

test("a plan requires metrics or a protocol", async () => {
  await expect(planComparison(join(folder, "none"), outputs, targets, { shards: 1 })).rejects.toThrow(
    "options.metrics is needed, or options.protocol",
  );
});
