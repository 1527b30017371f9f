import { broadcastShape, slicePositions } from "../graph/shapes.ts";
import type { Table } from "./kept.ts";
import { part, places, repeated, shapeOf, toLast } from "./layout.ts";
import { none, padded, spread } from "./zeros.ts";

/** Primitives that move elements, and change none. */
export const arrangement = {
  expand: (kept, [x, like]) => {
    const shape = toLast(broadcastShape("expand", [shapeOf(x), shapeOf(like)]));
    return repeated(
      kept.tf,
      x,
      shape.map((size, axis) => size / x.shape[axis]),
    );
  },
  slice: ({ tf }, [x], { axis, start, end, step }) => {
    const place = places[axis];
    if (step === -1) return tf.reverse(x, place);
    const positions = slicePositions(x.shape[place], { start, end, step });
    if (step === 1) return part(tf, x, place, positions[0], positions.length);
    const at = (size: (dim: number) => number, taken: number) =>
      x.shape.map((dim, index) => (index === place ? taken : size(dim)));
    return tf.stridedSlice(
      x,
      at(() => 0, positions[0]),
      at((dim) => dim, positions[positions.length - 1] + 1),
      at(() => 1, step),
    );
  },
  embed: ({ tf }, [x, like], { axis, start, end, step }) => {
    const place = places[axis];
    if (step === -1) return tf.reverse(x, place);
    const size = like.shape[place];
    const [first] = slicePositions(size, { start, end, step });
    const wide = spread(tf, x, place, step);
    return tf.pad(
      wide,
      wide.shape.map((dim, index) => (index === place ? [first, size - dim - first] : none)),
    );
  },
  pad: (kept, [x], { top, bottom, left, right, mode }) => {
    if (mode === "zero") return padded(kept.tf, x, [top, bottom], [left, right]);
    const rows = kept.continuation(x.shape[1], top, bottom, mode);
    const columns = kept.continuation(x.shape[2], left, right, mode);
    const tall = rows ? kept.tf.gather(x, rows, 1) : x;
    return columns ? kept.tf.gather(tall, columns, 2) : tall;
  },
  concat: ({ tf }, operands) => tf.concat([...operands], 3),
  // A block's channels are the last axis but for its colour: [.., colour, block] becomes [.., block, colour], and the block its rows and columns.
  depthToSpace: ({ tf }, [x], { factor: f }) => {
    const [n, h, w, channels] = x.shape;
    const c = channels / f ** 2;
    const blocks = tf.transpose(tf.reshape(x, [n * h * w, c, f ** 2]), [0, 2, 1]);
    const rows = tf.transpose(tf.reshape(blocks, [n * h, w, f, f * c]), [0, 2, 1, 3]);
    return tf.reshape(rows, [n, h * f, w * f, c]);
  },
  spaceToDepth: ({ tf }, [x], { factor: f }) => {
    const [n, height, width, c] = x.shape;
    const [h, w] = [height / f, width / f];
    const rows = tf.transpose(tf.reshape(x, [n * h, f, w, f * c]), [0, 2, 1, 3]);
    const blocks = tf.transpose(tf.reshape(rows, [n * h * w, f ** 2, c]), [0, 2, 1]);
    return tf.reshape(blocks, [n, h, w, c * f ** 2]);
  },
} satisfies Partial<Table>;
