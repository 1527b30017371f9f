import { reflect } from "./householder.ts";
import { columnsOf, type Matrix, multiply, multiplyTransposed, transpose } from "./matrix.ts";
import { subtractKeeping } from "./subtract.ts";

/**
 * A symmetric matrix whose elements more than `width` off the diagonal are 0. Row i of `data` holds those from the diagonal on, (i, i) to
 * (i, i + 2 width - 1): with room for the bulges of `chaseBulges`.
 */
export interface Band {
  readonly size: number;
  readonly width: number;
  readonly data: Float64Array;
}

/** Off-diagonals that are left: few are little work to chase away, many make better use of a matrix product. */
const bandWidth = 16;

/** Rows that are brought to band form before the rest of the matrix is updated with all their reflections at once. */
const blockSize = 128;

/**
 * A band matrix with the eigenvalues of a symmetric one, which is overwritten: the first of two stages to tridiagonal form, with nearly all its work
 * in matrix products (Bischof, Lang, Sun, A framework for symmetric band reduction, 2000).
 *
 * Householder reflections clear `width` rows at a time beyond the band. Together they are Q = I - V^T T V (Schreiber, Van Loan 1989), and Q^T A Q is
 * A - V^T W - W^T V, which is not computed before `blockSize` rows are done: until then the rows and products that are needed are put right.
 */
export async function reduceToBand(matrix: Matrix): Promise<Band> {
  const n = matrix.rows;
  const width = Math.max(1, Math.min(bandWidth, n - 1));
  const band = new Float64Array(n * 2 * width);
  for (let rest = matrix; rest.rows > 0; ) {
    const m = rest.rows;
    const end = Math.min(blockSize, m);
    const block = new Block(rest);
    for (let i = 0; i < end; i += width) {
      const rows = await block.rowsOf(i, Math.min(i + width, m));
      const reflections = clearBeyond(rows, i + width);
      for (let r = 0; r < rows.rows; r++) {
        const at = r * m + i + r;
        band.set(rows.data.subarray(at, Math.min(at + width + 1, (r + 1) * m)), (n - m + i + r) * 2 * width);
      }
      if (reflections.taus.length > 0) await block.reflect(reflections);
    }
    rest = await block.shrunk(end);
  }
  return { size: n, width, data: band };
}

/** Reflections I - tau v v^T, the first one to the left; row k of `vectors` is the v of reflection k. */
interface Reflections {
  readonly vectors: Matrix;
  readonly taus: readonly number[];
}

/** Clears rows beyond a triangle that begins at column `first`. */
function clearBeyond({ rows, columns: m, data }: Matrix, first: number): Reflections {
  const count = Math.max(0, Math.min(rows, m - first - 1));
  const vectors = new Float64Array(count * m);
  const taus: number[] = [];
  for (let k = 0; k < count; k++) {
    const at = first + k;
    const v = vectors.subarray(k * m + at, (k + 1) * m);
    const tau = reflect(data, k * m + at, m - at, v);
    taus.push(tau);
    for (let r = k + 1; r < rows; r++) {
      const row = data.subarray(r * m + at, (r + 1) * m);
      addScaled(row, v, -tau * dot(row, v));
    }
  }
  return { vectors: { rows: count, columns: m, data: vectors }, taus };
}

/** The triangle T of I - V^T T V, the product of reflections. */
async function triangleOf({ vectors, taus }: Reflections): Promise<Matrix> {
  const count = taus.length;
  const { data: gram } = await multiplyTransposed(vectors, vectors);
  const data = new Float64Array(count * count);
  for (let k = 0; k < count; k++) {
    data[k * count + k] = taus[k];
    for (let i = 0; i < k; i++) {
      let sum = 0;
      for (let j = i; j < k; j++) sum += data[i * count + j] * gram[j * count + k];
      data[i * count + k] = -taus[k] * sum;
    }
  }
  return { rows: count, columns: count, data };
}

/** A symmetric matrix, m x m, as it was when the block began, less the product of two factors, which grow with every reflection. */
class Block {
  readonly #matrix: Matrix;
  readonly #left: Float64Array;
  readonly #right: Float64Array;
  #rows = 0;

  constructor(matrix: Matrix) {
    this.#matrix = matrix;
    const capacity = 2 * Math.min(blockSize, matrix.rows) * matrix.rows;
    this.#left = new Float64Array(capacity);
    this.#right = new Float64Array(capacity);
  }

  /** The rows of V and W of all reflections so far. */
  get left(): Matrix {
    return this.#factor(this.#left);
  }

  /** The rows of W and V: to subtract is `left`^T `right`. */
  get right(): Matrix {
    return this.#factor(this.#right);
  }

  #factor(data: Float64Array): Matrix {
    const { columns } = this.#matrix;
    return { rows: this.#rows, columns, data: data.subarray(0, this.#rows * columns) };
  }

  /** Rows [from, to) of the matrix as they are by now. */
  async rowsOf(from: number, to: number): Promise<Matrix> {
    const m = this.#matrix.columns;
    const rows = { rows: to - from, columns: m, data: this.#matrix.data.slice(from * m, to * m) };
    return subtract(rows, await multiply(columnsOf(this.left, range(from, to)), this.right));
  }

  /** Reflects the matrix from both sides. What becomes of rows and columns that are done is of no use. */
  async reflect(reflections: Reflections): Promise<void> {
    const v = reflections.vectors;
    const y = await multiply(transpose(await triangleOf(reflections)), v);
    const x = await multiply(y, this.#matrix);
    subtract(x, await multiply(await multiplyTransposed(y, this.left), this.right));
    const middle = await multiplyTransposed(x, y);
    const halved = { ...middle, data: middle.data.map((value) => value / 2) };
    const w = subtract(x, await multiply(halved, v));
    const at = this.#rows * v.columns;
    for (const [factor, parts] of [
      [this.#left, [v, w]],
      [this.#right, [w, v]],
    ] as const) {
      factor.set(parts[0].data, at);
      factor.set(parts[1].data, at + v.data.length);
    }
    this.#rows += 2 * v.rows;
  }

  /** The matrix as it is by now, from row and column `from` on, in the place of the former. */
  shrunk(from: number): Promise<Matrix> {
    return subtractKeeping(this.#matrix, this.left, this.right, range(from, this.#matrix.columns));
  }
}

/** The integers from `from` up to `to`, which is not one of them. */
function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function subtract(a: Matrix, { data }: Matrix): Matrix {
  for (let i = 0; i < data.length; i++) a.data[i] -= data[i];
  return a;
}

function addScaled(target: Float64Array, x: Float64Array, factor: number): void {
  for (let j = 0; j < x.length; j++) target[j] += factor * x[j];
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < x.length; j++) sum += x[j] * y[j];
  return sum;
}
