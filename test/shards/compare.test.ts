import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { OnnxModelWriter } from "../../packages/core/src/graph/onnx-model.ts";
import { parseLosses } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  type Comparison,
  comparePairs,
  mapStatisticsOf,
  type Outcome,
  parseConditions,
  summarise,
  toCsv,
  toJson,
  unpairedFailures,
} from "../../packages/reconloss/src/compare/index.ts";
import { csvPieces, jsonPieces } from "../../packages/reconloss/src/compare/serialise.ts";
import { pairPaths, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { mergeShards, planComparison, runShard, shardStatus } from "../../packages/reconloss/src/shards/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { writeModel } from "../onnx/models.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
const [outputs, targets] = [join(folder, "outputs"), join(folder, "targets")];
// With a prior, scores that are pooled, and one that small images go without.
const metrics = "psnr, psnr(pooling=dataset), ssim, ms-ssim, deltaE, tv, l1";
const fail = "psnr<10, any(deltaE.max>99)";
const optional = ["ms-ssim"];
const losses = parseLosses(metrics);
const conditions = parseConditions(fail, losses);
let whole: Comparison;

beforeAll(async () => {
  for (let i = 0; i < 25; i++) {
    const channels = i % 5 === 2 ? 1 : 3;
    const side = i === 3 ? 200 : 24;
    const target = randomTensor([1, channels, side, side], i);
    await writeImage(join(targets, `${i}.png`), target);
    // An identical pair, whose psnr is infinite; a grey one against colour; other sizes; no image; and images alone.
    if (i === 7) await copyFile(join(targets, "7.png"), join(outputs, "7.png"));
    else if (i === 9) await writeFile(join(outputs, "9.png"), "no image");
    else if (i === 11) await writeImage(join(outputs, "11.png"), Tensor.full([1, 3, 8, 8], 0.5));
    else if (i !== 13) await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, side, side], 100 + i));
  }
  await writeImage(join(outputs, "alone.png"), Tensor.full([1, 3, 8, 8], 0.5));
  await writeFile(join(targets, "notes.txt"), "Nothing to see.");

  const { pairs, unpaired, ignoredFiles } = await pairPaths(outputs, targets);
  const outcomes: Outcome[] = [];
  const options = { optional: new Set(optional), mapStatistics: mapStatisticsOf(conditions) };
  for await (const outcome of comparePairs(pairs, losses, options)) outcomes.push({ ...outcome, maps: {} });
  whole = { ...summarise(losses, outcomes, unpairedFailures(unpaired), new Set(optional)), ignoredFiles };
});

async function plan(name: string, shards: number): Promise<string> {
  const work = join(folder, name);
  await planComparison(work, outputs, targets, { metrics, optional, fail, shards });
  return work;
}

describe("merged pairs equal those of one process, bit for bit", () => {
  test.each([1, 3, 40])("%i shards, computed in another order", async (count) => {
    const work = await plan(`work-${count}`, count);
    for (let shard = count - 1; shard >= 0; shard--) await runShard(work, shard);
    expect(await shardStatus(work)).toMatchObject({ kind: "compare", items: 24, itemsDone: 24, missing: [] });
    const merged = await mergeShards(work);
    if (merged.kind !== "compare") throw new Error(merged.kind);
    // The plain command is the definition of what a merge must be; as bits, so that -0 and 0 differ.
    const { losses: _, ...rest } = merged.comparison;
    const { losses: __, ...expected } = whole;
    expect(rest).toStrictEqual(expected);
    expect([toJson(merged.comparison), toCsv(merged.comparison)]).toEqual([toJson(whole), toCsv(whole)]);
    expect(merged.verdicts?.map(({ holds, missing }) => [holds, missing])).toEqual([
      [true, 4],
      [true, 4],
    ]);
  });
});

test("streams pairs beyond those kept in memory, and writes the same numbers, verdicts and bytes", async () => {
  const work = await plan("streamed", 3);
  for (const shard of [0, 1, 2]) await runShard(work, shard);
  const [held, streamed] = [await mergeShards(work), await mergeShards(work, { mostHeld: 20 })];
  if (held.kind !== "compare" || streamed.kind !== "compare") throw new Error("no comparison");
  const { pairs, notes, ...numbers } = held.comparison;
  expect(pairs).toHaveLength(22);
  const { losses } = streamed.comparison;
  expect(streamed.comparison).toStrictEqual({ ...numbers, losses, pairs: [], notes: [], pairsNotHeld: 22 });
  expect(streamed.verdicts).toEqual(held.verdicts);
  expect(streamed.noteGroups).toEqual(held.noteGroups);
  expect(streamed.noteGroups.reduce((sum, { count }) => sum + count, 0)).toBe(notes.length);
  const text = async (pieces: AsyncIterable<string>) => {
    let all = "";
    for await (const piece of pieces) all += piece;
    return all;
  };
  const { comparison, verdicts, outcomes } = streamed;
  expect(await text(jsonPieces(comparison, verdicts, outcomes))).toBe(toJson(held.comparison, held.verdicts));
  expect(await text(csvPieces(comparison, outcomes()))).toBe(toCsv(held.comparison));
  // None, which JSON writes on one line.
  const none = { ...comparison, pairs: [] };
  const nothing = async function* () {};
  expect(await text(jsonPieces(none, verdicts, nothing))).toBe(toJson(none, verdicts));
});

