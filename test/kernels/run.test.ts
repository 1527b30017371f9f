import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { sharedBytes } from "../../packages/core/src/kernels/arena.ts";
import {
  type FsimSpec,
  type HaarPsiSpec,
  type KernelPasses,
  type KernelResult,
  type KernelSpec,
  type MdsiSpec,
  type Pixels,
  runKernel,
  runKernelSync,
  type Ssimulacra2Spec,
  setKernelThreads,
  type VifSpec,
} from "../../packages/core/src/kernels/index.ts";
import { poolWorkers } from "../../packages/core/src/kernels/pool.ts";
import { stripKernel } from "../../packages/core/src/kernels/strips/table.ts";
import { fsim, haarpsi, mdsi, ssimulacra2, vif } from "../../packages/core/src/losses/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { processorTime } from "../processor-time.ts";
import { randomTensor } from "../random.ts";

const window = { shape: "gaussian", size: 11, sigma: 1.5 } as const;
const ssimOptions = { window, k1: 0.01, k2: 0.03, dataRange: 1 } as const;
const gmsdOptions = {
  luma: { weights: [76, 150, 29], offset: 3 },
  constant: 170,
  masking: 0.5,
  odd: "zero",
  deviation: "population",
} as const;
const specs = {
  l1: { kind: "l1" },
  charbonnier: { kind: "charbonnier", epsilon: 1e-3 },
  tv: { kind: "tv", form: "isotropic", reduction: "mean", epsilon: 1e-3 },
  sobel: { kind: "sobel", form: "derivative", mode: "sobel", normalized: true, distance: "l1" },
  "sobel, magnitude": {
    kind: "sobel",
    form: "magnitude",
    mode: "diff",
    normalized: false,
    distance: "mse",
    epsilon: 1e-3,
  },
  edge: { kind: "edge", epsilon: 1e-3 },
  ssim: { kind: "ssim", ...ssimOptions, region: "valid", covariance: "population" },
  "ssim, reflected": { kind: "ssim", ...ssimOptions, region: "reflect", covariance: "sample" },
  "ssim, zero padded": { kind: "ssim", ...ssimOptions, region: "zero", covariance: "population" },
  deltaE: { kind: "deltaE", formula: "2000", dataRange: 1 },
  "ms-ssim": {
    kind: "ms-ssim",
    ...ssimOptions,
    window: { ...window, size: 3 },
    weights: [0.0448, 0.2856, 0.3001, 0.2363, 0.1333],
    odd: "zero",
  },
  gmsd: { kind: "gmsd", ...gmsdOptions, weights: [0, 1] },
  "gmsd of two scales": { kind: "gmsd", ...gmsdOptions, weights: [0.4, 0.6], odd: "drop", deviation: "sample" },
  haarpsi: haarpsi({ subsample: false }).definition!.kernel!.spec as HaarPsiSpec,
  "haarpsi, averaged": haarpsi().definition!.kernel!.spec as HaarPsiSpec,
  mdsi: mdsi().definition!.kernel!.spec as MdsiSpec,
  vif: vif().definition!.kernel!.spec as VifSpec,
  "vif of channels": vif({ channels: "rgb" }).definition!.kernel!.spec as VifSpec,
  fsim: fsim().definition!.kernel!.spec as FsimSpec,
  fsimc: fsim({ chromatic: true }).definition!.kernel!.spec as FsimSpec,
  ssimulacra2: ssimulacra2().definition!.kernel!.spec as Ssimulacra2Spec,
} satisfies Record<string, KernelSpec>;

const withoutMap: readonly string[] = ["tv", "ms-ssim", "haarpsi", "mdsi", "vif", "ssimulacra2"];
const hasMap = (spec: KernelSpec) => (spec.kind === "gmsd" ? spec.weights[0] === 0 : !withoutMap.includes(spec.kind));

/** The kernels of images in colour, or grey. */
const coloured: readonly string[] = ["deltaE", "gmsd", "haarpsi", "mdsi", "vif", "fsim", "ssimulacra2"];

/** The kernels that compare what they make of images first, which has to be large for several threads. */
const reducing: readonly string[] = ["gmsd", "haarpsi", "mdsi"];

/** The kernels that do little more than read and write, which takes a second thread as long as copies for it. */
const reading: readonly string[] = ["l1", "charbonnier", "tv", "sobel", "edge"];

