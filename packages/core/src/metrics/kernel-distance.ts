import { integer } from "../definitions/options.ts";
import { defineMetric, deviation, optionsIn } from "./definition.ts";
import type { FeatureRows } from "./features.ts";
import { type Kernel, kernelOf, kernelOptions } from "./kernels.ts";
import type { Matrix } from "./matrix.ts";
import { itemsOf, type MetricResult } from "./metric.ts";
import { NumpyRandom } from "./numpy-random.ts";
import { forBlockPairs, refuseRows, selection } from "./points.ts";
import { type MetricOptions, settingsOf } from "./settings.ts";
import { TwoSidedMetric } from "./two-sided.ts";

/** The options of {@link kernelDistance}; the defaults are torch-fidelity's. */
export const kernelDistanceOptions = {
  subsets: integer(100, "how many random subsets the distance is averaged over", { min: 1 }),
  subsetSize: integer(1000, "images of each side in a subset; all where there are fewer", { min: 2 }),
  seed: integer(2020, "of the subsets, as numpy's RandomState: outputs, then reals, for each", {
    min: 0,
  }),
  ...kernelOptions,
};

const table = { name: "kid", options: kernelDistanceOptions };

/** Options of {@link KernelDistance}. */
export type KernelDistanceOptions = MetricOptions<typeof kernelDistanceOptions>;

/** The Kernel Inception Distance. */
export interface KernelDistanceResult extends MetricResult {
  /** Standard deviation over the subsets, with their number in the divisor; absent where every subset is all there is, since they do not differ then. */
  readonly std?: number;
}

/**
 * The Kernel Inception Distance (Binkowski et al. 2018, "Demystifying MMD GANs"): the unbiased squared maximum mean discrepancy of features, averaged
 * over random subsets. 0 in the mean for equal distributions, so it may come out below 0; unlike FID it has no bias
 * for small sets. Equals torch-fidelity's with the same seed, and clean-fid's over the same subsets.
 *
 * @throws {ReconlossError} `invalid-argument` with fewer than 2 images on a side, `shape` when the sides' features differ in length
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { KernelDistance } from "@reconloss/core/metrics";
 * const kid = new KernelDistance({ subsets: 1 });
 * kid.update("output", Tensor.from([0, 1], [2, 1, 1, 1]));
 * kid.update("real", Tensor.from([0, 1], [2, 1, 1, 1]));
 * (await kid.compute()).value; // -3.5: k(0,1) + k(0,1) - 2 (1 + 1 + 1 + 8) / 4
 * ```
 */
export async function kernelDistance(
  output: FeatureRows,
  real: FeatureRows,
  options: KernelDistanceOptions = {},
): Promise<KernelDistanceResult> {
  const { protocol, ...values } = settingsOf(table, options);
  const { subsets, subsetSize, seed } = values;
  refuseRows("kid", output, real, 2);
  const { kernel, name } = kernelOf("kid", values, output.dimension);
  const size = Math.min(subsetSize, output.count, real.count);
  const random = new NumpyRandom(seed);
  // Where every subset is all there is, they differ by rounding alone.
  const isWhole = size === output.count && size === real.count;
  const count = isWhole ? 1 : subsets;
  const sums = await kernelSums(output, real, kernel, count * size ** 2);
  const distances: number[] = [];
  for (let subset = 0; subset < count; subset++) {
    const [x, y] = [random.choose(output.count, size), random.choose(real.count, size)];
    const { within, between } = await sums(x, y);
    distances.push(within / (size * (size - 1)) - (2 * between) / size ** 2);
  }
  const mean = distances.reduce((sum, value) => sum + value, 0) / count;
  const std = Math.sqrt(distances.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count);
  return {
    metric: "kid",
    value: mean,
    ...(isWhole ? {} : { std }),
    images: { output: output.count, real: real.count },
    protocol: {
      ...protocol,
      features: output.dimension,
      kernel: name,
      estimator: "unbiased",
      subsets: count,
      subsetSize: size,
      seed,
    },
    hint: isWhole
      ? "no bias in the number of images; no deviation, since every subset would be the whole set"
      : "no bias in the number of images; the standard deviation is over subsets",
    warnings:
      size < subsetSize
        ? [`subsets have ${size} ${itemsOf(protocol)}, all there are on one side, instead of ${subsetSize}`]
        : [],
  };
}

/** Kernel values that may be kept: 3 x 8 bytes each at most. */
const keptValues = 2 ** 24;

