import type { ConvAttributes, PadAttributes } from "../graph/primitives.ts";
import { convShape } from "../graph/shapes.ts";
import type { Shape } from "../tensor.ts";
import {
  channelsAsPlaces,
  every,
  placesAsChannels,
  type Steps,
  scattered,
  shapeOf,
  sidesOf,
  withAxes,
  withZeros,
} from "./arrays.ts";
import type { JaxArray as A } from "./framework.ts";
import type { O, Table } from "./table.ts";

type Corner = Pick<PadAttributes, "top" | "left">;

const none: PadAttributes = { top: 0, bottom: 0, left: 0, right: 0 };

function transposedWeight(o: O, weight: A, groups: number): A {
  const [outputs, inputs, kh, kw] = shapeOf(weight);
  const { flip, reshape, transpose } = o.numpy;
  const grouped = reshape(withAxes(o, weight), [groups, outputs / groups, inputs, kh, kw]);
  const turned = reshape(transpose(grouped, [0, 2, 1, 3, 4]), [groups * inputs, outputs / groups, kh, kw]);
  return flip(flip(turned, 2), 3);
}

/** x with zeros, or less of it, so that it has this size below and right of `top` and `left`. */
function sized(o: O, x: A, { top, left }: Corner, [height, width]: Steps): A {
  const [, , h, w] = shapeOf(x);
  const cut = every(o, every(o, x, 2, 0, Math.min(h, height - top), 1), 3, 0, Math.min(w, width - left), 1);
  const [, , rows, columns] = shapeOf(cut);
  return withZeros(o, cut, { top, left, bottom: height - top - rows, right: width - left - columns });
}

/** The part of this size that begins at `top` and `left`, with zeros where x ends before. */
function cutOut(o: O, x: A, { top, left }: Corner, size: Steps): A {
  const [, , h, w] = shapeOf(x);
  return sized(o, every(o, every(o, x, 2, top, h - top, 1), 3, left, w - left, 1), { top: 0, left: 0 }, size);
}

/** A convolution with a stride as one without, of images whose places within a stride are channels: its weight, and the size of these images before. */
function withoutStride(o: O, weight: A, outputs: Steps, { stride, dilation }: ConvAttributes) {
  const reach = shapeOf(weight)
    .slice(2)
    .map((size, axis) => (size - 1) * dilation[axis] + 1);
  const apart = scattered(o, scattered(o, weight, 2, 0, dilation[0], reach[0]), 3, 0, dilation[1], reach[1]);
  const blocks = reach.map((size, axis) => Math.ceil(size / stride[axis]));
  const sizes = (counts: readonly number[]): Steps => [counts[0] * stride[0], counts[1] * stride[1]];
  const kernel = placesAsChannels(o, sized(o, apart, { top: 0, left: 0 }, sizes(blocks)), stride);
  return { kernel, size: sizes(outputs.map((count, axis) => count + blocks[axis] - 1)) };
}

const isStrided = ({ stride }: ConvAttributes) => Math.max(...stride) > 1;

/**
 * A convolution. jax-js is never asked for one with a stride, whose derivative has zeros between elements: on `webgpu` jax-js 0.1.25 takes wrong elements where there are such zeros and a padding, as it
 * rounds quotients of negative numbers in two ways.
 */
export function convolved(o: O, x: A, weight: A, attributes: ConvAttributes): A {
  const { padding, dilation, groups } = attributes;
  const plain = (x: A, weight: A, padding: PadAttributes, dilation: Steps) =>
    o.lax.convGeneralDilated(x, weight, [1, 1], sidesOf(padding), {
      rhsDilation: [...dilation],
      featureGroupCount: groups,
    });
  if (!isStrided(attributes)) return plain(x, weight, padding, dilation);
  const [, , rows, columns] = convShape(shapeOf(x), shapeOf(weight), attributes);
  const { kernel, size } = withoutStride(o, weight, [rows, columns], attributes);
  return plain(placesAsChannels(o, sized(o, x, padding, size), attributes.stride), kernel, none, [1, 1]);
}

/** The adjoint of a convolution in x. */
function adjoint(o: O, g: A, weight: A, like: Shape, attributes: ConvAttributes): A {
  const { padding, dilation, groups, stride } = attributes;
  const from = shapeOf(g).slice(2) as [number, number];
  const plain = (weight: A, to: readonly number[], { top, left }: Corner, dilation: Steps) => {
    const kernel = shapeOf(weight).slice(2);
    const sides = [top, left].map((pad, axis): [number, number] => {
      const reach = (kernel[axis] - 1) * dilation[axis];
      return [reach - pad, to[axis] + pad - from[axis]];
    });
    return o.lax.convGeneralDilated(g, transposedWeight(o, weight, groups), [1, 1], sides, {
      rhsDilation: [...dilation],
      featureGroupCount: groups,
    });
  };
  const [, , h, w] = like;
  if (!isStrided(attributes)) return plain(weight, [h, w], padding, dilation);
  const { kernel, size } = withoutStride(o, weight, from, attributes);
  const blocks = plain(kernel, [size[0] / stride[0], size[1] / stride[1]], none, [1, 1]);
  return cutOut(o, channelsAsPlaces(o, blocks, stride), padding, [h, w]);
}

/** Convolutions and their adjoints. */
export const convolutions = {
  conv2d: (o, [x, weight], attributes) => convolved(o, withAxes(o, x), withAxes(o, weight), attributes),
  convInput: (o, [g, weight, like], attributes) =>
    adjoint(o, withAxes(o, g), withAxes(o, weight), shapeOf(like), attributes),
  convWeight: (o, [x, g], { stride, padding, dilation, groups, kernel }) => {
    const [[n, inputs, h, w], [, outputs, ...sizes]] = [shapeOf(x), shapeOf(g)];
    const each = inputs / groups;
    const grouped = o.numpy.transpose(o.numpy.reshape(x, [n, groups, each, h, w]), [2, 1, 0, 3, 4]);
    const sides = sidesOf(padding).map(([pad], axis): [number, number] => {
      const spread = (sizes[axis] - 1) * stride[axis] + 1;
      return [pad, (kernel[axis] - 1) * dilation[axis] + spread - [h, w][axis] - pad];
    });
    const result = o.lax.convGeneralDilated(
      o.numpy.reshape(grouped, [each, groups * n, h, w]),
      o.numpy.transpose(withAxes(o, g), [1, 0, 2, 3]),
      [...dilation],
      sides,
      { rhsDilation: [...stride], featureGroupCount: groups },
    );
    return o.numpy.transpose(o.numpy.reshape(result, [each, outputs, ...kernel]), [1, 0, 2, 3]);
  },
} satisfies Partial<Table>;
