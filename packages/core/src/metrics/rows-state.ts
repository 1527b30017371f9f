import { ReconlossError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { checkInstance, checkKind } from "./arguments.ts";
import { type FeatureRows, MemoryRows } from "./features.ts";

/** The most places of a listing: whole numbers are exact up to here. */
const mostPlaces = Number.MAX_SAFE_INTEGER;

/**
 * The feature vectors of some images of a set, each with its place in the listing. Whatever the order in which they come, rows are in the order of the listing,
 * so a metric of them has the same bits.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { RowsState } from "@reconloss/core/metrics";
 * const [first, second] = [new RowsState(), new RowsState()];
 * first.add([5], Tensor.from([0.5], [1, 1, 1, 1]));
 * second.add([0, 2], Tensor.from([1, 2], [2, 1, 1, 1]));
 * first.merge(second);
 * Array.from(await first.read([0, 1, 2])); // [1, 2, 0.5]
 * ```
 */
export class RowsState implements FeatureRows {
  readonly #rows = new MemoryRows();
  readonly #places: number[] = [];
  readonly #known = new Set<number>();
  #order?: Uint32Array;

  get count(): number {
    return this.#rows.count;
  }

  get dimension(): number {
    return this.#rows.dimension;
  }

  /** The place of each row, ascending. */
  get indices(): readonly number[] {
    return Array.from(this.#sorted(), (at) => this.#places[at]);
  }

  /**
   * Adds a batch [n, c, 1, 1].
   *
   * @param indices - the place of each image in the listing
   * @throws {ReconlossError} `invalid-argument` for a place that is none, or is there already; `shape`, `non-finite`
   */
  add(indices: ArrayLike<number>, features: Tensor): void {
    checkKind("indices", indices, "list");
    const places = Array.from(indices);
    const wrong = places.find((place) => !Number.isInteger(place) || place < 0 || place > mostPlaces);
    if (wrong !== undefined) throw new ReconlossError("invalid-argument", `there is no place ${String(wrong)}`);
    if (places.length !== features?.shape?.[0]) {
      const problem = `${places.length} places cannot be those of ${features?.shape?.[0]} feature vectors`;
      throw new ReconlossError("shape", problem);
    }
    this.#refuseTwice(places);
    this.#rows.append(features);
    this.#take(places);
  }

  /** Adds everything that another state has, and leaves it as it is. @throws {ReconlossError} as {@link RowsState.add} */
  merge(other: RowsState): void {
    checkInstance("other", other, RowsState);
    this.#refuseTwice(other.#places);
    this.#rows.appendAll(other.#rows);
    this.#take(other.#places);
  }

  read(indices: ArrayLike<number>): Promise<Float32Array> {
    checkKind("indices", indices, "list");
    const order = this.#sorted();
    // What is no row stays none.
    return this.#rows.read(Array.from(indices, (index) => order[index] ?? index));
  }

  /** All rows, one after the other. */
  all(): Promise<Float32Array> {
    return this.#rows.read(this.#sorted());
  }

  #sorted(): Uint32Array {
    const places = this.#places;
    this.#order ??= Uint32Array.from(places.keys()).sort((a, b) => places[a] - places[b]);
    return this.#order;
  }

  #refuseTwice(places: readonly number[]): void {
    const own = new Set<number>();
    for (const place of places) {
      if (this.#known.has(place) || own.has(place)) {
        throw new ReconlossError("invalid-argument", `image ${place} occurs twice`);
      }
      own.add(place);
    }
  }

  #take(places: readonly number[]): void {
    for (const place of places) {
      this.#places.push(place);
      this.#known.add(place);
    }
    this.#order = undefined;
  }
}
