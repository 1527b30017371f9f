import { ReconlossError } from "../errors.ts";
import { checkFields } from "./arguments.ts";
import type { FeatureRows } from "./features.ts";
import { checkRows } from "./features.ts";
import { type Matrix, multiplyTransposed } from "./matrix.ts";
import type { MetricResult, Protocol } from "./metric.ts";
import { NumpyRandom } from "./numpy-random.ts";
import { TwoSidedMetric } from "./two-sided.ts";

/** Options of {@link KernelDistance}; the defaults are torch-fidelity's. */
export interface KernelDistanceOptions {
  /** How many random subsets the distance is averaged over; default 100. */
  subsets?: number;
  /** Images of each side in a subset; default 1000, or all images where there are fewer. */
  subsetSize?: number;
  /** Chooses the subsets as numpy's `RandomState(seed)` does in torch-fidelity: outputs, then reals, for each; default 2020. */
  seed?: number;
  /** `polynomial` (default): (x.y / d + 1)^3. `rbf`: exp(-|x - y|^2 / (2 sigma^2)). */
  kernel?: "polynomial" | "rbf";
  /** Of the rbf kernel; default 10. */
  sigma?: number;
  /** Travels into the result. */
  protocol?: Protocol;
}

const optionKinds = {
  subsets: "number",
  subsetSize: "number",
  seed: "number",
  kernel: "string",
  sigma: "number",
  protocol: "object",
} as const;

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
  checkFields("options", options, optionKinds);
  const { subsets = 100, subsetSize = 1000, seed = 2020, kernel = "polynomial", sigma = 10, protocol } = options;
  refuseRows("kid", output, real, 2);
  if (!Number.isInteger(subsets) || subsets < 1 || !Number.isInteger(subsetSize) || subsetSize < 2 || !(sigma > 0)) {
    throw new ReconlossError(
      "invalid-argument",
      `kid: subsets must be at least 1, subsetSize at least 2, sigma above 0; got ${subsets}, ${subsetSize}, ${sigma}`,
    );
  }
  if (kernel !== "polynomial" && kernel !== "rbf") {
    throw new ReconlossError("invalid-argument", `kernel must be "polynomial" or "rbf", got "${kernel}"`);
  }
  const size = Math.min(subsetSize, output.count, real.count);
  const apply = kernel === "rbf" ? gaussianKernel(sigma) : cubicKernel;
  const random = new NumpyRandom(seed);
  // Where every subset is all there is, they differ by rounding alone.
  const isWhole = size === output.count && size === real.count;
  const count = isWhole ? 1 : subsets;
  const sums = await kernelSums(output, real, apply, count * size ** 2);
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
      kernel: kernel === "rbf" ? `rbf, sigma ${sigma}` : "polynomial, degree 3",
      estimator: "unbiased",
      subsets: count,
      subsetSize: size,
      seed,
    },
    hint: isWhole
      ? "no bias in the number of images; no deviation, since every subset would be the whole set"
      : "no bias in the number of images; the standard deviation is over subsets",
    warnings:
      size < subsetSize ? [`subsets have ${size} images, all there are on one side, instead of ${subsetSize}`] : [],
  };
}

/** Errors that kernel distance and precision have in common. */
export function refuseRows(metric: string, output: FeatureRows, real: FeatureRows, least: number): void {
  checkRows("output", output);
  checkRows("real", real);
  if (output.count < least || real.count < least) {
    throw new ReconlossError(
      "invalid-argument",
      `${metric} needs at least ${least} images on each side, got ${output.count} outputs and ${real.count} reals`,
    );
  }
  if (output.dimension !== real.dimension) {
    throw new ReconlossError(
      "shape",
      `${metric}: outputs have ${output.dimension} features, reals ${real.dimension}; are they from the same network and tap?`,
    );
  }
}

/** Feature vectors in float64 with their squared lengths. */
export interface Points {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
  readonly squares: Float64Array;
}

/** The points with these numbers. */
export async function pointsOf(rows: FeatureRows, indices: ArrayLike<number>): Promise<Points> {
  const data = Float64Array.from(await rows.read(indices));
  const columns = rows.dimension;
  const squares = new Float64Array(indices.length);
  for (let i = 0; i < data.length; i++) squares[Math.floor(i / columns)] += data[i] ** 2;
  return { rows: indices.length, columns, data, squares };
}

/** Points `start` to `end` of `points`, sharing the data. */
export function part({ columns, data, squares, rows }: Points, start: number, end: number): Points {
  const last = Math.min(end, rows);
  return {
    rows: last - start,
    columns,
    data: data.subarray(start * columns, last * columns),
    squares: squares.subarray(start, last),
  };
}

/** A kernel from x.y, |x|^2, |y|^2 and the dimension. */
type Kernel = (product: number, xx: number, yy: number, dimension: number) => number;

const cubicKernel: Kernel = (product, _xx, _yy, dimension) => (product / dimension + 1) ** 3;

function gaussianKernel(sigma: number): Kernel {
  return (product, xx, yy) => Math.exp(-Math.max(xx + yy - 2 * product, 0) / (2 * sigma ** 2));
}

/** Rows that are multiplied at once. */
const blockSize = 1024;

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
      const [x, y] = [await pointsOf(output, xs), await pointsOf(real, ys)];
      const within = (await sumOfPairs(x, x, kernel)) + (await sumOfPairs(y, y, kernel));
      return { within, between: await sumOfPairs(x, y, kernel) };
    };
  }
  const every = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);
  const [x, y] = [await pointsOf(output, every(output.count)), await pointsOf(real, every(real.count))];
  const [xx, yy, xy] = [
    await kernelMatrix(x, x, kernel),
    await kernelMatrix(y, y, kernel),
    await kernelMatrix(x, y, kernel),
  ];
  return async (xs, ys) => ({
    within: sumOver(xx, xs, xs, true) + sumOver(yy, ys, ys, true),
    between: sumOver(xy, xs, ys, false),
  });
}

async function forPairs(
  x: Points,
  y: Points,
  kernel: Kernel,
  visit: (value: number, row: number, column: number) => void,
): Promise<void> {
  for (let i = 0; i < x.rows; i += blockSize) {
    const a = part(x, i, i + blockSize);
    const { data } = await multiplyTransposed(a, y);
    for (let row = 0; row < a.rows; row++) {
      for (let column = 0; column < y.rows; column++) {
        const value = kernel(data[row * y.rows + column], a.squares[row], y.squares[column], x.columns);
        visit(value, i + row, column);
      }
    }
  }
}

async function kernelMatrix(x: Points, y: Points, kernel: Kernel): Promise<Matrix> {
  const data = new Float64Array(x.rows * y.rows);
  await forPairs(x, y, kernel, (value, row, column) => {
    data[row * y.rows + column] = value;
  });
  return { rows: x.rows, columns: y.rows, data };
}

/** Without each point's pair with itself, where both sides are the same. */
async function sumOfPairs(x: Points, y: Points, kernel: Kernel): Promise<number> {
  let sum = 0;
  await forPairs(x, y, kernel, (value, row, column) => {
    if (x !== y || row !== column) sum += value;
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
    checkFields("options", options, optionKinds);
    this.#options = options;
  }

  protected override resultOf(output: FeatureRows, real: FeatureRows): Promise<KernelDistanceResult> {
    return kernelDistance(output, real, this.#options);
  }
}
