import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { type KernelSpec, runKernel, type SobelSpec, type SsimSpec } from "../../packages/core/src/kernels/index.ts";
import { stripKernel } from "../../packages/core/src/kernels/strips/table.ts";
import { filterSeparable } from "../../packages/core/src/losses/filters.ts";
import {
  charbonnier,
  deltaE,
  edge,
  fsim,
  gmsd,
  haarpsi,
  type Loss,
  l1,
  mdsi,
  mse,
  msGmsd,
  msSsim,
  sobel,
  ssim,
  ssimulacra2,
  tv,
  vif,
} from "../../packages/core/src/losses/index.ts";
import { msSsimWeights } from "../../packages/core/src/losses/ms-ssim.ts";
import { derivativeKernels } from "../../packages/core/src/losses/sobel.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { randomSource } from "../random.ts";
import { expected, gradientError, scenes, valueError } from "./oracle.ts";

/** A kernel beside the definition that it must equal, and the smallest side of image that both take. */
interface Pairing {
  spec: KernelSpec;
  definition: Definition;
  smallest: number;
  hasMap: boolean;
  /** Whether images must have 3 channels, or 1. */
  coloured?: boolean;
  /** Whether images are made alike. */
  alike?: boolean;
}

const definitionOf = (loss: Loss) => loss.definition as Definition;

const pointwise: fc.Arbitrary<Pairing> = fc
  .oneof(
    fc.constant({ spec: { kind: "l1" } as const, definition: definitionOf(l1()) }),
    fc.constant({ spec: { kind: "mse" } as const, definition: definitionOf(mse()) }),
    fc.constantFrom(1e-6, 1e-3, 0.1).map((epsilon) => ({
      spec: { kind: "charbonnier", epsilon } as const,
      definition: definitionOf(charbonnier({ eps: epsilon })),
    })),
  )
  .map((pairing) => ({ ...pairing, smallest: 1, hasMap: true }));

const variation: fc.Arbitrary<Pairing> = fc
  .record({
    form: fc.constantFrom("anisotropic" as const, "squared" as const, "isotropic" as const),
    reduction: fc.constantFrom("mean" as const, "sum" as const, "channel-sum" as const),
    epsilon: fc.constantFrom(1e-6, 1e-3),
  })
  .map(({ form, reduction, epsilon }) => ({
    spec: { kind: "tv", form, reduction, epsilon },
    definition: definitionOf(tv({ form, reduction, eps: epsilon })),
    smallest: 2,
    hasMap: false,
  }));

const derivatives: fc.Arbitrary<Pairing> = fc
  .record({
    form: fc.constantFrom("derivative" as const, "magnitude" as const),
    mode: fc.constantFrom("sobel" as const, "diff" as const),
    normalized: fc.boolean(),
    distance: fc.constantFrom("l1" as const, "mse" as const),
    epsilon: fc.constantFrom(1e-3, 0.1),
  })
  .map(({ epsilon, ...options }) => ({
    spec: { kind: "sobel", ...options, epsilon },
    definition: definitionOf(sobel({ ...options, eps: epsilon })),
    smallest: 1,
    hasMap: true,
  }));

const laplacians: fc.Arbitrary<Pairing> = fc.constantFrom(1e-3, 0.1).map((epsilon) => ({
  spec: { kind: "edge", epsilon },
  definition: definitionOf(edge({ eps: epsilon })),
  smallest: 1,
  hasMap: true,
}));

const deviations: fc.Arbitrary<Pairing> = fc
  .record({
    t: fc.constantFrom(20, 170),
    channels: fc.constantFrom("y-yiq" as const, "y-bt601" as const),
    odd: fc.constantFrom("zero" as const, "drop" as const),
    deviation: fc.constantFrom("population" as const, "sample" as const),
    low: fc.constantFrom(0, -0.5),
    weights: fc.constantFrom("0:1", "1", "0.3:0.7", "1:0:2"),
    alpha: fc.constantFrom(0, 0.5),
    one: fc.boolean(),
  })
  .map(({ t, low, weights, alpha, one, ...options }) => {
    const loss = one ? gmsd({ t, low, dataRange: 2, ...options }) : msGmsd({ t, low, dataRange: 2, weights, alpha });
    const definition = definitionOf(loss);
    const spec = definition.kernel?.spec as KernelSpec;
    return { spec, definition, smallest: one ? 4 : 9, hasMap: one, coloured: true };
  });

