import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Window } from "../../packages/core/src/graph/receptive-field.ts";
import { reference } from "../../packages/core/src/graph/reference.ts";
import { alexnet, dimsOf, initialize, tiny, tinyTaps, tinyWeights } from "../../packages/core/src/nets/index.ts";
import { tinyFirst, tinyFirstWeights, tinyTensors } from "../../packages/core/src/nets/tiny.ts";
import { unpackSteps } from "../../packages/core/src/nets/tiny-packed.ts";
import { Random } from "../../packages/core/src/random.ts";
import { decodeElements } from "../../packages/core/src/weights/elements.ts";
import { halfBits, packHalves } from "../../scripts/tiny-lpips/half.ts";
import { finenesses, packSteps } from "../../scripts/tiny-lpips/steps.ts";
import { features, head, parametersOf, trained } from "../../scripts/tiny-lpips/trainable.ts";
import { randomTensor } from "../random.ts";

describe("the tiny network", () => {
  it("computes the same during training and afterwards", () => {
    const values = initialize(parametersOf(), (name) => new Random(1, name));
    const weights = trained(Object.fromEntries(Object.entries(values).map(([name, data]) => [name, { data }])));
    const o = reference;
    const tensors = Object.fromEntries(
      Object.entries(parametersOf()).map(([name, spec]) => [name, o.constant(values[name], dimsOf(spec))]),
    );
    const image = o.constant(randomTensor([1, 3, 20, 24], 2).data, [1, 3, 20, 24]);
    const training = features(o, image, tensors);
    for (const [index, value] of tiny.features(o, image, weights, tinyTaps).entries()) {
      expect(training[index].shape).toEqual(value.shape);
      expect(training[index].data).toEqual(value.data);
      const { data } = weights[`lin${index}.model.1.weight`];
      head(o, tensors, index).data.forEach((x, channel) => {
        expect(x).toBeCloseTo(data[channel], 7);
      });
    }
  });

  it.each([tiny, tinyFirst])("has AlexNet's strides, sizes and centres, up to half a pixel: $name", (edition) => {
    const centre = ({ kernel, padding }: Window) => (kernel - 1) / 2 - padding;
    for (const tap of tinyTaps) {
      const [mine, theirs] = [edition, alexnet].map((net) => net.window(tap));
      expect(mine.stride).toBe(theirs.stride);
      expect(centre(mine) - centre(theirs)).toBe(0.5);
      for (const side of [96, 64, 224]) {
        expect(edition.sizes([tap], side, side)).toEqual(alexnet.sizes([tap], side, side));
      }
    }
  });

  it("weights every pixel equally in the first layer", () => {
    const { kernel, stride } = tiny.window("conv1");
    expect(kernel % stride).toBe(0);
    expect(kernel).toBeGreaterThan(stride);
  });
});

const editions = [
  { name: "second", network: tiny, weights: tinyWeights, file: "tiny-weights.ts", bytesOfNumber: 1 },
  { name: "first", network: tinyFirst, weights: tinyFirstWeights, file: "tiny-first-weights.ts", bytesOfNumber: 2 },
];

describe.each(editions)("the weights of the $name edition", ({ network, weights, file, bytesOfNumber }) => {
  it("are finite, complete, and not negative in the heads", async () => {
    const tensors = await weights();
    expect(Object.keys(tensors)).toEqual(Object.keys(tinyTensors(network)));
    for (const [name, { shape, data }] of Object.entries(tensors)) {
      expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1));
      expect(data.every(Number.isFinite)).toBe(true);
      expect(data.some((value) => value !== 0)).toBe(true);
      if (name.startsWith("lin")) expect(data.every((value) => value >= 0)).toBe(true);
    }
  });

  it("take at most 300 kB, as stored values and as a source file", () => {
    const path = new URL(`../../packages/core/src/nets/${file}`, import.meta.url);
    expect(readFileSync(path).length).toBeLessThanOrEqual(300_000);
    const shapes = Object.values(tinyTensors(network));
    const count = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(bytesOfNumber * count).toBeLessThanOrEqual(300_000);
  });
});

describe("the packed weights", () => {
  it("of the first edition are lossless", async () => {
    const { packed } = await import("../../packages/core/src/nets/tiny-first-weights.ts");
    const values = Object.values(await tinyFirstWeights()).flatMap(({ data }) => [...data]);
    expect(packHalves(values)).toBe(packed);
  });

  it("of the second edition are quantised to 1/127 of each output channel's maximum, biases and heads to half precision", () => {
    const random = initialize(parametersOf(), (name) => new Random(3, name));
    const weights = trained(Object.fromEntries(Object.entries(random).map(([name, data]) => [name, { data }])));
    const values = unpackSteps(packSteps(weights, 127), tinyTensors());
    let [at, worst] = [0, 0];
    for (const { shape, data } of Object.values(weights)) {
      const each = data.length / shape[0];
      for (let channel = 0; channel < shape[0]; channel++) {
        const entries = [...data.subarray(channel * each, (channel + 1) * each)] as number[];
        const step = shape.length === 4 && shape[0] > 1 ? Math.max(...entries.map(Math.abs)) / 127 : 0;
        for (const entry of entries) {
          // The step itself is a half-precision number, which is off by 2^-11 of it at most.
          const bound = 0.5 * step + 2 ** -10 * Math.abs(entry) + 1e-7;
          worst = Math.max(worst, Math.abs(values[at++] - entry) / bound);
        }
      }
    }
    expect(at).toBe(values.length);
    expect(worst).toBeLessThanOrEqual(1);
  });

  it("of the second edition equal its weights packed again", async () => {
    const { packed } = await import("../../packages/core/src/nets/tiny-weights.ts");
    const weights = await tinyWeights();
    expect(finenesses.map((fineness) => packSteps(weights, fineness))).toContain(packed);
  });
});

describe("halfBits (float16 encoding)", () => {
  it("inverts decoding", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((i) => ((i >> 10) & 31) !== 31);
    const values = decodeElements("float16", new Uint8Array(bits.buffer)) as Float32Array;
    expect(Uint16Array.from(values, (value) => halfBits(value))).toEqual(bits);
  });

  it("rounds to nearest, ties to even, and rejects overflow and NaN", () => {
    // 1 + 1/2048 lies between 0x3c00 and 0x3c01, 1 + 3/2048 between 0x3c01 and 0x3c02.
    expect(halfBits(1 + 1 / 2048)).toBe(0x3c00);
    expect(halfBits(1 + 3 / 2048)).toBe(0x3c02);
    expect(halfBits(1 + 1.01 / 2048)).toBe(0x3c01);
    expect(halfBits(1.9999)).toBe(0x4000);
    // With two digits of the fraction, steps of a quarter.
    expect(halfBits(1.4, 2)).toBe(0x3e00);
    expect(halfBits(1.125, 2)).toBe(0x3c00);
    expect(halfBits(1.9, 2)).toBe(0x4000);
    expect(halfBits(-(2 ** -25) * 1.5)).toBe(0x8001);
    expect(() => halfBits(65520)).toThrow(RangeError);
    expect(() => halfBits(Number.NaN)).toThrow(RangeError);
  });
});
