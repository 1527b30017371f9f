import { loadRuntime, type Runtime, type Session } from "../runtimes/index.ts";

/** A float64 matrix, row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** Multiply-adds above which ONNX Runtime's blocked, threaded product pays for the call. */
const leastProducts = 2 ** 16;

const sessions = new Map<boolean, Promise<Session>>();

function productSession(runtime: Runtime, transposed: boolean): Promise<Session> {
  const session =
    sessions.get(transposed) ??
    openProduct(runtime, transposed).catch((error: unknown) => {
      sessions.delete(transposed);
      throw error;
    });
  sessions.set(transposed, session);
  return session;
}

/** The writer of ONNX models is loaded here, as by `compile`: programs without large matrices do without. */
async function openProduct(runtime: Runtime, transposed: boolean): Promise<Session> {
  const { OnnxModelWriter } = await import("../graph/onnx-model.ts");
  const writer = new OnnxModelWriter();
  writer.nameOutput("product", writer.node("Gemm", ["a", "b"], { transB: Number(transposed) }));
  const model = writer.write(
    [
      { name: "a", type: "double", dims: ["rows", "inner"] },
      { name: "b", type: "double", dims: transposed ? ["columns", "inner"] : ["inner", "columns"] },
    ],
    [{ name: "product", type: "double", dims: ["rows", "columns"] }],
  );
  return runtime.createSession(model);
}

/**
 * `a` times `b`, in float64. Large products run on ONNX Runtime where that is installed, others as loops.
 *
 * @param room for the result, where there is some to use again; it may be larger
 */
export async function multiply(a: Matrix, b: Matrix, room?: Float64Array): Promise<Matrix> {
  return (await onRuntime(a, b, false, room)) ?? inLoops(a, transpose(b));
}

/** `a` times the transpose of `b`, both with rows of the same length, as {@link multiply}. */
export async function multiplyTransposed(a: Matrix, b: Matrix): Promise<Matrix> {
  return (await onRuntime(a, b, true)) ?? inLoops(a, b);
}

async function onRuntime(a: Matrix, b: Matrix, transposed: boolean, room?: Float64Array): Promise<Matrix | undefined> {
  const { rows } = a;
  const columns = transposed ? b.rows : b.columns;
  if (rows * a.columns * columns < leastProducts) return undefined;
  const runtime = await loadRuntime().catch(() => undefined);
  if (runtime === undefined) return undefined;
  const value = ({ rows, columns, data }: Matrix) => ({ data, dims: [rows, columns] });
  const into = room && { product: value({ rows, columns, data: room.subarray(0, rows * columns) }) };
  const session = await productSession(runtime, transposed);
  const { product } = await session.run({ a: value(a), b: value(b) }, ["product"], into);
  return { rows, columns, data: product.data as Float64Array };
}

/** Two rows of each side at a time, so that every number loaded is used twice. */
export function inLoops(a: Matrix, b: Matrix): Matrix {
  const inner = a.columns;
  const data = new Float64Array(a.rows * b.rows);
  for (let i = 0; i < a.rows; i += 2) {
    const a0 = i * inner;
    const a1 = i + 1 < a.rows ? a0 + inner : a0;
    for (let j = 0; j < b.rows; j += 2) {
      const b0 = j * inner;
      const b1 = j + 1 < b.rows ? b0 + inner : b0;
      let [s00, s01, s10, s11] = [0, 0, 0, 0];
      for (let k = 0; k < inner; k++) {
        const x0 = a.data[a0 + k];
        const x1 = a.data[a1 + k];
        const y0 = b.data[b0 + k];
        const y1 = b.data[b1 + k];
        s00 += x0 * y0;
        s01 += x0 * y1;
        s10 += x1 * y0;
        s11 += x1 * y1;
      }
      data[i * b.rows + j] = s00;
      if (b1 !== b0) data[i * b.rows + j + 1] = s01;
      if (a1 !== a0) data[(i + 1) * b.rows + j] = s10;
      if (a1 !== a0 && b1 !== b0) data[(i + 1) * b.rows + j + 1] = s11;
    }
  }
  return { rows: a.rows, columns: b.rows, data };
}

/** The transpose, as a copy. */
export function transpose({ rows, columns, data }: Matrix): Matrix {
  const turned = new Float64Array(data.length);
  // In tiles, because whole columns of a large matrix do not fit the cache.
  const tile = 32;
  for (let row = 0; row < rows; row += tile) {
    for (let column = 0; column < columns; column += tile) {
      for (let i = row; i < Math.min(row + tile, rows); i++) {
        for (let j = column; j < Math.min(column + tile, columns); j++) turned[j * rows + i] = data[i * columns + j];
      }
    }
  }
  return { rows: columns, columns: rows, data: turned };
}

/** Some columns, as rows. */
export function columnsOf({ rows, columns, data }: Matrix, indices: readonly number[]): Matrix {
  const picked = new Float64Array(indices.length * rows);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < indices.length; i++) picked[i * rows + row] = data[row * columns + indices[i]];
  }
  return { rows: indices.length, columns: rows, data: picked };
}