/** Interleaved pixels and the planes that they mean. */
function pixels(
  bits: 8 | 16,
  channels: number,
  height: number,
  width: number,
  seed: number,
): { pixels: Pixels; tensor: Tensor } {
  const full = 2 ** bits - 1;
  const count = height * width;
  const random = randomTensor([1, 1, 1, channels * count], seed).data;
  const data = new (bits === 8 ? Uint8Array : Uint16Array)(random.map((value) => Math.round(value * full)));
  const planes = Float32Array.from(
    { length: channels * count },
    (_, i) => data[(i % count) * channels + Math.floor(i / count)] / full,
  );
  return { pixels: { data, height, width, channels }, tensor: new Tensor(planes, [1, channels, height, width]) };
}

/** The same pixels with one more sample each, which is not to be read. */
function withAlpha(pixels: Pixels): Pixels {
  const { data, channels } = pixels;
  const step = channels + 1;
  const longer = new (data.constructor as typeof Uint8Array)((data.length / channels) * step).fill(77);
  for (let i = 0; i < data.length; i++) longer[Math.floor(i / channels) * step + (i % channels)] = data[i];
  return { ...pixels, data: longer, step };
}

/** Bit for bit, without a report of millions of numbers. */
function expectSame(actual: Omit<KernelResult, "extremes">, wanted: Omit<KernelResult, "extremes">, label = ""): void {
  for (const [name, a, b] of [
    ["perImage", actual.perImage, wanted.perImage],
    ["grad", actual.grad, wanted.grad],
    ["map", actual.map?.data, wanted.map?.data],
  ] as const) {
    const [x, y] = [a, b].map((array) => array && Buffer.from(array.buffer, array.byteOffset, array.byteLength));
    expect(x === undefined ? y === undefined : y !== undefined && x.equals(y), `${label} ${name}`).toBe(true);
  }
  expect(actual.grad?.every(Number.isFinite) ?? true, `${label} grad is finite`).toBe(true);
  expect(actual.map?.shape).toEqual(wanted.map?.shape);
}

afterAll(() => setKernelThreads(undefined));

describe("interleaved pixels give exactly the results of planes", () => {
  test.each([8, 16] as const)("%i bits", async (bits) => {
    const places = sharedBytes(2, 6 * 41 * 53 * (bits / 8) + 2);
    const inPlace = (image: Pixels, place: Uint8Array): Pixels => {
      const samples = image.data.constructor as typeof Uint8Array;
      const data = new samples(place.buffer, place.byteOffset + bits / 8, image.data.length);
      data.set(image.data);
      return { ...image, data };
    };
    for (const [name, spec] of Object.entries(specs) as [string, KernelSpec][]) {
      for (const channels of coloured.includes(spec.kind) ? [1, 3] : [1, 2, 3, 4, 5]) {
        const [output, target] = [pixels(bits, channels, 41, 53, 1), pixels(bits, channels, 41, 53, 2)];
        const options = { grad: true, map: hasMap(spec) };
        const wanted = await runKernel(spec, output.tensor, target.tensor, options);
        for (const [x, y] of [
          [output.pixels, target.pixels],
          [output.tensor, target.pixels],
          [output.pixels, target.tensor],
          [withAlpha(output.pixels), target.pixels],
        ]) {
          expectSame(await runKernel(spec, x, y, options), wanted, `${name}, ${channels} channels`);
        }
        // The score alone, of which kernels may take the samples as they are; in the memory of kernels, too, where an image begins at any byte.
        const score = await runKernel(spec, output.tensor, target.tensor);
        for (const [x, y] of [
          [output.pixels, target.pixels],
          [withAlpha(output.pixels), target.pixels],
          [withAlpha(output.pixels), withAlpha(target.pixels)],
        ]) {
          expectSame(await runKernel(spec, x, y), score, `${name}, ${channels} channels, score alone`);
          const [a, b] = [inPlace(x, places[0]), inPlace(y, places[1])];
          expectSame(await runKernel(spec, a, b), score, `${name}, ${channels} channels, in place`);
        }
      }
    }
  });
});

