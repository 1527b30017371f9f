import type { ResizeAttributes } from "../graph/primitives.ts";
import { broadcastShape } from "../graph/shapes.ts";
import type { TensorflowTensor as T } from "./framework.ts";
import type { Kept, Table } from "./kept.ts";
import { part, planes, repeated, rowsOf } from "./layout.ts";

/** Rows and columns mixed by matrices [1, to, from]. */
function mixedRows({ tf }: Kept, matrix: T, x: T, transpose: boolean): T {
  const [n, h, w, c] = x.shape;
  const mixed = tf.matMul(matrix, tf.reshape(x, [n, h, w * c]), transpose, false);
  return tf.reshape(mixed, [n, mixed.shape[1], w, c]);
}

function mixedColumns({ tf }: Kept, matrix: T, x: T, transpose: boolean): T {
  const [n, h, w, c] = x.shape;
  const mixed = tf.matMul(matrix, tf.reshape(x, [n * h, w, c]), transpose, false);
  return tf.reshape(mixed, [n, h, mixed.shape[1], c]);
}

function resized(kept: Kept, x: T, [h, w]: readonly number[], attributes: ResizeAttributes, adjoint: boolean): T {
  const [rows, columns] = [
    [x.shape[1], h],
    [x.shape[2], w],
  ].map(([from, to]) => kept.resizeMatrix(adjoint ? to : from, adjoint ? from : to, attributes));
  return mixedColumns(kept, columns, mixedRows(kept, rows, x, adjoint), adjoint);
}

/** Real and imaginary parts, one below the other in the rows, as channels. */
function partsToChannels(kept: Kept, x: T): T {
  const half = x.shape[1] / 2;
  return kept.tf.concat([part(kept.tf, x, 1, 0, half), part(kept.tf, x, 1, half, half)], 3);
}

function channelsToParts(kept: Kept, x: T, axis: number): T {
  const half = x.shape[3] / 2;
  return kept.tf.concat([part(kept.tf, x, 3, 0, half), part(kept.tf, x, 3, half, half)], axis);
}

/** Products with matrices: of planes, of channels, and those that resize and transform. */
export const products = {
  gram: ({ tf }, [a, b]) => {
    const product = tf.matMul(rowsOf(tf, b), rowsOf(tf, a), true, false);
    const [n, columns, rows] = product.shape;
    return tf.reshape(product, [n, columns, 1, rows]);
  },
  mix: ({ tf }, [m, x], { transpose }) => {
    const [count, inputs, , outputs] = m.shape;
    const product = tf.matMul(rowsOf(tf, x), tf.reshape(m, [count, inputs, outputs]), false, transpose);
    const [n, h, w] = x.shape;
    return tf.reshape(product, [n, h, w, product.shape[2]]);
  },
  toRows: (kept, [x]) => {
    const [n, h, w, c] = x.shape;
    return kept.tf.reshape(kept.tf.transpose(rowsOf(kept.tf, x), [0, 2, 1]), [n, c, 1, h * w]);
  },
  fromRows: ({ tf }, [m, like]) => {
    const [n, c, , pixels] = m.shape;
    return tf.reshape(tf.transpose(tf.reshape(m, [n, c, pixels]), [0, 2, 1]), [n, like.shape[1], like.shape[2], c]);
  },
  matmul: ({ tf }, [a, b], { transposeA, transposeB }) => {
    const [left, right] = [planes(tf, a), planes(tf, b)];
    const batches = [left, right].map(({ shape: [n, c] }) => [n, c, 1, 1] as const);
    const common = broadcastShape("matmul", batches);
    // Devices repeat batches from the first on, which is right for those of one matrix alone.
    const [first, second] = [left, right].map((x) => {
      const [n, c] = x.shape;
      return n * c === 1 ? x : repeated(tf, x, [common[0] / n, common[1] / c, 1, 1]);
    });
    const product = tf.matMul(first, second, transposeA, transposeB);
    const [n, c, i, j] = product.shape;
    return c === 1 ? tf.reshape(product, [n, i, j, 1]) : tf.transpose(product, [0, 2, 3, 1]);
  },
  resize: (kept, [x, like], attributes) => resized(kept, x, like.shape.slice(1), attributes, false),
  resizeAdjoint: (kept, [g, like], attributes) => resized(kept, g, like.shape.slice(1), attributes, true),
  fft: (kept, [x]) => {
    const [, h, w] = x.shape;
    const half = Math.floor(w / 2) + 1;
    const { tf } = kept;
    const columns = mixedColumns(kept, kept.waves(w), x, false);
    const below = tf.concat([part(tf, columns, 2, 0, half), part(tf, columns, 2, half, half)], 1);
    return partsToChannels(kept, mixedRows(kept, kept.rotations(h), below, false));
  },
  fftAdjoint: (kept, [g, like]) => {
    const [, h, w] = like.shape;
    const { tf } = kept;
    const rows = mixedRows(kept, kept.rotations(h), channelsToParts(kept, g, 1), true);
    const beside = tf.concat([part(tf, rows, 1, 0, h), part(tf, rows, 1, h, h)], 2);
    return mixedColumns(kept, kept.waves(w), beside, true);
  },
} satisfies Partial<Table>;
