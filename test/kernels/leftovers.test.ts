import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { arenaOf } from "../../packages/core/src/kernels/arena.ts";
import { type KernelSpec, runKernel, setKernelThreads, sharedTensors } from "../../packages/core/src/kernels/index.ts";
import { loadKernels } from "../../packages/core/src/kernels/load.ts";
import { fsim, haarpsi, mdsi, ssimulacra2, vif } from "../../packages/core/src/losses/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

// Vectors of four reach past the end of rows, into whatever earlier work left in memory. The same images must give the same bits whatever that is:
// the expected values are those with zeros there.

const ssimOptions = { window: { shape: "gaussian", size: 11, sigma: 1.5 }, k1: 0.01, k2: 0.03, dataRange: 1 } as const;
const gmsdOptions = {
  luma: { weights: [76, 150, 29], offset: 3 },
  constant: 170,
  masking: 0.5,
  deviation: "sample",
} as const;
const specs: Record<string, KernelSpec> = {
  ssimulacra2: ssimulacra2().definition!.kernel!.spec,
  haarpsi: haarpsi().definition!.kernel!.spec,
  mdsi: mdsi().definition!.kernel!.spec,
  fsim: fsim({ chromatic: true, averaging: "zero", scales: 3 }).definition!.kernel!.spec,
  vif: vif().definition!.kernel!.spec,
  l1: { kind: "l1" },
  mse: { kind: "mse" },
  charbonnier: { kind: "charbonnier", epsilon: 1e-3 },
  edge: { kind: "edge", epsilon: 1e-3 },
  "tv, anisotropic": { kind: "tv", form: "anisotropic", reduction: "mean" },
  "tv, squared": { kind: "tv", form: "squared", reduction: "sum" },
  "tv, isotropic": { kind: "tv", form: "isotropic", reduction: "mean", epsilon: 1e-3 },
  ...Object.fromEntries(
    (["derivative", "magnitude"] as const).flatMap((form) =>
      (["l1", "mse"] as const).map((distance) => [
        `sobel, ${form}, ${distance}`,
        { kind: "sobel", form, mode: "sobel", normalized: true, distance, epsilon: 1e-3 } satisfies KernelSpec,
      ]),
    ),
  ),
  ssim: { kind: "ssim", ...ssimOptions, region: "valid", covariance: "population" },
  "ssim, mirrored": { kind: "ssim", ...ssimOptions, region: "reflect", covariance: "population" },
  "ssim, zeros": { kind: "ssim", ...ssimOptions, region: "zero", covariance: "population" },
  "ssim, repeated": { kind: "ssim", ...ssimOptions, region: "replicate", covariance: "population" },
  "ssim, contrast alone, none negative": {
    kind: "ssim",
    ...ssimOptions,
    region: "valid",
    covariance: "population",
    term: "contrast",
    nonNegative: true,
  },
  "ssim, uniform 7": {
    kind: "ssim",
    ...ssimOptions,
    window: { shape: "uniform", size: 7 },
    region: "valid",
    covariance: "sample",
  },
  "deltaE 76": { kind: "deltaE", formula: "76", dataRange: 1 },
  "deltaE 94": { kind: "deltaE", formula: "94", dataRange: 1 },
  "deltaE 2000": { kind: "deltaE", formula: "2000", dataRange: 1 },
  "deltaE lab-mse": { kind: "deltaE", formula: "lab-mse", dataRange: 1 },
  ...Object.fromEntries(
    (["zero", "replicate", "symmetric", "drop"] as const).map((odd) => [
      `ms-ssim, ${odd}`,
      { kind: "ms-ssim", ...ssimOptions, weights: [0.3, 0.3, 0.4], odd } satisfies KernelSpec,
    ]),
  ),
  gmsd: { kind: "gmsd", ...gmsdOptions, weights: [0, 1], odd: "zero" },
  "gmsd of three scales": { kind: "gmsd", ...gmsdOptions, weights: [1, 0, 2], odd: "drop" },
  "ms-ssim, one product, repeated at the coarsest scale": {
    kind: "ms-ssim",
    ...ssimOptions,
    weights: [0.5, 0.5],
    odd: "drop",
    region: "replicate",
    normalize: "simple",
    product: "image",
    nonNegative: true,
  },
};

/** Contents that earlier work may leave in memory: nothing, numbers of every size, and what is no number. */
const leftovers = [0, 1, -1, 0.5, 1e-3, 1e6, -1e30, 1e-42, Number.POSITIVE_INFINITY, Number.NaN];

