import type { Shape } from "../tensor.ts";
import type { TensorflowTensor as T, TensorflowOps } from "./framework.ts";

/** The places of the axes n, c, h and w in TensorFlow.js: its convolutions want channels last on every device. */
export const places = { n: 0, c: 3, h: 1, w: 2 } as const;

/** A shape [n, c, h, w] as TensorFlow.js has it. */
export function toLast([n, c, h, w]: Shape): [number, number, number, number] {
  return [n, h, w, c];
}

/** The shape of a tensor [n, h, w, c] in the order of this library. */
export function shapeOf({ shape: [n, h, w, c] }: Pick<T, "shape">): Shape {
  return [n, c, h, w];
}

/** x so many times along each axis. */
export function repeated(tf: TensorflowOps, x: T, times: number[]): T {
  return times.every((count) => count === 1) ? x : tf.tile(x, times);
}

/** Part of the channels, or of another axis. */
export function part(tf: TensorflowOps, x: T, axis: number, start: number, size: number): T {
  return tf.slice(
    x,
    x.shape.map((_, index) => (index === axis ? start : 0)),
    x.shape.map((dim, index) => (index === axis ? size : dim)),
  );
}

/** Batches of matrices [n, c, i, j] of planes [n, i, j, c]. */
export function planes(tf: TensorflowOps, x: T): T {
  const [n, i, j, c] = x.shape;
  return c === 1 ? tf.reshape(x, [n, 1, i, j]) : tf.transpose(x, [0, 3, 1, 2]);
}

/** The pixels of each image as rows: [n, h w, c]. */
export function rowsOf(tf: TensorflowOps, x: T): T {
  const [n, h, w, c] = x.shape;
  return tf.reshape(x, [n, h * w, c]);
}
