import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { parseLosses, Tensor } from "../../packages/core/src/index.ts";
import {
  type CompareOptions,
  comparePairs,
  FinishedPairs,
  type Outcome,
} from "../../packages/reconloss/src/compare/index.ts";
import { type ImagePair, pairFolders, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { signalAt, start } from "../program.ts";

const folder = await temporaryFolder();
const path = (...parts: string[]) => join(folder, ...parts);
const count = 12;

const picture = (seed: number, channels = 3) =>
  new Tensor(
    Float32Array.from({ length: channels * 24 * 24 }, (_, i) => ((i * (37 + seed)) % 251) / 255),
    [1, channels, 24, 24],
  );

beforeAll(async () => {
  for (let i = 0; i < count; i++) {
    await writeImage(path("outputs", `${i}.png`), picture(i));
    await writeImage(path("targets", `${i}.png`), picture(i === 3 ? 3 : i + 1, i === 5 ? 1 : 3));
  }
});

/** The lines of all stores of a folder whose checksum is right. */
async function storedLines(cache: string): Promise<string[]> {
  const entries = await readdir(cache, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const lines = texts.flatMap((text) => text.split("\n"));
  return lines.filter((line) => {
    const [checksum] = line.split(" ", 1);
    return line !== "" && crc32(line.slice(checksum.length + 1)).toString(16) === checksum;
  });
}

test("a killed comparison resumes, computes only what is missing, and gives the same bits", async () => {
  const args = ["compare", path("outputs"), path("targets"), "-m", "l1, ssim", "--json", "--no-progress"];
  const undisturbed = await run([...args, "--no-cache"]);
  const cache = path("killed");
  // 12 pairs by 2 losses are 24 lines; the 15th is left unfinished.
  const { ended } = start([...args, "--cache", cache, "--jobs", "1"], signalAt(".pairs", 15));
  expect(await ended).toBe("SIGKILL");
  const left = await storedLines(cache);
  expect(left).toHaveLength(14);
  expect(await run([...args, "--cache", cache])).toEqual(undisturbed);
  const all = await storedLines(cache);
  // What was there is not computed again: each line is there once.
  expect(all).toHaveLength(24);
  expect(all).toEqual(expect.arrayContaining(left));
  expect(await run([...args, "--cache", cache])).toEqual(undisturbed);
  expect(await storedLines(cache)).toEqual(all);
});

const metrics = "psnr, ms-ssim, tv, l1, ssim";

/** All outcomes; with maps left out. */
async function outcomesOf(pairs: readonly ImagePair[], options: CompareOptions, list = metrics): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of comparePairs(pairs, parseLosses(list), options)) outcomes.push({ ...outcome, maps: {} });
  return outcomes;
}

test("an outcome assembled from stored values equals a computed one, with notes in order", async () => {
  const { pairs } = await pairFolders(path("outputs"), path("targets"));
  const options = { optional: new Set(["ms-ssim"]), mapStatistics: [{ label: "l1", statistic: "p99" as const }] };
  const computed = await outcomesOf(pairs, options);
  // One is identical, one grey, and all too small for ms-ssim.
  expect(new Set(computed.flatMap(({ notes }) => notes.map(({ kind }) => kind)))).toEqual(
    new Set(["identical", "grey-as-colour", "left-out"]),
  );
  const inParts = async (list: string) => {
    const finished = new FinishedPairs(path("parts"));
    const outcomes = await outcomesOf(pairs, { ...options, finished }, list);
    await finished.close();
    return { outcomes, found: finished.found };
  };
  await inParts("tv, l1");
  const lines = await storedLines(path("parts"));
  expect(lines).toHaveLength(2 * count);
  expect((await inParts(metrics)).outcomes).toEqual(computed);
  // psnr and ssim are new; ms-ssim is of no pair.
  expect(await storedLines(path("parts"))).toHaveLength(4 * count);
  expect((await inParts(metrics)).outcomes).toEqual(computed);
  expect((await inParts("psnr, tv, l1, ssim")).found).toBe(count);
});

test("notes on a whole pair keep their order, whichever of its losses was stored first", async () => {
  const smooth = (channels: number, gain: number) =>
    new Tensor(
      Float32Array.from({ length: channels * 96 * 96 }, (_, i) => {
        const [x, y] = [i % 96, Math.floor(i / 96) % 96];
        return gain * (0.5 + 0.3 * Math.sin(x / 5) * Math.cos(y / 7) + 0.1 * Math.sin((x * y) / 90));
      }),
      [1, channels, 96, 96],
    );
  const [output, target] = [path("dark", "o.png"), path("dark", "t.png")];
  await writeImage(output, smooth(3, 0.8));
  await writeImage(target, smooth(1, 1));
  const pairs = [{ name: "o.png", output, target }];
  const computed = await outcomesOf(pairs, {}, "tv, l1");
  expect(computed[0].notes.map(({ kind }) => kind)).toEqual(["grey-as-colour", "other-tone"]);
  for (const list of ["tv", "tv, l1", "tv, l1"]) {
    const finished = new FinishedPairs(path("dark", "cache"));
    const outcomes = await outcomesOf(pairs, { finished }, list);
    await finished.close();
    if (list !== "tv") expect(outcomes).toEqual(computed);
  }
});

