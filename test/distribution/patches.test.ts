import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import type { ImageSet } from "../../packages/reconloss/src/distribution/image-set.ts";
import {
  computeStatistics,
  type DistributionReport,
  evaluateDistribution,
  writeStatistics,
} from "../../packages/reconloss/src/distribution/index.ts";
import {
  parsePatches,
  patchesOf,
  patchText,
  resolvePatches,
} from "../../packages/reconloss/src/distribution/patches.ts";
import { readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { mergeShards, planDistribution, planStatistics, runShard } from "../../packages/reconloss/src/shards/index.ts";
import { run } from "../cli/run.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { type TestMember, tarOf, zipOf } from "./archives.ts";
import { tinyModel } from "./models.ts";
import { withSet } from "./open-sets.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = ["outputs", "reals", "tiny.onnx"].map((name) => join(folder, name));
const metrics = ["frechet", "is", "kid(subsets=5,subsetSize=40)", "pr", "prdc", "mmd", "vendi"];
/** The background behind transparent pixels. */
const behind = { alpha: "composite", background: [0.2, 0.5, 0.9] } as const;
const base = { network, metrics, cache: false, ...behind } as const;

/** A black image of 48 x 64 or 64 x 48 pixels, as Windows writes it. */
function bmp(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(54 + 3 * 48 * 64);
  bytes.write("BM");
  bytes.writeUInt32LE(54, 10);
  for (const [i, value] of [40, width, height].entries()) bytes.writeInt32LE(value, 14 + 4 * i);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  return bytes;
}

/** Images of all sizes around one and a half patches of 32, of all kinds of samples, some too small and some damaged. */
beforeAll(async () => {
  await Promise.all([outputs, reals].map((path) => mkdir(join(path, "b"), { recursive: true })));
  await writeFile(network, tinyModel());
  const sizes = [
    [32, 32],
    [47, 48],
    [48, 48],
    [49, 113],
    [100, 31],
    [31, 64],
    [130, 97],
    [64, 200],
  ];
  for (const [i, [h, w]] of [...sizes, ...sizes].entries()) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, i % 5 === 3 ? 1 : 3, h, w], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, h, w], 100 + i, 0, 0.8));
  }
  const raw = (seed: number, channels: 1 | 2 | 3 | 4) => {
    const { data } = randomTensor([1, channels, 70, 90], seed);
    const samples = Uint8Array.from(data, (value) => 255 * value);
    return sharp(samples, { raw: { width: 90, height: 70, channels } });
  };
  await raw(1, 3)
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95 })
    .toFile(join(outputs, "b", "rotated.jpg"));
  await raw(2, 3)
    .toColourspace("cmyk")
    .jpeg({ quality: 95 })
    .toFile(join(outputs, "b", "cmyk.jpg"));
  await raw(3, 4)
    .png()
    .toFile(join(outputs, "b", "alpha.png"));
  await raw(4, 3)
    .toColourspace("rgb16")
    .png()
    .toFile(join(outputs, "b", "deep.png"));
  await raw(5, 3)
    .webp({ lossless: true })
    .toFile(join(outputs, "b", "lossless.webp"));
  await raw(6, 3)
    .tiff()
    .toFile(join(outputs, "b", "pages.tiff"));
  await writeFile(join(outputs, "b", "text.png"), "no image");
  // Its header tells a size, and its pixels end too early.
  await writeFile(join(outputs, "b", "torn.bmp"), bmp(48, 64).subarray(0, -1000));
});

/** The places of patches by their definition: all that begin at a multiple of the size, then at these from half a size on. */
function placesIn(h: number, w: number, size: number, isShifted: boolean): [left: number, top: number][] {
  const grid = (start: number) => {
    const found: [number, number][] = [];
    for (let top = start; top + size <= h; top += size) {
      for (let left = start; left + size <= w; left += size) found.push([left, top]);
    }
    return found;
  };
  return [...grid(0), ...(isShifted && h >= 1.5 * size && w >= 1.5 * size ? grid(Math.floor(size / 2)) : [])];
}

