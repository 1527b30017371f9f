import { describe, expect, it } from "vitest";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { bitErrors, blockTruncation, misplacedBlocks } from "../../scripts/distortions/blocks.ts";
import { cosineTransform } from "../../scripts/distortions/cosine-transform.ts";
import { kuwahara, ringing } from "../../scripts/distortions/filters.ts";
import { distortions } from "../../scripts/distortions/index.ts";
import { heldPixels, lostPixels } from "../../scripts/distortions/places.ts";
import { randomNetwork } from "../../scripts/distortions/random-network.ts";
import { wavelet } from "../../scripts/distortions/wavelet.ts";

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
  it.each([4, 8, 16])("of %i values is orthonormal, with the mean first", (side) => {
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

describe("failures of codecs", () => {
  it("flipped signs keep each channel's mean and amount of texture", () => {
    const { data } = bitErrors(texture, 0.5, new Random(1));
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(
      texture.data.reduce((sum, value) => sum + value, 0),
      2,
    );
    expect(squares(data)).toBeCloseTo(squares(texture.data), 2);
    expect(largest(new Tensor(data, texture.shape), texture)).toBeGreaterThan(0.05);
  });

  it("a block truncated to two levels keeps its darkest and its brightest", () => {
    const grey = new Tensor(
      texture.data.map((_, at) => texture.data[at % 1024]),
      texture.shape,
    );
    const { data } = blockTruncation(grey, 2, new Random(1));
    const block = (of: Float32Array) => [0, 1, 2, 3].flatMap((y) => [...of.subarray(32 * y, 32 * y + 4)]);
    // Blocks may be larger than 4 pixels, but their parts have no other levels.
    expect(new Set(block(data).map((value) => value.toFixed(5))).size).toBe(2);
  });

  it("misplaced blocks leave a flat image unchanged, and shift a slope by at most the reach", () => {
    const slope = new Tensor(
      new Float32Array(3 * 64 * 64).map((_, at) => (at % 64) / 64),
      [1, 3, 64, 64],
    );
    for (const seed of [1, 2, 3, 4]) {
      expect(largest(misplacedBlocks(slope, 1, 2, new Random(seed)), slope)).toBeLessThanOrEqual(8.01 / 64);
      expect(largest(misplacedBlocks(slope, 1, 2, new Random(seed)), slope)).toBeGreaterThan(1 / 64);
    }
  });

  it("a wavelet codec is lossless without a threshold, keeps slopes at any, and loses fine texture first", () => {
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
  it("ringing keeps waves below the cutoff and removes those above", () => {
    // The share of frequencies that stays is 1/2: waves of period 4 are the finest.
    const inner = (image: Tensor) => image.data.slice(24 * 48 + 16, 24 * 48 + 32);
    const far = (image: Tensor, other: (at: number) => number) =>
      Math.max(...inner(image).map((value, at) => Math.abs(value - other(at))));
    const kept = inner(wave(12));
    expect(far(ringing(wave(12), 0.5), (at) => kept[at])).toBeLessThan(0.03);
    expect(far(ringing(wave(2.4), 0.5), () => 0.5)).toBeLessThan(0.03);
    expect(largest(ringing(texture, 1), texture)).toBeLessThan(1e-6);
  });

  it("kuwahara keeps an edge and removes texture", () => {
    const edge = new Tensor(
      new Float32Array(3 * 32 * 32).map((_, at) => (at % 32 < 13 ? 0.2 : 0.9)),
      [1, 3, 32, 32],
    );
    expect(largest(kuwahara(edge, 3), edge)).toBeLessThan(1e-6);
    const mean = 0.5;
    const spread = (image: Tensor) => squares(image.data.map((value) => value - mean));
    expect(spread(kuwahara(texture, 3))).toBeLessThan(0.3 * spread(texture));
  });

  it("a random network adds the requested amount, with zero mean", () => {
    for (const seed of [1, 2, 3, 4]) {
      const added = randomNetwork(texture, 0.05, new Random(seed)).data.map((value, at) => value - texture.data[at]);
      expect(Math.sqrt(squares(added) / added.length)).toBeCloseTo(0.05, 3);
      expect(added.reduce((sum, value) => sum + value, 0) / added.length).toBeCloseTo(0, 3);
    }
  });
});

describe("replaced pixels", () => {
  const at = (image: Tensor, x: number, y: number) => [0, 1, 2].map((plane) => image.data[(plane * 32 + y) * 32 + x]);
  const same = (a: readonly number[], b: readonly number[]) => a.every((value, index) => value === b[index]);

  it("held pixels repeat the last one read, along rows or along columns", () => {
    const directions = new Set<string>();
    for (let seed = 1; seed <= 12; seed++) {
      const held = heldPixels(texture, 0.5, new Random(seed));
      const isHeld = (dx: number, dy: number) => {
        let count = 0;
        for (let y = 1; y < 32; y++) {
          for (let x = 1; x < 32; x++) {
            const own = at(held, x, y);
            if (same(own, at(texture, x, y))) continue;
            if (!same(own, at(held, x - dx, y - dy))) return 0;
            count++;
          }
        }
        return count / 31 ** 2;
      };
      const [across, down] = [isHeld(1, 0), isHeld(0, 1)];
      expect(Math.max(across, down)).toBeGreaterThan(0.4);
      expect(Math.max(across, down)).toBeLessThan(0.6);
      directions.add(across > down ? "across" : "down");
    }
    expect(directions.size).toBe(2);
  });

  it("lost pixels are filled with the nearest remaining one", () => {
    const filled = lostPixels(texture, 0.1, new Random(1));
    const pixels = Array.from({ length: 32 * 32 }, (_, index) => [index % 32, Math.floor(index / 32)] as const);
    const kept = pixels.filter(([x, y]) => same(at(filled, x, y), at(texture, x, y)));
    expect(kept.length / pixels.length).toBeGreaterThan(0.06);
    expect(kept.length / pixels.length).toBeLessThan(0.14);
    for (const [x, y] of pixels) {
      const distance = ([keptX, keptY]: readonly [number, number]) => (keptX - x) ** 2 + (keptY - y) ** 2;
      const least = Math.min(...kept.map(distance));
      const nearest = kept.filter((pixel) => distance(pixel) === least);
      expect(nearest.some(([keptX, keptY]) => same(at(filled, x, y), at(texture, keptX, keptY)))).toBe(true);
    }
  });

  it("an image stays unchanged when all its pixels are lost", () => {
    expect(lostPixels(texture, 0, new Random(1)).data).toEqual(texture.data);
  });

  it("uneven detail changes edges, and leaves flat areas unchanged", () => {
    const edge = new Tensor(
      new Float32Array(3 * 48 * 48).map((_, index) => (index % 48 < 24 ? 0.3 : 0.7)),
      [1, 3, 48, 48],
    );
    for (const seed of [1, 2, 3]) {
      const { data } = distortions.unevenDetail(edge, 0.5, new Random(seed));
      const far = (x: number) => Math.max(...[0, 20, 40].map((y) => Math.abs(data[48 * y + x] - edge.data[x])));
      // Detail is told apart by a blur of 3 pixels at most, which ends after four times as many.
      expect(Math.max(far(4), far(44))).toBeLessThan(1e-6);
      expect(far(23) + far(24)).toBeGreaterThan(1e-3);
    }
  });
});
