import { checkArguments } from "../arguments.ts";
import { LabelBackend, type Labelled, type LabelRule } from "./labels.ts";
import { Ops } from "./ops.ts";
import type { ConvAttributes, Dims, PadAttributes, Primitive } from "./primitives.ts";

/** How the positions of a network's output depend on those of its input, the same along both axes. */
export interface ReceptiveField {
  /** How far beyond its own place, in pixels of the input, an output position looks at most. */
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
  /** How far the first one reaches beyond the border. */
  readonly padding: number;
}

/** What is known of a value without running its graph. */
export interface Traced {
  /** Its sizes, as far as they follow from those of the input. */
  readonly dims: Dims;
  /** The part of the input that each position depends on; undefined where that is all of it, or nothing. */
  readonly window?: Window;
}

/** A part of the input's positions: those from `ratio * p + first` to `ratio * p + last` for position p. */
interface Span {
  readonly ratio: number;
  readonly first: number;
  readonly last: number;
  /** The least common multiple of all ratios on the way. */
  readonly multiple: number;
}

/** The part of the input that each position of a value depends on; `nothing` of a value that does not depend on the input. */
type Field = Span | "nothing" | "everything";

type Value = Labelled<Field>;
type Rule<P extends Primitive> = LabelRule<Field, P>;

function commonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}

function union(a: Field, b: Field): Field {
  if (a === "nothing") return b;
  if (b === "nothing") return a;
  if (a === "everything" || b === "everything" || a.ratio !== b.ratio) return "everything";
  return {
    ratio: a.ratio,
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
    multiple: commonMultiple(a.multiple, b.multiple),
  };
}

/** Position p of the result is made of the positions from `stride * p + from` to `stride * p + to`, where these are counted in positions of `x`. */
function through(x: Field, stride: number, from: number, to: number): Field {
  if (typeof x === "string") return x;
  const ratio = x.ratio * stride;
  return {
    ratio,
    first: x.first + x.ratio * from,
    last: x.last + x.ratio * to,
    multiple: Number.isInteger(ratio) ? commonMultiple(x.multiple, ratio) : x.multiple,
  };
}

interface Sliding {
  readonly stride: readonly [number, number];
  readonly padding: Pick<PadAttributes, "top" | "left">;
  readonly dilation?: readonly [number, number];
}

/** A window of `kernel` positions that slides: what it reaches along either axis. */
function slide(x: Field, kernel: readonly [number, number], { stride, padding, dilation = [1, 1] }: Sliding): Field {
  if (stride[0] !== stride[1]) return x === "nothing" ? x : "everything";
  const after = Math.max(dilation[0] * (kernel[0] - 1) - padding.top, dilation[1] * (kernel[1] - 1) - padding.left);
  return through(x, stride[0], -Math.max(padding.top, padding.left), after);
}

/** The adjoint of a window: a position of the result takes part in the windows whose sums these are. */
function spread(x: Field, kernel: readonly [number, number], { stride, padding, dilation }: ConvAttributes): Field {
  const [s] = stride;
  if (s !== stride[1]) return x === "nothing" ? x : "everything";
  const reach = Math.max(dilation[0] * (kernel[0] - 1) - padding.top, dilation[1] * (kernel[1] - 1) - padding.left);
  return through(x, 1 / s, -reach / s, Math.max(padding.top, padding.left) / s);
}

const unbounded = (operands: readonly Value[]): Field =>
  operands.every(({ label }) => label === "nothing") ? "nothing" : "everything";

function kernelOf({ value: { dims } }: Value): readonly [number, number] {
  return [dims[2] as number, dims[3] as number];
}

/** What moves positions by a whole number from the start can be followed; what counts from the end cannot. */
const slice: Rule<"slice"> = (operands, { axis, start, step }) => {
  if (axis === "n" || axis === "c") return operands[0].label;
  return start < 0 || step !== 1 ? unbounded(operands) : through(operands[0].label, 1, 0, start);
};

const overAxes: Rule<"sum" | "max"> = (operands, { axes }) =>
  axes.includes("h") || axes.includes("w") ? unbounded(operands) : operands[0].label;

/** The operations that are not done position by position. */
const rules: { readonly [P in Primitive]?: Rule<P> } = {
  sum: overAxes,
  max: overAxes,
  size: () => "nothing",
  expand: ([x]) => x.label,
  slice,
  embed: ([x], { axis, start, step }) => {
    if (axis === "n" || axis === "c") return x.label;
    return start < 0 || step !== 1 ? unbounded([x]) : through(x.label, 1, -start, 0);
  },
  pad: ([x], { top, left }) => through(x.label, 1, -Math.max(top, left), -Math.min(top, left)),
  depthToSpace: ([x], { factor }) => through(x.label, 1 / factor, -(factor - 1) / factor, 0),
  spaceToDepth: ([x], { factor }) => through(x.label, factor, 0, factor - 1),
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
  resize: ([x, like], { alignCorners }) => {
    if (x.label === "nothing") return "nothing";
    if (typeof x.label === "string" || typeof like.label === "string" || alignCorners) return "everything";
    const step = like.label.ratio / x.label.ratio;
    // Position p lies at step * (p + 1/2) - 1/2, between two neighbours.
    const field = through(x.label, step, step / 2 - 1.5, step / 2 + 0.5) as Span;
    return { ...field, multiple: commonMultiple(field.multiple, like.label.multiple) };
  },
  resizeAdjoint: unbounded,
  fft: unbounded,
  fftAdjoint: unbounded,
};

/** Anything else is done position by position: it depends on what its operands depend on. */
const pointwise = (operands: readonly Value[]): Field =>
  operands.reduce<Field>((field, { label }) => union(field, label), "nothing");

/** A graph of an image and of tensors that are values like constants, of which the shape alone counts. */
type Build = <T>(o: Ops<T>, image: T, tensor: (dims: Dims) => T) => readonly T[];

function follow(dims: Dims, build: Build): readonly Value[] {
  const backend = new LabelBackend<Field>("nothing", (primitive) => rules[primitive] ?? pointwise);
  const image = backend.input("image", dims, { ratio: 1, first: 0, last: 0, multiple: 1 });
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
    if (typeof label === "string") return { dims: value.dims };
    const { ratio, first, last } = label;
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
  if (typeof label === "string") return undefined;
  const { ratio, first, last, multiple } = label;
  // Positions are whole numbers, so parts of them beyond a tile's first and last output position do not count.
  const halo = Math.max(0, Math.floor(-first), Math.floor(last + 1 - ratio));
  return { halo, multiple, scale: 1 / ratio };
}
