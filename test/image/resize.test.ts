import { describe, expect, test } from "vitest";
import { type Resizer, resize, resizers } from "../../packages/core/src/pixels/resize.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { mapTensor, readGoldenImage } from "../golden.ts";
import { randomTensor } from "../random.ts";
import { testResizerGoldens } from "../resizer-goldens.ts";

describe("resizers equal those of Pillow, PyTorch and TensorFlow to 1e-4 of 255", () => {
  testResizerGoldens(async (path, size, resizer) => {
    const image = mapTensor(await readGoldenImage(path), (value) => Math.round(value * 255));
    return resize(image, size, resizer, { dataRange: 255 });
  });
});

describe("resize", () => {
  test.each(resizers)("%s preserves an image of the same size, and a flat image", (resizer) => {
    const image = randomTensor([2, 3, 7, 5], 1);
    expect(resize(image, [7, 5], resizer)).toEqual(image);
    const flat = resize(Tensor.full([1, 1, 5, 9], 0.25), [23, 4], resizer);
    expect(Math.max(...flat.data.map((value) => Math.abs(value - 0.25)))).toBeLessThan(1e-7);
  });

  test.each(resizers)("%s resizes between any sizes, a single pixel included", (resizer) => {
    for (const [from, to] of [
      [1, 299],
      [2, 3],
      [3, 1],
      [1000, 2],
      [299, 300],
    ]) {
      const { data } = resize(randomTensor([1, 1, from, 2], 2), [to, 1], resizer);
      expect(data.length).toBe(to);
      expect(data.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
  });

  test("refuses invalid sizes and unknown resizers", () => {
    const image = Tensor.full([1, 1, 2, 2], 0);
    expect(() => resize(image, [0, 2], "clean")).toThrow(/positive integers, got 0x2/);
    expect(() => resize(image, [2, 2], "nearest" as Resizer)).toThrow(/must be one of clean, legacy-tensorflow/);
  });
});
