import { describe, expect, test } from "vitest";
import { type Resizer, resize, resizers } from "../../src/image/resize.ts";
import { Tensor } from "../../src/tensor.ts";
import { type GoldenCase, goldenCases, mapTensor, readGoldenImage, readNpy } from "../golden.ts";
import { randomTensor } from "../random.ts";

/** The goldens' name of each resizer; the longest that fits counts. */
const names: [string, Resizer][] = [
  ["clean-bicubic", "clean"],
  ["tf1-bilinear", "legacy-tensorflow"],
  ["torch-bilinear-antialias", "pytorch-antialias"],
  ["torch-bilinear", "legacy-pytorch"],
];

interface ResizerCase extends GoldenCase {
  expected: { mean: number; std: number; l2: number; first: number[]; shape: number[] };
  array?: string;
  arrayChannels?: "all" | number[];
  row150channel0?: number[];
}

/** The image with three channels and values 0 to 255. */
async function read(path: string): Promise<Tensor> {
  const image = mapTensor(await readGoldenImage(path), (value) => Math.round(value * 255));
  const [, c, h, w] = image.shape;
  const grey = new Float32Array(3 * h * w);
  if (c === 1) for (let channel = 0; channel < 3; channel++) grey.set(image.data, channel * h * w);
  return c === 3 ? image : new Tensor(grey, [1, 3, h, w]);
}

describe("resizers equal Pillow's, PyTorch's and TensorFlow's to 1e-4 of 255", () => {
  test.each(goldenCases("resizers") as ResizerCase[])("$id", async (golden) => {
    const [, resizer] = names.find(([name]) => golden.id.startsWith(name)) as [string, Resizer];
    const [channels, height, width] = golden.expected.shape;
    const got = resize(await read(golden.inputs.image as string), [height, width], resizer, { dataRange: 255 });
    const plane = height * width;
    if (golden.array) {
      const stored = golden.arrayChannels;
      const which = Array.isArray(stored) ? stored : Array.from({ length: channels }, (_, channel) => channel);
      const { data } = readNpy(golden.array);
      expect(data.length).toBe(which.length * plane);
      const error = which.flatMap((channel, place) => {
        const values = got.data.subarray(channel * plane, (channel + 1) * plane);
        return [values.reduce((max, value, i) => Math.max(max, Math.abs(value - data[place * plane + i])), 0)];
      });
      expect(Math.max(...error)).toBeLessThanOrEqual(1e-4);
    }
    for (const [i, value] of golden.expected.first.entries())
      expect(Math.abs(got.data[i] - value)).toBeLessThanOrEqual(1e-4);
    for (const [i, value] of (golden.row150channel0 ?? []).entries()) {
      expect(Math.abs(got.data[150 * width + i] - value)).toBeLessThanOrEqual(1e-4);
    }
    const mean = got.data.reduce((sum, value) => sum + value, 0) / got.data.length;
    expect(Math.abs(mean - golden.expected.mean)).toBeLessThanOrEqual(1e-4);
  });
});

describe("resize", () => {
  test.each(resizers)("%s keeps an image of the same size, and a flat one flat", (resizer) => {
    const image = randomTensor([2, 3, 7, 5], 1);
    expect(resize(image, [7, 5], resizer)).toEqual(image);
    const flat = resize(Tensor.full([1, 1, 5, 9], 0.25), [23, 4], resizer);
    expect(Math.max(...flat.data.map((value) => Math.abs(value - 0.25)))).toBeLessThan(1e-7);
  });

  test.each(resizers)("%s makes any size of any size, a single pixel included", (resizer) => {
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

  test("refuses sizes and resizers that do not exist", () => {
    const image = Tensor.full([1, 1, 2, 2], 0);
    expect(() => resize(image, [0, 2], "clean")).toThrow(/positive integers, got 0x2/);
    expect(() => resize(image, [2, 2], "nearest" as Resizer)).toThrow(/must be one of clean, legacy-tensorflow/);
  });
});
