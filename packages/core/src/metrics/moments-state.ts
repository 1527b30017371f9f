import { ReconlossError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { checkFields, checkInstance, checkKind } from "./arguments.ts";
import { checkRows, type FeatureRows } from "./features.ts";
import { Moments, type Statistics } from "./moments.ts";
import { numbersFrom } from "./points.ts";

/**
 * Consecutive images of a listing whose moments are computed together. Blocks are counted over the whole listing, so that sums do not depend on how it was
 * divided.
 */
export const blockImages = 64;

/** The most blocks that a state counts: those of 2^46 images. */
const mostBlocks = 2 ** 40;

/** The moments of the blocks `index * 2^level` to `(index + 1) * 2^level`, the last excluded. */
export interface MomentsNode {
  readonly level: number;
  readonly index: number;
  readonly moments: Moments;
}

const startOf = ({ level, index }: Pick<MomentsNode, "level" | "index">) => index * 2 ** level;
const endOf = ({ level, index }: Pick<MomentsNode, "level" | "index">) => (index + 1) * 2 ** level;

/** Blocks as messages name them. */
const named = (start: number, end: number) => (end - start === 1 ? `block ${start}` : `blocks ${start} to ${end - 1}`);

/**
 * The moments of some blocks of a set, for statistics that have the same bits whoever computed which of the blocks, and in whatever order they are merged:
 * two neighbours that make up a node of one binary tree over all blocks are merged as soon as both are there, and nothing else is.
 *
 * @example
 * ```ts
 * import { Tensor } from "@reconloss/core";
 * import { MomentsState } from "@reconloss/core/metrics";
 * const [first, second] = [new MomentsState(), new MomentsState()];
 * first.add(0, Tensor.from([0, 2], [2, 1, 1, 1]));
 * second.add(1, Tensor.from([4], [1, 1, 1, 1]));
 * second.merge(first);
 * second.statistics().mean[0]; // 2
 * ```
 */
export class MomentsState {
  readonly #nodes = new Map<string, MomentsNode>();

  /** The number of images. */
  get count(): number {
    return this.nodes().reduce((sum, { moments }) => sum + moments.count, 0);
  }

  /** The length of the feature vectors; 0 before the first. */
  get dimension(): number {
    return this.nodes().find(({ moments }) => moments.count > 0)?.moments.dimension ?? 0;
  }

  /** The moments of blocks, in the order of the blocks. */
  nodes(): readonly MomentsNode[] {
    return [...this.#nodes.values()].sort((a, b) => startOf(a) - startOf(b));
  }

  /**
   * Adds a block.
   *
   * @param features - of its images, [n, c, 1, 1], at most {@link blockImages} in the order of the listing; absent where none of them could be read
   * @throws {ReconlossError} `invalid-argument` for a block that is there already, or has too many images; `shape`, `non-finite`
   */
  add(block: number, features?: Tensor): void {
    const moments = new Moments();
    if (features !== undefined) moments.update(features);
    this.addNode({ level: 0, index: block, moments });
  }

  /** Adds everything that another state has, and leaves it as it is. @throws {ReconlossError} as {@link MomentsState.add} */
  merge(other: MomentsState): void {
    checkInstance("other", other, MomentsState);
    for (const { level, index, moments } of other.nodes()) {
      const copy = new Moments();
      copy.merge(moments);
      this.addNode({ level, index, moments: copy });
    }
  }

  /** Adds a node, whose moments are this state's from now on. @throws {ReconlossError} as {@link MomentsState.add} */
  addNode(node: MomentsNode): void {
    checkFields("node", node, { level: "number", index: "number" });
    checkInstance("node.moments", node.moments, Moments);
    this.#check(node);
    let { level, index, moments } = node;
    for (;;) {
      // No ^ 1, which is of 32 bits.
      const key = keyOf(level, index % 2 === 0 ? index + 1 : index - 1);
      const sibling = this.#nodes.get(key);
      if (sibling === undefined) break;
      this.#nodes.delete(key);
      const [left, right] = index % 2 === 0 ? [moments, sibling.moments] : [sibling.moments, moments];
      left.merge(right);
      [level, index, moments] = [level + 1, Math.floor(index / 2), left];
    }
    this.#nodes.set(keyOf(level, index), { level, index, moments });
  }

  /**
   * Mean and covariance of all images.
   *
   * @param blocks - how many blocks the whole set has; default: as many as there are
   * @throws {ReconlossError} `invalid-argument` where blocks are missing, or with fewer than 2 images
   */
  statistics(blocks?: number): Statistics {
    if (blocks !== undefined) checkKind("blocks", blocks, "number");
    const nodes = this.nodes();
    const total = new Moments();
    let done = 0;
    for (const node of nodes) {
      refuseGap(done, startOf(node));
      total.merge(node.moments);
      done = endOf(node);
    }
    refuseGap(done, blocks ?? done);
    return total.statistics();
  }

  #check({ level, index, moments }: MomentsNode): void {
    const isNode = Number.isInteger(level) && Number.isInteger(index) && level >= 0 && index >= 0;
    if (!isNode || endOf({ level, index }) > mostBlocks) {
      throw new ReconlossError("invalid-argument", `there is no block ${index} of level ${level}`);
    }
    const [start, end] = [startOf({ level, index }), endOf({ level, index })];
    if (moments.count > blockImages * (end - start)) {
      throw new ReconlossError(
        "invalid-argument",
        `${named(start, end)} cannot have ${moments.count} images, a block has ${blockImages}`,
      );
    }
    const { dimension } = this;
    if (moments.count > 0 && dimension > 0 && moments.dimension !== dimension) {
      throw new ReconlossError(
        "shape",
        `features of ${named(start, end)} have ${moments.dimension} values, but earlier ones had ${dimension}; are they from the same network and tap?`,
      );
    }
    const twice = [...this.#nodes.values()].find((node) => startOf(node) < end && start < endOf(node));
    if (twice === undefined) return;
    const both = named(Math.max(start, startOf(twice)), Math.min(end, endOf(twice)));
    throw new ReconlossError("invalid-argument", `${both} of the images occur twice`);
  }
}

function refuseGap(start: number, end: number): void {
  if (start >= end) return;
  throw new ReconlossError("invalid-argument", `${named(start, end)} of the images are missing`);
}

const keyOf = (level: number, index: number) => `${level}/${index}`;

/**
 * The moments of rows, block by block.
 *
 * @param indices - the place of each row in the listing of its set, ascending; default: their numbers, where no image is missing
 * @param range - the blocks that the rows are of, from the first to the last, excluded; those without a row are then there too, empty. Default: from 0 to that of the last row
 *
 * @throws {ReconlossError} `invalid-argument` for indices that do not ascend, or lie outside the range; `shape`, `non-finite`
 */
export async function momentsOf(
  rows: FeatureRows,
  indices?: ArrayLike<number>,
  range?: readonly [start: number, end: number],
): Promise<MomentsState> {
  checkRows("rows", rows);
  if (indices !== undefined) checkKind("indices", indices, "list");
  if (range !== undefined) checkKind("range", range, "list");
  const places = indices ?? numbersFrom(0, rows.count);
  const blockOf = (row: number) => Math.floor(places[row] / blockImages);
  const [first, end] = range ?? [0, rows.count === 0 ? 0 : blockOf(rows.count - 1) + 1];
  const state = new MomentsState();
  let row = 0;
  for (let block = first; block < end; block++) {
    const start = row;
    while (row < rows.count && blockOf(row) === block && (row === start || places[row] > places[row - 1])) row++;
    const count = row - start;
    const data = count === 0 ? undefined : await rows.read(numbersFrom(start, row));
    state.add(block, data && new Tensor(data, [count, rows.dimension, 1, 1]));
  }
  if (row < rows.count) {
    throw new ReconlossError("invalid-argument", `row ${row} has the place ${places[row]}, which is out of order`);
  }
  return state;
}
