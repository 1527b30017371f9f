import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { stageImages } from "../../packages/core/src/definitions/stage.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { brisqueFeatures } from "../../packages/core/src/losses/brisque.ts";
import { featureRanges } from "../../packages/core/src/losses/brisque-model.ts";
import { brisque } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { goldenFile, mapTensor, readGoldenImage } from "../golden.ts";
import { randomSource, randomTensor } from "../random.ts";

/** OpenCV's own numbers: features, and scores by the published model where this machine has it. */
const { cases } = JSON.parse(readFileSync(goldenFile("opencv/brisque.json"), "utf8")) as {
  cases: { input: string; features: number[]; score: number }[];
};

/** The path of the published model in Debian's package opencv-data. */
const published = "/usr/share/opencv4/quality/brisque_model_live.yml";

/** JPEG leaves blocks flat, where OpenCV counts rounding errors as values of either sign: a twentieth of the pixels of one. */
const hasFlatBlocks = (input: string) => /jpeg/.test(input);

describe("brisque equals OpenCV", () => {
  // In float32: a step of a shape is up to 0.0025 in the features' range.
  test.each(cases)("features of $input", async ({ input, features }) => {
    const compared = { channels: "y-pyiqa", crop: 0, clamp: false, low: 0, dataRange: 1 };
    const luma = stageImages(await readGoldenImage(input), compared as Parameters<typeof stageImages>[1]);
    const levels = toFloat64(mapTensor(luma, (x) => Math.round(x * 255)));
    const got = brisqueFeatures<Float64Image>(reference, levels, undefined, 0.001).features.data;
    for (const [i, [least, greatest]] of featureRanges.entries()) {
      const error = (got[i] - features[i]) / ((greatest - least) / 2);
      expect(Math.abs(error), `feature ${i}`).toBeLessThan(hasFlatBlocks(input) ? 0.045 : 0.003);
    }
  });

  test.skipIf(!existsSync(published)).each(cases)("score of $input", async ({ input, score }) => {
    const got = await brisque({}, { model: published }).value(await readGoldenImage(input));
    expect(Math.abs(got - score)).toBeLessThan(hasFlatBlocks(input) ? 5 : 0.1);
  });
});

/** A model of a few vectors. */
const model = (() => {
  const random = randomSource(4);
  const vectors = Array.from({ length: 5 * featureRanges.length }, () => 2 * random() - 1);
  return { vectors, coefficients: [40, -25, 30, 55, -10], gamma: 0.05, rho: -20 };
})();
const smooth = { shapes: "smooth", luma: "y-yiq" } as const;
const shape = [2, 3, 27, 38] as const;
const photograph = mapTensor(randomTensor(shape, 3), (x, i) => 0.3 + 0.2 * Math.sin(i / 7) + 0.4 * (x - 0.5));
const images = { output: toFloat64(photograph), target: toFloat64(photograph) };

test("the score equals the support vector regression formula", async () => {
  const loss = brisque(smooth, { model });
  await loss.definition?.prepare?.();
  const luma = stageImages(photograph, { channels: "y-yiq", crop: 0, clamp: false, low: 0, dataRange: 1 });
  const levels = mapTensor(luma, (x) => 255 * x);
  const features = brisqueFeatures<Float64Image>(reference, toFloat64(levels), undefined, 0).features.data;
  const got = await loss.perImage(photograph);
  for (const image of [0, 1]) {
    const scaled = featureRanges.map(([least, greatest], i) => {
      return -1 + (2 * (features[image * featureRanges.length + i] - least)) / (greatest - least);
    });
    const kernels = model.coefficients.map((_, k) =>
      Math.exp(-0.05 * scaled.reduce((sum, x, i) => sum + (x - model.vectors[k * featureRanges.length + i]) ** 2, 0)),
    );
    const expected = kernels.reduce((sum, x, k) => sum + model.coefficients[k] * x, 20);
    expect(expected).toBeGreaterThan(0);
    expect(got[image]).toBeCloseTo(expected, 2);
  }
});

