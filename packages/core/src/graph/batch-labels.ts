import { LabelBackend, type Labelled, type LabelRule } from "./labels.ts";
import type { Primitive } from "./primitives.ts";

/**
 * The relation of a value to the images of a batch.
 *
 * - `fixed`: nothing, it is the same for every batch
 * - `image`: each image's part follows from that image alone
 * - `average`: its mean over the batch is the mean of what the images give by themselves: a loss
 * - `total`: the sum of what the images give by themselves
 * - `count`: the number of images, times something fixed
 * - `mixed`: anything else, such as what follows from a batch's statistics
 */
export type BatchLabel = "fixed" | "image" | "average" | "total" | "count" | "mixed";

type Value = Labelled<BatchLabel>;
type Rule<P extends Primitive> = LabelRule<BatchLabel, P>;

/** Whether a value has as many parts as the batch has images: that number is the only one that is not known. */
function perImage({ value: { dims } }: Value): boolean {
  return dims[0] === undefined;
}

/** Whether fixed operands beside those of images are the same for each of them. */
function alike(operands: readonly Value[]): boolean {
  return operands.every((operand) => operand.label !== "fixed" || perImage(operand) || operand.value.dims[0] === 1);
}

/** Any function of the operands: as far as images go, it is done image by image. */
const nonlinear = (operands: readonly Value[]): BatchLabel => {
  const labels = new Set(operands.map(({ label }) => label));
  if ([...labels].every((label) => label === "fixed")) return "fixed";
  return [...labels].every((label) => label === "fixed" || label === "image") && alike(operands) ? "image" : "mixed";
};

/** Sums: averages and totals stay what they are. */
const linear = (operands: readonly Value[]): BatchLabel => {
  const labels = new Set(operands.map(({ label }) => label));
  if (labels.size === 1 && !labels.has("image")) return operands[0].label;
  if (!labels.has("average")) return nonlinear(operands);
  return ["mixed", "total", "count"].some((label) => labels.has(label as BatchLabel)) || !alike(operands)
    ? "mixed"
    : "average";
};

/** One operand, and others that must be fixed for it to stay what it is. */
const scaled = ([x, ...others]: readonly Value[]): BatchLabel =>
  others.every(({ label }) => label === "fixed") ? x.label : nonlinear([x, ...others]);

/** Functions of one operand that do not move anything from image to image. */
const within: Rule<Primitive> = ([x]) => x.label;

const rules: { readonly [P in Primitive]?: Rule<P> } = {
  add: linear,
  sub: linear,
  concat: linear,
  neg: within,
  stopGradient: within,
  pad: within,
  depthToSpace: within,
  spaceToDepth: within,
  toRows: within,
  fromRows: within,
  fft: within,
  fftAdjoint: within,
  mul: product,
  matmul: product,
  div: ([a, b]) => {
    if (a.label === "total" && b.label === "count") return "average";
    return alike([a, b]) || a.label === b.label ? scaled([a, b]) : "mixed";
  },
  sum: ([x], { axes }) => {
    if (!axes.includes("n") || !perImage(x)) return x.label;
    return x.label === "image" || x.label === "average" ? "total" : "mixed";
  },
  kthSmallest: ([x]) => nonlinear([x]),
  max: ([x], { axes }) => (axes.includes("n") && perImage(x) ? "mixed" : nonlinear([x])),
  size: ([x], { axes }) => (axes.includes("n") && perImage(x) ? "count" : "fixed"),
  expand: ([x, like]) => {
    if (!perImage(like) || perImage(x)) return x.label;
    if (x.label === "fixed") return x.value.dims[0] === 1 ? "image" : "mixed";
    return x.label === "average" ? "average" : "mixed";
  },
  slice: ([x], { axis }) => (axis === "n" && x.label !== "fixed" ? "mixed" : x.label),
  embed: ([x], { axis }) => (axis === "n" && x.label !== "fixed" ? "mixed" : x.label),
  conv2d: scaledByWeight,
  convInput: scaledByWeight,
  convWeight: ([x, g]) => {
    if (x.label === "fixed" && g.label === "fixed") return "fixed";
    return perImage(x) && perImage(g) && nonlinear([x, g]) === "image" ? "total" : "mixed";
  },
};

function product([a, b]: readonly Value[]): BatchLabel {
  const [x, factor] = b.label === "fixed" ? [a, b] : [b, a];
  return alike([x, factor]) || x.label === "fixed" ? scaled([x, factor]) : "mixed";
}

function scaledByWeight([x, weight]: readonly Value[]): BatchLabel {
  return weight.label === "fixed" ? x.label : "mixed";
}

/** Follows what values have to do with the images of a batch, whose number is to be unknown (`undefined`) in the dims of inputs. */
export function batchLabels(): LabelBackend<BatchLabel> {
  return new LabelBackend<BatchLabel>("fixed", (primitive) => rules[primitive] ?? nonlinear);
}
