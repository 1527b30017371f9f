import { columnsOf, type Matrix, multiply } from "./matrix.ts";

/** Rows at a time: their product stays in the cache. */
const stripSize = 128;

/**
 * The rows and columns `kept`, in ascending order, of a symmetric matrix less `left`^T `right`. It is written over the matrix, row after row.
 */
export async function subtractKeeping(
  { columns: m, data }: Matrix,
  left: Matrix,
  right: Matrix,
  kept: readonly number[],
): Promise<Matrix> {
  const size = kept.length;
  const columns = Int32Array.from(kept);
  const room = new Float64Array(stripSize * m);
  for (let first = 0; first < size; first += stripSize) {
    const strip = kept.slice(first, first + stripSize);
    const product = (await multiply(columnsOf(left, strip), right, room)).data;
    for (const [i, row] of strip.entries()) {
      const to = (first + i) * size;
      for (let j = 0; j < size; j++) data[to + j] = data[row * m + columns[j]] - product[i * m + columns[j]];
    }
  }
  return { rows: size, columns: size, data: data.subarray(0, size * size) };
}