test.each([
  ["mse", { kind: "mse" }],
  ["l1", { kind: "l1" }],
] as [string, KernelSpec][])(
  "%s of 8-bit planes gives the same bits as of floats, for every pair of samples",
  async (_, spec) => {
    // A score of all pairs, in several blocks and a rest; and of each sample by itself among zeros, where a last bit shows.
    const planeOf = (count: number, sample: (i: number) => number) => {
      const data = Uint8Array.from({ length: count }, (_, i) => sample(i));
      const tensor = new Tensor(
        Float32Array.from(data, (value) => value / 255),
        [1, 1, 1, count],
      );
      return { pixels: { data, height: 1, width: count, channels: 1 }, tensor };
    };
    const all = [planeOf(65536 + 13, (i) => i & 255), planeOf(65536 + 13, (i) => (i >> 8) & 255)];
    expectSame(
      await runKernel(spec, all[0].pixels, all[1].pixels),
      await runKernel(spec, all[0].tensor, all[1].tensor),
    );
    const zeros = planeOf(31, () => 0);
    for (let sample = 0; sample < 256; sample++) {
      const at = (7 * sample) % 31;
      const one = planeOf(31, (i) => (i === at ? sample : 0));
      const wanted = await runKernel(spec, one.tensor, zeros.tensor);
      expectSame(await runKernel(spec, one.pixels, zeros.pixels), wanted, `${sample} at ${at}`);
      expectSame(await runKernel(spec, zeros.pixels, one.pixels), wanted, `${sample} at ${at}`);
    }
  },
);

test("deltaE skips equal pixels, with the same bits as without skipping, with gradient and for planes", async () => {
  // Several pieces, of which some are equal as a whole, some in part.
  const [height, width] = [90, 171];
  const [output, same] = [pixels(8, 3, height, width, 1), pixels(8, 3, height, width, 1)];
  for (const at of [5000, 5001, 9999, 9999 + 64, height * width - 1]) {
    for (let c = 0; c < 3; c++) {
      same.pixels.data[3 * at + c] ^= 9;
      same.tensor.data[c * height * width + at] = Math.fround(same.pixels.data[3 * at + c] / 255);
    }
  }
  for (const formula of ["2000", "94", "76", "lab-mse"] as const) {
    const spec = { kind: "deltaE", formula, dataRange: 1 } as const;
    const { grad, ...wanted } = await runKernel(spec, output.tensor, same.tensor, { grad: true, map: true });
    for (const [x, y] of [
      [output.tensor, same.tensor],
      [output.pixels, same.pixels],
      [withAlpha(output.pixels), withAlpha(same.pixels)],
      [withAlpha(output.pixels), same.pixels],
    ]) {
      // What was left in an array before is overwritten.
      const map = new Float32Array(height * width).fill(7);
      expectSame(await runKernel(spec, x, y, { map }), wanted, formula);
    }
    expect(wanted.map?.data.filter((value) => value > 0).length).toBe(5);
    expect(grad?.filter((value) => value !== 0).length).toBeLessThanOrEqual(15);
  }
});

test("ms-ssim reuses the sums that ssim computed for the same pair", async () => {
  const [output, target] = [pixels(8, 3, 41, 53, 1).pixels, pixels(8, 3, 41, 53, 2).pixels];
  const passes: KernelPasses = new Map();
  const first = await runKernel(specs.ssim, output, target, { passes });
  const [[name, { sums }]] = passes;
  expect(passes.size).toBe(1);
  const msSsim = { ...specs["ms-ssim"], ...ssimOptions, weights: [0.5, 0.5], nonNegative: false };
  for (const spec of [specs.ssim, msSsim])
    expectSame(await runKernel(spec, output, target, { passes }), await runKernel(spec, output, target));
  // The other scale's are of images that nobody else has.
  expect([...passes.keys()]).toEqual([name]);
  // What is kept is what counts: sums of other images would be.
  passes.set(name, { sums: sums.map((ofImage) => ofImage.map((sum) => 2 * sum)), extremes: {} });
  expect((await runKernel(specs.ssim, output, target, { passes })).perImage[0]).toBeCloseTo(2 * first.perImage[0], 12);
  // Gradients and maps are computed with their own.
  const options = { grad: true, passes };
  expectSame(
    await runKernel(specs.ssim, output, target, options),
    await runKernel(specs.ssim, output, target, { grad: true }),
  );
});

