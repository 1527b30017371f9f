import { copyFile, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { type DistributionReport, evaluateDistribution } from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { mergeShards, planDistribution, runShard, shardStatus } from "../../packages/reconloss/src/shards/index.ts";
import { tarMember } from "../../scripts/tar.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { makeSets } from "./sets.ts";

const folder = await temporaryFolder();
let sets: Awaited<ReturnType<typeof makeSets>>;
let whole: DistributionReport;
const metrics = ["frechet", "is", "kid(subsets=5,subsetSize=40)", "pr", "prdc", "mmd", "vendi"];
const optionsOf = () => ({ network: sets.network, metrics });

beforeAll(async () => {
  sets = await makeSets(folder);
  whole = await evaluateDistribution(sets.outputs, sets.reals, { ...optionsOf(), details: true, cache: false });
});

async function plan(name: string, shards: number): Promise<string> {
  const work = join(folder, name);
  await planDistribution(work, sets.outputs, sets.reals, { ...optionsOf(), details: true, shards });
  return work;
}

const withoutComputed = ({ outputs, reals, ...rest }: DistributionReport) => ({
  ...rest,
  outputs: { ...outputs, computed: 0 },
  reals: { ...reals, computed: 0 },
});

describe("merged parts equal the whole, bit for bit", () => {
  test.each([1, 3, 40])("%i shards, computed in another order and with other batch sizes", async (count) => {
    const work = await plan(`work-${count}`, count);
    for (let shard = count - 1; shard >= 0; shard--) await runShard(work, shard, { batch: 1 + (shard % 5) });
    const merged = await mergeShards(work);
    // The plain command is the definition of what a merge must be.
    expect(merged).toEqual({ kind: "distribution", report: withoutComputed(whole), pixels: {} });
    expect(whole.outputs.unreadable).toHaveLength(3);
    expect(await readdir(work)).not.toContain("features/0");
  });
});

test("sets of several tar shards with their members' names, planned with relative paths", async () => {
  const pack = async (from: string, name: string) => {
    const files = (await readdir(from)).filter((file) => file.endsWith(".png")).sort();
    for (const shard of [0, 1, 2]) {
      const members = files
        .filter((_, i) => i % 3 === shard)
        .map(async (file) => tarMember(file, await readFile(join(from, file))));
      await writeFile(
        join(folder, `${name}-${shard}.tar`),
        Buffer.concat([
          ...(await Promise.all(members)),
          tarMember(`${shard}.txt`, Buffer.from("text")),
          Buffer.alloc(1024),
        ]),
      );
    }
    return join(folder, `${name}-{0..2}.tar`);
  };
  const [outputs, reals] = [await pack(sets.outputs, "outputs"), await pack(sets.reals, "reals")];
  const work = join(folder, "work-tar");
  // As it is typed on a command line.
  const typed = (path: string) => relative(process.cwd(), path);
  await planDistribution(work, typed(outputs), typed(reals), { ...optionsOf(), details: true, shards: 4 });
  for (const shard of [2, 0, 3, 1]) await runShard(work, shard);
  const plain = await evaluateDistribution(outputs, reals, { ...optionsOf(), details: true, cache: false });
  expect(await mergeShards(work)).toEqual({ kind: "distribution", report: withoutComputed(plain), pixels: {} });
  expect(plain.outputs.unreadable[0].name).toMatch(/^outputs-\d\.tar#\d+\.png$/);
  expect(plain.outputs.ignoredFiles).toEqual({ ".txt": 3 });
});

describe("a merge names and refuses", () => {
  let work: string;
  const part = (shard: number) => join(work, "parts", `00000${shard}.part`);
  const problem = () =>
    mergeShards(work).then(
      () => "none",
      ({ code, message }) => `${code}: ${message.replaceAll(`${work}/parts/`, "")}`,
    );

  beforeAll(async () => {
    work = await plan("refused", 3);
    for (const shard of [0, 1, 2]) await runShard(work, shard);
  });

  /** Changes a part, looks, and computes it again. */
  async function after(change: () => Promise<void>, shard: number): Promise<string> {
    await change();
    const found = await problem();
    expect((await runShard(work, shard)).computed).toBe(true);
    expect(await problem()).toBe("none");
    return found;
  }

  test("a missing part", async () => {
    expect(await after(() => rm(part(1)), 1)).toMatch(/^content: .*no part of shard 1$/);
  });

  test("a part that was truncated or is another file", async () => {
    expect(await after(() => truncate(part(1), 2000), 1)).toMatch(/000001\.part is damaged: it was truncated/);
    expect(await after(() => writeFile(part(2), ""), 2)).toMatch(/000002\.part is not a part of a plan/);
    expect(await after(() => writeFile(part(2), "{}\nnothing"), 2)).toMatch(/000002\.part is not a part of a plan/);
  });

  test("a part with one bit flipped", async () => {
    const flip = async () => {
      const bytes = await readFile(part(0));
      bytes[bytes.length - 500] ^= 1;
      await writeFile(part(0), bytes);
    };
    // Seen by a look at every byte; the quick look of a status sees the ends.
    expect(await after(flip, 0)).toMatch(/000000\.part is damaged: its content does not match its checksum/);
  });

  test("a part of another plan", async () => {
    const other = await plan("other", 4);
    await runShard(other, 1);
    const put = () => copyFile(join(other, "parts", "000001.part"), part(1));
    expect(await after(put, 1)).toMatch(/000001\.part is a part of another plan/);
  });

  test("a part under another's name, and a duplicate part", async () => {
    const wrong = /000002\.part is the part of shard 1, but has the name of shard 2/;
    expect(await after(() => copyFile(part(1), part(2)), 2)).toMatch(wrong);
    const twice = join(work, "parts", "copy of 1.part");
    await copyFile(part(1), twice);
    expect(await problem()).toMatch(/copy of 1\.part is a second part of shard 1$/);
    expect((await shardStatus(work)).problems).toHaveLength(1);
    await rm(twice);
  });

  test("an edited manifest, and another plan's manifest", async () => {
    const path = join(work, "manifest.json");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.replace('"shards"', '"shards" '));
    expect(await problem(), "layout is no content").toBe("none");
    await writeFile(path, text.replace("subsetSize=40", "subsetSize=41"));
    const edited = /manifest\.json was edited or damaged/;
    expect(await problem()).toMatch(edited);
    await expect(runShard(work, 0)).rejects.toThrow(edited);
    await expect(plan("refused", 3)).rejects.toThrow(edited);
    await copyFile(join(folder, "other", "manifest.json"), path);
    expect(await problem()).toMatch(/000000\.part is a part of another plan.*no part of shards 0, 1, 2, 3$/);
    await writeFile(path, text);
  });
});

describe("a shard", () => {
  test("is not recomputed once done, and its plan is not replaced", async () => {
    const work = await plan("again", 2);
    expect(await runShard(work, 0)).toMatchObject({ computed: true, total: 150 });
    expect(await runShard(work, 0)).toMatchObject({ computed: false, total: 150 });
    expect(await shardStatus(work)).toMatchObject({
      done: [0],
      missing: [1],
      items: 240,
      itemsDone: 150,
      problems: [],
    });
    await plan("again", 2);
    await expect(plan("again", 3)).rejects.toThrow(/again holds another plan/);
  });

  test("must exist, in a folder with a plan", async () => {
    const work = await plan("again", 2);
    await expect(runShard(work, 2)).rejects.toThrow(/has shards 0 to 1; there is no shard 2/);
    await expect(runShard(folder, 0)).rejects.toThrow(/is not a folder of a plan/);
  });

  test("keeps what it has computed when it is aborted", async () => {
    const work = await plan("aborted", 1);
    const stop = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ done }: { done: number }) => {
      seen.push(done);
      if (done === 100) stop.abort(new Error("enough"));
    };
    await expect(runShard(work, 0, { signal: stop.signal, onProgress })).rejects.toThrow("enough");
    expect(seen.length).toBeLessThan(130);
    expect(await readdir(join(work, "features", "0"))).toHaveLength(1);
    await runShard(work, 0);
    expect(await readdir(join(work, "features"))).toEqual([]);
  });

  test("is refused when its input has changed", async () => {
    const work = await plan("changed", 2);
    const path = join(sets.outputs, "30.png");
    const before = await readFile(path);
    await writeFile(path, "another image");
    await expect(runShard(work, 0)).rejects.toThrow(/outputs has changed since it was planned: items 0 to 149/);
    await runShard(work, 1);
    await writeFile(path, before);
    await runShard(work, 0);
  });
});

