import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { frechetDistance } from "../../packages/core/src/metrics/index.ts";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import {
  computeStatistics,
  evaluateDistribution,
  onnxExtractor,
  readStatistics,
  tinyExtractor,
  writeStatistics,
} from "../../packages/reconloss/src/distribution/index.ts";
import { openSet } from "../../packages/reconloss/src/distribution/inputs/open.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { tinyModel } from "./models.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = [join(folder, "outputs"), join(folder, "reals"), join(folder, "tiny.onnx")];
const base = { network, onnx: { output: "features" }, cache: false } as const;

beforeAll(async () => {
  await writeFile(network, tinyModel());
  for (let i = 0; i < 16; i++) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 32, 32], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 32, 32], 100 + i, 0, 0.8));
  }
});

const square = (d: number, at: (i: number, j: number) => number) => ({
  rows: d,
  columns: d,
  data: Float64Array.from({ length: d * d }, (_, i) => at(Math.floor(i / d), i % d)),
});
const identity = square(12, (i, j) => Number(i === j));

describe("statistics and images in one file, like the ADM evaluator's reference files", () => {
  const path = join(folder, "reference.npz");
  const samples = Uint8Array.from({ length: 16 * 32 * 32 * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  const vector = { data: new Float64Array(12), shape: [12] };
  const matrix = { data: identity.data, shape: [12, 12] };
  beforeAll(async () => {
    const arr_0 = { data: samples, shape: [16, 32, 32, 3] };
    await writeFile(path, writeNpz({ arr_0, mu: vector, sigma: matrix, mu_s: vector, sigma_s: matrix }));
    await writeFile(join(folder, "samples.npz"), writeNpz({ arr_0 }));
  });

  test("frechet uses the statistics, kid and pr use the images", async () => {
    const { results, reals: set } = await evaluateDistribution(outputs, path, {
      ...base,
      metrics: ["frechet", "kid", "pr"],
    });
    const { statistics } = await computeStatistics(outputs, base);
    const real = { mean: new Float64Array(12), covariance: identity };
    expect(results.frechet?.value).toBe((await frechetDistance(statistics.fid, real)).value);
    expect(results.frechet?.images.real).toBeUndefined();
    const ofImages = await evaluateDistribution(outputs, join(folder, "samples.npz"), {
      ...base,
      metrics: ["kid", "pr"],
    });
    expect([results.kid, results.pr]).toEqual([ofImages.results.kid, ofImages.results.pr]);
    expect(set).toMatchObject({ images: 16, computed: 16, fromStatistics: ["frechet"] });
  });

  test("reads no images for fid alone, and no statistics for kid", async () => {
    const source = await openSet(path);
    expect(await source.statistics?.()).toMatchObject({ fid: { mean: new Float64Array(12) } });
    await source.close();
    const broken = join(folder, "broken.npz");
    const none = { data: new Float64Array(3), shape: [3] };
    await writeFile(broken, writeNpz({ arr_0: none, mu: vector, sigma: matrix }));
    const { reals: set } = await evaluateDistribution(outputs, broken, base);
    expect(set).toMatchObject({ computed: 0 });
    await expect(evaluateDistribution(outputs, broken, { ...base, metrics: ["kid"] })).rejects.toThrow(
      /arr_0 must be 8-bit images \[n, h, w, 3\], got float64 3/,
    );
  });
});

describe("statistics against statistics", () => {
  const [first, second] = [join(folder, "a.npz"), join(folder, "b.npz")];
  const at = (mean: number) => ({ mean: new Float64Array(12).fill(mean), covariance: identity });
  const protocol = { network: "inception-fid", resize: "clean" };

  test("need no network and no images", async () => {
    await writeStatistics(first, { fid: at(0), sfid: at(0), protocol });
    await writeStatistics(second, { fid: at(1), sfid: at(2), protocol });
    const { results, protocol: of, warnings } = await evaluateDistribution(first, second, { metrics: ["fid", "sfid"] });
    // 12 means that are 1 and 2 apart, of equal covariances.
    expect(results.fid?.value).toBeCloseTo(12, 10);
    expect(results.sfid?.value).toBeCloseTo(48, 10);
    expect([of, warnings]).toEqual([protocol, []]);
    await expect(evaluateDistribution(first, second, { metrics: ["fid", "kid"] })).rejects.toThrow(
      /kid need the output images, statistics are not enough: .*a\.npz/,
    );
  });

  test("refuse statistics made in another way unless that is allowed", async () => {
    await writeStatistics(second, { fid: at(1), protocol: { ...protocol, resize: "legacy-pytorch" } });
    const refusal =
      /b\.npz: the statistics were computed with resize legacy-pytorch, the others with clean.*--allow-mismatch/;
    await expect(evaluateDistribution(first, second)).rejects.toThrow(refusal);
    const { warnings } = await evaluateDistribution(first, second, { allowMismatch: true });
    expect(warnings).toEqual(["the statistics were computed with resize legacy-pytorch, the others with clean"]);
  });

  test("refuse fid from statistics of the tiny network", async () => {
    const { statistics } = await computeStatistics(outputs, { network: "tiny", cache: false });
    await writeStatistics(first, statistics);
    await expect(evaluateDistribution(first, first, { metrics: ["fid"] })).rejects.toThrow(
      /network tiny-v2, from which fid cannot be computed/,
    );
    const { results } = await evaluateDistribution(first, first);
    expect(results.frechet?.metric).toBe("frechet(features=tiny-v2)");
  });

  test.each([
    [[1, 2, 2, 1], "correlations above 1"],
    [[0, 1, 1, 0], "covariance without variance"],
    [[1, 0, 0, 1, 0.9, -0.9], "three correlations that contradict one another"],
  ])("with an indefinite sigma %o are refused: %s", async (values) => {
    const contradicting = [1, 0.9, -0.9, 0.9, 1, 0.9, -0.9, 0.9, 1];
    const data = Float64Array.from(values.length === 4 ? values : contradicting);
    const d = Math.sqrt(data.length);
    const indefinite = { mean: new Float64Array(d), covariance: { rows: d, columns: d, data } };
    const plain = { mean: new Float64Array(d), covariance: square(d, (i, j) => Number(i === j)) };
    for (const [a, b, which] of [
      [indefinite, plain, "first"],
      [plain, indefinite, "second"],
    ] as const) {
      const error = await frechetDistance(a, b).catch((caught) => caught);
      expect([error.code, error.message]).toEqual([
        "invalid-argument",
        expect.stringMatching(`sigma of the ${which} set is indefinite`),
      ]);
    }
  });

  test("report an infinite distance as an error with its reason", async () => {
    const error = await frechetDistance(at(1e300), at(-1e300)).catch((caught) => caught);
    expect([error.code, error.message]).toEqual(["non-finite", expect.stringMatching(/overflows float64: the means/)]);
  });
});

test("finds cached features whatever else is requested, and writes the same weights hash to the file", async () => {
  const calls: string[] = [];
  const mine = await onnxExtractor(network, base.onnx);
  const extractorOf = (outputs: string[]) => ({
    ...mine,
    outputs,
    run: async (images: Parameters<typeof mine.run>[0]) => {
      calls.push(outputs.join());
      const { features } = await mine.run(images);
      return Object.fromEntries(outputs.map((output) => [output, features]));
    },
  });
  const cache = join(folder, "cache-outputs");
  await evaluateDistribution(outputs, reals, { cache, extractor: extractorOf(["a"]) });
  await evaluateDistribution(outputs, reals, { cache, extractor: extractorOf(["a"]) });
  expect(new Set(calls)).toEqual(new Set(["a"]));
  expect(calls).toHaveLength(8);
  const second = await evaluateDistribution(outputs, reals, { cache, extractor: extractorOf(["b"]) });
  expect(second.outputs.computed).toBe(16);
});

test("caches an image that changes during the run under the hash of the bytes that were read", async () => {
  const changing = join(folder, "changing");
  await writeImage(join(changing, "0.png"), randomTensor([1, 3, 32, 32], 5));
  const source = await openSet(changing);
  const images = await source.images?.();
  const loaded = await images?.load(0);
  const before = await loaded?.decode();
  await writeImage(join(changing, "0.png"), randomTensor([1, 3, 32, 32], 6));
  expect(await loaded?.decode()).toEqual(before);
  expect((await images?.load(0))?.hash).not.toBe(loaded?.hash);
});

test("refuses batches too large for memory, and says how much they need", async () => {
  const error = await evaluateDistribution(outputs, reals, { ...base, batch: 1e9 }).catch((caught) => caught);
  // Two batches of 3 x 32 x 32 floats.
  expect(error.message).toMatch(/images of 32x32 take 24\.6 TB at batch 1000000000, this machine has [\d.]+ [GM]B/);
  expect(error.code).toBe("invalid-argument");
  const large = { ...(await tinyExtractor()), size: [1e6, 1e6] as const };
  await expect(evaluateDistribution(outputs, reals, { extractor: large, cache: false })).rejects.toThrow(
    /images of 1000000x1000000 take 96 TB at batch 4/,
  );
});

test("names the image for which a network gives NaN", async () => {
  const mine = await onnxExtractor(network, base.onnx);
  const extractor = {
    ...mine,
    run: async (images: Parameters<typeof mine.run>[0]) => {
      const { features } = await mine.run(images);
      features.data[features.shape[1]] = Number.NaN;
      return { features };
    },
  };
  await expect(evaluateDistribution(outputs, reals, { extractor, cache: false })).rejects.toThrow(
    "network tiny.onnx returned NaN for 1.png",
  );
});

test.skipIf(process.platform === "win32")("refuses pipes, sockets and devices at once", async () => {
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const socket = join(folder, "socket");
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.once("listening", resolve));
  for (const path of [pipe, socket, "/dev/zero"]) {
    for (const call of [
      () => evaluateDistribution(path, reals, base),
      () => evaluateDistribution(outputs, path, base),
      () => readStatistics(path),
      () => onnxExtractor(path),
    ]) {
      const error = await call().catch((caught) => caught);
      expect([error.name, error.code]).toEqual(["ReconlossError", "file"]);
      expect(error.message).toMatch(/it is (a named pipe|a socket|a device), not a file/);
    }
  }
  server.close();
  const withPipe = join(folder, "with-pipe");
  await mkdir(withPipe);
  execFileSync("mkfifo", [join(withPipe, "2.png")]);
  for (const i of [0, 1]) await writeFile(join(withPipe, `${i}.png`), await readFile(join(outputs, `${i}.png`)));
  const { outputs: set } = await evaluateDistribution(withPipe, reals, base);
  expect(set.unreadable).toEqual([{ name: "2.png", reason: expect.stringMatching(/it is a named pipe, not a file/) }]);
});
