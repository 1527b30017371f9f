import type { Table } from "./kept.ts";
import { places, planes } from "./layout.ts";

/** Primitives that make one number of many. */
export const reductions = {
  // Rows first, then sums of rows: float32 rounds fewer large sums.
  sum: ({ tf }, [x], { axes }) => {
    const over = axes.map((axis) => places[axis]).sort((a, b) => a - b);
    const inner = over.filter((axis) => axis > 1);
    const outer = over.filter((axis) => axis <= 1);
    const rows = inner.length > 0 ? tf.sum(x, inner, true) : x;
    return outer.length > 0 ? tf.sum(rows, outer, true) : rows;
  },
  max: ({ tf }, [x], { axes }) =>
    tf.max(
      x,
      axes.map((axis) => places[axis]),
      true,
    ),
  kthSmallest: ({ tf }, [x], { k }) => {
    const [n, h, w, c] = x.shape;
    const lists = tf.reshape(planes(tf, x), [n * c, h * w]);
    // The shorter end of the sorted list.
    const fromTop = h * w - k + 1;
    const [list, count] = k <= fromTop ? [tf.neg(lists), k] : [lists, fromTop];
    const { values } = tf.topk(list, count);
    const last = tf.reshape(tf.slice(values, [0, count - 1], [n * c, 1]), [n, 1, 1, c]);
    return k <= fromTop ? tf.neg(last) : last;
  },
  size: ({ tf }, [x], { axes }) =>
    tf.reshape(tf.scalar(axes.reduce((product, axis) => product * x.shape[places[axis]], 1)), [1, 1, 1, 1]),
} satisfies Partial<Table>;
