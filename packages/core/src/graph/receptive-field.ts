import { checkArguments } from "../arguments.ts";
import { LabelBackend, type Labelled, type LabelRule } from "./labels.ts";
import { Ops } from "./ops.ts";
import type { ConvAttributes, PadAttributes, Primitive } from "./primitives.ts";

/** How the positions of a network's output depend on those of its input, the same along both axes. */
export interface ReceptiveField {
  /** How far beyond its own place, in pixels of the input, an output position looks at most. */
  readonly halo: number;
  /** Input positions that are moved by a multiple of this move the output's along with them; sizes must be multiples of it. */
  readonly multiple: number;
  /** Output positions per input position: 2 where the network doubles height and width. */
  readonly scale: number;
}

/**
 * What the positions of a value see: position p looks at the input's positions from `ratio * p + first` to `ratio * p + last`, and at all of them where
 * that is not bounded. A value that does not depend on the input sees nothing.
 */
interface Sight {
  readonly ratio: number;
  readonly first: number;
  readonly last: number;
  /** The least common multiple of all ratios on the way. */
  readonly multiple: number;
}

type Seen = Sight | "nothing" | "everything";

type Value = Labelled<Seen>;
type Rule<P extends Primitive> = LabelRule<Seen, P>;

function commonMultiple(a: number, b: number): number {
  const divisor = (x: number, y: number): number => (y === 0 ? x : divisor(y, x % y));
  return (a * b) / divisor(a, b);
}

/** Sees what both see. */
function both(a: Seen, b: Seen): Seen {
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
function through(x: Seen, stride: number, from: number, to: number): Seen {
  if (typeof x === "string") return x;
  const ratio = x.ratio * stride;
  return {
    ratio,
    first: x.first + x.ratio * from,
    last: x.last + x.ratio * to,
    multiple: Number.isInteger(ratio) ? commonMultiple(x.multiple, ratio) : x.multiple,
  };
}

interface Span {
  readonly stride: readonly [number, number];
  readonly padding: Pick<PadAttributes, "top" | "left">;
  readonly dilation?: readonly [number, number];
}

/** A window of `kernel` positions that slides: what it reaches along either axis. */
function window(x: Seen, kernel: readonly [number, number], { stride, padding, dilation = [1, 1] }: Span): Seen {
  if (stride[0] !== stride[1]) return x === "nothing" ? x : "everything";
  const after = Math.max(dilation[0] * (kernel[0] - 1) - padding.top, dilation[1] * (kernel[1] - 1) - padding.left);
  return through(x, stride[0], -Math.max(padding.top, padding.left), after);
}

/** The adjoint of a window: a position of the result takes part in the windows whose sums these are. */
function spread(x: Seen, kernel: readonly [number, number], { stride, padding, dilation }: ConvAttributes): Seen {
  const [s] = stride;
  if (s !== stride[1]) return x === "nothing" ? x : "everything";
  const reach = Math.max(dilation[0] * (kernel[0] - 1) - padding.top, dilation[1] * (kernel[1] - 1) - padding.left);
  return through(x, 1 / s, -reach / s, Math.max(padding.top, padding.left) / s);
}

const unbounded = (operands: readonly Value[]): Seen =>
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
    weight.label === "nothing" ? window(x.label, kernelOf(weight), attributes) : "everything",
  convInput: ([x, weight], attributes) =>
    weight.label === "nothing" ? spread(x.label, kernelOf(weight), attributes) : "everything",
  convWeight: unbounded,
  maxPool: ([x], attributes) => window(x.label, attributes.kernel, attributes),
  maxUnpool: unbounded,
  maxGather: unbounded,
  avgPool: ([x], attributes) => window(x.label, attributes.kernel, attributes),
  gram: unbounded,
  mix: ([m, x]) => (m.label === "nothing" ? x.label : "everything"),
  resize: ([x, like], { alignCorners }) => {
    if (x.label === "nothing") return "nothing";
    if (typeof x.label === "string" || typeof like.label === "string" || alignCorners) return "everything";
    const step = like.label.ratio / x.label.ratio;
    // Position p lies at step * (p + 1/2) - 1/2, between two neighbours.
    const seen = through(x.label, step, step / 2 - 1.5, step / 2 + 0.5) as Sight;
    return { ...seen, multiple: commonMultiple(seen.multiple, like.label.multiple) };
  },
  resizeAdjoint: unbounded,
  fft: unbounded,
  fftAdjoint: unbounded,
};

/** Anything else is done position by position: it sees what all its operands see. */
const pointwise = (operands: readonly Value[]): Seen =>
  operands.reduce<Seen>((seen, { label }) => both(seen, label), "nothing");

/**
 * The receptive field of a network, found by following its operations.
 *
 * @param channels - of its input
 * @returns undefined where an output position may depend on the whole input: after a mean over all positions, or mirrored borders
 *
 * @example
 * ```ts
 * import { receptiveField } from "@reconloss/core/graph";
 * const field = receptiveField(3, (o, image) => {
 *   const weight = o.constant(new Float32Array(12 * 3 * 3 * 3), [12, 3, 3, 3]);
 *   return o.depthToSpace(o.conv2d(image, weight, { padding: 1 }), 2);
 * });
 * [field?.halo, field?.multiple, field?.scale]; // [1, 1, 2]
 * ```
 */
export function receptiveField(channels: number, build: <T>(o: Ops<T>, image: T) => T): ReceptiveField | undefined {
  checkArguments("receptiveField", { channels: [channels, "number"], build: [build, "function"] });
  const backend = new LabelBackend<Seen>("nothing", (primitive) => rules[primitive] ?? pointwise);
  const dims = [undefined, channels, undefined, undefined] as const;
  const image = backend.input("image", dims, { ratio: 1, first: 0, last: 0, multiple: 1 });
  const { label } = build(new Ops(backend), image);
  if (typeof label === "string") return undefined;
  const { ratio, first, last, multiple } = label;
  // Positions are whole numbers, so parts of them beyond a tile's first and last output position do not count.
  const halo = Math.max(0, Math.floor(-first), Math.floor(last + 1 - ratio));
  return { halo, multiple, scale: 1 / ratio };
}