test("blocks without a readable image keep their place in the summation tree, so sums are the same", async () => {
  // The eighth block is empty: without a place in the tree, the seventh would be added after the sixth and not before.
  const [blank, reals] = [join(folder, "blank"), join(folder, "blank-reals")];
  await mkdir(blank, { recursive: true });
  await mkdir(reals, { recursive: true });
  for (let i = 0; i < 512; i++) {
    const name = `${i}.png`;
    if (i < 448) await copyFile(join(sets.reals, `${i % 90}.png`), join(blank, name));
    else await writeFile(join(blank, name), "no image");
    if (i < 70) await copyFile(join(sets.outputs, `${50 + (i % 10)}.png`), join(reals, name));
  }
  const options = { network: sets.network, metrics: ["frechet"] };
  const { results } = await evaluateDistribution(blank, reals, { ...options, cache: false });
  for (const shards of [1, 5, 10]) {
    const work = join(folder, `blank-${shards}`);
    await planDistribution(work, blank, reals, { ...options, shards });
    for (let shard = 0; shard < shards; shard++) await runShard(work, shard);
    const merged = await mergeShards(work);
    expect(merged.kind === "distribution" && merged.report.results).toEqual(results);
    // Moments alone: two of 12 features for each range, and no rows.
    const { size } = await stat(join(work, "parts", "000000.part"));
    expect(size).toBeLessThan(512 * 60 + 70_000);
  }
});

test("takes classes from the set's listing at the merge; parts hold only feature rows", async () => {
  const [outputs, reals] = ["by-class", "by-class-real"].map((name) => join(folder, name));
  for (let i = 0; i < 40; i++) {
    const name = join(["cats", "dogs"][i % 2], `${i}.png`);
    await writeImage(join(outputs, name), randomTensor([1, 3, 16, 16], i));
    await writeImage(join(reals, name), randomTensor([1, 3, 16, 16], 500 + i, 0, 0.8));
  }
  const options = { network: sets.network, metrics: ["class-frechet"] };
  const work = join(folder, "work-by-class");
  await planDistribution(work, outputs, reals, { ...options, shards: 2 });
  for (const shard of [1, 0]) await runShard(work, shard);
  const { report } = (await mergeShards(work)) as { report: DistributionReport };
  const whole = await evaluateDistribution(outputs, reals, { ...options, cache: false });
  expect(report.results).toEqual(whole.results);
  expect(whole.results["class-frechet"]).toMatchObject({ classes: [{ label: "cats" }, { label: "dogs" }] });
});