const haar: fc.Arbitrary<Pairing> = fc
  .record({
    yiq: fc.constantFrom("piq" as const, "matlab" as const),
    subsample: fc.boolean(),
    c: fc.constantFrom(5, 30),
    alpha: fc.constantFrom(4.2, 5.8),
    dataRange: fc.constantFrom(1, 2),
  })
  .map((options) => {
    const definition = definitionOf(haarpsi(options));
    return { spec: definition.kernel?.spec as KernelSpec, definition, smallest: 16, hasMap: false, coloured: true };
  });

const chromatic: fc.Arbitrary<Pairing> = fc
  .record({
    c1: fc.constantFrom(20, 140),
    c2: fc.constantFrom(10, 55),
    c3: fc.constantFrom(80, 550),
    alpha: fc.constantFrom(0, 0.6, 1),
    q: fc.constantFrom(0.25, 1, 1.6),
    o: fc.constantFrom(0.25, 1),
  })
  .map((options) => {
    const definition = definitionOf(mdsi(options));
    const spec = definition.kernel?.spec as KernelSpec;
    // Where a similarity is nearly 0, the slope of its root is beyond all bounds; of unlike images there are always some.
    return { spec, definition, smallest: 3, hasMap: false, coloured: true, alike: true };
  });

const information: fc.Arbitrary<Pairing> = fc
  .record({
    channels: fc.constantFrom("rgb" as const, "y-yiq" as const, "y-bt601" as const),
    sigmaNSq: fc.constantFrom(0.4, 2),
    dataRange: fc.constantFrom(1, 2),
  })
  .map((options) => {
    const definition = definitionOf(vif(options));
    return { spec: definition.kernel?.spec as KernelSpec, definition, smallest: 41, hasMap: false, coloured: true };
  });

const structural: fc.Arbitrary<Pairing> = fc
  .record({
    shape: fc.constantFrom("gaussian" as const, "uniform" as const),
    size: fc.constantFrom(1, 3, 7, 8, 11, 15).map((size) => size | 1),
    sigma: fc.constantFrom(0.8, 1.5, 4),
    region: fc.constantFrom("valid" as const, "zero" as const, "reflect" as const, "replicate" as const),
    covariance: fc.constantFrom("population" as const, "sample" as const),
    k1: fc.constantFrom(0.01, 0.05),
    k2: fc.constantFrom(0.03, 0.1),
    nonNegative: fc.boolean(),
  })
  .filter(({ size, covariance }) => size > 1 || covariance === "population")
  .map(({ shape, size, sigma, ...rest }) => ({
    spec: {
      kind: "ssim",
      window: shape === "gaussian" ? { shape, size, sigma } : { shape, size },
      dataRange: 1,
      ...rest,
    } satisfies SsimSpec,
    definition: definitionOf(ssim({ window: shape, size, sigma, ...rest })),
    smallest: { valid: size, zero: 1, reflect: (size + 1) / 2, replicate: 1 }[rest.region],
    hasMap: true,
  }));

const colour: fc.Arbitrary<Pairing> = fc
  .record({
    formula: fc.constantFrom("76" as const, "94" as const, "2000" as const, "lab-mse" as const),
    dataRange: fc.constantFrom(1, 0.8),
  })
  .map((options) => ({
    spec: { kind: "deltaE", ...options },
    definition: definitionOf(deltaE(options)),
    smallest: 1,
    hasMap: true,
    coloured: true,
  }));

