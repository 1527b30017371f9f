import type { TensorflowTensor as T, TensorflowOps } from "./framework.ts";

/** No zeros on either side. */
export const none: [number, number] = [0, 0];

/** Two sizes as TensorFlow.js takes them. */
export const pair = ([h, w]: readonly [number, number]): [number, number] => [h, w];

/** x [n, h, w, c] with zeros around it, or less of it where there are fewer than none. */
export function padded(
  tf: TensorflowOps,
  x: T,
  rows: readonly [number, number],
  columns: readonly [number, number],
): T {
  const [n, height, width, c] = x.shape;
  const [top, bottom, left, right] = [...rows, ...columns].map((count) => Math.max(-count, 0));
  const [h, w] = [height - top - bottom, width - left - right];
  if (h <= 0 || w <= 0) return tf.zeros([n, height + rows[0] + rows[1], width + columns[0] + columns[1], c]);
  const inner = h === height && w === width ? x : tf.slice(x, [0, top, left, 0], [n, h, w, c]);
  const more = (counts: readonly [number, number]) => counts.map((count) => Math.max(count, 0)) as [number, number];
  const pads = [none, more(rows), more(columns), none];
  return pads.flat().every((count) => count === 0) ? inner : tf.pad(inner, pads);
}

/** The elements of an axis with zeros between them: `step - 1` after each but the last. */
export function spread(tf: TensorflowOps, x: T, axis: number, step: number): T {
  if (step === 1) return x;
  const before = x.shape.slice(0, axis).reduce((product, size) => product * size, 1);
  const after = x.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const size = x.shape[axis];
  const apart = tf.pad(tf.reshape(x, [before, size, 1, after]), [none, none, [0, step - 1], none]);
  const whole = tf.slice(
    tf.reshape(apart, [before, size * step, after]),
    [0, 0, 0],
    [before, (size - 1) * step + 1, after],
  );
  return tf.reshape(
    whole,
    x.shape.map((dim, index) => (index === axis ? (size - 1) * step + 1 : dim)),
  );
}
