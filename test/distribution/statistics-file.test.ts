import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { frechetDistance } from "../../packages/core/src/metrics/frechet-distance.ts";
import { Moments } from "../../packages/core/src/metrics/moments.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { writeNpy } from "../../packages/core/src/weights/npy.ts";
import { writeNpz } from "../../packages/core/src/weights/npz.ts";
import {
  readStatistics,
  statisticsBytes,
  writeStatistics,
} from "../../packages/reconloss/src/distribution/statistics-file.ts";
import { temporaryFolder } from "../folder.ts";
import { expectValue, type GoldenCase, goldenCases, readNpy } from "../golden.ts";
import { randomSource, randomTensor } from "../random.ts";

const goldenPath = (path: unknown) => fileURLToPath(new URL(`../goldens/${path}`, import.meta.url));
const folder = await temporaryFolder();

async function written(bytes: Uint8Array, name = "file.npz"): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

describe("statistics files of other programs", () => {
  const cases = goldenCases("distribution").filter(({ id }) => id.startsWith("npz/"));
  const byId = (id: string) => cases.find((golden) => golden.id === id) as GoldenCase;

  test.each(["npz/pytorch-fid-style", "npz/float32-stored"])("%s", async (id) => {
    const golden = byId(id);
    const [fake, real] = [
      await readStatistics(goldenPath(golden.inputs.fake)),
      await readStatistics(goldenPath(golden.inputs.real)),
    ];
    expectValue((await frechetDistance(fake.fid, real.fid)).value, golden.expected as number, golden.tolerance);
  });

  test("npz/adm-like", async () => {
    const golden = byId("npz/adm-like");
    const { data, shape } = readNpy(golden.inputs.fake as string);
    const [n, d] = shape;
    const [whole, spatial] = [new Moments(), new Moments()];
    whole.update(Tensor.from(data, [n, d, 1, 1]));
    spatial.update(
      Tensor.from(
        data.filter((_, i) => i % d < 35),
        [n, 35, 1, 1],
      ),
    );
    const real = await readStatistics(goldenPath(golden.inputs.real));
    const expected = golden.expected as { fid: number; sfid: number };
    expectValue((await frechetDistance(whole.statistics(), real.fid)).value, expected.fid, golden.tolerance);
    expectValue((await frechetDistance(spatial.statistics(), real.sfid!)).value, expected.sfid, golden.tolerance);
  });
});

const moments = new Moments();
moments.update(randomTensor([20, 5, 1, 1], 1));
const statistics = moments.statistics();

test("reads back what was written, bit for bit", async () => {
  const path = join(folder, "deep", "er.npz");
  const file = { fid: statistics, sfid: statistics, protocol: { network: "n", size: 299 } };
  await writeStatistics(path, file);
  expect(await readStatistics(path)).toEqual(file);
  expect(new Uint8Array(await readFile(path))).toEqual(statisticsBytes(file));
});

const vector = (data: number[]) => ({ data: Float64Array.from(data), shape: [data.length] });
const square = (data: number[], d = Math.sqrt(data.length)) => ({ data: Float64Array.from(data), shape: [d, d] });

describe("refuses", () => {
  test.each<[string, Parameters<typeof writeNpz>[0], RegExp]>([
    ["no arrays", {}, /need the arrays mu and sigma; it has: none/],
    ["samples", { arr_0: vector([1]) }, /it has: arr_0/],
    ["another dimension", { mu: vector([1, 2]), sigma: square([1]) }, /sigma must be 2x2 as mu has 2 values, got 1x1/],
    ["a matrix as mean", { mu: square([1]), sigma: square([1]) }, /mu must be a vector, got 1x1/],
    ["NaN", { mu: vector([1]), sigma: square([Number.NaN]) }, /sigma has NaN at element 0/],
    ["an asymmetric covariance", { mu: vector([1, 2]), sigma: square([1, 2, 3, 4]) }, /elements 1,0 and 0,1 differ/],
    ["a negative variance", { mu: vector([1]), sigma: square([-1]) }, /variance 0 is -1/],
    [
      "one image",
      { mu: vector([1]), sigma: square([1]), count: { data: Float64Array.of(1), shape: [] } },
      /at least 2 images, got 1/,
    ],
  ])("%s", async (_, arrays, message) => {
    await expect(readStatistics(await written(writeNpz(arrays)))).rejects.toThrow(message);
  });

  test.each<[string, (npy: Uint8Array) => Uint8Array, RegExp]>([
    ["objects", (npy) => replace(npy, "'<f8'", "'|O8'"), /never unpickled/],
    ["complex numbers", (npy) => replace(npy, "'<f8'", "'<c8'"), /elements of type <c8/],
    ["a shape that does not fit", (npy) => replace(npy, "(1, 1)", "(9, 9)"), /should be .* bytes for 9, 9/],
    ["a shape without end", (npy) => replace(npy, "(1, 1), }", "(1, 1    "), /damaged header/],
    ["a cut header", (npy) => npy.subarray(0, 40), /header of 128 bytes/],
    ["no array", () => new Uint8Array(50), /is not a .npy array/],
    ["an empty array", () => new Uint8Array(0), /is not a .npy array/],
    ["another version", (npy) => npy.with(6, 9), /version 9.0/],
  ])("%s", async (_, damage, message) => {
    const sigma = damage(writeNpy(Float64Array.of(1), [1, 1]));
    const bytes = zipSync({ "mu.npy": writeNpy(Float64Array.of(1), [1]), "sigma.npy": sigma }, { level: 0 });
    const error = await readStatistics(await written(bytes)).catch((caught) => caught);
    expect(error.message).toMatch(message);
    expect(error.code).toBe("content");
  });

  test("a file that is no archive, is truncated, or is missing", async () => {
    await expect(readStatistics(await written(new Uint8Array(0)))).rejects.toThrow(/is not a .npz archive/);
    await expect(readStatistics(await written(new TextEncoder().encode("<html></html>")))).rejects.toThrow(
      /is not a .npz/,
    );
    await expect(readStatistics(join(folder, "none.npz"))).rejects.toThrow(/none.npz/);
    const whole = statisticsBytes({ fid: statistics });
    for (const length of [5, 30, whole.length - 30, whole.length - 1]) {
      const error = await readStatistics(await written(whole.subarray(0, length))).catch((caught) => caught);
      expect([error.name, error.code]).toEqual(["ReconlossError", "content"]);
    }
  });

  test("any damaged file without crashing", async () => {
    const whole = statisticsBytes({ fid: statistics });
    const random = randomSource(7);
    for (let round = 0; round < 200; round++) {
      const damaged = whole.slice();
      for (let i = 0; i < 3; i++) damaged[Math.floor(random() * damaged.length)] = Math.floor(random() * 256);
      const error = await readStatistics(await written(damaged)).catch((caught) => caught);
      if (error instanceof Error) expect(error.name).toBe("ReconlossError");
    }
  });
});

function replace(bytes: Uint8Array, from: string, to: string): Uint8Array {
  return Uint8Array.from(Buffer.from(Buffer.from(bytes).toString("latin1").replace(from, to), "latin1"));
}