const side = fc.integer({ min: 1, max: 70 });
const sceneNames = Object.keys(scenes);
/** Cases whose gradients nearly vanish, as in noise of less than a level and where steps cancel: their direction is that of rounding. */
const withDirections = ["random", "smooth", "constant"];

/** Absolute errors bend at 0, and so does what is clamped there: where a pixel or window lies on the bend, rounding decides which side's gradient is right. */
function hasKink(spec: KernelSpec, output: Tensor, target: Tensor): boolean {
  if (spec.kind === "sobel" && spec.distance === "l1") return derivativesMeet(spec, output, target);
  if (spec.kind !== "ssim" || !spec.nonNegative) return false;
  const unclamped = spec.window.shape === "gaussian" ? spec.window : { sigma: 1, ...spec.window };
  const { shape: window, ...size } = unclamped;
  const { region, covariance, k1, k2 } = spec;
  const planes = (x: Tensor) => new Tensor(x.data, [x.shape[0] * x.shape[1], 1, x.shape[2], x.shape[3]]);
  const signed = definitionOf(ssim({ window, ...size, region, covariance, k1, k2 }));
  const { map } = expected(signed, planes(output), planes(target), { grad: false, map: true });
  return map!.data.some((value) => Math.abs(value) < 1e-5);
}

/** Whether derivatives of two images, or their lengths, are nearly the same somewhere. */
function derivativesMeet({ form, mode, normalized, epsilon }: SobelSpec, output: Tensor, target: Tensor): boolean {
  const [x, y] = [output, target].map((image) =>
    derivativeKernels(mode, 1, normalized).map(
      (kernel) => filterSeparable(reference, toFloat64(image), kernel, "replicate").data,
    ),
  );
  const lengths = ([across, down]: Float64Array[]) =>
    across.map((value, i) => Math.hypot(value, down[i], epsilon as number));
  const pairs = form === "magnitude" ? [[lengths(x), lengths(y)]] : x.map((derivative, i) => [derivative, y[i]]);
  const near = normalized ? 1e-7 : 1e-6;
  return pairs.some(([a, b]) => a.some((value, i) => value !== b[i] && Math.abs(value - b[i]) < near));
}

/**
 * SSIM of unlike images is a mean of terms of either sign that nearly cancel, and its gradient is a hundredth of its usual size: there, precision is
 * measured against the terms, a hundredth of the score's range and a gradient of 1 over all samples. GMSD of images that are nearly alike is a thousandth of its usual
 * size, and made of differences as small as the rounding of lumas: its usual gradient is 3 to 13 over all pixels. VIF of unlike images is a thousandth, and of an output without any structure 0 but for rounding.
 */
function leastSizes({ kind }: KernelSpec, { shape: [, c, h, w] }: Tensor): { value: number; gradient: number } {
  if (kind === "gmsd") return { value: 0.01, gradient: 3 / (h * w) };
  if (kind === "vif") return { value: 1e-4, gradient: 0 };
  return kind === "ssim" ? { value: 0.01, gradient: 1 / (c * h * w) } : { value: 0, gradient: 0 };
}

async function compare({ spec, definition, hasMap }: Pairing, output: Tensor, target: Tensor): Promise<void> {
  const wanted = expected(definition, output, target, { grad: true, map: hasMap });
  if (hasKink(spec, output, target)) return;
  const plain = await runKernel(spec, output, target);
  const full = await runKernel(spec, output, target, { grad: true, map: hasMap });
  const least = leastSizes(spec, output);
  for (const [image, value] of wanted.perImage.entries()) {
    expect(
      valueError(plain.perImage[image], value, least.value),
      `value ${plain.perImage[image]}, expected ${value}`,
    ).toBeLessThan(1e-5);
    expect(full.perImage[image]).toBeCloseTo(plain.perImage[image], 12);
  }
  expect(gradientError(full.grad!, wanted.grad, least.gradient), "gradient").toBeLessThan(1e-4);
  if (hasMap) {
    expect(full.map!.shape).toEqual(wanted.map!.shape);
    expect(gradientError(full.map!.data, wanted.map!.data), "map").toBeLessThan(1e-4);
  }
}

