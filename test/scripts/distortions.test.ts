import { describe, expect, it } from "vitest";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  type DistortionName,
  distortions,
  trainingDistortions,
  unseenDistortions,
} from "../../scripts/distortions/index.ts";
import { jpeg } from "../../scripts/distortions/jpeg.ts";
import { mosaic, motionBlur } from "../../scripts/distortions/places.ts";
import { contrast, fade, gamma, posterise, saturate, turnHue } from "../../scripts/distortions/tones.ts";

const names = Object.keys(distortions) as DistortionName[];

/** A picture with edges, texture and colour, in whole levels of 255 as files have them. */
function picture(side: number): Tensor {
  const random = new Random("picture");
  const data = new Float32Array(3 * side * side);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const waves = 0.2 * Math.sin(x / (3 + channel)) * Math.cos(y / 5) + (x + channel * 7 > y ? 0.2 : -0.1);
        data[(channel * side + y) * side + x] = Math.round(255 * (0.45 + waves + 0.1 * random.uniform())) / 255;
      }
    }
  }
  return new Tensor(data, [1, 3, side, side]);
}

const image = picture(64);
const squareError = (a: Tensor, b: Tensor) =>
  a.data.reduce((sum, value, i) => sum + (value - b.data[i]) ** 2, 0) / a.data.length;

describe.each(names)("%s", (name) => {
  const distort = distortions[name];

  it("changes nothing at strength 0, does not modify its input, and keeps shape and range", () => {
    const before = Float32Array.from(image.data);
    const none = distort(image, 0, new Random(1));
    expect(none.data).toEqual(before);
    expect(none.data).not.toBe(image.data);
    for (const strength of [0.001, 0.3, 1]) {
      const { data, shape } = distort(image, strength, new Random(2));
      expect(shape).toEqual(image.shape);
      expect(data.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
    expect(image.data).toEqual(before);
  });

  it("gives the same result for the same random draws", () => {
    expect(distort(image, 0.6, new Random(3)).data).toEqual(distort(image, 0.6, new Random(3)).data);
  });

  it("does more harm at a higher strength, for any draws", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const errors = [0, 0.2, 0.4, 0.6, 0.8, 1].map((strength) =>
        squareError(distort(image, strength, new Random(seed)), image),
      );
      for (const [index, error] of errors.slice(1).entries()) expect(error).toBeGreaterThan(errors[index]);
    }
  });

  it("accepts images of any size, and batches", () => {
    for (const [h, w] of [
      [1, 1],
      [3, 17],
      [33, 8],
    ]) {
      const shape = [2, 3, h, w] as const;
      const { data } = distort(Tensor.full(shape, 0.5), 0.7, new Random(4));
      expect(data.every((value) => value >= 0 && value <= 1)).toBe(true);
    }
  });

  it("refuses invalid strengths and images", () => {
    for (const strength of [-0.1, 1.1, Number.NaN]) {
      expect(() => distort(image, strength, new Random(1))).toThrow(`distortions.${name}: strength`);
    }
    expect(() => distort(Tensor.full([1, 1, 8, 8], 0), 0.5, new Random(1))).toThrow(`distortions.${name}: images`);
  });
});

it("separates distortions for training from those held out", () => {
  expect([...trainingDistortions, ...unseenDistortions].toSorted()).toEqual(names.toSorted());
  expect(unseenDistortions).toHaveLength(3);
});

// By hand, from the formula of each.
it.each([
  ["gamma: 0.5^2", gamma(Tensor.full([1, 1, 1, 1], 0.5), 2), 0, 0.25],
  ["contrast: 0.5 + 0.5 (0.75 - 0.5)", contrast(Tensor.full([1, 1, 1, 1], 0.75), 0.5), 0, 0.625],
  ["saturate: the brightness of red by BT.601", saturate(Tensor.from([1, 0, 0], [1, 3, 1, 1]), 0), 0, 0.299],
  ["turnHue: grey has no hue", turnHue(Tensor.full([1, 3, 1, 1], 0.5), 90), 0, 0.5],
  ["posterise: of 0, 0.5 and 1", posterise(Tensor.full([1, 1, 1, 1], 0.4), 3), 0, 0.5],
  ["fade: a quarter of white", fade(Tensor.full([1, 1, 1, 1], 0), 0.25, [1]), 0, 0.25],
  ["motionBlur: a fifth of a line of five", motionBlur(Tensor.from([0, 0, 1, 0, 0], [1, 1, 1, 5]), 4, 0), 2, 0.2],
  ["mosaic: the mean of 0 and 1", mosaic(Tensor.from([0, 1, 1, 1], [1, 1, 1, 4]), 2), 0, 0.5],
  ["jpeg: 128 of 255, whole numbers as in files", jpeg(Tensor.full([1, 1, 8, 8], 0.5), 10), 0, 128 / 255],
] as const)("%s", (_, { data }, at, value) => {
  expect(data[at]).toBeCloseTo(value, 6);
});
