import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { ssim } from "../../packages/core/src/losses/ssim.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { clampTensor, mapTensor, readInput } from "../golden.ts";
import { randomTensor } from "../random.ts";

/** A number of `test/goldens/octave/structural_similarity.m`, which was written from the description of each implementation. */
interface Case {
  spec: string;
  shape: Shape;
  expected: number;
  /** Channel, row and column of pixels, counted from 1, and the derivative by each. */
  places?: [channel: number, row: number, column: number][];
  gradient?: number[];
}

const cases = JSON.parse(
  readFileSync(new URL("../goldens/octave/structural-similarity.json", import.meta.url), "utf8"),
) as Case[];

/** The images of that script: whole numbers from 0 to 255. */
function images(shape: Shape): { output: Tensor; target: Tensor } {
  const [, channels, height, width] = shape;
  const [output, target]: [number[], number[]] = [[], []];
  for (let channel = 1; channel <= channels; channel++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const patches = Math.floor(i / (2 + channel)) * 29 + Math.floor(j / 5) * 47;
        const base = 60 + (patches % 97) + ((i * 7 + j * 13 + channel) % 11);
        const noise = ((i * i + 3 * j * j + i * j) % 41) - 20;
        target.push(base);
        output.push(Math.min(255, Math.max(0, base + noise)));
      }
    }
  }
  return { output: Tensor.from(output, shape), target: Tensor.from(target, shape) };
}

/** Beyond this, a window whose weights are rounded to float32 does not explain a difference. */
const tolerance = 1e-6;

describe("values where implementations differ: odd sides, halving, and partial windows", () => {
  test.each(cases)("$spec of $shape", async ({ spec, shape, expected, places = [], gradient = [] }) => {
    const loss = parseLoss(spec);
    const { output, target } = images(shape);
    const requested = { grad: places.length > 0 };
    const got = await loss.evaluate(output, target, requested);
    expect(Math.abs(got.value - expected)).toBeLessThan(2 * tolerance * Math.max(1, expected));
    // The float64 backend is slow; on small images both are shown to agree.
    if (output.data.length > 100_000) return;
    const pair = { output: toFloat64(output), target: toFloat64(target) };
    const exact = evaluateDefinition(reference, loss.definition as Definition, pair, requested);
    expect(Math.abs(exact.value.data[0] - expected)).toBeLessThan(tolerance * Math.max(1, expected));
    const largest = Math.max(...(got.grad?.data.map(Math.abs) ?? []));
    for (const [n, [channel, row, column]] of places.entries()) {
      const at = ((channel - 1) * shape[2] + row - 1) * shape[3] + column - 1;
      expect(Math.abs(exact.grad!.data[at] - gradient[n])).toBeLessThan(1e-5 * largest);
      expect(Math.abs(got.grad!.data[at] - gradient[n])).toBeLessThan(1e-4 * largest);
    }
  });
});

describe("ssim without constants (k1 = k2 = 0)", () => {
  // torchmetrics 1.9.0, universal_image_quality_index(preds, target, reduction="none"), mean of the map, in float64.
  test.each([
    ["scene_blur.png", "scene.png", {}, 0.5166003110610813],
    ["scene_contrast.png", "scene.png", {}, 0.8867252944074566],
    ["odd_noise.png", "odd.png", {}, 0.44443932714216833],
    ["t24_output.npy", "t24_target.npy", {}, 0.7357985596381431],
    ["t24_output.npy", "t24_target.npy", { size: "7", sigma: "1" }, 0.6068299644478544],
  ])("%s against %s with %j equals the universal quality index", async (output, target, window, expected) => {
    const read = async (name: string) => clampTensor(await readInput(`inputs/${name}`), [0, 1]);
    const loss = ssim({ k1: 0, k2: 0, ...window });
    expect(await loss.value(await read(output), await read(target))).toBeCloseTo(expected, 5);
  });

  const [shape, flat] = [[1, 1, 24, 24] as const, (level: number) => Tensor.full([1, 1, 24, 24], level)];
  const halfFlat = mapTensor(randomTensor(shape, 1), (x, i) => (i % 24 < 14 ? 0.75 : x));

  test.each([
    ["flat images have the luminance alone", flat(0.5), flat(0.25), (2 * 0.5 * 0.25) / (0.5 ** 2 + 0.25 ** 2)],
    ["black images are alike", flat(0), flat(0), 1],
    ["equal images are alike, flat or not", halfFlat, halfFlat, 1],
  ])("%s", async (_, output, target, expected) => {
    const { value, grad, map } = await ssim({ k1: 0, k2: 0 }).evaluate(output, target, { grad: true, map: true });
    expect(value).toBeCloseTo(expected, 5);
    expect(grad!.data.every(Number.isFinite)).toBe(true);
    expect(map!.data.every((x) => Math.abs(x - expected) < 1e-4)).toBe(true);
  });

  test("images with flat windows have the same value and gradient on every engine", async () => {
    const loss = ssim({ size: 5, k1: 0, k2: 0 });
    const target = mapTensor(halfFlat, (x, i) => (i % 24 < 14 ? 0.5 : 0.8 * x + 0.1));
    const pair = { output: toFloat64(halfFlat), target: toFloat64(target) };
    const exact = evaluateDefinition(reference, loss.definition as Definition, pair, { grad: true });
    const { value, grad } = await loss.evaluate(halfFlat, target, { grad: true });
    expect(value).toBeCloseTo(exact.value.data[0], 5);
    const largest = Math.max(...exact.grad!.data.map(Math.abs));
    for (const [i, x] of grad!.data.entries()) expect(Math.abs(x - exact.grad!.data[i])).toBeLessThan(1e-4 * largest);
  });
});

test("the mean over channels of a map per channel equals the usual map", async () => {
  const [output, target] = [randomTensor([2, 3, 20, 17], 1), randomTensor([2, 3, 20, 17], 2)];
  const usual = await ssim().map(output, target);
  const each = await ssim({ channelMaps: true }).map(output, target);
  expect([usual.shape, each.shape]).toEqual([
    [2, 1, 10, 7],
    [2, 3, 10, 7],
  ]);
  const at = (image: number, channel: number, place: number) => each.data[(image * 3 + channel) * 70 + place];
  for (const [i, x] of usual.data.entries()) {
    const [image, place] = [Math.floor(i / 70), i % 70];
    expect((at(image, 0, place) + at(image, 1, place) + at(image, 2, place)) / 3).toBeCloseTo(x, 5);
  }
});