describe.each([
  ["pointwise", pointwise, 150, sceneNames],
  ["total variation", variation, 150, sceneNames],
  ["derivative", derivatives, 60, sceneNames],
  ["Laplacian", laplacians, 60, sceneNames],
  ["deviation of similarity", deviations, 60, withDirections],
  ["Haar similarity", haar, 40, withDirections],
  ["gradient and colour similarity", chromatic, 60, withDirections],
  ["information", information, 25, withDirections],
  ["colour difference", colour, 40, sceneNames],
  ["structural similarity", structural, 40, sceneNames],
] as const)("%s kernels equal their definitions", (_, pairings, numRuns, names) => {
  test("on images of 1 to 70 pixels a side, with every option", async () => {
    await fc.assert(
      fc.asyncProperty(
        pairings,
        fc.integer({ min: 1, max: 2 }),
        fc.integer({ min: 1, max: 3 }),
        side,
        side,
        fc.constantFrom(...names),
        fc.constantFrom(...names),
        fc.integer(),
        async (pairing, n, c, height, width, outputScene, targetScene, seed) => {
          const shape: Shape = [
            n,
            pairing.coloured && c === 2 ? 3 : c,
            Math.max(height, pairing.smallest),
            Math.max(width, pairing.smallest),
          ];
          const random = randomSource(seed);
          const [output, target] = [scenes[outputScene](shape, random), scenes[targetScene](shape, random)];
          await compare(pairing, output, pairing.alike ? mixed(output, target) : target);
        },
      ),
      { numRuns, endOnFailure: true },
    );
  });
});

describe("the MDSI kernel equals its definition, also for negative similarities with complex powers", () => {
  test.each([
    [{}, "smooth", [1, 3, 33, 37]],
    [{ q: 0.4, o: 0.5 }, "random", [2, 3, 12, 9]],
    [{ alpha: 1 }, "extremes", [1, 1, 70, 41]],
  ] as const)("%j, %s images, %j: the value", async (options, scene, shape) => {
    const definition = definitionOf(mdsi(options));
    const random = randomSource(5);
    const images = [scenes[scene](shape, random), scenes.random(shape, random)] as const;
    const { perImage } = await runKernel(definition.kernel!.spec, ...images);
    for (const [image, value] of expected(definition, ...images, { grad: false, map: false }).perImage.entries()) {
      expect(valueError(perImage[image], value)).toBeLessThan(1e-5);
    }
  });

  // So few places that none is nearly 0.
  test.each([{}, { q: 0.4, o: 0.5 }, { alpha: 1, q: 1.6 }])("%j: value and gradient", async (options) => {
    const definition = definitionOf(mdsi(options));
    const random = randomSource(5);
    const images = [scenes.random([2, 3, 9, 7], random), scenes.random([2, 3, 9, 7], random)] as const;
    await compare({ spec: definition.kernel!.spec, definition, smallest: 3, hasMap: false }, ...images);
  });
});