describe("threads", () => {
  const pairOf = (shape: Shape) => [randomTensor(shape, 3), randomTensor(shape, 4)];
  const pair = pairOf([2, 3, 397, 523]);
  // What reads images and averages them down has to have more to read.
  const large = pairOf([1, 3, 997, 1023]);

  test.each(Object.entries(specs) as [string, KernelSpec][])(
    "%s: the same bits with one thread and with three",
    async (_, spec) => {
      const options = { grad: true, map: hasMap(spec) };
      const [output, target] = reducing.includes(spec.kind) ? large : pair;
      setKernelThreads(1);
      const alone = await runKernel(spec, output, target, options);
      setKernelThreads(3);
      expectSame(await runKernel(spec, output, target, options), alone);
      if (!reading.includes(spec.kind)) {
        expect(poolWorkers().map(({ completed }) => completed > 0)).toEqual([true, true]);
      }
      // Again, with the buffers of the first time, two at once, and meanwhile without a promise.
      const both = Promise.all([runKernel(spec, output, target, options), runKernel(spec, output, target, options)]);
      expectSame(runKernelSync(spec, output, target, options), alone);
      for (const result of await both) expectSame(result, alone);
    },
  );

  test("large pixels in shared memory give the same bits", async () => {
    const { pixels: image } = pixels(8, 3, 397, 523, 5);
    const other = pixels(8, 3, 397, 523, 6).pixels;
    const shared = new Uint8Array(new SharedArrayBuffer(image.data.length));
    shared.set(image.data);
    setKernelThreads(1);
    const alone = await runKernel(specs.ssim, image, other);
    setKernelThreads(3);
    expectSame(await runKernel(specs.ssim, { ...image, data: shared }, other), alone);
  });

  test("does not block the calling thread while a large image is computed", async () => {
    setKernelThreads(1);
    // Several turns' work each, however fast the kernel: 15 million pixels.
    const large = Tensor.full([8, 3, 1200, 1600], 0.5);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const milliseconds = await processorTime(() => runKernel(specs.deltaE, large, large));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(milliseconds / 100);
  });

  test("idle workers do not keep the process alive", () => {
    const kernels = fileURLToPath(new URL("../../packages/core/src/kernels/index.ts", import.meta.url));
    const tensors = fileURLToPath(new URL("../../packages/core/src/tensor.ts", import.meta.url));
    const program = `
      import { runKernel, setKernelThreads } from ${JSON.stringify(kernels)};
      import { Tensor } from ${JSON.stringify(tensors)};
      setKernelThreads(3);
      const image = Tensor.full([1, 3, 600, 600], 0.5);
      const { perImage } = await runKernel(${JSON.stringify(specs.ssim)}, image, image);
      console.log(perImage[0]);
    `;
    const tsx = fileURLToPath(new URL("../../node_modules/tsx/dist/cli.mjs", import.meta.url));
    // A process that stays would hold up this one too, and with it the test's own limit.
    const args = [tsx, "--input-type=module", "--eval", program];
    const printed = execFileSync(process.execPath, args, { timeout: 300_000 });
    expect(printed.toString().trim()).toBe("1");
  });
});

describe("preallocated results", () => {
  test("are written into the given arrays, and nowhere else", async () => {
    const [output, target] = [randomTensor([2, 3, 30, 41], 1), randomTensor([2, 3, 30, 41], 2)];
    for (const spec of Object.values(specs) as KernelSpec[]) {
      if (spec.kind === "ms-ssim" || spec.kind === "vif") continue;
      const wanted = await runKernel(spec, output, target, { grad: true, map: hasMap(spec) });
      // A guard before and after shows writes that miss.
      const guarded = (length: number) => new Float32Array(length + 64).fill(7);
      const [grad, map] = [guarded(wanted.grad!.length), guarded(wanted.map?.data.length ?? 0)];
      await runKernel(spec, output, target, {
        grad: grad.subarray(32, -32),
        map: hasMap(spec) && map.subarray(32, -32),
      });
      const mapInside = wanted.map && { ...wanted.map, data: map.subarray(32, -32) };
      expectSame({ perImage: wanted.perImage, grad: grad.subarray(32, -32), map: mapInside }, wanted, spec.kind);
      for (const array of [grad, map]) {
        expect([...array.subarray(0, 32), ...array.subarray(-32)].every((value) => value === 7)).toBe(true);
      }
    }
  });
});

