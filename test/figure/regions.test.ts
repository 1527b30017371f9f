import { describe, expect, test } from "vitest";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type ProposedRegion, proposeRegions } from "../../packages/reconloss/src/figure/index.ts";

const [height, width] = [23, 31];

function noise(seed: number, channels = 3): Tensor {
  const random = new Random("regions", seed);
  return Tensor.from(
    Array.from({ length: channels * height * width }, () => random.uniform()),
    [1, channels, height, width],
  );
}

/** The definition, window by window: the mean over the window's pixels of the variance between methods of the mean absolute difference over channels. */
function scores(outputs: readonly Tensor[], target: Tensor, [w, h]: [number, number]): ProposedRegion[] {
  const area = height * width;
  const channels = target.shape[1];
  const spread = Array.from({ length: area }, (_, i) => {
    const errors = outputs.map(({ data }) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += Math.abs(data[c * area + i] - target.data[c * area + i]);
      return sum / channels;
    });
    const mean = errors.reduce((a, b) => a + b) / errors.length;
    if (errors.length === 1) return mean;
    return errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / errors.length;
  });
  const windows: ProposedRegion[] = [];
  for (let y = 0; y + h <= height; y++) {
    for (let x = 0; x + w <= width; x++) {
      let sum = 0;
      for (let v = y; v < y + h; v++) for (let u = x; u < x + w; u++) sum += spread[v * width + u];
      windows.push({ x, y, width: w, height: h, score: sum / (w * h) });
    }
  }
  return windows.sort((a, b) => b.score - a.score);
}

describe("proposeRegions", () => {
  test.each([
    ["of three methods", [1, 2, 3]],
    ["of two", [4, 5]],
    ["of one, by its error", [6]],
  ])("takes the windows of the largest mean variance of errors, apart from each other: %s", (_, seeds) => {
    const target = noise(0);
    const outputs = seeds.map((seed) => noise(seed));
    const regions = proposeRegions(outputs, target, { size: [7, 5], count: 3 });
    const expected: ProposedRegion[] = [];
    for (const window of scores(outputs, target, [7, 5])) {
      const isApart = (other: ProposedRegion) => Math.abs(window.x - other.x) >= 7 || Math.abs(window.y - other.y) >= 5;
      if (expected.length < 3 && expected.every(isApart)) expected.push(window);
    }
    expect(regions).toEqual(expected.map((region) => ({ ...region, score: expect.closeTo(region.score, 6) })));
  });

  test("finds none where all methods are equal, and few where methods differ in few places", () => {
    const target = noise(0);
    expect(proposeRegions([noise(1), noise(1), noise(1)], target)).toEqual([]);
    expect(proposeRegions([target], target)).toEqual([]);
    const other = new Tensor(target.data.slice(), target.shape);
    other.data[0] = 1 - other.data[0];
    expect(proposeRegions([target, other], target, { size: [4, 4], count: 9 })).toHaveLength(1);
  });

  test("defaults to 4:3 and a quarter of the image's height, within small images", () => {
    const [first] = proposeRegions([Tensor.full([1, 1, 90, 120], 0), noiseOf(90, 120)], noiseOf(90, 120, 2));
    expect([first.width, first.height]).toEqual([31, 23]);
    const [small] = proposeRegions([Tensor.full([1, 1, 9, 12], 0), noiseOf(9, 12)], noiseOf(9, 12, 2));
    expect(small).toMatchObject({ x: 0, y: 0, width: 12, height: 9 });
  });

  test("refuses images that cannot be compared", () => {
    const target = noise(0);
    expect(() => proposeRegions([], target)).toThrow("there is no output");
    expect(() => proposeRegions([noise(1, 1)], target)).toThrow("output 0 is 1x1x23x31 but target is 1x3x23x31");
    for (const size of [
      [32, 4],
      [4, 24],
      [0, 4],
      [2.5, 4],
    ] as const) {
      expect(() => proposeRegions([target], target, { size })).toThrow("size must be within the image of 31x23 pixels");
    }
  });
});

function noiseOf(h: number, w: number, seed = 1): Tensor {
  const random = new Random("sized", seed);
  return Tensor.from(
    Array.from({ length: h * w }, () => random.uniform()),
    [1, 1, h, w],
  );
}
