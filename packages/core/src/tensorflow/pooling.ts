import { lowestFloat32 } from "../graph/float32.ts";
import type { PadAttributes, PoolAttributes } from "../graph/primitives.ts";
import { poolShape } from "../graph/shapes.ts";
import type { TensorflowTensor as T } from "./framework.ts";
import type { Kept, Table } from "./kept.ts";
import { shapeOf } from "./layout.ts";
import { none, padded, pair, spread } from "./zeros.ts";

/** x with numbers around it, as a pooling pads it. */
function surrounded({ tf }: Kept, x: T, { top, bottom, left, right }: PadAttributes, beyond: number): T {
  if (top + bottom + left + right === 0) return x;
  return tf.pad(x, [none, [top, bottom], [left, right], none], beyond);
}

/** The values that the windows of a pooling have at each of their places, row by row: `beyond` outside the image. */
function windowPlaces(kept: Kept, x: T, attributes: PoolAttributes, beyond: number): T[] {
  const { tf } = kept;
  const { kernel, stride, padding } = attributes;
  const [, , height, width] = poolShape(shapeOf(x), attributes);
  const wide = surrounded(kept, x, padding, beyond);
  const [n, , , c] = x.shape;
  return Array.from({ length: kernel[0] * kernel[1] }, (_, place) => {
    const [y, z] = [Math.floor(place / kernel[1]), place % kernel[1]];
    const end = [n, y + (height - 1) * stride[0] + 1, z + (width - 1) * stride[1] + 1, c];
    return tf.stridedSlice(wide, [0, y, z, 0], end, [1, stride[0], stride[1], 1]);
  });
}

/** For each place of the windows of a pooling, 1 where the window's first maximum is there, else 0. */
function winners(kept: Kept, x: T, attributes: PoolAttributes): T[] {
  const { tf } = kept;
  const values = windowPlaces(kept, x, attributes, lowestFloat32);
  const largest = values.reduce((a, b) => tf.maximum(a, b));
  let free: T | undefined;
  return values.map((value) => {
    const equal = tf.cast(tf.equal(value, largest), "float32");
    const first = free === undefined ? equal : tf.mul(equal, free);
    free = free === undefined ? tf.sub(tf.scalar(1), first) : tf.sub(free, first);
    return first;
  });
}

function maxUnpool(kept: Kept, g: T, x: T, attributes: PoolAttributes): T {
  const { tf } = kept;
  const { kernel, stride, padding } = attributes;
  const [, height, width] = x.shape;
  const parts = winners(kept, x, attributes).map((winner, place) => {
    const wide = spread(tf, spread(tf, tf.mul(g, winner), 1, stride[0]), 2, stride[1]);
    const top = Math.floor(place / kernel[1]) - padding.top;
    const left = (place % kernel[1]) - padding.left;
    return padded(tf, wide, [top, height - wide.shape[1] - top], [left, width - wide.shape[2] - left]);
  });
  return parts.reduce((a, b) => tf.add(a, b));
}

/** Pooling, and what scatters and gathers by it. */
export const pooling = {
  maxPool: (kept, [x], { kernel, stride, padding }) =>
    kept.tf.maxPool(surrounded(kept, x, padding, lowestFloat32), pair(kernel), pair(stride), [none, none, none, none]),
  maxUnpool: (kept, [g, x], attributes) => maxUnpool(kept, g, x, attributes),
  maxGather: (kept, [v, x], attributes) => {
    const { tf } = kept;
    const places = windowPlaces(kept, v, attributes, 0);
    return winners(kept, x, attributes)
      .map((winner, place) => tf.mul(winner, places[place]))
      .reduce((a, b) => tf.add(a, b));
  },
  avgPool: ({ tf }, [x], { kernel, stride, padding: { top, bottom, left, right }, countIncludePad }) => {
    const means = (y: T) =>
      tf.avgPool(padded(tf, y, [top, bottom], [left, right]), pair(kernel), pair(stride), "valid");
    if (countIncludePad || top + bottom + left + right === 0) return means(x);
    const [, h, w] = x.shape;
    return tf.div(means(x), means(tf.tensor(new Float32Array(h * w).fill(1), [1, h, w, 1], "float32")));
  },
} satisfies Partial<Table>;
