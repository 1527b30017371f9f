import { ReconlossError } from "../errors.ts";
import { counted } from "../text.ts";
import { checkRows, type FeatureRows } from "./features.ts";
import { multiplyTransposed } from "./matrix.ts";

/** Rows of each side whose products are in memory at once, unless an option says otherwise. */
export const blockSize = 1024;

/** The numbers of images of both sides, in words. */
export const perSide = (outputs: number, reals: number): string =>
  `${counted(outputs, "output", "outputs")} and ${counted(reals, "real", "reals")}`;

/** Refuses two sets of rows that cannot be compared: too few of them, or of different lengths. */
export function refuseRows(metric: string, output: FeatureRows, real: FeatureRows, least: number): void {
  checkRows("output", output);
  checkRows("real", real);
  if (output.count < least || real.count < least) {
    throw new ReconlossError(
      "invalid-argument",
      `${metric} needs at least ${counted(least, "image", "images")} on each side, got ${perSide(output.count, real.count)}`,
    );
  }
  if (output.dimension !== real.dimension) {
    throw new ReconlossError(
      "shape",
      `${metric}: outputs have ${output.dimension} features, reals ${real.dimension}; are they from the same network and tap?`,
    );
  }
}

/** Refuses too few rows for a metric of outputs alone. */
export function refuseOutputs(metric: string, output: FeatureRows, least: number): void {
  checkRows("output", output);
  if (output.count >= least) return;
  const images = counted(least, "image", "images");
  throw new ReconlossError("invalid-argument", `${metric} needs at least ${images}, got ${output.count}`);
}

/** Feature vectors in float64 with their squared lengths. */
export interface Points {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
  readonly squares: Float64Array;
}

/**
 * The rows with these numbers as points.
 *
 * @throws {ReconlossError} `non-finite` when a row holds NaN or infinity
 */
export async function pointsOf(rows: FeatureRows, indices: ArrayLike<number>): Promise<Points> {
  const data = Float64Array.from(await rows.read(indices));
  const columns = rows.dimension;
  const squares = new Float64Array(indices.length);
  for (let row = 0, at = 0; row < indices.length; row++) {
    let square = 0;
    for (const end = at + columns; at < end; at++) square += data[at] * data[at];
    // The square of a finite float32 is finite in float64.
    if (!Number.isFinite(square)) {
      throw new ReconlossError("non-finite", `image ${indices[row]} has a feature that is NaN or infinite`);
    }
    squares[row] = square;
  }
  return { rows: indices.length, columns, data, squares };
}

/** The numbers `start` (included) to `end` (excluded). */
export function numbersFrom(start: number, end: number): Uint32Array {
  return Uint32Array.from({ length: end - start }, (_, i) => start + i);
}

/** Calls `visit` with the rows `from` on as points, block after block. */
export async function forBlocks(
  rows: FeatureRows,
  visit: (points: Points, start: number) => void | Promise<void>,
  { block = blockSize, from = 0 }: { block?: number; from?: number } = {},
): Promise<void> {
  for (let start = from; start < rows.count; start += block) {
    await visit(await pointsOf(rows, numbersFrom(start, Math.min(start + block, rows.count))), start);
  }
}

/** The products of two blocks of points: x.y of row r and column c at `products[r * b.rows + c]`. */
export interface BlockPair {
  readonly a: Points;
  readonly b: Points;
  readonly products: Float64Array;
  /** The numbers of the first rows of `a` and `b`. */
  readonly i: number;
  readonly j: number;
}

/** The pairing of rows. */
export interface PairOptions {
  /** Rows of each side in a block. */
  block?: number;
  /** Changes points before they are multiplied, such as to unit length. */
  prepare?(points: Points): Points;
}

/** Calls `visit` with every pair of blocks of two sets, so that memory is a few blocks' whatever the number of rows. */
export async function forBlockPairs(
  x: FeatureRows,
  y: FeatureRows,
  visit: (pair: BlockPair) => void,
  { block = blockSize, prepare = (points) => points }: PairOptions = {},
): Promise<void> {
  const visitFirst = async (first: Points, i: number) => {
    const a = prepare(first);
    const visitSecond = async (second: Points, j: number) => {
      const b = prepare(second);
      visit({ a, b, products: (await multiplyTransposed(a, b)).data, i, j });
    };
    await forBlocks(y, visitSecond, { block });
  };
  await forBlocks(x, visitFirst, { block });
}

/** {@link forBlockPairs} of rows with themselves: each pair of blocks once, the first not after the second. */
export async function forOwnBlockPairs(
  rows: FeatureRows,
  visit: (pair: BlockPair) => void,
  { block = blockSize, prepare = (points) => points }: PairOptions = {},
): Promise<void> {
  const visitFirst = async (first: Points, i: number) => {
    const a = prepare(first);
    const visitSecond = async (second: Points, j: number) => {
      const b = i === j ? a : prepare(second);
      visit({ a, b, products: (await multiplyTransposed(a, b)).data, i, j });
    };
    await forBlocks(rows, visitSecond, { block, from: i });
  };
  await forBlocks(rows, visitFirst, { block });
}

/** Points of unit length; those that are 0 stay so, with a square of 0. */
export function normalised({ rows, columns, data, squares }: Points): Points {
  const unit = new Float64Array(data.length);
  for (let row = 0, at = 0; row < rows; row++) {
    const length = Math.sqrt(squares[row]);
    for (const end = at + columns; at < end; at++) unit[at] = length === 0 ? 0 : data[at] / length;
  }
  return { rows, columns, data: unit, squares: squares.map((square) => (square === 0 ? 0 : 1)) };
}

/** Points of unit length. @throws {ReconlossError} `invalid-argument` for one that is 0 */
export function directions(points: Points): Points {
  if (points.squares.includes(0)) {
    throw new ReconlossError(
      "invalid-argument",
      "an image has features that are all 0, which cannot be normalised: they have no direction",
    );
  }
  return normalised(points);
}

/** Some of the rows, in the order of their numbers here, as rows of their own. */
export function selection(rows: FeatureRows, numbers: Uint32Array): FeatureRows {
  return {
    count: numbers.length,
    dimension: rows.dimension,
    read: (indices) => rows.read(Uint32Array.from(indices, (index) => numbers[index])),
  };
}

/**
 * The squared distance of row r of `a` and row c of `b` as a sum of squared differences: the same bits in either order, and 0 for equal rows, which a
 * difference of products does not give.
 */
export function exactDistance(a: Points, r: number, b: Points, c: number): number {
  let sum = 0;
  for (let k = 0, p = r * a.columns, q = c * b.columns; k < a.columns; k++) sum += (a.data[p + k] - b.data[q + k]) ** 2;
  return sum;
}

/** The bound of the rounding error of xx + yy - 2 xy against {@link exactDistance}, relative to xx + yy. */
export function slackOf(dimension: number): number {
  return 2 * (dimension + 4) * Number.EPSILON;
}
