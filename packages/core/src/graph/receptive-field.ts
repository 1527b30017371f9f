import { checkArguments } from "../arguments.ts";
import { LabelBackend, type Labelled, type LabelRule } from "./labels.ts";
import { Ops } from "./ops.ts";
import type { ConvAttributes, Dims, PadAttributes, Primitive, SliceAttributes } from "./primitives.ts";

/** The dependence of the positions of a network's output on those of its input, the same along both axes. */
export interface ReceptiveField {
  /** The farthest pixel of the input, counted from an output position's own place, that the position depends on. */
  readonly halo: number;
  /** Input positions that are moved by a multiple of this move the output's along with them; sizes must be multiples of it. */
  readonly multiple: number;
  /** Output positions per input position: 2 where the network doubles height and width. */
  readonly scale: number;
}

/** The part of the input that a position p of a value depends on, along either axis: the positions from `p * stride - padding`, `kernel` of them. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  /** The number of pixels by which the first one reaches beyond the border. */
  readonly padding: number;
}

/** The properties of a value that are known without running its graph. */
export interface Traced {
  /** Its sizes, as far as they follow from those of the input. */
  readonly dims: Dims;
  /** The part of the input that each position depends on; undefined where that is all of it, or nothing. */
  readonly window?: Window;
}

/** A part of the input's positions along an axis: those from `ratio * p + first` to `ratio * p + last` for position p. */
interface Span {
  readonly ratio: number;
  readonly first: number;
  readonly last: number;
  /** The least common multiple of all ratios on the way. */
  readonly multiple: number;
}

type Spans = readonly [rows: Span, columns: Span];

/** The part of the input that each position of a value depends on; `nothing` of a value that does not depend on the input. */
type Field = Spans | "nothing" | "everything";

type Value = Labelled<Field>;
type Rule<P extends Primitive> = LabelRule<Field, P>;

function commonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}

function cover(a: Span, b: Span): Span {
  return {
    ratio: a.ratio,
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
    multiple: commonMultiple(a.multiple, b.multiple),
  };
}

function union(a: Field, b: Field): Field {
  if (a === "nothing") return b;
  if (b === "nothing") return a;
  if (a === "everything" || b === "everything") return "everything";
  const [rows, columns] = [cover(a[0], b[0]), cover(a[1], b[1])];
  return a.every(({ ratio }, axis) => ratio === b[axis].ratio) ? [rows, columns] : "everything";
}

/** Position p along an axis is made of the positions from `stride * p + from` to `stride * p + to`, counted in positions of the operand. */
interface Step {
  readonly stride?: number;
  readonly from: number;
  readonly to: number;
}

function moved({ ratio, first, last, multiple }: Span, { stride = 1, from, to }: Step): Span {
  const now = ratio * stride;
  return {
    ratio: now,
    first: first + ratio * from,
    last: last + ratio * to,
    multiple: Number.isInteger(now) ? commonMultiple(multiple, now) : multiple,
  };
}

/** A step along each axis, or the same along both. */
function through(x: Field, rows: Step, columns = rows): Field {
  return typeof x === "string" ? x : [moved(x[0], rows), moved(x[1], columns)];
}

const stay: Step = { from: 0, to: 0 };

/** A step along one of the axes. */
function along(x: Field, axis: "h" | "w", step: Step): Field {
  return axis === "h" ? through(x, step, stay) : through(x, stay, step);
}

interface Sliding {
  readonly stride: readonly [number, number];
  readonly padding: Pick<PadAttributes, "top" | "left">;
  readonly dilation?: readonly [number, number];
}

/** A window of `kernel` positions that slides. */
function slide(x: Field, kernel: readonly [number, number], { stride, padding, dilation = [1, 1] }: Sliding): Field {
  const step = (axis: 0 | 1, before: number): Step => {
    return { stride: stride[axis], from: -before, to: dilation[axis] * (kernel[axis] - 1) - before };
  };
  return through(x, step(0, padding.top), step(1, padding.left));
}

/** The adjoint of a window: a position of the result takes part in the windows whose sums these are. */
function spread(x: Field, kernel: readonly [number, number], { stride, padding, dilation }: ConvAttributes): Field {
  const step = (axis: 0 | 1, before: number): Step => {
    const after = dilation[axis] * (kernel[axis] - 1) - before;
    return { stride: 1 / stride[axis], from: -after / stride[axis], to: before / stride[axis] };
  };
  return through(x, step(0, padding.top), step(1, padding.left));
}

const unbounded = (operands: readonly Value[]): Field =>
  operands.every(({ label }) => label === "nothing") ? "nothing" : "everything";

function kernelOf({ value: { dims } }: Value): readonly [number, number] {
  return [dims[2] as number, dims[3] as number];
}

const overAxes: Rule<"sum" | "max"> = (operands, { axes }) =>
  axes.includes("h") || axes.includes("w") ? unbounded(operands) : operands[0].label;

/** Slices that move positions by a whole number from the start can be followed; those that count from the end cannot. */
function shifted(operands: readonly Value[], { axis, start, step }: SliceAttributes, by: number): Field {
  if (axis === "n" || axis === "c") return operands[0].label;
  return start < 0 || step !== 1 ? unbounded(operands) : along(operands[0].label, axis, { from: by, to: by });
}

