import type { Primitive, Primitives, ResizeAttributes } from "../graph/primitives.ts";
import { continued, resizeTaps, wave } from "../graph/sampling.ts";
import type { TensorflowTensor as T, TensorflowOps } from "./framework.ts";

/** A primitive in operations of TensorFlow.js. */
export type Run<P extends Primitive> = (kept: Kept, operands: readonly T[], attributes: Primitives[P]) => T;

/** Every primitive in the operations of TensorFlow.js, which all of its devices have. */
export type Table = { readonly [P in Primitive]: Run<P> };

/** TensorFlow.js, and what is made once of sizes and of weights. */
export class Kept {
  /** Matrices and positions that follow from sizes alone. */
  readonly #made = new Map<string, T>();
  /** The tensors made of weights that stay, by how they are made. */
  readonly #held = new WeakMap<T, Map<string, T>>();

  constructor(readonly tf: TensorflowOps) {}

  tidy<R>(f: () => R): R {
    return this.tf.tidy(f) as R;
  }

  /** Says of a tensor that it stays until it is released, so that what is made of it is kept. */
  hold(x: T): T {
    this.#held.set(x, new Map());
    return this.tf.keep(x);
  }

  release(x: T): void {
    for (const made of this.#held.get(x)?.values() ?? []) made.dispose();
    this.#held.delete(x);
    x.dispose();
  }

  /** Frees what is kept of sizes. */
  dispose(): void {
    for (const made of this.#made.values()) made.dispose();
    this.#made.clear();
  }

  /** A weight [o, kh, kw, i] as a filter [kh, kw, i, o]. */
  filter(weight: T): T {
    return this.#of(weight, "filter", () => this.tf.transpose(weight, [1, 2, 3, 0]));
  }

  /** The filter of the adjoint: the weight turned around, [kh, kw, o, i]. */
  turnedFilter(weight: T): T {
    return this.#of(weight, "turned filter", () => this.tf.transpose(this.turned(weight), [1, 2, 0, 3]));
  }

  turned(weight: T): T {
    return this.#of(weight, "turned", () => this.tf.reverse(this.tf.reverse(weight, 1), 2));
  }

  /** A weight [groups m, kh, kw, 1] as a filter [kh, kw, groups, m]. */
  depthwiseFilter(weight: T, groups: number): T {
    const [outputs, kh, kw] = weight.shape;
    const apart = [kh, kw, groups, outputs / groups];
    return this.#of(weight, "depthwise filter", () => this.tf.reshape(this.tf.transpose(weight, [1, 2, 3, 0]), apart));
  }

  /** The matrix [1, to, from] of an interpolation along one axis. */
  resizeMatrix(from: number, to: number, attributes: ResizeAttributes): T {
    const { mode, alignCorners } = attributes;
    return this.#matrix(`resize ${from} ${to} ${mode} ${alignCorners}`, to, from, (set) => {
      for (const [row, taps] of resizeTaps(from, to, attributes).entries())
        for (const [column, weight] of taps) set(row, column, weight);
    });
  }

  /** The matrix [1, 2 frequencies, size] of real and imaginary parts of the frequencies of an axis of which the others are conjugates. */
  waves(size: number): T {
    const frequencies = Math.floor(size / 2) + 1;
    return this.#matrix(`waves ${size}`, 2 * frequencies, size, (set) => {
      for (let k = 0; k < frequencies; k++)
        for (let i = 0; i < size; i++) {
          const [cosine, sine] = wave(i * k, size);
          set(k, i, cosine);
          set(frequencies + k, i, -sine);
        }
    });
  }

  /** The matrix [1, 2 size, 2 size] of an axis's transform, of real parts above imaginary ones. */
  rotations(size: number): T {
    return this.#matrix(`rotations ${size}`, 2 * size, 2 * size, (set) => {
      for (let k = 0; k < size; k++)
        for (let i = 0; i < size; i++) {
          const [cosine, sine] = wave(i * k, size);
          set(k, i, cosine);
          set(k, size + i, sine);
          set(size + k, i, -sine);
          set(size + k, size + i, cosine);
        }
    });
  }

  /** The positions that an axis continued beyond its ends has its values from; undefined where it is not. */
  continuation(size: number, before: number, after: number, mode: "reflect" | "replicate"): T | undefined {
    if (before + after === 0) return undefined;
    return this.#make(`continuation ${size} ${before} ${after} ${mode}`, () => {
      const positions = Array.from(
        { length: before + size + after },
        (_, i) => continued(i - before, size, mode) as number,
      );
      return this.tf.tensor(Int32Array.from(positions), [positions.length], "int32");
    });
  }

  #matrix(
    key: string,
    rows: number,
    columns: number,
    fill: (set: (row: number, column: number, value: number) => void) => void,
  ): T {
    return this.#make(key, () => {
      const data = new Float32Array(rows * columns);
      fill((row, column, value) => {
        data[row * columns + column] += value;
      });
      return this.tf.tensor(data, [1, rows, columns], "float32");
    });
  }

  #make(key: string, make: () => T): T {
    const made = this.#made.get(key) ?? this.tf.keep(make());
    this.#made.set(key, made);
    return made;
  }

  #of(weight: T, how: string, make: () => T): T {
    const held = this.#held.get(weight);
    if (held === undefined) return make();
    const made = held.get(how) ?? this.tf.keep(make());
    held.set(how, made);
    return made;
  }
}
