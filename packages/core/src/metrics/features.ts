import { ReconlossError } from "../errors.ts";
import { lastAtMost } from "../search.ts";
import { firstNonFinite, formatShape, type Tensor } from "../tensor.ts";
import { counted } from "../text.ts";
import { checkFields, checkInstance, checkKind, checkTensor } from "./arguments.ts";

/** The set of images that a batch belongs to. */
export type Side = "output" | "real";

/**
 * Refuses what is not a batch of finite feature vectors [n, c, 1, 1] of the expected length.
 *
 * @throws {ReconlossError} `shape`, `non-finite`
 */
export function checkFeatures(features: Tensor, dimension: number | undefined): void {
  checkTensor("features", features);
  const [, c, h, w] = features.shape;
  if (h !== 1 || w !== 1) {
    throw new ReconlossError(
      "shape",
      `features must be vectors nxcx1x1, got ${formatShape(features.shape)}; a network's taps are averaged over space first`,
    );
  }
  if (dimension !== undefined && c !== dimension) {
    throw new ReconlossError(
      "shape",
      `features have ${c} values, but earlier ones had ${dimension}; are they from the same network and tap?`,
    );
  }
  const at = firstNonFinite(features.data);
  if (at >= 0) {
    throw new ReconlossError("non-finite", `image ${Math.floor(at / c)} has a feature that is ${features.data[at]}`);
  }
}

/**
 * Feature vectors that can be read again, in the order in which they came. Those of a training loop are in memory; those of large folders may be
 * on disk, so that memory does not grow with the number of images.
 */
export interface FeatureRows {
  readonly count: number;
  /** 0 while there are none. */
  readonly dimension: number;
  /** The rows with these numbers, one after the other. */
  read(indices: ArrayLike<number>): Promise<Float32Array>;
}

/** The class of each image, in the order of the rows: a name or a number. */
export type Labels = ArrayLike<string | number>;

/** Feature vectors of images whose classes are known. */
export interface LabelledRows extends FeatureRows {
  readonly labels: Labels;
}

/** Feature vectors in memory. */
export class MemoryRows implements FeatureRows {
  #batches: { first: number; data: Float32Array }[] = [];
  #count = 0;
  #dimension = 0;

  get count(): number {
    return this.#count;
  }

  get dimension(): number {
    return this.#dimension;
  }

  /** Adds a batch [n, c, 1, 1], copied. */
  append(features: Tensor): void {
    checkFeatures(features, this.#dimension || undefined);
    this.#dimension = features.shape[1];
    this.#batches.push({ first: this.#count, data: features.data.slice() });
    this.#count += features.shape[0];
  }

  /** Adds all of another's rows after these. */
  appendAll(other: MemoryRows): void {
    checkInstance("other", other, MemoryRows);
    if (other.count > 0 && this.count > 0 && other.dimension !== this.dimension) {
      throw new ReconlossError("shape", `features have ${other.dimension} values, but ${this.dimension} here`);
    }
    this.#dimension ||= other.dimension;
    for (const { first, data } of [...other.#batches]) this.#batches.push({ first: this.#count + first, data });
    this.#count += other.count;
  }

  clear(): void {
    this.#batches = [];
    this.#count = 0;
    this.#dimension = 0;
  }

  async read(indices: ArrayLike<number>): Promise<Float32Array> {
    checkKind("indices", indices, "list");
    for (let i = 0; i < indices.length; i++) {
      if (Number.isInteger(indices[i]) && indices[i] >= 0 && indices[i] < this.#count) continue;
      throw new ReconlossError("invalid-argument", `there is no row ${indices[i]} among ${this.#count}`);
    }
    const rows = new Float32Array(indices.length * this.#dimension);
    for (let i = 0; i < indices.length; i++) {
      const { first, data } = this.#batchOf(indices[i]);
      const start = (indices[i] - first) * this.#dimension;
      rows.set(data.subarray(start, start + this.#dimension), i * this.#dimension);
    }
    return rows;
  }

  #batchOf(index: number) {
    const batches = this.#batches;
    return batches[lastAtMost(batches.length, (at) => batches[at].first, index)];
  }
}

/** Refuses what is no side. */
export function checkSide(side: Side | undefined): void {
  if (side !== "output" && side !== "real") {
    throw new ReconlossError("invalid-argument", `side must be "output" or "real", got ${String(side)}`);
  }
}

/** Refuses what has not the fields of {@link FeatureRows}. */
export function checkRows(what: string, value: FeatureRows): void {
  checkFields(what, value);
  checkKind(`${what}.count`, value.count, "number");
  checkKind(`${what}.dimension`, value.dimension, "number");
  checkKind(`${what}.read`, value.read, "function");
}

/** Refuses what is no list of as many labels as there are rows. */
export function checkLabels(what: string, labels: Labels, count: number): void {
  checkKind(what, labels, "list");
  if (labels.length !== count) {
    throw new ReconlossError(
      "invalid-argument",
      `${what}: ${counted(labels.length, "label", "labels")} of ${counted(count, "image", "images")}`,
    );
  }
  for (let row = 0; row < count; row++) checkKind(`${what}[${row}]`, labels[row], "string", "number");
}
