import { beforeAll, describe, expect, test } from "vitest";
import type { Definition, Evaluation } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { onnx } from "../../packages/core/src/engines/onnx.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { deltaE, parseLoss } from "../../packages/core/src/losses/index.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { enginesFor, evaluateBy } from "../engine.ts";
import { mapTensor } from "../golden.ts";
import { randomTensor } from "../random.ts";

/**
 * The unit of the images is a matter of notation: images and their range s times as large have a value s^degree times as large, and a gradient s^(degree - 1) times. Expected
 * values are each loss's own for images in [0, 1], which the other tests hold.
 */
interface Case {
  name: string;
  options?: Record<string, unknown>;
  /** The options that are in units of the images. */
  lengths?: Record<string, number>;
  degree: number;
  /** That of the map, where it is another. */
  mapDegree?: number;
  side?: number;
}

const cases: Case[] = [
  { name: "l1", degree: 1 },
  { name: "l1", options: { channels: "y-rgb2ycbcr", reduction: "sum" }, degree: 1 },
  { name: "mse", degree: 2 },
  { name: "mse", options: { channels: "y-bt601", clamp: true }, lengths: { low: -0.25 }, degree: 2 },
  { name: "rmse", degree: 1, mapDegree: 2 },
  { name: "nrmse", degree: 0 },
  { name: "nrmse", options: { normalization: "min-max" }, degree: 0 },
  { name: "charbonnier", lengths: { eps: 0.01 }, degree: 1 },
  { name: "charbonnier", options: { reduction: "sum" }, lengths: { eps: 1e-6 }, degree: 1 },
  { name: "huber", lengths: { delta: 0.1 }, degree: 2 },
  { name: "smooth-l1", lengths: { beta: 0.1 }, degree: 1 },
  { name: "log-cosh", lengths: { c: 0.1 }, degree: 0 },
  { name: "cauchy", lengths: { c: 0.1 }, degree: 0 },
  { name: "geman-mcclure", lengths: { c: 0.1 }, degree: 0 },
  { name: "welsch", lengths: { c: 0.1 }, degree: 0 },
  { name: "barron", options: { alpha: -1 }, lengths: { c: 0.1 }, degree: 0 },
  { name: "psnr-loss", degree: 0 },
  { name: "cosine", lengths: { eps: 1e-8 }, degree: 0 },
  { name: "cosine", options: { form: "degrees" }, lengths: { eps: 0.1 }, degree: 0 },
  { name: "psnr", degree: 0 },
  { name: "psnr", options: { preset: "piq" }, lengths: { low: -0.5 }, degree: 0 },
  { name: "psnr", options: { pooling: "channels" }, degree: 0 },
  { name: "ssim", degree: 0, side: 16 },
  { name: "ssim", options: { preset: "fused", channels: "y-yiq" }, degree: 0 },
  { name: "dssim", degree: 0, side: 16 },
  { name: "ms-ssim", options: { size: 3 }, degree: 0, side: 36 },
  { name: "ms-ssim-l1", options: { sigmas: "0.5:1" }, degree: 0 },
  { name: "deltaE", degree: 0 },
  { name: "deltaE", options: { formula: "oklab" }, lengths: { low: -0.5 }, degree: 0 },
  { name: "fft", degree: 1 },
  { name: "fft", options: { error: "amplitude", power: 2 }, lengths: { low: -0.25 }, degree: 2 },
  { name: "focal-frequency", degree: 2 },
  { name: "focal-frequency", options: { logMatrix: true, alpha: 1.5 }, degree: 2 },
  { name: "wavelet", degree: 1 },
  { name: "colour", options: { size: 5 }, degree: 2 },
  { name: "chroma", degree: 1 },
  { name: "average", options: { distance: "mse" }, degree: 2 },
  { name: "edge", lengths: { eps: 0.01 }, degree: 1 },
  { name: "sobel", degree: 1 },
  { name: "sobel", options: { form: "magnitude", distance: "mse" }, lengths: { eps: 0.01 }, degree: 2 },
  { name: "gradient", options: { form: "magnitude", alpha: 2 }, degree: 2 },
  { name: "gradient-variance", options: { size: 4 }, degree: 0 },
  { name: "gradient-weighted", degree: 1 },
  { name: "tv", degree: 1 },
  { name: "tv", options: { form: "squared" }, degree: 2 },
  { name: "tv", options: { preset: "piq" }, degree: 1, mapDegree: 2 },
  { name: "tv", options: { form: "isotropic" }, lengths: { eps: 0.01 }, degree: 1 },
  { name: "exposure", options: { patch: 4 }, degree: 1 },
  { name: "exposure", options: { patch: 3, preset: "zero-dce" }, lengths: { low: -0.25 }, degree: 2 },
  { name: "colour-constancy", degree: 2 },
  { name: "colour-constancy", options: { preset: "zero-dce" }, degree: 2 },
  { name: "illumination-smoothness", degree: 2 },
  { name: "spatial-consistency", degree: 2 },
  { name: "saturation", degree: 1 },
  { name: "dark-channel", options: { window: 3 }, degree: 1 },
  { name: "dark-channel", options: { extreme: "bright", window: 1 }, degree: 1 },
  { name: "hyper-laplacian", lengths: { eps: 0.001 }, degree: 0.8 },
  { name: "hyper-laplacian", options: { form: "isotropic", p: 1.5 }, lengths: { eps: 0.001 }, degree: 1.5 },
  { name: "l0-gradient", lengths: { eps: 0.1 }, degree: 0 },
  { name: "range", lengths: { low: -0.75 }, degree: 2 },
  { name: "range", options: { form: "absolute" }, lengths: { low: -0.75 }, degree: 1 },
  { name: "gmsd", degree: 0 },
  { name: "ms-gmsd", options: { weights: "1:2", chromatic: true }, degree: 0 },
  { name: "mdsi", degree: 0 },
  { name: "haarpsi", degree: 0, side: 16 },
  { name: "vif", degree: 0, side: 41 },
  { name: "iw-ssim", options: { weights: "1:2", size: 3 }, degree: 0 },
  { name: "fsim", options: { scales: 2, orientations: 2 }, degree: 0 },
  { name: "sr-sim", options: { size: 3 }, degree: 0, side: 12 },
  { name: "dss", degree: 0, side: 8 },
  { name: "vsi", options: { size: 8 }, degree: 0 },
  { name: "ssimulacra2", degree: 0 },
  { name: "flip", degree: 0 },
  { name: "uqi", options: { size: 5 }, degree: 0 },
  { name: "sam", degree: 0 },
  { name: "ergas", degree: 0 },
  { name: "scc", options: { size: 4 }, degree: 0 },
  { name: "contextual", options: { taps: "image" }, degree: 0 },
  { name: "lpips", options: { net: "tiny" }, degree: 0, side: 32 },
  { name: "perceptual", options: { net: "tiny" }, degree: 0, side: 32 },
];

