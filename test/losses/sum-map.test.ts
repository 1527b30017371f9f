import { expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

const [n, h, w] = [2, 24, 29];
const [output, target] = [randomTensor([n, 3, h, w], 1), randomTensor([n, 3, h, w], 2)];

/** The part of a map within borders of rows and columns. */
function inner({ data, shape }: Tensor, [top, bottom]: number[], [left, right]: number[]): Tensor {
  const [height, width] = [shape[2] - top - bottom, shape[3] - left - right];
  const cut = new Float32Array(n * height * width);
  for (let i = 0; i < cut.length; i++) {
    const [image, row, column] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    cut[i] = data[(image * shape[2] + row + top) * shape[3] + column + left];
  }
  return new Tensor(cut, [n, 1, height, width]);
}

// By the definition: windows of 7 and 11 leave 3 and 5 pixels at each side, one of 4x6 leaves 1 and 2 above and below, 2 and 3 left and right, and what a
// sum is minimised by is 1 - ssim.
test.each([
  [
    "l1 + 0.25*ssim",
    [
      ["l1", 1, [5, 5], [5, 5]],
      ["ssim", -0.25, [0, 0], [0, 0]],
    ],
    0.25,
  ],
  [
    "ssim(size=7) + 2*mse",
    [
      ["ssim(size=7)", -1, [0, 0], [0, 0]],
      ["mse", 2, [3, 3], [3, 3]],
    ],
    1,
  ],
  [
    "ssim + ssim(size=4:6)",
    [
      ["ssim", -1, [0, 0], [0, 0]],
      ["ssim(size=4:6)", -1, [4, 3], [3, 2]],
    ],
    2,
  ],
  [
    "l1(crop=2) + dssim(preset=fused)",
    [
      ["l1(crop=2)", 1, [0, 0], [0, 0]],
      ["dssim(preset=fused)", 1, [2, 2], [2, 2]],
    ],
    0,
  ],
  [
    "-0.5*charbonnier + 0.1*tv",
    [
      ["charbonnier", -0.5, [0, 0], [0, 0]],
      ["tv", 0.1, [0, 0], [0, 0]],
    ],
    0,
  ],
] as [string, [string, number, number[], number[]][], number][])(
  "the map of %s adds the maps of its terms, aligned to the same pixels",
  async (spec, terms, offset) => {
    const sum = parseLoss(spec);
    expect(sum.hasMap).toBe(true);
    const parts = await Promise.all(
      terms.map(async ([term, , rows, columns]) => inner(await parseLoss(term).map(output, target), rows, columns)),
    );
    const expected = parts[0].data.map((_, i) =>
      terms.reduce((total, [, weight], term) => total + weight * parts[term].data[i], offset),
    );
    const map = await sum.map(output, target);
    expect(map.shape).toEqual(parts[0].shape);
    expect(Math.max(...map.data.map((x, i) => Math.abs(x - expected[i])))).toBeLessThan(1e-5);
    // Asking for the map changes no other number.
    const [plain, mapped] = [
      await sum.evaluate(output, target, { grad: true }),
      await sum.evaluate(output, target, { grad: true, map: true }),
    ];
    expect(mapped.value).toBe(plain.value);
    expect(mapped.grad).toEqual(plain.grad);
  },
);

test.each([
  "l1 + psnr",
  "l1 + ms-ssim(size=3)",
  "2*rmse",
  "l1 + mse(reduction=sum)",
  "l1 + ssim(preset=piq)",
  "l1 + ssim(channelMaps=true)",
])("%s has no map, because the map of a term does not average to its value", async (spec) => {
  const loss = parseLoss(spec);
  expect(loss.hasMap).toBe(false);
  await expect(loss.map(output, target)).rejects.toThrow(/has no map/);
});

test("the mean of a sum's map equals its value where every term covers every pixel", async () => {
  const loss = parseLoss("l1 + 0.5*mse + 0.1*deltaE + ssim(preset=fused)");
  const { value, map } = await loss.evaluate(output, target, { map: true });
  const data = map?.data as Float32Array;
  expect(data.reduce((total, x) => total + x, 0) / data.length).toBeCloseTo(value, 5);
});