/** Two images alike, above with equal pixels; `dark`: also with black where the other is not. Formulas take other ways there. */
function images(shape: Shape, dark: boolean): { output: Tensor; target: Tensor } {
  const [target, noise] = [randomTensor(shape, 1), randomTensor(shape, 2)];
  const output = target.data.map((value, i) => 0.95 * value + 0.05 * noise.data[i]);
  const [, , h, w] = shape;
  for (let i = 0; i < output.length; i++) {
    const row = Math.floor((i % (h * w)) / w);
    if (row < h / 4) output[i] = target.data[i] = 0.4;
    else if (row < h / 3 && dark) target.data[i] = 0;
  }
  return { output: new Tensor(output, shape), target };
}

const bits = (array?: Float32Array | Float64Array) =>
  array && Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");

/** The kernels that take no weights; of these, `fsim` has a map, and `gmsd` where it is of one scale. */
const withoutWeight: ReadonlySet<string> = new Set([
  "tv",
  "ms-ssim",
  "gmsd",
  "haarpsi",
  "mdsi",
  "vif",
  "fsim",
  "ssimulacra2",
]);

/** Weights of every place that count, one for all channels, where a kernel takes them. */
function weightFor(spec: KernelSpec, { shape: [, , h, w] }: Tensor): Tensor | undefined {
  if (withoutWeight.has(spec.kind)) return undefined;
  const border = spec.kind === "ssim" && spec.region === "valid" ? spec.window.size - 1 : 0;
  return randomTensor([1, 1, h - border, w - border], 3);
}

function hasMap(spec: KernelSpec): boolean {
  if (spec.kind === "gmsd") return spec.weights[0] === 0;
  return spec.kind === "fsim" || !withoutWeight.has(spec.kind);
}

const cases = [48, 49, 50, 51, 128, 129, 131].flatMap((width) =>
  [false, true].map((dark) => ({ width, ...images([1, 3, 47, width], dark) })),
);

beforeAll(() => setKernelThreads(1));
afterAll(() => setKernelThreads(undefined));

describe("results do not depend on previous contents of memory", () => {
  test.each(Object.entries(specs))("%s", async (_, spec) => {
    for (const { width, output, target } of cases) {
      for (const [grad, weight] of [
        [false, undefined],
        [true, undefined],
        [true, weightFor(spec, output)],
      ] as const) {
        const run = async (leftover: number) => {
          const kernels = await loadKernels();
          kernels.reset();
          const address = kernels.bytes(4);
          kernels.view(address, (kernels.memory.buffer.byteLength - address) / 4).fill(leftover);
          const result = await runKernel(spec, output, target, { grad, map: grad && !weight && hasMap(spec), weight });
          return { ...result, perImage: [...result.perImage], grad: bits(result.grad), map: bits(result.map?.data) };
        };
        await run(0); // makes memory as large as it must be
        const expected = await run(0);
        for (const leftover of leftovers) {
          expect(await run(leftover), `width ${width}, ${leftover} in memory`).toEqual(expected);
        }
      }
    }
  });
});

describe("results do not depend on the memory beside shared tensors", () => {
  test.each(Object.entries(specs))("%s", async (_, spec) => {
    for (const { width, output, target } of cases) {
      const { shape } = output;
      const run = async (leftover: number) => {
        const [a, between, b, after] = sharedTensors(shape, shape, shape, shape);
        for (const { data } of [between, after]) data.fill(leftover);
        a.data.set(output.data);
        b.data.set(target.data);
        expect(arenaOf([a.data, b.data])).toBeDefined();
        const { perImage, extremes } = await runKernel(spec, a, b);
        return { perImage: [...perImage], extremes };
      };
      const expected = await run(0);
      for (const leftover of leftovers) {
        expect(await run(leftover), `width ${width}, ${leftover} beside`).toEqual(expected);
      }
    }
  });
});

describe("100 concurrent runs give the same bits as a single run", () => {
  const spec = { ssim: specs.ssim, "ms-ssim": { ...specs["ms-ssim, zero"], weights: [0.1, 0.2, 0.2, 0.2, 0.3] } };
  test.each(Object.entries(spec) as [string, KernelSpec][])("%s", async (_, spec) => {
    const { output, target } = images([1, 3, 331, 401], false);
    const other = images([1, 3, 257, 333], true);
    setKernelThreads(1);
    const alone = await runKernel(spec, output, target);
    setKernelThreads(3);
    const runs = Array.from({ length: 100 }, async (_, index) => {
      const beside = Object.values(specs)[index % Object.keys(specs).length];
      const [run] = await Promise.all([
        runKernel(spec, output, target),
        runKernel(beside, other.output, other.target, { grad: index % 2 === 0 }),
      ]);
      return bits(run.perImage);
    });
    const different = (await Promise.all(runs)).filter((run) => run !== bits(alone.perImage));
    setKernelThreads(1);
    expect(different).toHaveLength(0);
  });
});