describe("the FSIM kernel equals its definition", () => {
  // Sides with every factor that passes of transforms take, and averages of whole squares and of those with zeros. Seeds are fixed: waves that are in phase but for rounding have gradients of either sign.
  test.each([
    [{}, [1, 3, 15, 16]],
    [{}, [2, 1, 7, 11]],
    [{ scales: 1 }, [1, 3, 16, 11]],
    [{ scales: 2, orientations: 3, dataRange: 2 }, [1, 3, 13, 20]],
    [{ preset: "matlab", orientations: 1 }, [1, 3, 25, 9]],
    [{ scales: 3, orientations: 6 }, [1, 3, 2, 29]],
    [{}, [1, 1, 74, 3]],
    [{ chromatic: true }, [2, 3, 9, 14]],
    [{ chromatic: true, preset: "matlab", scales: 3 }, [1, 3, 12, 7]],
    [{ chromatic: true }, [1, 1, 8, 5]],
  ] as const)("%j, %j", async (options, shape) => {
    const definition = definitionOf(fsim(options));
    const random = randomSource(8);
    const images = [scenes.smooth(shape, random), scenes.random(shape, random)] as const;
    const pairing = { spec: definition.kernel!.spec, definition, smallest: 2, hasMap: true };
    await compare(pairing, ...images);
    await compare(pairing, mixed(...images), images[1]);
  });

  test("for images of which one or both are flat", async () => {
    const definition = definitionOf(fsim());
    const shape: Shape = [1, 3, 12, 18];
    const [flat, other] = [Tensor.full(shape, 0.3), scenes.random(shape, randomSource(9))];
    for (const images of [
      [flat, other],
      [other, flat],
      [flat, Tensor.full(shape, 0.7)],
    ]) {
      const { perImage } = await runKernel(definition.kernel!.spec, images[0], images[1]);
      const wanted = expected(definition, images[0], images[1], { grad: false, map: false }).perImage;
      expect(valueError(perImage[0], wanted[0])).toBeLessThan(1e-5);
    }
  });
});

test("the VIF kernel equals its definition where strips and tiles meet", async () => {
  const definition = definitionOf(vif());
  const random = randomSource(4);
  // Strips have 64 rows at most, and tiles 256 columns.
  const images = [scenes.smooth([1, 1, 97, 290], random), scenes.random([1, 1, 97, 290], random)] as const;
  const spec = definition.kernel!.spec;
  await compare({ spec, definition, smallest: 41, hasMap: false }, images[0], mixed(...images));
});

test("the Laplacian kernel equals its definition where strips meet", async () => {
  const spec = { kind: "edge", epsilon: 1e-3 } as const;
  const shape = [1, 2, 67, 2051] as const;
  expect(stripKernel(spec).strips(spec, [2, 67, 2051]).length).toBeGreaterThan(2);
  const random = randomSource(3);
  const images = [scenes.random(shape, random), scenes.random(shape, random)] as const;
  await compare({ spec, definition: definitionOf(edge()), smallest: 1, hasMap: true }, ...images);
});

test("the derivative kernel equals its definition where strips meet", async () => {
  const spec = { kind: "sobel", form: "derivative", mode: "sobel", normalized: true, distance: "l1" } as const;
  // Rows so long that strips have 16 at most.
  const shape = [1, 1, 17, 8195] as const;
  expect(stripKernel(spec).strips(spec, [1, 17, 8195])).toHaveLength(2);
  const random = randomSource(3);
  const images = [scenes.random(shape, random), scenes.random(shape, random)] as const;
  await compare({ spec, definition: definitionOf(sobel()), smallest: 1, hasMap: true }, ...images);
});

describe("the MS-SSIM kernel equals its definition", () => {
  test.each([
    ["zero", "random", "random", [1, 1, 33, 34]],
    ["zero", "smooth", "flat halves", [2, 3, 53, 47]],
    ["zero", "flat and bright", "flat and bright", [1, 2, 64, 70]],
    ["zero", "extremes", "smooth", [1, 1, 67, 33]],
    ["zero", "constant", "constant", [1, 1, 40, 41]],
    ["replicate", "smooth", "random", [1, 2, 51, 62]],
    ["replicate", "smooth", "smooth", [2, 1, 63, 63]],
    ["replicate", "random", "flat halves", [1, 1, 36, 37]],
    ["symmetric", "smooth", "random", [1, 2, 51, 63]],
    ["symmetric", "random", "smooth", [2, 1, 47, 34]],
    ["symmetric", "random", "flat halves", [1, 1, 64, 37]],
    ["drop", "smooth", "random", [1, 2, 63, 63]],
    ["drop", "random", "flat halves", [1, 1, 48, 55]],
  ] as const)("odd sides padded by %s, %s against %s, %j", async (odd, outputScene, targetScene, shape) => {
    const random = randomSource(shape[2]);
    const window = { shape: "gaussian", size: 3, sigma: 1.5 } as const;
    const spec = { kind: "ms-ssim", window, k1: 0.01, k2: 0.03, dataRange: 1, weights: msSsimWeights, odd } as const;
    await compare(
      { spec, definition: definitionOf(msSsim({ size: 3, odd })), smallest: 33, hasMap: false },
      scenes[outputScene](shape, random),
      mixed(scenes[targetScene](shape, random), scenes.random(shape, random)),
    );
  });
});