/** Sums of the kernel over the pairs of some outputs x and some reals y. */
type KernelSums = (x: Uint32Array, y: Uint32Array) => Promise<{ within: number; between: number }>;

/**
 * A function of subsets. Where subsets overlap much, all kernel values are computed once, each subset then only adds them up; where there are too
 * many images for that, each subset computes its own.
 *
 * @param pairs - how many pairs of each kind all subsets have together
 */
async function kernelSums(output: FeatureRows, real: FeatureRows, kernel: Kernel, pairs: number): Promise<KernelSums> {
  const most = Math.max(output.count, real.count) ** 2;
  if (most > Math.min(keptValues, pairs)) {
    return async (xs, ys) => {
      const [x, y] = [selection(output, xs), selection(real, ys)];
      const within = (await sumOfPairs(x, x, kernel, true)) + (await sumOfPairs(y, y, kernel, true));
      return { within, between: await sumOfPairs(x, y, kernel, false) };
    };
  }
  const xx = await kernelMatrix(output, output, kernel);
  const yy = await kernelMatrix(real, real, kernel);
  const xy = await kernelMatrix(output, real, kernel);
  return async (xs, ys) => ({
    within: sumOver(xx, xs, xs, true) + sumOver(yy, ys, ys, true),
    between: sumOver(xy, xs, ys, false),
  });
}

async function forPairs(
  x: FeatureRows,
  y: FeatureRows,
  kernel: Kernel,
  visit: (value: number, row: number, column: number) => void,
): Promise<void> {
  await forBlockPairs(x, y, ({ a, b, products, i, j }) => {
    for (let r = 0, at = 0; r < a.rows; r++) {
      for (let c = 0; c < b.rows; c++, at++) visit(kernel(products[at], a.squares[r], b.squares[c]), i + r, j + c);
    }
  });
}

async function kernelMatrix(x: FeatureRows, y: FeatureRows, kernel: Kernel): Promise<Matrix> {
  const data = new Float64Array(x.count * y.count);
  await forPairs(x, y, kernel, (value, row, column) => {
    data[row * y.count + column] = value;
  });
  return { rows: x.count, columns: y.count, data };
}

async function sumOfPairs(x: FeatureRows, y: FeatureRows, kernel: Kernel, withoutSame: boolean): Promise<number> {
  let sum = 0;
  await forPairs(x, y, kernel, (value, row, column) => {
    if (!withoutSame || row !== column) sum += value;
  });
  return sum;
}

function sumOver({ columns, data }: Matrix, xs: Uint32Array, ys: Uint32Array, withoutSame: boolean): number {
  let sum = 0;
  for (const x of xs) {
    for (const y of ys) if (!withoutSame || x !== y) sum += data[x * columns + y];
  }
  return sum;
}

/**
 * {@link kernelDistance} fed with batches of features, which it keeps in memory.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { KernelDistance } from "@reconloss/core/metrics";
 * const kid = new KernelDistance({ subsets: 10, subsetSize: 50, seed: 1 });
 * kid.update("output", Tensor.from([0.1, 0.2, 0.3], [3, 1, 1, 1]));
 * kid.update("real", Tensor.from([0.1, 0.3, 0.2], [3, 1, 1, 1]));
 * const { value, std, protocol } = await kid.compute();
 * ```
 */
export class KernelDistance extends TwoSidedMetric<KernelDistanceResult> {
  readonly #options: KernelDistanceOptions;

  constructor(options: KernelDistanceOptions = {}) {
    super();
    settingsOf(table, options);
    this.#options = options;
  }

  protected override resultOf(output: FeatureRows, real: FeatureRows): Promise<KernelDistanceResult> {
    return kernelDistance(output, real, this.#options);
  }
}

/** {@link kernelDistance} as a metric of sets. */
export const kid = defineMetric({
  ...table,
  summary: "Kernel Inception Distance: the unbiased squared maximum mean discrepancy of features, over random subsets",
  better: "lower",
  source: "Binkowski et al. 2018; equals torch-fidelity with the same seed",
  features: "main",
  needs: { output: "rows", real: "rows" },
  flags: { seed: "seed" },
  compute: ({ output, real }, options, { protocol }) => kernelDistance(output, real, { ...options, protocol }),
  detail: (result) => [
    ...("std" in result ? deviation(result) : ["no ±: every subset is the whole set"]),
    ...optionsIn(table, result, ["subsets", "subsetSize", "seed"]),
  ],
});
