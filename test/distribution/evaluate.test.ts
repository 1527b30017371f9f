import { cp, mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { frechetResult, Moments } from "../../packages/core/src/metrics/index.ts";
import { runResize } from "../../packages/core/src/pixels/run-resize.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import {
  computeStatistics,
  evaluateDistribution,
  onnxExtractor,
  readStatistics,
  writeStatistics,
} from "../../packages/reconloss/src/distribution/index.ts";
import { readImage, readPixels, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";
import { tinyModel } from "./models.ts";

const folder = await temporaryFolder();
const [outputs, reals, network] = [join(folder, "outputs"), join(folder, "reals"), join(folder, "tiny.onnx")];
const names = Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? `more/${i}.png` : `${i}.png`));
const base = { network, onnx: { output: "features" }, batch: 5 };

beforeAll(async () => {
  await writeFile(network, tinyModel({ vectors: true }));
  for (const [i, name] of names.entries()) {
    await writeImage(join(outputs, name), randomTensor([1, 3, 40, 48], i));
    await writeImage(join(reals, name), randomTensor([1, 3, 40, 48], 100 + i, 0, 0.8));
  }
});

describe("evaluateDistribution", () => {
  test("equals the network and the metric applied step by step", async () => {
    const cache = join(folder, "cache-steps");
    const report = await evaluateDistribution(outputs, reals, { ...base, cache });
    const extractor = await onnxExtractor(network, { output: "features" });
    const statistics = async (set: string) => {
      const moments = new Moments();
      for (const name of names) {
        const image = await runResize(await readPixels(join(set, name)), [32, 32], "clean");
        moments.update((await extractor.run(image)).features);
      }
      return moments.statistics();
    };
    const expected = await frechetResult(await statistics(outputs), await statistics(reals));
    expect(report.results.frechet?.value).toBeCloseTo(expected.value, 10);
    expect(report.outputs).toEqual({ path: outputs, images: 24, computed: 24, unreadable: [] });
    expect(report.protocol).toMatchObject({ network: "tiny.onnx", resize: "clean", size: "32x32", input: "x" });
    expect(report.warnings).toEqual([]);
  });

  test("computes all metrics from one pass, and gives the same bits from the cache", async () => {
    const cache = join(folder, "cache-all");
    const options = { ...base, cache, metrics: ["frechet", "is", "kid", "pr"] as const };
    const steps: string[] = [];
    const first = await evaluateDistribution(outputs, reals, {
      ...options,
      onProgress: ({ side, done, total }) => steps.push(`${side} ${done}/${total}`),
    });
    expect(steps).toHaveLength(48);
    expect([steps[0], steps[23], steps[47]]).toEqual(["output 1/24", "output 24/24", "real 24/24"]);
    const second = await evaluateDistribution(outputs, reals, options);
    expect(second.outputs.computed + (second.reals?.computed ?? 0)).toBe(0);
    expect(second.results).toEqual(first.results);
    const fresh = await evaluateDistribution(outputs, reals, { ...options, cache: false, batch: 1 });
    expect(fresh.results).toEqual(first.results);
  });

  test("computes features of new images only; another resizer needs new features", async () => {
    const cache = join(folder, "cache-new");
    const grown = join(folder, "grown");
    await cp(outputs, grown, { recursive: true });
    await evaluateDistribution(outputs, reals, { ...base, cache });
    await writeImage(join(grown, "0-first.png"), randomTensor([1, 3, 40, 48], 77));
    expect((await evaluateDistribution(grown, reals, { ...base, cache })).outputs).toMatchObject({
      images: 25,
      computed: 1,
    });
    const other = await evaluateDistribution(grown, reals, { ...base, cache, resizer: "legacy-pytorch" });
    expect(other.outputs.computed).toBe(25);
    expect(other.protocol.resize).toBe("legacy-pytorch");
  });

  test("gives the same bits when the cache is truncated or damaged anywhere", async () => {
    const cache = join(folder, "cache-damage");
    const whole = await evaluateDistribution(outputs, reals, { ...base, cache });
    const [key] = await readdir(cache);
    const file = join(cache, key, (await readdir(join(cache, key)))[0]);
    const bytes = await readFile(file);
    for (const length of [0, 10, 25, 26, 500, bytes.length - 1]) {
      await writeFile(file, bytes);
      await truncate(file, length);
      expect((await evaluateDistribution(outputs, reals, { ...base, cache })).results).toEqual(whole.results);
    }
    const flipped = bytes.slice();
    flipped[700] ^= 1;
    await writeFile(file, flipped);
    expect((await evaluateDistribution(outputs, reals, { ...base, cache })).results).toEqual(whole.results);
  });

  test("lists unreadable images; warns about duplicates and mixed sizes", async () => {
    const mixed = join(folder, "mixed");
    await cp(outputs, mixed, { recursive: true });
    await cp(join(mixed, "1.png"), join(mixed, "copy.png"));
    await writeFile(join(mixed, "empty.png"), "");
    await writeFile(join(mixed, "cut.png"), (await readFile(join(mixed, "2.png"))).subarray(0, 900));
    await writeImage(join(mixed, "wide.png"), randomTensor([1, 1, 20, 90], 5));
    const { outputs: set, warnings } = await evaluateDistribution(mixed, reals, { ...base, cache: false });
    expect(set.images).toBe(26);
    expect(set.unreadable.map(({ name }) => name)).toEqual(["cut.png", "empty.png"]);
    expect(warnings).toEqual([
      "2 output images could not be read and are left out of every metric",
      "output images have 2 sizes, 90x20 to 48x40: they are resized by different factors",
      "1 output image is a copy of another",
    ]);
  });

  test("warns about few images; refuses sets of no image or one", async () => {
    const few = join(folder, "few");
    for (const name of ["1.png", "2.png"]) await cp(join(outputs, name), join(few, name));
    const { warnings, results } = await evaluateDistribution(few, reals, { ...base, cache: false });
    expect(warnings[0]).toMatch(/^2 output images cannot fill the covariance of 12 features/);
    expect(results.frechet?.value).toBeGreaterThan(0);
    const one = join(folder, "one");
    await cp(join(outputs, "1.png"), join(one, "1.png"));
    await expect(evaluateDistribution(one, reals, { ...base, cache: false })).rejects.toThrow(
      /at least 2 images, got 1/,
    );
    const none = join(folder, "none");
    await mkdir(none);
    await expect(evaluateDistribution(none, reals, { ...base, cache: false })).rejects.toThrow(/contains no images/);
    await writeFile(join(none, "broken.png"), "x");
    await expect(evaluateDistribution(none, reals, { ...base, cache: false })).rejects.toThrow(
      /^0 of 1 image in .*none can be read, 2 are needed; broken\.png: /,
    );
  });

  test("reads the samples of an .npz file as images", async () => {
    const data = new Uint8Array(24 * 40 * 48 * 3);
    for (const [i, name] of names
      .toSorted((a, b) => Number.parseInt(a.replace("more/", ""), 10) - Number.parseInt(b.replace("more/", ""), 10))
      .entries()) {
      const image = await readImage(join(outputs, name));
      for (let at = 0; at < 40 * 48 * 3; at++) {
        data[i * 40 * 48 * 3 + at] = Math.round(image.data[(at % 3) * 40 * 48 + Math.floor(at / 3)] * 255);
      }
    }
    const path = join(folder, "samples.npz");
    await writeFile(path, writeNpz({ arr_0: { data, shape: [24, 40, 48, 3] } }));
    const ofSamples = await evaluateDistribution(path, reals, { ...base, cache: false });
    const ofFiles = await evaluateDistribution(outputs, reals, { ...base, cache: false });
    expect(ofSamples.outputs.images).toBe(24);
    expect(ofSamples.results.frechet?.value).toBeCloseTo(ofFiles.results.frechet?.value as number, 10);
  });

  test("takes statistics in place of the real images for frechet, and refuses statistics that do not fit", async () => {
    const options = { ...base, cache: false } as const;
    const { statistics, set } = await computeStatistics(reals, options);
    expect(set).toMatchObject({ images: 24, computed: 24 });
    const path = join(folder, "reals.npz");
    await writeStatistics(path, statistics);
    expect(await readStatistics(path)).toMatchObject({ fid: { count: 24 }, protocol: { resize: "clean" } });
    const direct = await evaluateDistribution(outputs, reals, options);
    const throughFile = await evaluateDistribution(outputs, path, options);
    expect(throughFile.results).toEqual(direct.results);
    expect(throughFile.warnings).toEqual([]);
    const mismatch = "the statistics were computed with resize clean, the outputs' features with legacy-pytorch";
    const otherwise = { ...options, resizer: "legacy-pytorch" } as const;
    await expect(evaluateDistribution(outputs, path, otherwise)).rejects.toThrow(`${path}: ${mismatch}`);
    const other = await evaluateDistribution(outputs, path, { ...otherwise, allowMismatch: true });
    expect(other.warnings).toEqual([mismatch]);
    await expect(evaluateDistribution(outputs, path, { ...options, metrics: ["kid"] })).rejects.toThrow(
      /kid need the real images/,
    );
    const wrong = join(folder, "wrong.npz");
    const identity = { rows: 2, columns: 2, data: Float64Array.of(1, 0, 0, 1) };
    await writeStatistics(wrong, { fid: { mean: Float64Array.of(0, 0), covariance: identity } });
    await expect(evaluateDistribution(outputs, wrong, options)).rejects.toThrow(/12 features an image, the other 2/);
  });

  test.each([
    [{ metrics: [] }, /no metric is given/],
    [{ metrics: ["fad" as never] }, /there is no metric fad; there are: fid, sfid, is, kid, pr/],
    [{ metrics: ["sfid" as const] }, /sfid needs spatial features from inception/],
    [{ batch: 0 }, /batch must be from 1 to 1024/],
    [{ resizer: "best" as never }, /resizer must be one of clean/],
    [{ onnx: { output: "none" } }, /has no output none; it has: features, vectors/],
    [{ network: "nothing.onnx" }, /cannot read nothing.onnx/],
  ])("refuses %o", async (options, message) => {
    await expect(evaluateDistribution(outputs, reals, { ...base, cache: false, ...options })).rejects.toThrow(message);
  });

  test("averages feature maps to vectors, and standardises channels", async () => {
    const images = randomTensor([3, 3, 32, 32], 9);
    const { features } = await (await onnxExtractor(network, { output: "features" })).run(images);
    const { vectors } = await (await onnxExtractor(network, { output: "vectors" })).run(images);
    expect(features.shape).toEqual([3, 12, 1, 1]);
    for (const [i, value] of features.data.entries()) expect(value).toBeCloseTo(vectors.data[i], 6);
    const shifted = await onnxExtractor(network, { output: "vectors", mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] });
    const byHand = new Tensor(
      images.data.map((value) => (value - 0.5) / 0.5),
      images.shape,
    );
    expect((await shifted.run(images)).vectors.data).toEqual(
      (await (await onnxExtractor(network, { output: "vectors" })).run(byHand)).vectors.data,
    );
  });
});
