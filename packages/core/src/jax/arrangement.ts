import { broadcastShape, slicePositions } from "../graph/shapes.ts";
import {
  axisIndex,
  channelsAsPlaces,
  every,
  filled,
  placesAsChannels,
  repeatedTo,
  scattered,
  shapeOf,
  withAxes,
  withZeros,
} from "./arrays.ts";
import type { JaxArray as A } from "./framework.ts";
import type { O, Table } from "./table.ts";

/** One axis of an image continued beyond its ends. */
function continued(o: O, x: A, axis: 2 | 3, before: number, after: number, mode: "reflect" | "replicate"): A {
  const { numpy } = o;
  const size = shapeOf(x)[axis];
  const border = (first: number, count: number): A => {
    if (mode === "reflect") return numpy.flip(every(o, x, axis, first, count, 1), axis);
    const shape = shapeOf(x).map((size, index) => (index === axis ? count : size));
    return numpy.broadcastTo(every(o, x, axis, first, 1, 1), shape);
  };
  const parts = [
    ...(before > 0 ? [border(mode === "reflect" ? 1 : 0, before)] : []),
    x,
    ...(after > 0 ? [border(mode === "reflect" ? size - 1 - after : size - 1, after)] : []),
  ];
  return parts.length === 1 ? x : numpy.concatenate(parts, axis);
}

/** Primitives that move elements, and change none. */
export const arrangement = {
  expand: (o, [x, like]) => {
    const other = shapeOf(like);
    if (x.shape.length === 0) return filled(o, x, other);
    return repeatedTo(o, x, broadcastShape("expand", [shapeOf(x), other]));
  },
  slice: (o, [x], { axis, start, end, step }) => {
    const index = axisIndex(axis);
    const whole = withAxes(o, x);
    if (step < 0) return o.numpy.flip(whole, index);
    const { 0: first, length } = slicePositions(shapeOf(x)[index], { start, end, step });
    return every(o, whole, index, first, length, step);
  },
  embed: (o, [x, like], { axis, start, end, step }) => {
    const index = axisIndex(axis);
    const whole = withAxes(o, x);
    if (step < 0) return o.numpy.flip(whole, index);
    const size = shapeOf(like)[index];
    return scattered(o, whole, index, slicePositions(size, { start, end, step })[0], step, size);
  },
  pad: (o, [x], { mode, ...sides }) => {
    const whole = withAxes(o, x);
    if (mode === "zero") return withZeros(o, whole, sides);
    const rows = continued(o, whole, 2, sides.top, sides.bottom, mode);
    return continued(o, rows, 3, sides.left, sides.right, mode);
  },
  concat: (o, operands) =>
    o.numpy.concatenate(
      operands.map((x) => withAxes(o, x)),
      1,
    ),
  depthToSpace: (o, [x], { factor }) => channelsAsPlaces(o, x, [factor, factor]),
  spaceToDepth: (o, [x], { factor }) => placesAsChannels(o, x, [factor, factor]),
} satisfies Partial<Table>;
