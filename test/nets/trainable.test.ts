import { describe, expect, test } from "vitest";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import {
  dcganGenerator,
  edsr,
  type Model,
  patchGan,
  unet,
  unetDiscriminator,
} from "../../packages/core/src/nets/index.ts";
import type { Shape } from "../../packages/core/src/tensor.ts";
import { referenceGradients, referenceModel, runModel, startingTensors, toReference } from "../models.ts";
import { randomSource, randomTensor } from "../random.ts";

interface Tiny {
  model: Model;
  input: Shape;
  output: Shape;
  /** Whether finite differences are taken in training. Power iterations are not differentiated, so with them they cannot be. Default true. */
  training?: boolean;
}

/** Each network at the smallest size that has all of its parts. */
const tiny: Record<string, Tiny> = {
  "edsr x2": { model: edsr({ channels: 3, blocks: 2 }), input: [2, 3, 5, 4], output: [2, 3, 10, 8] },
  "edsr x3, one colour": {
    model: edsr({ scale: 3, colours: 1, channels: 2, blocks: 1 }),
    input: [1, 1, 4, 3],
    output: [1, 1, 12, 9],
  },
  "edsr without interpolation": {
    model: edsr({ channels: 2, blocks: 1, interpolate: false }),
    input: [1, 3, 3, 4],
    output: [1, 3, 6, 8],
  },
  unet: { model: unet({ channels: 2, depth: 2 }), input: [2, 3, 8, 4], output: [2, 3, 8, 4] },
  "unet, odd size": { model: unet({ channels: 2, depth: 2 }), input: [1, 3, 7, 5], output: [1, 3, 7, 5] },
  "dcgan 32": {
    model: dcganGenerator({ latent: 3, features: 1, colours: 1 }),
    input: [3, 3, 1, 1],
    output: [3, 1, 32, 32],
  },
  unetDiscriminator: {
    model: unetDiscriminator({ inputs: 1, features: 1 }),
    input: [2, 1, 9, 8],
    output: [2, 1, 9, 8],
    training: false,
  },
  "patchGan, batch": {
    model: patchGan({ features: 2, depth: 1, norm: "batch" }),
    input: [2, 3, 12, 10],
    output: [2, 1, 4, 3],
  },
  "patchGan, instance": {
    model: patchGan({ features: 2, depth: 1, norm: "instance" }),
    input: [2, 3, 10, 8],
    output: [2, 1, 3, 2],
  },
  "patchGan, spectral": {
    model: patchGan({ features: 2, depth: 1, norm: "spectral" }),
    input: [2, 3, 8, 6],
    output: [2, 1, 2, 1],
    training: false,
  },
  "patchGan, none": {
    model: patchGan({ features: 2, depth: 1, norm: "none" }),
    input: [2, 3, 8, 6],
    output: [2, 1, 2, 1],
  },
};

const inputOf = ({ input }: Tiny) => randomTensor(input, 3);

/** Parameters away from their first values, where biases are 0 and activations sit on their kinks. */
function perturbed(model: Model): Record<string, Float64Image> {
  const random = randomSource(5);
  return Object.fromEntries(
    Object.entries(toReference(startingTensors(model))).map(([name, { data, shape }]) => {
      const spread = name in model.parameters ? 0.3 : 0;
      return [name, { data: data.map((value) => value + spread * (random() - 0.5)), shape }];
    }),
  );
}

const sum = ({ data }: Float64Image) => data.reduce((total, value) => total + value, 0);

