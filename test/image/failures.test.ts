import { describe, expect, it } from "vitest";
import { bitErrors, blockTruncation, misplacedBlocks } from "../../src/image/blocks.ts";
import { cosineTransform } from "../../src/image/cosine-transform.ts";
import { kuwahara, ringing } from "../../src/image/filters.ts";
import { randomNetwork } from "../../src/image/random-network.ts";
import { wavelet } from "../../src/image/wavelet.ts";
import { Random } from "../../src/random.ts";
import { Tensor } from "../../src/tensor.ts";

const random = new Random("failures");
/** Far enough from black and white that nothing is limited. */
const texture = new Tensor(
  new Float32Array(3 * 32 * 32).map(() => random.between(0.45, 0.55)),
  [1, 3, 32, 32],
);
const wave = (period: number) =>
  new Tensor(
    new Float32Array(3 * 48 * 48).map((_, at) => 0.5 + 0.3 * Math.cos((2 * Math.PI * (at % 48)) / period)),
    [1, 3, 48, 48],
  );
const largest = (a: Tensor, b: Tensor) =>
  a.data.reduce((most, value, at) => Math.max(most, Math.abs(value - b.data[at])), 0);
const squares = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value * value, 0);

describe("the cosine transform", () => {
  it.each([4, 8, 16])("of %i values is orthonormal, and the mean comes first", (side) => {
    const block = Float64Array.from({ length: side * side }, () => random.uniform());
    const before = block.slice();
    const transform = cosineTransform(side);
    transform(block, false);
    expect(squares(block)).toBeCloseTo(squares(before), 10);
    expect(block[0]).toBeCloseTo(before.reduce((sum, value) => sum + value, 0) / side, 10);
    transform(block, true);
    for (const [at, value] of block.entries()) expect(value).toBeCloseTo(before[at], 12);
  });
});

describe("codecs' failures", () => {
  it("flipped signs change neither a channel's mean nor how much texture it has", () => {
    const { data } = bitErrors(texture, 0.5, new Random(1));
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(
      texture.data.reduce((sum, value) => sum + value, 0),
      2,
    );
    expect(squares(data)).toBeCloseTo(squares(texture.data), 2);
    expect(largest(new Tensor(data, texture.shape), texture)).toBeGreaterThan(0.05);
  });

  it("a block truncated to two levels of brightness has its darkest and its brightest", () => {
    const grey = new Tensor(
      texture.data.map((_, at) => texture.data[at % 1024]),
      texture.shape,
    );
    const { data } = blockTruncation(grey, 2, new Random(1));
    const block = (of: Float32Array) => [0, 1, 2, 3].flatMap((y) => [...of.subarray(32 * y, 32 * y + 4)]);
    // Blocks may be larger than 4 pixels, but their parts have no other levels.
    expect(new Set(block(data).map((value) => value.toFixed(5))).size).toBe(2);
  });

  it("misplaced blocks move a flat image nowhere and a slope by at most the reach", () => {
    const slope = new Tensor(
      new Float32Array(3 * 64 * 64).map((_, at) => (at % 64) / 64),
      [1, 3, 64, 64],
    );
    for (const seed of [1, 2, 3, 4]) {
      expect(largest(misplacedBlocks(slope, 1, 2, new Random(seed)), slope)).toBeLessThanOrEqual(8.01 / 64);
      expect(largest(misplacedBlocks(slope, 1, 2, new Random(seed)), slope)).toBeGreaterThan(1 / 64);
    }
  });

  it("a wavelet codec keeps everything without a threshold, slopes at any, and loses fine texture first", () => {
    expect(largest(wavelet(texture, 0), texture)).toBeLessThan(1e-6);
    const slope = new Tensor(
      new Float32Array(3 * 33 * 33).map((_, at) => (at % 33) / 64),
      [1, 3, 33, 33],
    );
    expect(largest(wavelet(slope, 0.001), slope)).toBeLessThan(1e-6);
    // A wave of period 2 is fine coefficients of 0.6 in each of three channels, 1.04 together.
    expect(largest(wavelet(wave(2), 1.03), wave(2))).toBeLessThan(1e-6);
    expect(largest(wavelet(wave(2), 1.05), Tensor.full([1, 3, 48, 48], 0.5))).toBeLessThan(1e-6);
  });
});

describe("filters", () => {
  it("ringing keeps waves below the cutoff and removes those above it", () => {
    // The share of frequencies that stays is 1/2: waves of period 4 are the finest.
    const inner = (image: Tensor) => image.data.slice(24 * 48 + 16, 24 * 48 + 32);
    const far = (image: Tensor, other: (at: number) => number) =>
      Math.max(...inner(image).map((value, at) => Math.abs(value - other(at))));
    const kept = inner(wave(12));
    expect(far(ringing(wave(12), 0.5), (at) => kept[at])).toBeLessThan(0.03);
    expect(far(ringing(wave(2.4), 0.5), () => 0.5)).toBeLessThan(0.03);
    expect(largest(ringing(texture, 1), texture)).toBeLessThan(1e-6);
  });

  it("kuwahara leaves an edge as it is and takes texture away", () => {
    const edge = new Tensor(
      new Float32Array(3 * 32 * 32).map((_, at) => (at % 32 < 13 ? 0.2 : 0.9)),
      [1, 3, 32, 32],
    );
    expect(largest(kuwahara(edge, 3), edge)).toBeLessThan(1e-6);
    const mean = 0.5;
    const spread = (image: Tensor) => squares(image.data.map((value) => value - mean));
    expect(spread(kuwahara(texture, 3))).toBeLessThan(0.3 * spread(texture));
  });

  it("a random network adds as much as it is told, and nothing to the mean", () => {
    for (const seed of [1, 2, 3, 4]) {
      const added = randomNetwork(texture, 0.05, new Random(seed)).data.map((value, at) => value - texture.data[at]);
      expect(Math.sqrt(squares(added) / added.length)).toBeCloseTo(0.05, 3);
      expect(added.reduce((sum, value) => sum + value, 0) / added.length).toBeCloseTo(0, 3);
    }
  });
});