test("JSON Lines output has the pairs of --json, then the pairs that could not be compared", async () => {
  const [plain, lines, merged, csv] = ["plain.jsonl", "merged.jsonl", "work-lines", "plain.csv"].map((name) =>
    join(folder, name),
  );
  const args = [outputs, targets, "-m", metrics, "--fail", fail];
  const shown = await run(["compare", ...args, "--json", "--jsonl", plain, "--csv", csv]);
  expect((await run(["shards", "plan", "compare", ...args, "--shards", "2", "-o", merged])).code).toBe(0);
  for (const shard of ["0", "1"]) await run(["shards", "work", merged, "--shard", shard]);
  const again = await run(["shards", "merge", merged, "--json", "--jsonl", lines]);
  expect(again).toEqual(shown);
  expect(await readFile(lines, "utf8")).toBe(await readFile(plain, "utf8"));
  const rows = (await readFile(lines, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { pairs, failed } = JSON.parse(shown.stdout);
  expect(rows.slice(0, pairs.length).map(({ errors: _, ...pair }) => pair)).toEqual(pairs);
  expect(rows.slice(pairs.length)).toEqual(failed.filter(({ loss }: { loss?: string }) => loss === undefined));
  // Those of which a loss failed say so.
  const errors = rows.flatMap((row) => row.errors ?? []).length;
  expect(errors).toBe(failed.filter(({ loss }: { loss?: string }) => loss !== undefined).length);
});

test("plans with the user's own metric models, and refuses a merge when a model has changed", async () => {
  const work = join(folder, "models");
  const model = join(folder, "distance.onnx");
  // mean |a - b|
  const inputs = ["a", "b"].map((name) => ({ name, type: "float", dims: ["n", 3, "h", "w"] }) as const);
  const from = (writer: OnnxModelWriter) =>
    writer.node("ReduceMean", [writer.node("Abs", [writer.node("Sub", ["a", "b"])])], { keepdims: 0 });
  await writeFile(model, writeModel(inputs, [{ name: "value", type: "float", dims: [], from }]));
  const args = [outputs, targets, "-m", "l1", "--metric-model", `mine=${model},better=lower`];
  expect((await run(["shards", "plan", "compare", ...args, "--shards", "2", "-o", work])).code).toBe(0);
  for (const shard of ["0", "1"]) expect((await run(["shards", "work", work, "--shard", shard])).code).toBe(0);
  expect((await run(["shards", "merge", work, "--json"])).stdout).toBe(
    (await run(["compare", ...args, "--json"])).stdout,
  );
  await writeFile(model, "another model");
  await expect(mergeShards(work)).rejects.toThrow(/model .*distance\.onnx differs from the plan/);
});

test("a part is a JSON Lines file with the numbers of each pair", async () => {
  const work = await plan("lines", 2);
  await runShard(work, 0);
  const lines = (await readFile(join(work, "parts", "000000.jsonl"), "utf8")).trimEnd().split("\n");
  const rows = lines.map((line) => JSON.parse(line));
  expect(rows[0]).toMatchObject({ shard: 0, content: { pairs: 12 } });
  expect(rows).toHaveLength(14);
  expect(rows.find(({ result }) => result?.name === "7.png").result.values.psnr).toBe("Infinity");
  expect(rows.at(-1).sha256).toMatch(/^[0-9a-f]{64}$/);
});

test("refuses plugins and pairs that differ from the plan", async () => {
  const plugin = join(folder, "mine.mjs");
  const code = `import { defineLoss } from "reconloss";
    export const mine = defineLoss({ name: "mine", summary: "a loss", better: "lower", source: "a test", options: {},
      define: () => ({ score: (o, { output }) => o.mean(output, "chw") }) });`;
  await writeFile(plugin, code);
  const work = join(folder, "plugins");
  await planComparison(work, outputs, targets, { metrics: "mine", plugin: [plugin], shards: 2 }).catch((error) => {
    // The module resolves "reconloss" as the package that runs, which is not built here.
    expect(error.message).toMatch(/plugin .*mine\.mjs/);
  });
  const plain = await plan("pairs", 2);
  const moved = join(outputs, "20.png");
  await rm(moved);
  await expect(runShard(plain, 1)).rejects.toThrow(/have different names or sizes/);
  await writeImage(moved, randomTensor([1, 3, 24, 24], 120));
  await runShard(plain, 1);
});