test("value and gradient on ONNX Runtime equal the float64 reference, and the gradient equals finite differences", async () => {
  const loss = brisque(smooth, { model });
  const got = await loss.evaluate(photograph, undefined, { grad: true });
  const definition = loss.definition as Definition;
  const expected = evaluateDefinition(reference, definition, images, { grad: true });
  expect(got.value / expected.value.data[0]).toBeCloseTo(1, 4);
  const largest = Math.max(...expected.grad!.data.map(Math.abs));
  for (const [i, x] of expected.grad!.data.entries())
    expect(Math.abs(got.grad!.data[i] - x)).toBeLessThan(1e-3 * largest);
  const scoreOf = (position: number, by: number) => {
    const image = { data: images.output.data.map((x, i) => (i === position ? x + by : x)), shape };
    return evaluateDefinition(reference, definition, { output: image, target: image }, {}).value.data[0];
  };
  for (const position of [0, 7, 500, 1600, 3000]) {
    const difference = (scoreOf(position, 1e-6) - scoreOf(position, -1e-6)) / 2e-6;
    expect(Math.abs(expected.grad!.data[position] - difference)).toBeLessThan(1e-3 * largest);
  }
});

test("an image has the same value alone and in a batch", async () => {
  const loss = brisque(smooth, { model });
  const together = await loss.perImage(photograph);
  for (const index of [0, 1]) expect(await loss.value(photograph.image(index))).toBeCloseTo(together[index], 4);
});

test("images without structure have the score 100, as in OpenCV, and gradient 0 at any size", async () => {
  for (const [h, w] of [
    [2, 2],
    [3, 2],
    [48, 33],
  ]) {
    const { value, grad } = await brisque({}, { model }).valueAndGrad(Tensor.full([1, 3, h, w], 0.4));
    expect(value).toBe(100);
    expect(Math.max(...grad.data.map(Math.abs))).toBe(0);
  }
  await expect(brisque({}, { model }).value(Tensor.full([1, 3, 1, 8], 0.4))).rejects.toMatchObject({ code: "shape" });
});

test("weights: 1 changes nothing, only ratios count, and a weight without any compared pixel is rejected", async () => {
  const loss = brisque({ ...smooth, crop: 1 }, { model });
  const weight = mapTensor(randomTensor([2, 1, 27, 38], 8), (x) => (x < 0.3 ? 0 : 3 * x));
  const of = (weight?: Tensor) => loss.value(photograph, undefined, { weight });
  const [plain, ones, one, eight] = await Promise.all(
    [undefined, Tensor.full([1, 3, 27, 38], 1), weight, mapTensor(weight, (x) => 8 * x)].map(of),
  );
  expect(ones).toBeCloseTo(plain, 3);
  expect(eight).toBeCloseTo(one, 3);
  expect(Math.abs(one - plain)).toBeGreaterThan(1e-3);
  const border = mapTensor(Tensor.full([1, 1, 27, 38], 0), (_, i) => (i < 38 ? 1 : 0));
  await expect(of(border)).rejects.toThrow(/weight is 0 at every place that is compared/);
});

/** A model as OpenCV writes it. */
const yaml = (more: { kernel?: string; alpha?: string } = {}) => {
  const rows = model.coefficients.map((_, k) => model.vectors.slice(k * 36, (k + 1) * 36).join(",\n          "));
  return [
    "%YAML:1.0",
    "---",
    "opencv_ml_svm:",
    "   svmType: EPS_SVR",
    `   kernel:\n      type: ${more.kernel ?? "RBF"}\n      gamma: 5.0000000000000003e-02`,
    "   C: 1024.",
    "   support_vectors:",
    ...rows.map((row) => `      - [ ${row} ]`),
    "   decision_functions:",
    `      -\n         sv_count: 5\n         rho: -2.e+01\n         alpha: [ ${more.alpha ?? model.coefficients.join(",\n")} ]`,
  ].join("\n");
};
const bytes = (text: string) => new TextEncoder().encode(text);

test("reads an OpenCV model file, and rejects an invalid one with the reason", async () => {
  const scoreBy = (given: Uint8Array | object) =>
    brisque(smooth, { model: given as Uint8Array }).value(photograph.image(0));
  expect(await scoreBy(bytes(yaml()))).toBe(await scoreBy(model));
  for (const [given, problem] of [
    [bytes("no model"), "is not a support vector machine of OpenCV"],
    [bytes(yaml({ kernel: "LINEAR" })), "is not a regression with a radial kernel"],
    [bytes(yaml({ alpha: "1, 2" })), "2 vectors must have 72 numbers, got 180"],
    [bytes(yaml({ alpha: "1, 2, x, 4, 5" })), "coefficients must be finite"],
    [{ ...model, coefficients: [] }, "there are no coefficients"],
    [{ ...model, gamma: Number.NaN }, "gamma must be finite"],
  ] as const) {
    await expect(scoreBy(given)).rejects.toThrow(problem);
    await expect(scoreBy(given)).rejects.toMatchObject({ code: "checkpoint" });
  }
});