describe("the MS-SSIM kernel equals its definition with the options", () => {
  const window = { shape: "gaussian", size: 3, sigma: 1.5 } as const;
  const spec = { kind: "ms-ssim", window, k1: 0.01, k2: 0.03, dataRange: 1, odd: "drop" } as const;

  test.each([
    { weights: [0.3, 0.7], product: "image" },
    { weights: [0.2, 0.3, 0.5], product: "image", region: "reflect", normalize: "simple" },
    { weights: [0.2, 0.3, 0.5], normalize: "simple", region: "zero" },
    { weights: [1], region: "replicate" },
    { weights: [0.5, 0.5], nonNegative: true, product: "image" },
  ] as const)("%j", async (options) => {
    const shape = [2, 3, 21, 34] as const;
    const random = randomSource(7);
    const definition = definitionOf(msSsim({ size: 3, odd: "drop", ...options, weights: options.weights.join(":") }));
    await compare(
      { spec: { ...spec, ...options }, definition, smallest: 12, hasMap: false },
      scenes.smooth(shape, random),
      mixed(scenes.smooth(shape, random), scenes.random(shape, random)),
    );
  });
});

describe("the SSIMULACRA 2 kernel equals its definition", () => {
  const { toReported: _, ...definition } = definitionOf(ssimulacra2());
  const spec = definition.kernel!.spec;

  // One scale to five, odd sides; strips of at most 64 rows and tiles of 256 columns, of which the window reaches 4 beyond.
  test.each([
    ["random", "random", [1, 3, 7, 7]],
    ["random", "smooth", [2, 3, 8, 9]],
    ["smooth", "random", [1, 1, 33, 16]],
    ["random", "extremes", [2, 1, 19, 20]],
    ["smooth", "flat halves", [1, 3, 64, 41]],
    ["random", "smooth", [1, 3, 65, 70]],
    ["random", "random", [1, 3, 9, 256]],
    ["smooth", "random", [1, 3, 10, 257]],
    ["random", "smooth", [1, 3, 12, 263]],
    ["extremes", "random", [1, 1, 65, 261]],
  ] as const)("%s against %s, %j", async (outputScene, targetScene, shape) => {
    const random = randomSource(shape[3]);
    const images = [scenes[outputScene](shape, random), scenes[targetScene](shape, random)] as const;
    await compare({ spec, definition, smallest: 8, hasMap: false }, ...images);
  });

  test("identical images have no error and no gradient", async () => {
    const image = scenes.smooth([1, 3, 70, 41], randomSource(1));
    const { perImage, grad } = await runKernel(spec, image, image, { grad: true });
    expect(perImage[0]).toBe(0);
    expect(grad!.every((slope) => slope === 0)).toBe(true);
  });

  // Samples beyond the range go on along the curve; responses below 0 have no root.
  test("samples outside the range follow the definition's curves", async () => {
    const random = randomSource(2);
    const beyond = (image: Tensor) =>
      Tensor.from(
        image.data.map((value) => 1.6 * value - 0.3),
        image.shape,
      );
    const shape = [1, 3, 20, 23] as const;
    const images = [beyond(scenes.random(shape, random)), beyond(scenes.smooth(shape, random))] as const;
    await compare({ spec, definition, smallest: 8, hasMap: false }, ...images);
  });
});

/** Mostly the first image: similar enough that no scale's mean is negative and the score not 0. */
function mixed(a: Tensor, b: Tensor): Tensor {
  return Tensor.from(
    a.data.map((value, i) => 0.9 * value + 0.1 * b.data[i]),
    a.shape,
  );
}