/** Cuts all images of a folder into files, in the order of their names, as anybody would by hand. */
async function cutByHand(from: string, to: string, size: number, isShifted: boolean): Promise<string> {
  await mkdir(to, { recursive: true });
  const files = (
    await withSet(from, async (set) => Array.from({ length: set.count }, (_, i) => set.name(i)))
  ).entries();
  for (const [i, file] of files) {
    const pixels = await readPixels(join(from, file)).catch(() => undefined);
    if (pixels === undefined) continue;
    const { data, width, height, channels } = pixels;
    for (const [p, [left, top]] of placesIn(height, width, size, isShifted).entries()) {
      const samples = data.slice(0, size * size * channels);
      for (let row = 0; row < size; row++) {
        const start = ((top + row) * width + left) * channels;
        samples.set(data.subarray(start, start + size * channels), row * size * channels);
      }
      const image = sharp(samples, { raw: { width: size, height: size, channels } });
      const space = data instanceof Uint16Array ? (channels < 3 ? "grey16" : "rgb16") : channels < 3 ? "b-w" : "srgb";
      await image
        .toColourspace(space)
        .png()
        .toFile(join(to, `${i}-${p}.png`));
    }
  }
  return to;
}

const valuesOf = ({ results }: DistributionReport) =>
  Object.values(results).flatMap(({ numbers }) => numbers.map(({ value }) => value));

describe("metrics of patches", () => {
  test.each([
    ["shifted", 32, true],
    ["grid", 32, false],
    ["shifted", 37, true],
  ] as const)("equal those of the patches as files, bit for bit: %s of %i", async (places, size, isShifted) => {
    const [cutOutputs, cutReals] = await Promise.all(
      [outputs, reals].map((path) => cutByHand(path, `${path}-${places}-${size}`, size, isShifted)),
    );
    const report = await evaluateDistribution(outputs, reals, { ...base, patches: { size, places } });
    const whole = await evaluateDistribution(cutOutputs, cutReals, base);
    expect(valuesOf(report)).toEqual(valuesOf(whole));
    expect(report.outputs.images).toBe(whole.outputs.images);
    expect(report.protocol.patches).toBe(places === "grid" ? `${size},places=grid` : `${size}`);
  });

  test("report patches in the metric's name, in the protocol, and with the number of images they come from", async () => {
    const report = await evaluateDistribution(outputs, reals, { ...base, patches: 32 });
    const { results, outputs: side, reals: other, warnings } = report;
    expect(results.frechet.metric).toBe("frechet(features=tiny.onnx,patches=32)");
    expect(results.pr.numbers.map(({ name }) => name)).toContain("precision(features=tiny.onnx,patches=32)");
    // 24 files: 4 too small, one no image, one torn.
    expect(side.patchesOf).toEqual({ images: 18, smaller: 4 });
    expect(other?.patchesOf).toEqual({ images: 12, smaller: 4 });
    expect(side.unreadable.map(({ name }) => name)).toEqual(["b/text.png", "b/torn.bmp"]);
    expect(side.decode).toBe("1 rotated by EXIF, 1 CMYK, 1 16-bit colour, 1 composited");
    expect(warnings).toContain("4 output images are smaller than a patch of 32x32, and left out of every metric");
    expect(warnings).toContain("2 output images could not be read and are left out of every metric");
    // What metrics warn of their number is of patches too: pr's neighbourhoods, and a covariance of 12 features.
    const few = warnings.filter((text) => /are few|cannot fill/.test(text));
    expect(few).toEqual(few.map(() => expect.stringMatching(/^\d+ (output |real )?patches /)));
    expect(few).not.toEqual([]);
  });

  test("use the same random places for the same seed, and the same places in outputs and real images", async () => {
    const patches = { size: 16, places: "random", count: 3, seed: 5 } as const;
    const once = await evaluateDistribution(outputs, reals, { ...base, patches, details: true });
    expect(await evaluateDistribution(outputs, reals, { ...base, patches, details: true })).toEqual(once);
    const same = await evaluateDistribution(reals, reals, { ...base, patches });
    expect(same.results.frechet.value).toBeLessThan(1e-9);
    const other = await evaluateDistribution(outputs, reals, { ...base, patches: { ...patches, seed: 6 } });
    expect(other.results.frechet.value).not.toBe(once.results.frechet.value);
    expect(once.protocol.patches).toBe("16,places=random,count=3,seed=5");
  });

  test("name each patch by where it was cut", async () => {
    const { details } = await evaluateDistribution(join(outputs), reals, { ...base, patches: 32, details: true });
    for (const { output, real } of [...(details?.nearest ?? []), ...(details?.farthest ?? [])]) {
      for (const name of [output, real]) expect(name).toMatch(/^(b\/)?[\w.]+\[\d+,\d+\]$/);
    }
  });

  test("are the same from folders, archives, lists and cached features", async () => {
    const cache = join(folder, "features");
    const [tar, zip, list] = ["outputs.tar", "outputs.zip", "outputs.txt"].map((name) => join(folder, name));
    const names = await withSet(outputs, async (set) => Array.from({ length: set.count }, (_, i) => set.name(i)));
    const members: TestMember[] = [];
    for (const name of names) members.push({ name, data: await readFile(join(outputs, name)) });
    await writeFile(tar, tarOf(members));
    await writeFile(zip, zipOf(members.map(({ name, data }) => ({ name, data, method: 8 }))));
    await writeFile(list, names.map((name) => `outputs/${name}`).join("\n"));
    const expected = valuesOf(await evaluateDistribution(outputs, reals, { ...base, cache, patches: 32 }));
    for (const path of [tar, zip, list]) {
      const report = await evaluateDistribution(path, reals, { ...base, cache, patches: 32 });
      expect(valuesOf(report)).toEqual(expected);
      expect([report.outputs.computed, report.reals?.computed]).toEqual([0, 0]);
    }
    // Features of whole images are others.
    const whole = await evaluateDistribution(outputs, reals, { ...base, cache });
    expect(whole.outputs.computed).toBe(whole.outputs.images);
  });
});

