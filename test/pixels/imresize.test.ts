import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cubicMatrix } from "../../packages/core/src/cubic.ts";
import { imresize } from "../../packages/core/src/pixels/imresize.ts";
import { resize } from "../../packages/core/src/pixels/resize.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

/** The definition of MATLAB's `imresize` in float64, one matrix for each axis. */
function byMatrices({ data, shape: [, , h, w] }: Tensor, height: number, width: number): number[] {
  const [down, across] = [cubicMatrix(h, height, height / h), cubicMatrix(w, width, width / w)];
  return Array.from({ length: height * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    let sum = 0;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) sum += down[row * h + y] * across[column * w + x] * data[y * w + x];
    }
    return Math.min(1, Math.max(0, sum));
  });
}

test.each([
  [12, 16, 6, 8],
  [12, 16, 24, 32],
  [12, 15, 4, 5],
  [9, 7, 27, 21],
  [10, 11, 7, 13],
  [3, 2, 1, 1],
  [1, 1, 4, 3],
  [2, 3, 40, 5],
])("bicubic from %ix%i to %ix%i equals the float64 definition", (h, w, height, width) => {
  const image = randomTensor([1, 1, h, w], h + width);
  const { data } = imresize(image, [height, width]);
  for (const [i, value] of byMatrices(image, height, width).entries()) expect(data[i]).toBeCloseTo(value, 6);
});

describe("imresize equals GNU Octave's, including the border", () => {
  const path = join(import.meta.dirname, "../goldens/octave/resized-images.json");
  const { image, height, width, cases } = JSON.parse(readFileSync(path, "utf8"));

  test.each(cases as { size: [number, number]; values: number[] }[])("for size $size", ({ size, values }) => {
    const { data } = imresize(Tensor.from(image, [1, 1, height, width]), size);
    for (const [i, value] of values.entries()) expect(data[i]).toBeCloseTo(value, 6);
  });
});

test("halving has MATLAB's taps [-3 -9 29 111 111 29 -9 -3] / 256", () => {
  const impulse = Tensor.from(
    Array.from({ length: 24 }, (_, i) => Number(i === 12)),
    [1, 1, 1, 24],
  );
  // Values below 0 are cut back: the impulse stands on grey.
  const onGrey = new Tensor(
    impulse.data.map((value) => 0.5 + value / 4),
    impulse.shape,
  );
  const { data } = imresize(onGrey, [1, 12]);
  const taps = Array.from(data, (value) => Math.round((value - 0.5) * 4 * 256));
  expect(taps).toEqual([0, 0, 0, 0, -3, 29, 111, -9, 0, 0, 0, 0]);
});

test("enlarging interpolates at half-pixel centres, without a shift", () => {
  // Keys' cubic at 1/4 and 3/4: [-9 111 29 -3] / 128; a ramp stays the ramp, at the positions of the pixels' centres.
  const ramp = Tensor.from(
    Array.from({ length: 16 }, (_, i) => i / 16),
    [1, 1, 1, 16],
  );
  const { data } = imresize(ramp, [1, 32]);
  for (let i = 4; i < 28; i++) expect(data[i]).toBeCloseTo(((i + 0.5) / 2 - 0.5) / 16, 6);
});

test("lanczos3 is the sinc windowed by its main lobe", () => {
  const impulse = Tensor.from(
    Array.from({ length: 15 }, (_, i) => 0.5 + (i === 7 ? 0.25 : 0)),
    [1, 1, 1, 15],
  );
  const { data } = imresize(impulse, [1, 30], "lanczos3");
  const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  const kernel = (x: number) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0);
  for (let i = 8; i < 22; i++) {
    const centre = (i + 0.5) / 2 - 0.5;
    const total = Array.from({ length: 15 }, (_, k) => kernel(centre - k)).reduce((a, b) => a + b, 0);
    expect(data[i]).toBeCloseTo(0.5 + (0.25 * kernel(centre - 7)) / total, 6);
  }
});

describe("the border", () => {
  const image = randomTensor([1, 3, 32, 40], 1);

  test("is mirrored, unlike with `clean`, and the interior is the same", () => {
    const [ours, clean] = [imresize(image, [16, 20]), resize(image, [16, 20], "clean")];
    let [inside, outside] = [0, 0];
    for (let i = 0; i < ours.data.length; i++) {
      const [x, y] = [i % 20, Math.floor(i / 20) % 16];
      const difference = Math.abs(ours.data[i] - clean.data[i]);
      if (x >= 2 && y >= 2 && x < 18 && y < 14) inside = Math.max(inside, difference);
      else outside = Math.max(outside, difference);
    }
    expect(inside).toBeLessThan(1e-6);
    expect(outside).toBeGreaterThan(1e-3);
  });

  test("keeps flat images flat, and returns an image of the same size unchanged", () => {
    const flat = Tensor.full([2, 1, 9, 7], 0.3);
    for (const value of imresize(flat, [20, 3], "lanczos3").data) expect(value).toBeCloseTo(0.3, 6);
    expect(imresize(image, [32, 40]).data).toEqual(image.data);
  });
});

test("rejects invalid sizes and unknown kernels", () => {
  const image = Tensor.full([1, 1, 4, 4], 0);
  expect(() => imresize(image, [0, 4])).toThrow(/size must be positive integers, got 0x4/);
  expect(() => imresize(image, [4.5, 4])).toThrow(/positive integers/);
  expect(() => imresize(image, [4, 4], "box" as "bicubic")).toThrow(/kernel must be one of bicubic, lanczos3, got box/);
});