describe.each(Object.entries(tiny))("%s", (_, network) => {
  const { model, output: shape, training = true } = network;

  test("native output, buffers and gradient equal the definition", async () => {
    const image = inputOf(network);
    for (const training of [true, false]) {
      const tensors = startingTensors(model);
      const native = await runModel(model, image, tensors, training);
      const { output, buffers, gradient } = referenceModel(model, image, tensors, training);
      expect(native.output.shape).toEqual(shape);
      expectClose(native.output.data, output.data);
      expectClose(native.gradient.data, gradient.data);
      expect(Object.keys(native.buffers)).toEqual(training ? Object.keys(model.buffers) : []);
      for (const [name, value] of Object.entries(buffers)) expectClose(native.buffers[name].data, value.data);
    }
  });

  test("every parameter has a gradient that equals finite differences", () => {
    const image = toFloat64(inputOf(network));
    const weight = toFloat64(randomTensor(shape, 4, -1, 1));
    const tensors = perturbed(model);
    const value = (tensors: Readonly<Record<string, Float64Image>>) =>
      reference.mul(model.forward(reference, image, tensors, training).output, weight);
    const terms = value(tensors).data.reduce((total, term) => total + Math.abs(term), 0);
    const h = 1e-6;
    const gradients = referenceGradients(model, image, tensors, weight, training);
    for (const [name, { data, shape }] of Object.entries(gradients)) {
      expect(
        data.some((entry) => entry !== 0),
        name,
      ).toBe(true);
      // Along a random direction: one pair of values tests all elements of a tensor.
      const random = randomSource(7);
      const direction = data.map(() => random() - 0.5);
      const at = (step: number) => ({
        ...tensors,
        [name]: { data: tensors[name].data.map((entry, i) => entry + step * direction[i]), shape },
      });
      const along = data.reduce((total, entry, i) => total + entry * direction[i], 0);
      const difference = (sum(value(at(h))) - sum(value(at(-h)))) / (2 * h);
      const size = Math.sqrt(data.reduce((total, entry) => total + entry ** 2, 0));
      expect(Math.abs(difference - along), name).toBeLessThanOrEqual(1e-6 * size + (Number.EPSILON * terms) / h);
    }
  });
});

function expectClose(got: ArrayLike<number>, expected: Float64Array): void {
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expect(got.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(1e-5 * largest);
}

describe("rejects invalid input with a clear error:", () => {
  const forward = (model: Model, shape: Shape) => () =>
    model.forward(reference, toFloat64(randomTensor(shape, 1)), toReference(startingTensors(model)), true);
  const small = patchGan({ features: 2 });
  const refused: [string, () => unknown, string, RegExp][] = [
    ["small images", forward(small, [1, 3, 23, 30]), "shape", /patchGan: images must be at least 24x24, got 23x30/],
    ["channels", forward(small, [1, 1, 32, 32]), "shape", /patchGan: x must have 3 channels, got 1x1x32x32/],
    [
      "grey images",
      forward(edsr({ channels: 2, blocks: 1 }), [1, 1, 8, 8]),
      "shape",
      /edsr: x must have 3 channels, got 1x1x8x8/,
    ],
    [
      "latent images",
      forward(dcganGenerator({ latent: 3, features: 1 }), [2, 3, 2, 1]),
      "shape",
      /dcganGenerator: latents must be nx3x1x1, got nx3x2x1/,
    ],
    [
      "missing tensors",
      () => small.forward(reference, toFloat64(randomTensor([1, 3, 32, 32], 1)), {}, true),
      "checkpoint",
      /patchGan: tensor model.0.weight is missing/,
    ],
    ["scale", () => edsr({ scale: 5 as 4 }), "invalid-argument", /edsr: scale must be 2 \| 3 \| 4, got 5/],
    ["blocks", () => edsr({ blocks: 0 }), "invalid-argument", /edsr: blocks must be a whole number from 1/],
    [
      "depth",
      () => unet({ depth: 1.5 }),
      "invalid-argument",
      /unet: depth must be a whole number from 1 to 6, got 1.5/,
    ],
    ["features", () => patchGan({ features: Number.NaN }), "invalid-argument", /patchGan: features .* got NaN/],
    [
      "norm",
      () => patchGan({ norm: "layer" as "none" }),
      "invalid-argument",
      /patchGan: norm must be batch .* "layer"/,
    ],
    ["size", () => dcganGenerator({ size: 48 as 64 }), "invalid-argument", /size must be 32 \| 64, got 48/],
  ];

  test.each(refused)("%s", (_, build, code, message) => {
    expect(build).toThrowError(
      expect.objectContaining({ name: "ReconlossError", code, message: expect.stringMatching(message) }),
    );
  });
});

test("untrained restoration networks stay close to their input", () => {
  const image = randomTensor([1, 3, 8, 8], 2);
  const distance = (model: Model, expected: Float64Image) => {
    const { output } = model.forward(reference, toFloat64(image), toReference(startingTensors(model)), false);
    return Math.max(...output.data.map((value, i) => Math.abs(value - expected.data[i])));
  };
  const twice = { data: new Float64Array(3 * 16 * 16), shape: [1, 3, 16, 16] as const };
  expect(distance(edsr(), reference.resize(toFloat64(image), twice))).toBeLessThan(0.1);
  expect(distance(unet(), toFloat64(image))).toBeLessThan(0.1);
});