test("reads and decodes an image once for all its patches, then releases it", async () => {
  const counts = { read: 0, decoded: 0 };
  const images: ImageSet = {
    count: 3,
    name: String,
    load: async (index) => {
      counts.read++;
      return {
        hash: String(index),
        size: async () => [96, 64],
        decode: async () => {
          counts.decoded++;
          return { image: { data: new Uint8Array(96 * 64), width: 64, height: 96, channels: 1 }, notes: [] };
        },
      };
    },
  };
  const patches = await patchesOf(images, resolvePatches({ size: 32, places: "grid" }), "set");
  expect([patches.count, counts]).toEqual([18, { read: 3, decoded: 0 }]);
  // As extraction does it: several under way, in order.
  const load = async (index: number) => (await patches.load(index)).decode();
  for (let from = 0; from < 18; from += 4) {
    await Promise.all([0, 1, 2, 3].filter((i) => from + i < 18).map((i) => load(from + i)));
  }
  expect(counts).toEqual({ read: 6, decoded: 3 });
  await load(0);
  expect(counts).toEqual({ read: 7, decoded: 4 });
});

describe("shards of patches", () => {
  const withoutComputed = ({ outputs, reals, ...rest }: DistributionReport) => ({
    ...rest,
    outputs: { ...outputs, computed: 0 },
    reals: { ...reals, computed: 0 },
  });

  test.each([1, 3, 40])("%i of them give the bits of the whole set", async (shards) => {
    const options = { network, metrics, patches: 24, details: true, ...behind } as const;
    const work = join(folder, `work-${shards}`);
    await planDistribution(work, outputs, reals, { ...options, shards });
    for (let shard = shards - 1; shard >= 0; shard--) await runShard(work, shard, { batch: 1 + (shard % 5) });
    const whole = await evaluateDistribution(outputs, reals, { ...options, cache: false });
    // The plain command is the definition of what a merge must be.
    expect(await mergeShards(work)).toEqual({ kind: "distribution", report: withoutComputed(whole), pixels: behind });
  });

  test("refuse images changed since the plan, even with the same name and size in bytes", async () => {
    const [work, set] = [join(folder, "work-changed"), join(folder, "changed")];
    await mkdir(set);
    for (const name of ["a.bmp", "b.bmp"]) await writeFile(join(set, name), bmp(48, 64));
    await planStatistics(work, set, { network, patches: 32, shards: 1 });
    await writeFile(join(set, "b.bmp"), bmp(64, 48));
    await expect(runShard(work, 0)).rejects.toMatchObject({
      code: "content",
      message: "b.bmp has changed since its set was listed: it is 64x48, and was 48x64",
    });
  });

  test("of statistics equal those of the plain command", async () => {
    const work = join(folder, "work-stats");
    await planStatistics(work, reals, { network, patches: 24, shards: 3 });
    for (const shard of [2, 0, 1]) await runShard(work, shard);
    const { statistics } = await computeStatistics(reals, { network, patches: 24, cache: false });
    expect(await mergeShards(work)).toMatchObject({ kind: "stats", statistics });
    expect(statistics.protocol?.patches).toBe("24");
  });
});

