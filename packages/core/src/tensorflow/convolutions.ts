import type { ConvAttributes, Primitives } from "../graph/primitives.ts";
import type { TensorflowTensor as T } from "./framework.ts";
import type { Kept, Table } from "./kept.ts";
import { part } from "./layout.ts";
import { none, padded, pair, spread } from "./zeros.ts";

/** A convolution of x [n, h, w, i] with a filter as TensorFlow.js has them, in as many groups as fit both: [kh, kw, i, o]. */
function convolve(kept: Kept, x: T, filter: T, { stride, padding, dilation }: ConvAttributes): T {
  const { tf } = kept;
  const { top, bottom, left, right } = padding;
  // A stride and a dilation together are no operation of TensorFlow.js: all positions are computed, and some of them taken.
  const both = Math.max(...stride) > 1 && Math.max(...dilation) > 1;
  const steps = both ? ([1, 1] as [number, number]) : pair(stride);
  const input = padded(tf, x, [top, bottom], [left, right]);
  const result = tf.conv2d(input, filter, steps, [none, none, none, none], "NHWC", pair(dilation));
  return both ? tf.stridedSlice(result, [0, 0, 0, 0], result.shape, [1, stride[0], stride[1], 1]) : result;
}

function conv2d(kept: Kept, x: T, weight: T, attributes: ConvAttributes): T {
  const { tf } = kept;
  const { groups, stride, padding, dilation } = attributes;
  const [outputs, , , inputs] = weight.shape;
  if (groups === 1) return convolve(kept, x, kept.filter(weight), attributes);
  if (inputs === 1 && (Math.max(...stride) === 1 || Math.max(...dilation) === 1)) {
    const { top, bottom, left, right } = padding;
    const input = padded(tf, x, [top, bottom], [left, right]);
    return tf.depthwiseConv2d(
      input,
      kept.depthwiseFilter(weight, groups),
      pair(stride),
      [none, none, none, none],
      "NHWC",
      pair(dilation),
    );
  }
  const each = Array.from({ length: groups }, (_, group) =>
    conv2d(
      kept,
      part(tf, x, 3, group * inputs, inputs),
      part(tf, weight, 0, (group * outputs) / groups, outputs / groups),
      { ...attributes, groups: 1 },
    ),
  );
  return tf.concat(each, 3);
}

/** The adjoint of a convolution in x: the convolution of the gradient, spread by the stride, with the kernel turned around. */
function convInput(
  kept: Kept,
  g: T,
  weight: T,
  like: Pick<T, "shape">,
  { stride, padding, dilation, groups }: ConvAttributes,
): T {
  const { tf } = kept;
  const [, height, width] = like.shape;
  const [outputs, kh, kw, inputs] = weight.shape;
  const wide = spread(tf, spread(tf, g, 1, stride[0]), 2, stride[1]);
  const around = (size: number, given: number, kernel: number, step: number, before: number): [number, number] => {
    const reach = step * (kernel - 1);
    return [reach - before, size - given + before];
  };
  const rows = around(height, wide.shape[1], kh, dilation[0], padding.top);
  const columns = around(width, wide.shape[2], kw, dilation[1], padding.left);
  const input = padded(tf, wide, rows, columns);
  const still = { stride: [1, 1], padding: { top: 0, bottom: 0, left: 0, right: 0 }, dilation, groups: 1 } as const;
  if (groups === 1) return convolve(kept, input, kept.turnedFilter(weight), still);
  if (inputs === 1 && outputs === groups) {
    return conv2d(kept, input, kept.turned(weight), { ...still, groups });
  }
  const each = Array.from({ length: groups }, (_, group) =>
    convolve(
      kept,
      part(tf, input, 3, (group * outputs) / groups, outputs / groups),
      kept.turnedFilter(part(tf, weight, 0, (group * outputs) / groups, outputs / groups)),
      still,
    ),
  );
  return tf.concat(each, 3);
}

/** The adjoint of a convolution in its weight: a convolution in which images take the place of channels. */
function convWeight(kept: Kept, x: T, g: T, attributes: Primitives["convWeight"]): T {
  const { tf } = kept;
  const { kernel, groups, stride, padding, dilation } = attributes;
  if (groups > 1) {
    const share = (y: T, group: number) => part(tf, y, 3, (group * y.shape[3]) / groups, y.shape[3] / groups);
    const each = Array.from({ length: groups }, (_, group) =>
      convWeight(kept, share(x, group), share(g, group), { ...attributes, groups: 1 }),
    );
    return tf.concat(each, 0);
  }
  const exchanged = { stride: dilation, dilation: stride, padding, groups: 1 };
  const correlation = convolve(kept, tf.transpose(x, [3, 1, 2, 0]), tf.transpose(g, [1, 2, 0, 3]), exchanged);
  // What the last stride leaves over belongs to no position of the kernel.
  const [inputs, , , outputs] = correlation.shape;
  const inside = tf.slice(correlation, [0, 0, 0, 0], [inputs, ...kernel, outputs]);
  return tf.transpose(inside, [3, 1, 2, 0]);
}

/** Convolutions and their adjoints. */
export const convolutions = {
  conv2d: (kept, [x, weight], attributes) => conv2d(kept, x, weight, attributes),
  convInput: (kept, [g, weight, like], attributes) => convInput(kept, g, weight, like, attributes),
  convWeight: (kept, [x, g], attributes) => convWeight(kept, x, g, attributes),
} satisfies Partial<Table>;