test("pairs are identified by file content and options, not by name", async () => {
  await mkdir(path("other"), { recursive: true });
  const [output, target] = [path("other", "renamed.png"), path("targets", "0.png")];
  await copyFile(path("outputs", "0.png"), output);
  const pair = { name: "renamed.png", output, target };
  const cache = path("content");
  const keep = async (pairs: readonly ImagePair[], options: CompareOptions = {}, list = "l1") => {
    const finished = new FinishedPairs(cache);
    const outcomes = await outcomesOf(pairs, { ...options, finished }, list);
    await finished.close();
    return { outcomes, found: finished.found };
  };
  const first = { name: "0.png", output: path("outputs", "0.png"), target };
  const [before] = (await keep([first])).outcomes;
  const again = await keep([pair]);
  expect(again.found).toBe(1);
  expect(again.outcomes[0].result).toEqual({ ...before.result, ...pair });
  await copyFile(path("outputs", "1.png"), output);
  expect((await keep([pair])).found).toBe(0);
  expect((await keep([first], { decode: "pillow" })).found).toBe(0);
  expect((await keep([first], {}, "l1(crop=1)")).found).toBe(0);
  expect((await keep([first], { maps: true })).found).toBe(0);
  expect((await keep([first])).found).toBe(1);
});

test("a line with a wrong checksum is computed again", async () => {
  const { pairs } = await pairFolders(path("outputs"), path("targets"));
  const cache = path("damaged");
  const args = ["compare", path("outputs"), path("targets"), "-m", "l1", "--json", "--cache", cache];
  const before = await run(args);
  const [store] = await readdir(cache);
  const [file] = await readdir(join(cache, store));
  const text = await readFile(join(cache, store, file), "utf8");
  await writeFile(
    join(cache, store, file),
    text.replace(/"l1":0\.(\d)/, (_, digit) => `"l1":0.${(Number(digit) + 1) % 10}`),
  );
  expect(await run(args)).toEqual(before);
  // The damaged line does not count; it is there anew.
  expect(await storedLines(cache)).toHaveLength(pairs.length);
});

test("user-defined losses are computed each time", async () => {
  const plugin = path("mine.mjs");
  const source = new URL("../../packages/core/src/index.ts", import.meta.url).href;
  await writeFile(
    plugin,
    `import { defineLoss } from ${JSON.stringify(source)};
export const mine = defineLoss({ name: "mine", summary: "mean", better: "lower", source: "a test", needsTarget: false, options: {}, define: () => ({ score: (o, { output }) => o.mean(output, "chw") }) });\n`,
  );
  const args = ["compare", path("outputs"), path("targets"), "--plugin", plugin, "--cache", path("plugins")];
  const { code } = await run([...args, "-m", "mine, l1"]);
  expect(code).toBe(0);
  expect(await storedLines(path("plugins"))).toHaveLength(count);
});

test("a cache folder that cannot be written is ignored, unless it was given explicitly", async () => {
  const home = path("home");
  await writeFile(home, "no folder");
  const before = process.env.RECONLOSS_HOME;
  process.env.RECONLOSS_HOME = home;
  try {
    const args = ["compare", path("outputs", "0.png"), path("targets", "0.png"), "-m", "l1"];
    const { code, stdout, stderr } = await run(args);
    expect(code).toBe(0);
    expect(stdout).toContain("0.png");
    expect(stderr).toMatch(/^note: cannot (read|write) finished pairs in .*; results are not cached$/m);
    const named = await run([...args, "--cache", join(home, "pairs")]);
    expect(named.stderr).toMatch(/^error: cannot (read|write) finished pairs/m);
    expect(named.code).not.toBe(0);
  } finally {
    process.env.RECONLOSS_HOME = before;
  }
});

test("progress is printed in lines off a terminal, with the count of stored pairs", async () => {
  const cache = path("lines");
  const args = ["compare", path("outputs"), path("targets"), "-m", "l1", "--cache", cache];
  const first = await run(args, { summaryEvery: 0 });
  const lines = first.stderr
    .trim()
    .split("\n")
    .filter((line) => line.startsWith("comparing"));
  expect(lines).toHaveLength(count);
  expect(lines[5]).toMatch(/^comparing: 6 of 12 pairs, [\d.e+]+ a second, \d+ s left$/);
  const again = await run(args, { summaryEvery: 0 });
  expect(again.stderr).toContain("12 of 12 pairs");
  expect(again.stderr).toMatch(/, 12 computed before$/m);
  expect((await run([...args, "--no-progress"], { summaryEvery: 0 })).stderr).not.toContain("comparing");
  expect((await run(args)).stderr).not.toContain("comparing");
});

test("the numbers do not depend on how many pairs are computed at once", async () => {
  const args = ["compare", path("outputs"), path("targets"), "-m", metrics, "--json", "--no-cache"];
  const [one, many] = [await run([...args, "--jobs", "1"]), await run([...args, "--jobs", "40"])];
  expect(many).toEqual(one);
  expect((await run([...args, "--jobs", "0"])).code).toBe(2);
});
