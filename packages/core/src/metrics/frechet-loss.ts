import { ReconlossError } from "../errors.ts";
import { differentiate } from "../graph/autodiff.ts";
import { compile } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import type { Program } from "../graph/program.ts";
import { checkDevice, type Device } from "../runtimes/index.ts";
import { firstNonFinite, formatShape, Tensor } from "../tensor.ts";
import { checkKind, checkTensor } from "./arguments.ts";
import { symmetricEigensystem } from "./eigenvectors.ts";
import { checkFeatures } from "./features.ts";
import { type Matrix, multiplyTransposed, transpose } from "./matrix.ts";
import type { Statistics } from "./moments.ts";
import { checkStatisticsKind } from "./moments.ts";

/** A network as a function over `Ops`, from images [n, c, h, w] to feature vectors [n, d, 1, 1]. */
export type FeatureFunction = <T>(o: Ops<T>, images: T) => T;

/** The Frechet distance of a batch to fixed reals, as a loss. */
export interface FrechetLoss {
  /** The squared Frechet distance of the batch's features to the reals. */
  value(batch: Tensor, options?: FrechetLossOptions): Promise<number>;
  /** The same and its gradient with respect to the batch, in its shape. */
  valueAndGrad(batch: Tensor, options?: FrechetLossOptions): Promise<{ value: number; grad: Tensor }>;
}

/** Options of the calls of a {@link FrechetLoss}. */
export interface FrechetLossOptions {
  /** The device of the network: the CPU (default), or with `webgpu` a GPU. */
  readonly device?: Device;
}

/**
 * FID against fixed reals as a loss to train with: the squared Frechet distance of the Gaussian of one batch of features to that of the reals, and its
 * gradient with respect to the features or, with a `network`, to the pixels.
 *
 * With centred features X of n images, S = X^T X / (n - 1) and G = X S_r X^T / (n - 1), tr (S S_r)^1/2 = tr G^1/2, an n x n matrix. So the gradient with
 * respect to the features is `2 (m - m_r) / n + 2 X / (n - 1) - 2 G^-1/2 X S_r / (n - 1)`, exact also where the batch is smaller than the dimension;
 * directions in which G is 0 have none. A small batch sees its own small covariance: the value is far above the FID of many images, and what counts is
 * its slope.
 *
 * Time: one n x d x d product, and n^3 for the n x n matrix; for batches up to a few hundred images.
 *
 * @param real - the statistics of the reals, of a published file or of {@link Moments}
 * @param network - without it, batches are features [n, d, 1, 1]; with it, images that it takes
 * @throws {ReconlossError} from its methods: `shape` for a batch that does not fit or has fewer than 2 images, `non-finite`
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { frechetLoss } from "@reconloss/core/metrics";
 * const covariance = { rows: 1, columns: 1, data: Float64Array.of(2) };
 * const loss = frechetLoss({ mean: Float64Array.of(1), covariance });
 * const { value, grad } = await loss.valueAndGrad(Tensor.from([1, 3], [2, 1, 1, 1]));
 * value; // 1: the variances are equal, the means 2 and 1
 * [...grad.data]; // [1, 1]: both images are to go down
 * ```
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { frechetLoss } from "@reconloss/core/metrics";
 * const covariance = { rows: 1, columns: 1, data: Float64Array.of(2) };
 * const brightness = frechetLoss({ mean: Float64Array.of(1), covariance }, (o, images) => o.mean(images, "chw"));
 * const { grad } = await brightness.valueAndGrad(Tensor.full([2, 3, 8, 8], 0.5)); // 2x3x8x8
 * ```
 */
export function frechetLoss(real: Statistics, network?: FeatureFunction): FrechetLoss {
  checkStatisticsKind("real", real);
  if (network !== undefined) checkKind("network", network, "function");
  if (network === undefined) {
    const ofFeatures = async (features: Tensor) => {
      const { value, gradient } = await distanceAndGradient(toMatrix(features, real), real);
      return { value, grad: Tensor.from(gradient.data, features.shape) };
    };
    return { valueAndGrad: ofFeatures, value: async (features) => (await ofFeatures(features)).value };
  }
  const programs = new Map<string, Promise<Programs>>();
  const programsFor = ({ shape: [, channels] }: Tensor, device: Device) => {
    const key = `${device} ${channels}`;
    const known = programs.get(key) ?? compilePrograms(network, channels, real.mean.length, device);
    programs.set(key, known);
    return known;
  };
  const forward = async (images: Tensor, { device = "cpu" }: FrechetLossOptions) => {
    checkTensor("images", images);
    checkDevice("frechetLoss", device);
    refuseNonFinite(images);
    const { forward, backward } = await programsFor(images, device);
    const { features } = await forward.run({ images });
    return { features: Tensor.from(features.data, features.shape), backward };
  };
  return {
    value: async (images, options = {}) => {
      const { features } = await forward(images, options);
      return (await distanceAndGradient(toMatrix(features, real), real)).value;
    },
    valueAndGrad: async (images, options = {}) => {
      const { features, backward } = await forward(images, options);
      const { value, gradient } = await distanceAndGradient(toMatrix(features, real), real);
      const seed = Tensor.from(gradient.data, features.shape);
      const { grad } = await backward.run({ images, seed });
      return { value, grad: Tensor.from(grad.data, images.shape) };
    },
  };
}

