import { ReconlossError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { checkFields, checkInstance, refuse } from "./arguments.ts";
import { checkFeatures } from "./features.ts";
import type { Matrix } from "./matrix.ts";

/** Mean and covariance of a set of feature vectors: all that the Frechet distance needs. */
export interface Statistics {
  /** The number of images that they are from, where that is known: published statistics files do not say. */
  readonly count?: number;
  readonly mean: Float64Array;
  /** Symmetric, with n - 1 in the divisor. */
  readonly covariance: Matrix;
}

/** All that {@link Moments} holds. */
export interface MomentParts {
  readonly count: number;
  readonly mean: Float64Array<ArrayBuffer>;
  /** Sums of products of deviations from the mean, lower triangle, row after row. */
  readonly scatter: Float64Array<ArrayBuffer>;
}

/** The arrays of moments, not copied. */
export let momentParts: (moments: Moments) => MomentParts;

/** Moments that hold these parts, not copied. */
export let momentsFrom: (parts: MomentParts) => Moments;

/**
 * Mean and covariance of a stream of feature vectors, in float64 with memory for one d x d triangle. Two streams merge into what one
 * stream of all the vectors would have given (Chan, Golub, LeVeque 1983), in any split and order up to rounding.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { Moments } from "@reconloss/core/metrics";
 * const moments = new Moments();
 * moments.update(Tensor.from([0, 0, 2, 4], [2, 2, 1, 1])); // the vectors (0, 0) and (2, 4)
 * moments.statistics().mean[1]; // 2
 * moments.statistics().covariance.data[1]; // 4: ((0 - 1)(0 - 2) + (2 - 1)(4 - 2)) / (2 - 1)
 * ```
 */
export class Moments {
  static {
    momentParts = (moments) => ({ count: moments.#count, mean: moments.#mean, scatter: moments.#scatter });
    momentsFrom = ({ count, mean, scatter }) => {
      const moments = new Moments();
      [moments.#count, moments.#mean, moments.#scatter] = [count, mean, scatter];
      return moments;
    };
  }

  #count = 0;
  #mean = new Float64Array(0);
  /** Sums of products of deviations from the mean, lower triangle, row after row. */
  #scatter = new Float64Array(0);

  /** The number of vectors. */
  get count(): number {
    return this.#count;
  }

  /** The length of the vectors; 0 before the first. */
  get dimension(): number {
    return this.#mean.length;
  }

  /**
   * Adds a batch of feature vectors [n, c, 1, 1].
   *
   * @throws {ReconlossError} `shape` for maps or another length than before, `non-finite`
   */
  update(features: Tensor): void {
    checkFeatures(features, this.dimension || undefined);
    this.#combine(momentsOfBatch(features));
  }

  /** Adds everything that another stream has seen, and leaves it as it is. */
  merge(other: Moments): void {
    checkInstance("other", other, Moments);
    if (other.count === 0) return;
    if (this.count > 0 && other.dimension !== this.dimension) {
      throw new ReconlossError("shape", `the other's features have ${other.dimension} values, these ${this.dimension}`);
    }
    this.#combine({ count: other.#count, mean: other.#mean, scatter: other.#scatter });
  }

  /** Forgets everything. */
  reset(): void {
    this.#count = 0;
    this.#mean = new Float64Array(0);
    this.#scatter = new Float64Array(0);
  }

  /** @throws {ReconlossError} `invalid-argument` with fewer than 2 vectors, which have no covariance. */
  statistics(): Statistics {
    if (this.#count < 2) {
      throw new ReconlossError("invalid-argument", `a covariance needs at least 2 images, got ${this.#count}`);
    }
    const d = this.dimension;
    const data = new Float64Array(d * d);
    for (let i = 0, at = 0; i < d; i++) {
      for (let j = 0; j <= i; j++, at++) data[i * d + j] = data[j * d + i] = this.#scatter[at] / (this.#count - 1);
    }
    return { count: this.#count, mean: this.#mean.slice(), covariance: { rows: d, columns: d, data } };
  }

  #combine({ count, mean, ...rest }: Part): void {
    const d = mean.length;
    const total = this.#count + count;
    if (this.#count === 0) {
      // As they are: the mean of nothing and of these would be rounded.
      [this.#count, this.#mean, this.#scatter] = [count, mean.slice(), new Float64Array((d * (d + 1)) / 2)];
      if ("centred" in rest) addOuterProducts(this.#scatter, rest.centred, count);
      else this.#scatter.set(rest.scatter);
      return;
    }
    const shift = mean.map((value, i) => value - this.#mean[i]);
    if ("centred" in rest) addOuterProducts(this.#scatter, rest.centred, count);
    addOuterProduct(this.#scatter, "scatter" in rest ? rest.scatter : undefined, shift, (this.#count * count) / total);
    for (let i = 0; i < d; i++) this.#mean[i] += (shift[i] * count) / total;
    this.#count = total;
  }
}

/** An update of the moments so far: a batch by its deviations from its mean, or another stream by the sums of their products. */
type Part = { count: number; mean: Float64Array } & ({ centred: Float64Array } | { scatter: Float64Array });

function momentsOfBatch({ data, shape: [n, d] }: Tensor): Part {
  const mean = new Float64Array(d);
  for (let i = 0; i < n * d; i++) mean[i % d] += data[i];
  for (let j = 0; j < d; j++) mean[j] /= n;
  const centred = new Float64Array(n * d);
  for (let i = 0; i < n * d; i++) centred[i] = data[i] - mean[i % d];
  return { count: n, mean, centred };
}

/** Adds another triangle, where there is one, and `factor` times x x^T, in one pass. */
function addOuterProduct(
  scatter: Float64Array,
  other: Float64Array | undefined,
  x: Float64Array,
  factor: number,
): void {
  for (let i = 0, at = 0; i < x.length; i++) {
    const xi = factor * x[i];
    if (other) for (let j = 0; j <= i; j++, at++) scatter[at] += other[at] + xi * x[j];
    else for (let j = 0; j <= i; j++, at++) scatter[at] += xi * x[j];
  }
}

/** Adds x x^T of each of the `n` vectors, four at a time: the triangle is larger than the cache. */
function addOuterProducts(scatter: Float64Array, vectors: Float64Array, n: number): void {
  const d = vectors.length / n;
  const zeros = new Float64Array(d);
  for (let first = 0; first < n; first += 4) {
    const vector = (k: number) => (k < n ? vectors.subarray(k * d, (k + 1) * d) : zeros);
    const [a, b, c, e] = [vector(first), vector(first + 1), vector(first + 2), vector(first + 3)];
    for (let i = 0, at = 0; i < d; i++) {
      const ai = a[i];
      const bi = b[i];
      const ci = c[i];
      const ei = e[i];
      for (let j = 0; j <= i; j++, at++) scatter[at] += ai * a[j] + bi * b[j] + (ci * c[j] + ei * e[j]);
    }
  }
}

/** Refuses what has not the fields of {@link Statistics}; what these hold is not looked at. */
export function checkStatisticsKind(what: string, value: Statistics): void {
  checkFields(what, value, { count: "number" });
  if (!(value.mean instanceof Float64Array)) refuse(`${what}.mean`, "a Float64Array", value.mean);
  checkFields(`${what}.covariance`, value.covariance, { rows: "number", columns: "number" });
  const { data } = value.covariance;
  if (!(data instanceof Float64Array)) refuse(`${what}.covariance.data`, "a Float64Array", data);
}