/** The operations that are not done position by position. */
const rules: { readonly [P in Primitive]?: Rule<P> } = {
  sum: overAxes,
  max: overAxes,
  kthSmallest: unbounded,
  size: () => "nothing",
  expand: ([x]) => x.label,
  slice: ([x], attributes) => shifted([x], attributes, attributes.start),
  embed: ([x], attributes) => shifted([x], attributes, -attributes.start),
  pad: ([x], { top, left, mode }) =>
    mode === "zero" ? through(x.label, { from: -top, to: -top }, { from: -left, to: -left }) : unbounded([x]),
  depthToSpace: ([x], { factor }) => through(x.label, { stride: 1 / factor, from: -(factor - 1) / factor, to: 0 }),
  spaceToDepth: ([x], { factor }) => through(x.label, { stride: factor, from: 0, to: factor - 1 }),
  conv2d: ([x, weight], attributes) =>
    weight.label === "nothing" ? slide(x.label, kernelOf(weight), attributes) : "everything",
  convInput: ([x, weight], attributes) =>
    weight.label === "nothing" ? spread(x.label, kernelOf(weight), attributes) : "everything",
  convWeight: unbounded,
  maxPool: ([x], attributes) => slide(x.label, attributes.kernel, attributes),
  maxUnpool: unbounded,
  maxGather: unbounded,
  avgPool: ([x], attributes) => slide(x.label, attributes.kernel, attributes),
  gram: unbounded,
  mix: ([m, x]) => (m.label === "nothing" ? x.label : "everything"),
  toRows: unbounded,
  fromRows: unbounded,
  matmul: unbounded,
  resize: ([x, like], { alignCorners }) => {
    const [from, to] = [x.label, like.label];
    if (from === "nothing") return "nothing";
    if (typeof from === "string" || typeof to === "string" || alignCorners) return "everything";
    const [rows, columns] = from.map((span, axis) => {
      const stride = to[axis].ratio / span.ratio;
      // Position p lies at stride * (p + 1/2) - 1/2, between two neighbours.
      const between = moved(span, { stride, from: stride / 2 - 1.5, to: stride / 2 + 0.5 });
      return { ...between, multiple: commonMultiple(between.multiple, to[axis].multiple) };
    });
    return [rows, columns];
  },
  resizeAdjoint: unbounded,
  fft: unbounded,
  fftAdjoint: unbounded,
};

/** The window that covers both axes: the larger part; undefined where that is all of the input, none of it, or strides differ. */
function ofBoth(field: Field): Span | undefined {
  if (typeof field === "string" || field[0].ratio !== field[1].ratio) return undefined;
  return cover(field[0], field[1]);
}

/** Anything else is done position by position: it depends on what its operands depend on. */
const pointwise = (operands: readonly Value[]): Field =>
  operands.reduce<Field>((field, { label }) => union(field, label), "nothing");

/** A graph of an image and of tensors that are values like constants, of which the shape alone counts. */
type Build = <T>(o: Ops<T>, image: T, tensor: (dims: Dims) => T) => readonly T[];

function follow(dims: Dims, build: Build): readonly Value[] {
  const backend = new LabelBackend<Field>("nothing", (primitive) => rules[primitive] ?? pointwise);
  const start: Span = { ratio: 1, first: 0, last: 0, multiple: 1 };
  const image = backend.input("image", dims, [start, start]);
  let count = 0;
  return build(new Ops(backend), image, (shape) => backend.input(`tensor ${count++}`, shape, "nothing"));
}

/**
 * The shapes and windows of some values, found by following the operations that they are made by; nothing is computed, and numbers of tensors are not needed.
 *
 * @param dims - of the image
 */
export function trace(dims: Dims, build: Build): Traced[] {
  return follow(dims, build).map(({ value, label }) => {
    const span = ofBoth(label);
    if (span === undefined) return { dims: value.dims };
    const { ratio, first, last } = span;
    return { dims: value.dims, window: { kernel: last - first + 1, stride: ratio, padding: -first } };
  });
}

/**
 * The receptive field of a network, found by following its operations.
 *
 * @param channels - of its input
 * @param build - the network; `tensor` gives a tensor of a shape, whose numbers do not count
 * @returns undefined where an output position may depend on the whole input: after a mean over all positions, or mirrored borders
 *
 * @example
 * ```ts
 * import { receptiveField } from "@reconloss/core/graph";
 * const field = receptiveField(3, (o, image, tensor) => {
 *   return o.depthToSpace(o.conv2d(image, tensor([12, 3, 3, 3]), { padding: 1 }), 2);
 * });
 * [field?.halo, field?.multiple, field?.scale]; // [1, 1, 2]
 * ```
 */
export function receptiveField(
  channels: number,
  build: <T>(o: Ops<T>, image: T, tensor: (dims: Dims) => T) => T,
): ReceptiveField | undefined {
  checkArguments("receptiveField", { channels: [channels, "number"], build: [build, "function"] });
  const [{ label }] = follow([undefined, channels, undefined, undefined], (...args) => [build(...args)]);
  const span = ofBoth(label);
  if (span === undefined) return undefined;
  const { ratio, first, last, multiple } = span;
  // Positions are whole numbers, so parts of them beyond a tile's first and last output position do not count.
  const halo = Math.max(0, Math.floor(-first), Math.floor(last + 1 - ratio));
  return { halo, multiple, scale: 1 / ratio };
}