/** The ends of what float32 holds, and either side of where images begin to be divided by a unit (2^-20 and 2^20). */
const scales = [1e-30, 3e-7, 3e-6, 255, 2e6, 1e30];

/** The same, and sizes between: for one loss of each power of the unit, which is all that the division depends on. */
const allScales = [...scales, 1e-12, 65535, 1e15];

const powers = ({ degree, mapDegree = degree }: Case) => `${degree} ${mapDegree}`;

test("every loss with a dataRange is tested here", () => {
  const ranged = lossFactories.filter(({ info }) => "dataRange" in info.options).map(({ info }) => info.name);
  // dists takes its range as lpips does, through a network of many more layers; dists.test.ts has it.
  expect([...new Set([...cases.map(({ name }) => name), "dists"])].sort()).toEqual(ranged.sort());
});

/** The largest error relative to the largest expected number. */
function errorOf(got: ArrayLike<number>, expected: ArrayLike<number>, factor: number): number {
  const wanted = Array.from(expected, (value) => value * factor);
  const largest = Math.max(...wanted.map(Math.abs));
  return Math.max(...Array.from(got, (value, i) => Math.abs(value - wanted[i]) / largest));
}

describe.each(cases)("$name $options", (tested) => {
  const { name, options = {}, lengths = {}, degree, mapDegree = degree, side = 9 } = tested;
  const factory = lossFactories.find(({ info }) => info.name === name)!;
  const make = (scale: number) => {
    const scaled = Object.entries(lengths).map(([key, length]) => [key, length * scale]);
    return factory({ ...options, ...Object.fromEntries(scaled), dataRange: scale } as Parameters<typeof factory>[0]);
  };
  const shape: Shape = [2, 3, side, side + 1];
  const output = randomTensor(shape, 1);
  const other = randomTensor(shape, 2);
  const target = mapTensor(output, (value, i) => 0.75 * value + 0.25 * other.data[i]);

  const plain = make(1);
  const requested = { grad: true, map: plain.hasMap };
  let expected: Evaluation;
  beforeAll(async () => {
    expected = await plain.evaluate(output, target, requested);
  });

  const isFirst = cases.find((other) => powers(other) === powers(tested)) === tested;
  test.each(isFirst ? allScales : scales)("scales correctly for images in [0, %d]", async (scale) => {
    const [a, b] = [output, target].map((x) => mapTensor(x, (value) => value * scale));
    const loss = make(scale);
    const definition = loss.definition as Definition;
    const images = { output: toFloat64(a), target: toFloat64(b) };
    const check = (
      path: string,
      got: Pick<Evaluation, "value" | "perImage"> & { grad?: { data: ArrayLike<number> } },
    ) => {
      expect(errorOf([got.value], [expected.value], scale ** degree), `${path}: value`).toBeLessThan(1e-5);
      expect(errorOf(got.perImage, expected.perImage, scale ** degree), `${path}: perImage`).toBeLessThan(1e-5);
      const slope = errorOf(got.grad!.data, expected.grad!.data, scale ** (degree - 1));
      expect(slope, `${path}: gradient`).toBeLessThan(2e-4);
    };
    const got = await loss.evaluate(a, b, requested);
    check("as it runs", got);
    const [first] = enginesFor(definition, { output: a, target: b }, requested);
    if (first !== onnx) {
      check("on ONNX Runtime", await evaluateBy(onnx, definition, { output: a, target: b }, { grad: true }));
    }
    if (side > 16) return;
    const inFloat64 = evaluateDefinition(reference, definition, images, { grad: true });
    const [value, perImage] = [inFloat64.value.data[0], inFloat64.perImage.data];
    check("in float64", { value, perImage, grad: inFloat64.grad });
    // A map is float32, which holds no squares of such images.
    const factor = scale ** mapDegree;
    if (got.map && factor < 1e36 && factor > 1e-34) {
      expect(errorOf(got.map.data, expected.map!.data, factor), "map").toBeLessThan(2e-4);
    }
  });
});

test("sums scale correctly for a dataRange of 1e20", async () => {
  const [output, target] = [randomTensor([1, 3, 12, 12], 1), randomTensor([1, 3, 12, 12], 2)];
  const spec = (range: number) => `0.5*psnr(dataRange=${range}) + ssim(dataRange=${range})`;
  const scaled = (x: Tensor) => mapTensor(x, (value) => value * 1e20);
  const got = await parseLoss(spec(1e20)).valueAndGrad(scaled(output), scaled(target));
  const expected = await parseLoss(spec(1)).valueAndGrad(output, target);
  expect(errorOf([got.value], [expected.value], 1)).toBeLessThan(1e-5);
  expect(errorOf(got.grad.data, expected.grad.data, 1e-20)).toBeLessThan(1e-4);
});

test("deltaE(space=lab) ignores dataRange", async () => {
  const [output, target] = [randomTensor([1, 3, 5, 5], 1, 20, 80), randomTensor([1, 3, 5, 5], 2, 20, 80)];
  const value = (dataRange: number) => deltaE({ space: "lab", dataRange }).value(output, target);
  expect(await value(1e30)).toBe(await value(1));
});