test("refuses to compare statistics of patches with those of whole images", async () => {
  const [ofPatches, ofImages] = ["patches.npz", "images.npz"].map((name) => join(folder, name));
  await writeStatistics(ofPatches, (await computeStatistics(reals, { ...base, patches: 32 })).statistics);
  await writeStatistics(ofImages, (await computeStatistics(reals, base)).statistics);
  const [plain, cut] = [
    { ...base, metrics: ["frechet"] },
    { ...base, metrics: ["frechet"], patches: 32 },
  ];
  await expect(evaluateDistribution(outputs, ofPatches, plain)).rejects.toThrow(
    "the statistics were computed with patches 32, the outputs' features with none",
  );
  await expect(evaluateDistribution(outputs, ofImages, cut)).rejects.toThrow(
    "the statistics were computed with patches none, the outputs' features with 32",
  );
  const { results } = await evaluateDistribution(outputs, ofPatches, cut);
  expect(results.frechet.metric).toBe("frechet(features=tiny.onnx,patches=32)");
});

describe("the command line", () => {
  test("takes --patches, prints the number of images, and shows patches on the report's page", async () => {
    const page = join(folder, "page.html");
    const args = ["--network", network, "--no-cache", "--patches", "32", "--report", page];
    const { code, stdout, stderr } = await run(["distribution", outputs, reals, ...args]);
    expect(code).toBe(1);
    // Transparent pixels are refused here.
    expect(stdout).toMatch(/^frechet\(features=tiny.onnx,patches=32\) ↓ /m);
    expect(stdout).toMatch(/outputs \d+ patches of 17, reals \d+ patches of 12 images; .*; patches 32\n/);
    expect(stderr.match(/torn\.bmp/g)).toHaveLength(2);
    const text = await readFile(page, "utf8");
    expect(text).toMatch(/\d+ patches of 17 images/);
    expect(text.match(/<img src="data:image\/webp;base64,[^"]{60,}" alt="output \S+\[\d+,\d+\]"/g)).not.toBeNull();
    expect(text).not.toMatch(/<img src=""/);
  });

  test("takes classes by the names of the whole images, not of the patches", async () => {
    const files = (await readdir(reals)).filter((name) => name.endsWith(".png"));
    const labels = join(folder, "labels.csv");
    await writeFile(labels, files.map((name, i) => `${name},${i % 2}`).join("\n"));
    const args = ["--network", network, "--no-cache", "--patches", "32", "-m", "class-frechet"];
    const { code, stdout, stderr } = await run([
      "distribution",
      reals,
      reals,
      ...args,
      "--output-labels",
      labels,
      "--real-labels",
      labels,
    ]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("smaller than a patch")]);
    expect(stdout).toMatch(/class-frechet\(features=tiny.onnx,patches=32\)/);
  });

  test.each([
    ["15", 'patches: option size must be whole number >= 16, got "15"'],
    ["256,places=random", "patches: places=random needs a count of at least 1, such as count=10"],
    ["256,count=3", "patches: option count applies only to places=random, but places is shifted"],
    ["256,places=grid,seed=3", "patches: option seed applies only to places=random, but places is grid"],
    ["big", 'patches: option size must be whole number >= 16, got "big"'],
    ["256,shift=1", 'patches: unknown option "shift"'],
  ])("refuses %s", async (text, problem) => {
    const { code, stderr } = await run(["distribution", outputs, reals, "--patches", text]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(problem)]);
  });

  test("fails when no image is as large as a patch, and says so", async () => {
    const { code, stderr } = await run([
      "stats",
      reals,
      "-o",
      join(folder, "x.npz"),
      "--network",
      network,
      "--patches",
      "512",
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${reals} has no image of at least 512x512 pixels, the size of a patch`);
  });

  test("prints the options of patches so that they parse back", () => {
    for (const text of ["256", "37,places=grid", "64,places=random,count=2", "64,places=random,count=2,seed=9"]) {
      expect(patchText(parsePatches(text))).toBe(text);
    }
    expect(patchText(parsePatches("size=64"))).toBe("64");
    expect(patchText(parsePatches("places=grid"))).toBe("256,places=grid");
  });
});