describe("rejects invalid input:", () => {
  const image = randomTensor([1, 3, 20, 20], 1);
  test.each<[string, () => Promise<unknown>, string, RegExp]>([
    [
      "shapes that differ",
      () => runKernel(specs.l1, image, randomTensor([1, 3, 20, 19], 1)),
      "shape",
      /1x3x20x20.*1x3x20x19/,
    ],
    ["no target", () => runKernel(specs.l1, image), "invalid-argument", /target is missing/],
    [
      "too small for the window",
      () => runKernel(specs.ssim, randomTensor([1, 1, 10, 40], 1), randomTensor([1, 1, 10, 40], 1)),
      "shape",
      /10x40.*11x11/,
    ],
    [
      "too small for the scales",
      () => runKernel(specs["ms-ssim"], randomTensor([1, 1, 32, 40], 1), randomTensor([1, 1, 32, 40], 1)),
      "shape",
      /33x33/,
    ],
    [
      "an even window",
      () => runKernel({ ...specs.ssim, window: { shape: "uniform", size: 8 } }, image, image),
      "invalid-argument",
      /size must be odd/,
    ],
    [
      "two channels of colour",
      () => runKernel(specs.deltaE, randomTensor([1, 2, 4, 4], 1), randomTensor([1, 2, 4, 4], 1)),
      "shape",
      /3 channels/,
    ],
    [
      "a map that there is not",
      () => runKernel(specs.tv, image, undefined, { map: true }),
      "invalid-argument",
      /no map/,
    ],
    [
      "a gradient array of another size",
      () => runKernel(specs.l1, image, image, { grad: new Float32Array(5) }),
      "shape",
      /1200 values/,
    ],
    [
      "pixels that are too few",
      () => runKernel(specs.l1, { data: new Uint8Array(5), height: 2, width: 2, channels: 3 }, image),
      "shape",
      /needs 12 samples, data has 5/,
    ],
    [
      "an unknown kernel",
      () => runKernel({ kind: "nothing" } as unknown as KernelSpec, image, image),
      "invalid-argument",
      /no kernel nothing/,
    ],
    [
      "pixels that are not pixels",
      () => runKernel(specs.l1, { data: [1, 2] as unknown as Uint8Array, height: 1, width: 2, channels: 1 }, image),
      "invalid-argument",
      /output must be/,
    ],
  ])("%s", async (_, attempt, code, message) => {
    await expect(attempt()).rejects.toMatchObject({
      name: "ReconlossError",
      code,
      message: expect.stringMatching(message),
    });
  });
});

describe("weights", () => {
  const weighted = [
    "l1",
    "charbonnier",
    "sobel",
    "sobel, magnitude",
    "edge",
    "ssim",
    "ssim, reflected",
    "ssim, zero padded",
    "deltaE",
  ] as const;

  test.each(weighted)("%s: complementary weights split score and gradient, for any number of threads", async (name) => {
    const spec = specs[name];
    // Several strips and tiles, rows of odd length.
    const shape: Shape = [2, 3, 461, 405];
    const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
    const [height, width] = stripKernel(spec as never).mapSize(spec as never, [3, 461, 405])!;
    const whole = await runKernel(spec, output, target, { grad: true });
    for (const channels of name === "deltaE" ? [1] : [1, 3]) {
      const weight = randomTensor([channels === 3 ? 1 : 2, channels, height, width], 3);
      const rest = new Tensor(
        weight.data.map((x) => 1 - x),
        weight.shape,
      );
      setKernelThreads(3);
      const part = await runKernel(spec, output, target, { grad: true, weight });
      setKernelThreads(1);
      expectSame(await runKernel(spec, output, target, { grad: true, weight }), part);
      const other = await runKernel(spec, output, target, { grad: true, weight: rest });
      const base = spec.kind === "charbonnier" || spec.kind === "edge" ? spec.epsilon : 0;
      for (const [image, score] of whole.perImage.entries()) {
        expect(part.perImage[image] + other.perImage[image] - base).toBeCloseTo(score, 6);
      }
      const [largest, difference] = whole.grad!.reduce(
        ([most, off], x, i) => [
          Math.max(most, Math.abs(x)),
          Math.max(off, Math.abs(part.grad![i] + other.grad![i] - x)),
        ],
        [0, 0],
      );
      expect(difference).toBeLessThan(1e-5 * largest);
    }
  });

  test("are rejected in another shape, or where the kernel does not support them", async () => {
    const image = randomTensor([2, 3, 20, 24], 1);
    const refused = (spec: KernelSpec, shape: Shape, options = {}) =>
      expect(runKernel(spec, image, image, { weight: Tensor.full(shape, 1), ...options })).rejects;
    await refused(specs.ssim, [1, 1, 20, 24]).toThrow("options.weight must be 2x3x10x14");
    await refused(specs.deltaE, [1, 3, 20, 24]).toMatchObject({ code: "shape" });
    await refused(specs.tv, [1, 1, 20, 24]).toThrow("takes no weight");
    await refused(specs.l1, [1, 1, 20, 24], { map: true }).toThrow("no map of weighted scores");
  });
});

test("flat output has gradient 0 in sobel(form=magnitude) without epsilon", async () => {
  const flat = Tensor.full([1, 3, 9, 14], 0.5);
  for (const distance of ["l1", "mse"] as const) {
    const spec = { kind: "sobel", form: "magnitude", mode: "sobel", normalized: true, distance } as const;
    const { grad } = await runKernel(spec, flat, randomTensor([1, 3, 9, 14], 1), { grad: true });
    expect(
      grad!.every((slope) => slope === 0),
      distance,
    ).toBe(true);
  }
});