interface Programs {
  forward: Program<"images", "features">;
  backward: Program<"images" | "seed", "grad">;
}

/** The network, and the gradient of its features weighted by a seed: the chain rule from features to pixels. */
async function compilePrograms(
  network: FeatureFunction,
  channels: number,
  dimension: number,
  device: Device,
): Promise<Programs> {
  const images = ["n", channels, "h", "w"] as const;
  return {
    forward: await compile({ images }, (o, { images: x }) => ({ features: network(o, x) }), { device }),
    backward: await compile(
      { images, seed: ["n", dimension, 1, 1] },
      (o, { images: x, seed }) => {
        const weighted = differentiate(o, ({ o: t, lift }, [y]) => t.sum(t.mul(network(t, y), lift(seed)), "nchw"), [
          x,
        ]);
        return { grad: weighted.gradients[0] };
      },
      { device },
    ),
  };
}

function refuseNonFinite({ data, shape }: Tensor): void {
  const at = firstNonFinite(data);
  if (at < 0) return;
  throw new ReconlossError("non-finite", `images ${formatShape(shape)} have ${data[at]} at element ${at}`);
}

function toMatrix(features: Tensor, real: Statistics): Matrix {
  checkFeatures(features, undefined);
  const [n, d] = features.shape;
  if (d !== real.mean.length) {
    throw new ReconlossError("shape", `the batch has ${d} features an image, the reals ${real.mean.length}`);
  }
  if (n < 2) throw new ReconlossError("shape", "a batch needs at least 2 images to have a covariance");
  return { rows: n, columns: d, data: Float64Array.from(features.data) };
}

/** The distance of rows of features to the reals and its gradient with respect to the rows, in float64. */
export async function distanceAndGradient(
  { rows: n, columns: d, data }: Matrix,
  { mean: realMean, covariance }: Statistics,
): Promise<{ value: number; gradient: Matrix }> {
  const mean = new Float64Array(d);
  for (let i = 0; i < n * d; i++) mean[i % d] += data[i] / n;
  const centred: Matrix = { rows: n, columns: d, data: data.map((value, i) => value - mean[i % d]) };
  const mapped = await multiplyTransposed(centred, covariance);
  const gram = await multiplyTransposed(mapped, centred);
  const { root, inverseRoot } = roots(gram, n - 1);
  const cross = await multiplyTransposed(inverseRoot, transpose(mapped));

  let value = -2 * root;
  for (let j = 0; j < d; j++) value += (mean[j] - realMean[j]) ** 2 + covariance.data[j * d + j];
  for (const x of centred.data) value += x ** 2 / (n - 1);
  const gradient = centred.data.map((x, i) => {
    return (2 * (mean[i % d] - realMean[i % d])) / n + (2 * (x - cross.data[i])) / (n - 1);
  });
  return { value, gradient: { rows: n, columns: d, data: gradient } };
}

/** The trace of (gram / divisor)^1/2 and its pseudoinverse, for a symmetric positive semidefinite matrix. */
function roots({ rows: n, data }: Matrix, divisor: number): { root: number; inverseRoot: Matrix } {
  // Rounding leaves the two triangles a little apart.
  const even = data.map((value, i) => (value + data[(i % n) * n + Math.floor(i / n)]) / 2 / divisor);
  const { values, vectors } = symmetricEigensystem({ rows: n, columns: n, data: even });
  const largest = values.reduce((max, value) => Math.max(max, value), 0);
  const smallest = n * Number.EPSILON * largest;
  const inverse = new Float64Array(n * n);
  let root = 0;
  for (let k = 0; k < n; k++) {
    if (values[k] <= smallest) continue;
    root += Math.sqrt(values[k]);
    for (let i = 0; i < n; i++) {
      const scaled = vectors.data[k * n + i] / Math.sqrt(values[k]);
      for (let j = 0; j < n; j++) inverse[i * n + j] += scaled * vectors.data[k * n + j];
    }
  }
  return { root, inverseRoot: { rows: n, columns: n, data: inverse } };
}
