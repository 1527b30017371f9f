import { describe, expect, it } from "vitest";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { blur, expose, noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { randomTensor } from "../random.ts";

describe("blur", () => {
  it("keeps flat images, also of one pixel, and does not change its input", () => {
    for (const shape of [
      [1, 1, 1, 1],
      [2, 3, 4, 5],
    ] as const) {
      const flat = Tensor.full(shape, 0.25);
      for (const value of blur(flat, 3).data) expect(value).toBeCloseTo(0.25, 6);
    }
    const image = randomTensor([1, 1, 4, 4], 1);
    const before = Float32Array.from(image.data);
    expect(blur(image, 0).data).toEqual(before);
    blur(image, 1);
    expect(image.data).toEqual(before);
  });

  it("spreads a point as a Gaussian in both directions", () => {
    const data = new Float32Array(41 * 41);
    data[20 * 41 + 20] = 1;
    const { data: spread } = blur(new Tensor(data, [1, 1, 41, 41]), 2);
    const gaussian = (x: number, y: number) => Math.exp(-(x * x + y * y) / 8) / (8 * Math.PI);
    for (const [x, y] of [
      [0, 0],
      [1, 0],
      [0, 3],
      [2, 4],
    ]) {
      // 4 sigma hold all but 6e-5 of the weight in each direction.
      expect(spread[(20 + y) * 41 + 20 + x] / gaussian(x, y)).toBeCloseTo(1, 3);
    }
  });

  it("mirrors the image at the border", () => {
    // Weights 1 : exp(-1/2) = 0.6065 : exp(-2) = 0.1353 : ...; to the left of 1, 0, 0 lie 0, 0, and so on.
    const [first] = blur(Tensor.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 10]), 1).data;
    expect(first).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 3);
  });

  it("treats images and channels separately", () => {
    const image = randomTensor([2, 3, 6, 5], 2);
    const all = blur(image, 1.3);
    expect(all.image(1).data).toEqual(blur(image.image(1), 1.3).data);
  });
});

describe("noise", () => {
  it("has the requested mean and deviation, and is the same for the same seed", () => {
    const grey = Tensor.full([1, 1, 200, 200], 0.5);
    const { data } = noise(grey, 0.05, 3);
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
    const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
    // Standard errors with 40000 samples: 0.00025 and 0.00018.
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.001);
    expect(Math.abs(deviation - 0.05)).toBeLessThan(0.0007);
    expect(noise(grey, 0.05, 3).data).toEqual(data);
    expect(noise(grey, 0.05, 4).data).not.toEqual(data);
  });

  it("stays within [0, 1]", () => {
    const { data } = noise(Tensor.full([1, 1, 50, 50], 1), 0.5, 1);
    expect(Math.max(...data)).toBe(1);
    expect(Math.min(...data)).toBeGreaterThanOrEqual(0);
  });
});

describe("expose", () => {
  it("halves linear light, not encoded values", () => {
    // sRGB of 0.5 linear: 1.055 * 0.5^(1 / 2.4) - 0.055.
    expect(expose(Tensor.full([1, 3, 1, 1], 1), 0.5).data[1]).toBeCloseTo(0.735357, 6);
    expect(expose(Tensor.full([1, 1, 1, 1], 0.03), 0.5).data[0]).toBeCloseTo(0.015, 6);
  });

  it("takes a gain for each channel and clamps to 1", () => {
    const { data } = expose(Tensor.full([2, 3, 1, 2], 0.9), [2, 1, 0]);
    for (const [index, value] of [1, 1, 0.9, 0.9, 0, 0, 1, 1, 0.9, 0.9, 0, 0].entries()) {
      expect(data[index]).toBeCloseTo(value, 6);
    }
  });
});

it.each([
  [() => blur(Tensor.full([1, 1, 2, 2], 0), -1), "blur: sigma"],
  [() => blur(Tensor.full([1, 1, 2, 2], 0), Number.NaN), "blur: sigma"],
  [() => noise(Tensor.full([1, 1, 2, 2], 0), Number.POSITIVE_INFINITY, 1), "noise: sigma"],
  [() => expose(Tensor.full([1, 1, 2, 2], 0), -1), "expose: gain"],
  [() => expose(Tensor.full([1, 3, 2, 2], 0), [1, 1]), "expose: 3 channels"],
])("refuses invalid arguments", (call, message) => {
  expect(call).toThrow(message);
});
