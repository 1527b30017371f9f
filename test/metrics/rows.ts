import { MemoryRows } from "../../packages/core/src/metrics/features.ts";
import type { FeatureRows } from "../../packages/core/src/metrics/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { readNpy } from "../golden.ts";
import { randomSource } from "../random.ts";

/** Feature vectors as rows. */
export function rowsOf(vectors: readonly (readonly number[])[]): MemoryRows {
  const rows = new MemoryRows();
  rows.append(Tensor.from(vectors.flat(), [vectors.length, vectors[0].length, 1, 1]));
  return rows;
}

/** `expected/arrays/x.npy rows 0..299`, `expected/arrays/x.npy`. */
export function goldenRows(text: string): MemoryRows {
  const [path, , range] = text.split(" ");
  const { data, shape } = readNpy(path);
  const [n, d] = shape;
  const [first, last] = range?.split("..").map(Number) ?? [0, n - 1];
  const rows = new MemoryRows();
  rows.append(Tensor.from(data.subarray(first * d, (last + 1) * d), [last + 1 - first, d, 1, 1]));
  return rows;
}

/** Rows of random features, each computed when it is read, so that no memory holds them; `most` is the largest number of rows read at once. */
export class GeneratedRows implements FeatureRows {
  most = 0;

  constructor(
    readonly count: number,
    readonly dimension: number,
    readonly seed: number,
  ) {}

  async read(indices: ArrayLike<number>): Promise<Float32Array> {
    this.most = Math.max(this.most, indices.length);
    return Float32Array.from(Array.from(indices).flatMap((index) => this.#row(index)));
  }

  #row(index: number): number[] {
    const next = randomSource(this.seed * 1_000_003 + index);
    return Array.from({ length: this.dimension }, () => next() - 0.5);
  }
}

/** Rows that hold what {@link MemoryRows} would refuse. */
export function uncheckedRows(vectors: readonly (readonly number[])[]): FeatureRows {
  return {
    count: vectors.length,
    dimension: vectors[0].length,
    read: async (indices) => Float32Array.from(Array.from(indices).flatMap((index) => vectors[index])),
  };
}
