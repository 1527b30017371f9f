import { afterAll, describe, expect, test } from "vitest";
import { noteExtremes } from "../../packages/core/src/kernels/extremes.ts";
import { type KernelSpec, runKernel, setKernelThreads } from "../../packages/core/src/kernels/index.ts";
import { extremes, Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

const window = { window: { shape: "gaussian", size: 11, sigma: 1.5 }, k1: 0.01, k2: 0.03, dataRange: 1 } as const;
const specs: KernelSpec[] = [
  { kind: "l1" },
  { kind: "charbonnier", epsilon: 1e-3 },
  { kind: "deltaE", formula: "2000", dataRange: 1 },
  { kind: "ssim", ...window, region: "reflect", covariance: "population" },
  { kind: "ms-ssim", ...window, weights: [0.5, 0.5], odd: "zero" },
];

describe.each(specs)("the $kind kernel records the extremes of its input", (spec) => {
  const [output, target] = [randomTensor([2, 3, 37, 41], 1, -3, 5), randomTensor([2, 3, 37, 41], 2)];

  test("for both batches", async () => {
    const noted = (await runKernel(spec, output, target)).extremes;
    expect(noted).toEqual({ output: extremes(output.data), target: extremes(target.data) });
  });

  // The first, the last, and one in between.
  test.each([0, 2 * 3 * 37 * 41 - 1, 5000])("NaN and infinity at %i", async (position) => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const broken = new Tensor(target.data.slice(), target.shape);
      broken.data[position] = value;
      const [low, high] = (await runKernel(spec, output, broken)).extremes.target!;
      expect(Number.isFinite(high - low)).toBe(false);
    }
  });
});

test("extremes are recorded for values whose sum overflows float32", async () => {
  const [output, target] = [randomTensor([1, 1, 9, 13], 1, -3e38, 3e38), Tensor.full([1, 1, 9, 13], 2e38)];
  const noted = (await runKernel({ kind: "l1" }, output, target)).extremes;
  expect(noted).toEqual({ output: extremes(output.data), target: extremes(target.data) });
});

describe("with several threads", () => {
  afterAll(() => setKernelThreads(undefined));

  test("extremes cover every strip", async () => {
    setKernelThreads(2);
    const [output, target] = [randomTensor([1, 3, 700, 600], 1), randomTensor([1, 3, 700, 600], 2)];
    output.data[3 * 700 * 600 - 1] = 7;
    target.data[700 * 599] = -2;
    const { extremes: noted } = await runKernel(specs[3], output, target);
    expect(noted).toEqual({ output: extremes(output.data), target: extremes(target.data) });
  });
});

// Expected: the extremes that a loop over the values finds.
describe("noteExtremes without a loss", () => {
  test.each([
    [[1, 3, 120, 100], 0, 1],
    [[2, 3, 131, 97], -3, 5],
    [[1, 1, 181, 182], -3e38, 3e38],
  ] as const)("finds those of %j from %d to %d", async (shape, low, high) => {
    const [output, target] = [randomTensor(shape, 1, low, high), randomTensor(shape, 2, low, high)];
    expect(await noteExtremes({ output, target })).toEqual({
      output: extremes(output.data),
      target: extremes(target.data),
    });
    expect(await noteExtremes({ output, target: output })).toEqual({ output: extremes(output.data) });
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (const position of [0, 8191, 8192, target.data.length - 1]) {
        const broken = new Tensor(target.data.slice(), shape);
        broken.data[position] = value;
        const [least, most] = (await noteExtremes({ output, target: broken })).target!;
        expect(Number.isFinite(most - least)).toBe(false);
      }
    }
  });

  test("skips small batches, and batches that are infinite everywhere", async () => {
    expect(await noteExtremes({ output: Tensor.full([1, 1, 8, 8], 0.5) })).toEqual({});
    const { output } = await noteExtremes({ output: Tensor.full([1, 1, 200, 200], Number.POSITIVE_INFINITY) });
    expect(output).toBeUndefined();
  });
});

test("no extremes are recorded for integer pixels", async () => {
  const pixels = { data: new Uint8Array(48).fill(7), width: 4, height: 4, channels: 3 };
  expect((await runKernel({ kind: "mse" }, pixels, pixels)).extremes).toEqual({});
});
