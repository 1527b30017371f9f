import { cubic } from "../cubic.ts";
import type { ReconlossError } from "../errors.ts";
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from "../graph/onnx-nodes.ts";
import type { Ops } from "../graph/ops.ts";
import type { Axis, PadAttributes } from "../graph/primitives.ts";
import { listNames } from "../text.ts";
import { leakyRelu, sigmoid, softplus } from "./activations.ts";
import { largerBy } from "./layers.ts";

/** A number of a list of sizes: known, or that of an axis of a value, times a factor. */
type Size<T> = number | { readonly of: T; readonly axis: number; readonly factor: number };

/** The meaning of a name of a graph: an image batch, numbers of the file, or sizes. */
type Value<T> =
  | { readonly kind: "image"; readonly x: T }
  | { readonly kind: "numbers"; readonly tensor: OnnxTensor }
  | { readonly kind: "sizes"; readonly sizes: readonly Size<T>[]; readonly isScalar: boolean };

/** A problem of one node, told under the file's name. */
class NodeProblem extends Error {}

function problemOf({ operator, name }: OnnxNode, problem: string, cause?: unknown): NodeProblem {
  return new NodeProblem(`uses ${operator} (${name}) in a way that training does not know: ${problem}`, { cause });
}

/** An error under the file's name, where it is of a node. */
export function refusalOf(error: unknown, refuse: (problem: string) => ReconlossError): unknown {
  return error instanceof NodeProblem ? refuse(error.message) : error;
}

const axes: readonly Axis[] = ["n", "c", "h", "w"];

function axisOf(number: number): Axis {
  const axis = axes[number < 0 ? number + 4 : number];
  if (axis === undefined) throw new Error(`axis ${number}`);
  return axis;
}

/** The most numbers of one value, of images of 64x64 pixels: 256 MiB. */
const mostValues = 2 ** 26;
/** The most multiplications of a whole graph on such an image; EDSR with 43 million weights makes 2^38. */
const mostWork = 2 ** 41;
/** The largest step, dilation, window or border, in pixels. */
const mostPixels = 4096;
/** The most sizes in one list. */
const mostSizes = 64;
/** The largest factor by which images are enlarged, or taken apart. */
const mostTimes = 16;

/** A node of a graph that is being built. */
class Context<T> {
  readonly o: Ops<T>;
  readonly node: OnnxNode;
  readonly opset: number;
  readonly #values: ReadonlyMap<string, Value<T>>;

  constructor(o: Ops<T>, node: OnnxNode, opset: number, values: ReadonlyMap<string, Value<T>>) {
    this.o = o;
    this.node = node;
    this.opset = opset;
    this.#values = values;
  }

  fail(problem: string): never {
    throw problemOf(this.node, problem);
  }

  has(index: number): boolean {
    return (this.node.inputs[index] ?? "") !== "";
  }

  value(index: number): Value<T> {
    const name = this.node.inputs[index] ?? "";
    const value = this.#values.get(name);
    if (value === undefined) this.fail(name === "" ? `input ${index} is missing` : `no node computes ${name}`);
    return value;
  }

  /** An input as an image batch; numbers of the file as a constant, the last axes aligned. */
  image(index: number): T {
    const value = this.value(index);
    if (value.kind === "image") return value.x;
    const tensor = this.numbers(index);
    if (value.kind === "numbers" && tensor.isInteger) this.fail(`input ${index} has whole numbers`);
    if (tensor.data.length === 0) this.fail(`input ${index} has no numbers`);
    const dims = [...Array.from({ length: 4 - tensor.dims.length }, () => 1), ...tensor.dims];
    if (tensor.dims.length > 4) this.fail(`a tensor of ${tensor.dims.length} axes`);
    return this.o.constant(tensor.data, dims as unknown as [number, number, number, number]);
  }

  /** An input that the file has numbers of. */
  numbers(index: number): OnnxTensor {
    const value = this.value(index);
    if (value.kind === "numbers") return value.tensor;
    if (value.kind === "sizes" && value.sizes.every((size) => typeof size === "number")) {
      return {
        dims: value.isScalar ? [] : [value.sizes.length],
        data: Float64Array.from(value.sizes as number[]),
        isInteger: true,
      };
    }
    return this.fail(`input ${index} is computed`);
  }

  /** Whole numbers that are an attribute or, in later versions, an input. */
  list(name: string, index: number): readonly number[] | undefined {
    if (this.has(index)) return Array.from(this.numbers(index).data);
    return this.ints(name);
  }

  /** The one number that an input holds. */
  scalar(index: number): number {
    const { data } = this.numbers(index);
    return data.length === 1 ? data[0] : this.fail(`input ${index} has ${data.length} numbers, not one`);
  }

  number(name: string, fallback: number): number {
    const value = this.#attribute(name, "a number", (given) => typeof given === "number");
    return (value as number | undefined) ?? fallback;
  }

  word(name: string, fallback: string): string {
    const value = this.#attribute(name, "a word", (given) => typeof given === "string");
    return (value as string | undefined) ?? fallback;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attribute(name, "a list of numbers", Array.isArray) as readonly number[] | undefined;
  }

  /** A list of whole numbers of pixels, such as strides: each in the range that images have. */
  pixels(name: string, least: 0 | 1): readonly number[] | undefined {
    const sizes = this.ints(name);
    if (sizes?.some((size) => !(size >= least && size <= mostPixels)))
      this.fail(`${name}=${listNames(sizes.map(String))}`);
    return sizes;
  }

  /** A factor of sizes. */
  times(factor: number): number {
    if (factor >= 1 && factor <= mostTimes && Number.isInteger(factor)) return factor;
    return this.fail(`a factor of ${factor}, which is not a whole number from 1 to ${mostTimes}`);
  }

  #attribute(name: string, kind: string, is: (value: OnnxAttribute) => boolean): OnnxAttribute | undefined {
    const value = this.node.attributes.get(name);
    return value === undefined || is(value) ? value : this.fail(`${name} is not ${kind}`);
  }
}

/** The outputs of a node: one value, or one for each output. */
type Rule = <T>(context: Context<T>) => Value<T> | T | readonly T[];

/** Stride, padding and dilation of a window of this size. */
function windowOf<T>(context: Context<T>, kernel: readonly number[]) {
  const pair = (name: string) => {
    const [height, width, ...others] = context.pixels(name, 1) ?? [1, 1];
    if (width === undefined || others.length > 0) context.fail(`${name} of another number of axes than two`);
    return [height, width] as const;
  };
  if (kernel.length !== 2) context.fail(`a window of ${kernel.length} axes`);
  if (kernel.some((size) => !(size >= 1 && size <= mostPixels))) context.fail(`a window of ${kernel.join("x")}`);
  const [stride, dilation] = [pair("strides"), pair("dilations")];
  const mode = context.word("auto_pad", "NOTSET");
  let padding: PadAttributes = { top: 0, left: 0, bottom: 0, right: 0 };
  if (mode === "SAME_UPPER" || mode === "SAME_LOWER") {
    if (stride.some((step) => step !== 1)) context.fail(`auto_pad=${mode} with a stride`);
    const [tall, wide] = kernel.map((size, axis) => dilation[axis] * (size - 1));
    const before = (total: number) => (mode === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2));
    padding = { top: before(tall), left: before(wide), bottom: tall - before(tall), right: wide - before(wide) };
  } else if (mode !== "VALID") {
    if (mode !== "NOTSET") context.fail(`auto_pad=${mode}`);
    const [top = 0, left = 0, bottom = 0, right = 0] = context.pixels("pads", 0) ?? [];
    padding = { top, left, bottom, right };
  }
  return { stride, dilation, padding };
}

const convolve: Rule = (context) => {
  const { o } = context;
  const [x, weight] = [context.image(0), context.image(1)];
  const [, , height, width] = o.dims(weight);
  const options = { ...windowOf(context, [height as number, width as number]), groups: context.number("group", 1) };
  const sum = o.conv2d(x, weight, options);
  return context.has(2) ? o.add(sum, perChannel(context, 2)) : sum;
};

/** A vector with one number per channel. */
function perChannel<T>(context: Context<T>, index: number): T {
  const value = context.value(index);
  if (value.kind === "image") return value.x;
  const { data } = context.numbers(index);
  return context.o.constant(data, [1, data.length, 1, 1]);
}

const transposedConvolution: Rule = (context) => {
  const { o } = context;
  const [x, weight] = [context.image(0), context.image(1)];
  const [, perGroup, height, width] = o.dims(weight) as readonly number[];
  const { stride, dilation, padding } = windowOf(context, [height, width]);
  const groups = context.number("group", 1);
  const [moreDown, moreAcross] = context.pixels("output_padding", 0) ?? [0, 0];
  const excess = [
    dilation[0] * (height - 1) + 1 + moreDown - padding.top - padding.bottom - stride[0],
    dilation[1] * (width - 1) + 1 + moreAcross - padding.left - padding.right - stride[1],
  ];
  if (stride[0] !== stride[1] || excess.some((pixels) => pixels !== 0) || context.ints("output_shape")) {
    context.fail("its output is not the input's size times its stride");
  }
  const plane = largerBy(o, x, stride[0]);
  const like = o.concat(Array.from({ length: perGroup * groups }, () => plane));
  const sum = o.convInput(x, weight, like, { stride, dilation, padding, groups });
  return context.has(2) ? o.add(sum, perChannel(context, 2)) : sum;
};

const normalise: Rule = (context) => {
  const { o } = context;
  if (context.number("training_mode", 0) !== 0) context.fail("training_mode=1");
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map((index) => perChannel(context, index));
  const deviation = o.sqrt(o.add(variance, context.number("epsilon", 1e-5)));
  return o.add(o.mul(o.div(o.sub(context.image(0), mean), deviation), scale), shift);
};

const normaliseEach: Rule = (context) => {
  const { o } = context;
  const x = context.image(0);
  const centred = o.sub(x, o.mean(x, "hw"));
  const deviation = o.sqrt(o.add(o.mean(o.square(centred), "hw"), context.number("epsilon", 1e-5)));
  return o.add(o.mul(o.div(centred, deviation), perChannel(context, 1)), perChannel(context, 2));
};

type Arithmetic = "add" | "sub" | "mul" | "div";

const onSizes: Readonly<Record<Arithmetic, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => Math.trunc(a / b),
};

/** A sum, difference, product or quotient: of images, or of sizes. */
const arithmetic =
  (operation: Arithmetic): Rule =>
  <T>(context: Context<T>) => {
    const { o } = context;
    const [a, b] = [context.value(0), context.value(1)];
    if (a.kind === "image" || b.kind === "image") return o[operation](context.image(0), context.image(1));
    if (a.kind === "numbers" && b.kind === "numbers") {
      if (!a.tensor.isInteger) return o[operation](context.image(0), context.image(1));
    }
    const list = (index: number) => sizesOf(context, index);
    const [left, right] = [list(0), list(1)];
    const length = Math.max(left.length, right.length);
    const sizes = Array.from({ length }, (_, i): Size<T> => {
      const [p, q] = [left[left.length === 1 ? 0 : i], right[right.length === 1 ? 0 : i]];
      if (typeof p === "number" && typeof q === "number") return onSizes[operation](p, q);
      const [size, factor] = typeof p === "number" ? [q, p] : [p, q];
      if (operation === "mul" && typeof size !== "number" && typeof factor === "number") {
        return { ...size, factor: size.factor * factor };
      }
      return context.fail("sizes that are computed");
    });
    return { kind: "sizes", sizes, isScalar: length === 1 && isScalar(a) && isScalar(b) };
  };

function isScalar<T>(value: Value<T>): boolean {
  if (value.kind === "sizes") return value.isScalar;
  return value.kind === "numbers" && value.tensor.dims.length === 0;
}

/** An input as sizes. */
function sizesOf<T>(context: Context<T>, index: number): readonly Size<T>[] {
  const value = context.value(index);
  return value.kind === "sizes" ? value.sizes : Array.from(context.numbers(index).data);
}

const unary =
  (operation: "neg" | "abs" | "sqrt" | "exp" | "log" | "relu" | "sin" | "cos" | "square"): Rule =>
  (context) =>
    context.o[operation](context.image(0));

const limit: Rule = (context) => {
  const bound = (name: string, index: number, fallback: number) =>
    context.has(index) ? context.scalar(index) : context.number(name, fallback);
  const [low, high] = [bound("min", 1, -3e38), bound("max", 2, 3e38)];
  return context.o.clamp(context.image(0), low, high);
};

const power: Rule = (context) => {
  const exponent = context.scalar(1);
  return exponent === 2 ? context.o.square(context.image(0)) : context.o.power(context.image(0), exponent);
};

const concatenate: Rule = <T>(context: Context<T>) => {
  const indices = context.node.inputs.map((_, index) => index);
  const axis = context.number("axis", 1);
  const values = indices.map((index) => context.value(index));
  if (values.some(({ kind }) => kind === "image")) {
    if (axisOf(axis) !== "c") context.fail(`axis ${axis}; channels can be put together`);
    return context.o.concat(indices.map((index) => context.image(index)));
  }
  const lists = indices.map((index) => sizesOf(context, index));
  const length = lists.reduce((total, list) => total + list.length, 0);
  if (length > mostSizes) context.fail(`a list of ${length} sizes, more than ${mostSizes}`);
  return { kind: "sizes", sizes: lists.flat(), isScalar: false } as Value<T>;
};

const slice: Rule = <T>(context: Context<T>) => {
  const [starts, ends] = [context.list("starts", 1) ?? [], context.list("ends", 2) ?? []];
  const which = context.list("axes", 3) ?? starts.map((_, index) => index);
  const steps = context.has(4) ? context.numbers(4).data : starts.map(() => 1);
  const value = context.value(0);
  if (value.kind !== "image") {
    const sizes = sizesOf(context, 0);
    if (which.length !== 1 || steps[0] !== 1) context.fail("sizes in steps");
    return { kind: "sizes", sizes: sizes.slice(starts[0], ends[0]), isScalar: false } as Value<T>;
  }
  let { x } = value;
  for (const [i, axis] of which.entries()) {
    if (steps[i] !== 1 && steps[i] !== -1) context.fail(`steps of ${steps[i]}`);
    const beyond = Math.abs(ends[i]) >= 2 ** 31 - 1;
    x = context.o.slice(x, axisOf(axis), starts[i], beyond ? undefined : ends[i], steps[i]);
  }
  return x;
};

const split: Rule = <T>(context: Context<T>) => {
  const { o, node } = context;
  const x = context.image(0);
  const axis = axisOf(context.number("axis", 0));
  if (axis !== "c") context.fail(`axis ${axis}; channels can be divided`);
  const all = o.channels(x);
  const count = context.number("num_outputs", node.outputs.length);
  if (!(count >= 1 && count <= all)) context.fail(`${count} parts of ${all} channels`);
  const equal = Array.from({ length: count }, (_, i) => {
    const most = Math.ceil(all / count);
    return Math.min(most, all - i * most);
  });
  const parts = context.list("split", 1) ?? equal;
  let start = 0;
  return parts.map((channels): T => {
    const part = o.slice(x, axis, start, start + channels);
    start += channels;
    return part;
  });
};

const shuffle: Rule = (context) => {
  const { o } = context;
  const x = context.image(0);
  const factor = context.times(context.number("blocksize", 2));
  if (context.word("mode", "DCR") === "CRD") return o.depthToSpace(x, factor);
  // Depth first: channel (block, c) in place of (c, block).
  const channels = o.channels(x) / factor ** 2;
  const order = Array.from(
    { length: o.channels(x) },
    (_, k) => (k % factor ** 2) * channels + Math.floor(k / factor ** 2),
  );
  return o.depthToSpace(o.concat(order.map((channel) => o.channel(x, channel))), factor);
};

const unshuffle: Rule = (context) => {
  const { o } = context;
  const factor = context.times(context.number("blocksize", 2));
  const x = o.spaceToDepth(context.image(0), factor);
  const channels = o.channels(x) / factor ** 2;
  const order = Array.from(
    { length: o.channels(x) },
    (_, k) => (k % channels) * factor ** 2 + Math.floor(k / channels),
  );
  return o.concat(order.map((channel) => o.channel(x, channel)));
};

/** A value, and by how much it is enlarged to the size that is wanted. */
interface Enlarged<T> {
  readonly of: T;
  readonly factor: number;
}

function wantedSize<T>(context: Context<T>, x: T): Enlarged<T> {
  const { o, node } = context;
  const isOld = node.operator === "Upsample";
  const [scalesAt, sizesAt] = isOld ? [1, -1] : [context.opset < 11 ? 1 : 2, 3];
  if (sizesAt > 0 && context.has(sizesAt)) {
    const [, , down, across] = sizesOf(context, sizesAt);
    const known = o.dims(x);
    if (typeof down === "number" && typeof across === "number") {
      const [h, w] = [known[2], known[3]];
      if (h === undefined || w === undefined || down / h !== across / w) context.fail("a fixed size");
      return { of: x, factor: context.times(down / h) };
    }
    if (typeof down !== "object" || typeof across !== "object") return context.fail("a fixed size");
    if (down.of !== across.of || down.axis !== 2 || across.axis !== 3 || down.factor !== across.factor) {
      context.fail("sizes of several values");
    }
    return { of: down.of, factor: context.times(down.factor) };
  }
  const scales = context.has(scalesAt) ? Array.from(context.numbers(scalesAt).data) : (context.ints("scales") ?? []);
  const [n, c, down, across] = scales;
  if (scales.length !== 4 || n !== 1 || c !== 1 || down !== across) {
    context.fail(`scales ${listNames(scales.map(String))}`);
  }
  return { of: x, factor: context.times(down) };
}

const resize: Rule = (context) => {
  const { o, node } = context;
  const x = context.image(0);
  const mode = context.word("mode", "nearest");
  // Before version 11 positions were asymmetric, without a word for it.
  const isOld = node.operator === "Upsample" || context.opset < 11;
  const position = context.word("coordinate_transformation_mode", isOld ? "asymmetric" : "half_pixel");
  const { of, factor } = wantedSize(context, x);
  if (context.number("antialias", 0) !== 0) context.fail("antialias=1");
  if (mode === "cubic") {
    if (of !== x) context.fail("cubic to the size of another value");
    return enlargedByCubics(context, x, factor, position);
  }
  const like = factor === 1 ? of : largerBy(o, of, factor);
  if (mode === "nearest") {
    const rounding = context.word("nearest_mode", isOld ? "floor" : "round_prefer_floor");
    const isUsual = position === "asymmetric" ? rounding === "floor" : /half_pixel$/.test(position);
    if (!isUsual) context.fail(`nearest by ${position}, ${rounding}`);
    return o.resize(x, like, { mode: "nearest" });
  }
  if (mode !== "linear") context.fail(`mode ${mode}`);
  if (!/^(?:pytorch_)?half_pixel$|^align_corners$/.test(position)) context.fail(`linear by ${position}`);
  return o.resize(x, like, { mode: "bilinear", alignCorners: position === "align_corners" });
};

/** An image enlarged by Keys' cubics, the border repeated: each of factor x factor phases is a convolution, and their pixels are put side by side. */
function enlargedByCubics<T>(context: Context<T>, x: T, factor: number, position: string): T {
  const { o } = context;
  const a = context.number("cubic_coeff_a", -0.75);
  if (context.number("exclude_outside", 0) !== 0) context.fail("exclude_outside=1");
  if (!/^(?:pytorch_)?half_pixel$|^asymmetric$/.test(position)) context.fail(`cubic by ${position}`);
  const shift = position === "asymmetric" ? 0 : 0.5;
  // The weights of five neighbours for each phase along an axis: the outermost counts on one side alone.
  const phases = Array.from({ length: factor }, (_, phase) => {
    const place = (phase + shift) / factor - shift;
    return [-2, -1, 0, 1, 2].map((neighbour) => cubic(place - neighbour, a));
  });
  const kernel = phases.flatMap((down) => phases.flatMap((across) => down.flatMap((y) => across.map((x) => x * y))));
  const channels = o.channels(x);
  const weight = o.constant(Array.from({ length: channels }, () => kernel).flat(), [channels * factor ** 2, 1, 5, 5]);
  return o.depthToSpace(o.conv2d(o.padWith(x, 2, "replicate"), weight, { groups: channels }), factor);
}

const pool =
  (kind: "maxPool" | "avgPool"): Rule =>
  (context) => {
    const kernel = context.pixels("kernel_shape", 1) ?? [];
    const x = context.image(0);
    const { stride, padding, dilation } = windowOf(context, kernel);
    const { top, left, bottom, right } = padding;
    if (top !== bottom || left !== right || dilation.some((step) => step !== 1))
      context.fail("uneven padding or dilation");
    const options = { stride, padding: [top, left] as const, ceilMode: context.number("ceil_mode", 0) !== 0 };
    const size = [kernel[0], kernel[1]] as const;
    if (kind === "maxPool") return context.o.maxPool(x, size, options);
    return context.o.avgPool(x, size, { ...options, countIncludePad: context.number("count_include_pad", 0) !== 0 });
  };

const average: Rule = (context) => {
  const list = context.list("axes", 1) ?? [0, 1, 2, 3];
  if (context.number("keepdims", 1) !== 1) context.fail("keepdims=0");
  return context.o.mean(context.image(0), list.map(axisOf).join(""));
};

const pad: Rule = (context) => {
  const pads = context.list("pads", 1) ?? [];
  const [, , top = 0, left = 0, , , bottom = 0, right = 0] = pads;
  const others = pads.filter((_, i) => i % 4 < 2);
  if (
    pads.length !== 8 ||
    others.some((size) => size !== 0) ||
    !pads.every((size) => size >= 0 && size <= mostPixels)
  ) {
    context.fail(`pads ${listNames(pads.map(String))}`);
  }
  const modes = { constant: "zero", reflect: "reflect", edge: "replicate", wrap: "circular" } as const;
  const mode = modes[context.word("mode", "constant") as keyof typeof modes];
  if (mode === undefined) context.fail(`mode ${context.word("mode", "")}`);
  if (mode === "zero" && (context.has(2) ? context.scalar(2) : context.number("value", 0)) !== 0) {
    context.fail("a border that is not 0");
  }
  return context.o.padWith(context.image(0), { top, left, bottom, right }, mode);
};

const constant: Rule = <T>(context: Context<T>) => {
  const { attributes } = context.node;
  const value = attributes.get("value");
  if (typeof value === "object" && "data" in value) return { kind: "numbers", tensor: value } as Value<T>;
  for (const [name, isInteger] of [
    ["value_float", false],
    ["value_int", true],
    ["value_floats", false],
    ["value_ints", true],
  ] as const) {
    const given = attributes.get(name);
    if (given === undefined) continue;
    const list = typeof given === "number" ? [given] : (given as readonly number[]);
    const dims = typeof given === "number" ? [] : [list.length];
    return { kind: "numbers", tensor: { dims, data: Float64Array.from(list), isInteger } } as Value<T>;
  }
  return context.fail("no number");
};

const shape: Rule = <T>(context: Context<T>) => {
  const { o } = context;
  const x = context.image(0);
  const known = o.dims(x);
  const sizes = known.map((size, axis): Size<T> => size ?? { of: x, axis, factor: 1 });
  const end = context.number("end", 4);
  return { kind: "sizes", sizes: sizes.slice(context.number("start", 0), end), isScalar: false } as Value<T>;
};

const gather: Rule = <T>(context: Context<T>) => {
  const value = context.value(0);
  if (value.kind === "image") return context.fail("of an image");
  const sizes = sizesOf(context, 0);
  const { data, dims } = context.numbers(1);
  if (data.length > mostSizes) context.fail(`a list of ${data.length} sizes, more than ${mostSizes}`);
  const picked = Array.from(data, (at) => sizes[at < 0 ? at + sizes.length : at]);
  if (picked.some((size) => size === undefined))
    return context.fail(`an index is outside its list of ${sizes.length} sizes`);
  return { kind: "sizes", sizes: picked, isScalar: dims.length === 0 } as Value<T>;
};

/** Numbers of the file in another shape; of what is trained, a vector with one number per channel stays what it is. */
const reshape: Rule = <T>(context: Context<T>) => {
  const value = context.value(0);
  const wanted = Array.from(context.numbers(1).data);
  if (value.kind === "image") {
    const [n, , h, w] = context.o.dims(value.x);
    if (wanted.length === 1 && n === 1 && h === 1 && w === 1) return value;
    return context.fail(`an image to ${wanted.join("x")}`);
  }
  const { dims, data, isInteger } = context.numbers(0);
  const kept = wanted.map((size, axis) => (size === 0 ? dims[axis] : size));
  const known = kept.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const sizes = kept.map((size) => (size === -1 ? data.length / known : size));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (count !== data.length || !sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    context.fail(`${data.length} numbers to ${listNames(wanted.map(String))}`);
  }
  return { kind: "numbers", tensor: { dims: sizes, data, isInteger } } as Value<T>;
};

/** Operators that leave values as they are; sizes may become a list of one. */
const same =
  (isScalar?: boolean): Rule =>
  <T>(context: Context<T>) => {
    const value = context.value(0);
    if (value.kind === "image") return isScalar === undefined ? value : context.fail("of an image");
    if (isScalar === undefined) return value;
    return { kind: "sizes", sizes: sizesOf(context, 0), isScalar } as Value<T>;
  };

/** ONNX's numbers of element types that values may be cast to: float32, int32, int64, float64. */
const castable = [1, 6, 7, 11];

const cast: Rule = <T>(context: Context<T>) => {
  const to = context.number("to", 1);
  const value = context.value(0);
  const isInteger = to !== 1 && to !== 11;
  if (!castable.includes(to) || (value.kind === "image" && isInteger)) context.fail(`to type ${to}`);
  if (value.kind !== "numbers") return value;
  const { dims, data } = value.tensor;
  return { kind: "numbers", tensor: { dims, data: isInteger ? data.map(Math.trunc) : data, isInteger } } as Value<T>;
};

/** The operators that are known, by their name. */
export const operators: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Conv", convolve],
  ["ConvTranspose", transposedConvolution],
  ["BatchNormalization", normalise],
  ["InstanceNormalization", normaliseEach],
  ["Add", arithmetic("add")],
  ["Sub", arithmetic("sub")],
  ["Mul", arithmetic("mul")],
  ["Div", arithmetic("div")],
  ["Neg", unary("neg")],
  ["Abs", unary("abs")],
  ["Sqrt", unary("sqrt")],
  ["Exp", unary("exp")],
  ["Log", unary("log")],
  ["Sin", unary("sin")],
  ["Cos", unary("cos")],
  ["Relu", unary("relu")],
  ["LeakyRelu", (context) => leaky(context, context.number("alpha", 0.01))],
  ["PRelu", (context) => leaky(context, context.image(1))],
  ["Sigmoid", (context) => sigmoid(context.o, context.image(0))],
  ["Tanh", (context) => context.o.sub(context.o.mul(sigmoid(context.o, context.o.mul(context.image(0), 2)), 2), 1)],
  ["Softplus", (context) => softplus(context.o, context.image(0))],
  [
    "HardSigmoid",
    (context) => {
      const { o } = context;
      const line = o.add(o.mul(context.image(0), context.number("alpha", 0.2)), context.number("beta", 0.5));
      return o.clamp(line, 0, 1);
    },
  ],
  [
    "HardSwish",
    (context) => {
      const { o } = context;
      const x = context.image(0);
      return o.mul(x, o.clamp(o.add(o.div(x, 6), 0.5), 0, 1));
    },
  ],
  ["Clip", limit],
  ["Max", (context) => context.node.inputs.map((_, i) => context.image(i)).reduce((a, b) => context.o.maximum(a, b))],
  ["Min", (context) => context.node.inputs.map((_, i) => context.image(i)).reduce((a, b) => context.o.minimum(a, b))],
  ["Sum", (context) => context.node.inputs.map((_, i) => context.image(i)).reduce((a, b) => context.o.add(a, b))],
  ["Pow", power],
  ["Concat", concatenate],
  ["Slice", slice],
  ["Split", split],
  ["DepthToSpace", shuffle],
  ["SpaceToDepth", unshuffle],
  ["Resize", resize],
  ["Upsample", resize],
  ["MaxPool", pool("maxPool")],
  ["AveragePool", pool("avgPool")],
  ["GlobalAveragePool", (context) => context.o.mean(context.image(0), "hw")],
  ["ReduceMean", average],
  ["Pad", pad],
  ["Constant", constant],
  ["Shape", shape],
  ["Gather", gather],
  ["Reshape", reshape],
  ["Unsqueeze", same(false)],
  ["Squeeze", same(true)],
  ["Cast", cast],
  ["Floor", (context) => (context.value(0).kind === "image" ? context.fail("of an image") : context.value(0))],
  ["Identity", same()],
  ["Dropout", same()],
]);

/** x where it is positive, else the slope times it. */
function leaky<T>(context: Context<T>, slope: T | number): T {
  const { o } = context;
  const x = context.image(0);
  if (typeof slope === "number" && slope >= 0 && slope < 1) return leakyRelu(o, x, slope);
  return o.sub(o.relu(x), o.mul(o.relu(o.neg(x)), slope));
}

/**
 * The output of a graph.
 *
 * @param given - the graph's inputs, and values in place of some of the file's tensors, by name
 */
export function build<T>(
  o: Ops<T>,
  { nodes, outputs, tensors: stored, opset }: OnnxGraph,
  given: ReadonlyMap<string, T>,
): T {
  const values = new Map<string, Value<T>>();
  for (const [name, tensor] of stored) values.set(name, { kind: "numbers", tensor });
  for (const [name, x] of given) values.set(name, { kind: "image", x });
  let work = 0;
  for (const node of nodes) {
    const rule = operators.get(node.operator);
    if (rule === undefined) throw problemOf(node, "it has no gradient here");
    const context = new Context(o, node, opset, values);
    let given: ReturnType<typeof rule<T>>;
    try {
      given = rule(context);
    } catch (error) {
      throw error instanceof NodeProblem ? error : problemOf(node, (error as Error).message, error);
    }
    const list = Array.isArray(given) ? (given as readonly T[]) : [given as Value<T> | T];
    for (const [index, one] of list.entries()) {
      const value: Value<T> = isValue(one) ? one : { kind: "image", x: one as T };
      const name = node.outputs[index];
      if (name) values.set(name, value);
      if (value.kind === "image") work += workOf(context, value.x);
    }
    if (work > mostWork) throw problemOf(node, "with it the network is too large");
  }
  const output = values.get(outputs[0]);
  if (output?.kind !== "image") throw new NodeProblem(`gives ${outputs[0]}, which is not an image`);
  return output.x;
}

/** About how many multiplications a node makes for a value, as far as sizes are known; refuses sizes that no network of images has. */
function workOf<T>(context: Context<T>, x: T): number {
  const { o, node } = context;
  const known = o.dims(x).filter((size) => size !== undefined);
  const count = known.reduce((product, size) => product * size, 1);
  const isPossible = known.every((size) => Number.isSafeInteger(size) && size >= 1) && count <= mostValues;
  if (!isPossible)
    context.fail(
      `a value of ${o
        .dims(x)
        .map((size) => size ?? "?")
        .join("x")}`,
    );
  if (!node.operator.startsWith("Conv")) return count;
  const [outer, perGroup, height, width] = o.dims(context.image(1));
  return count * height! * width! * (node.operator === "Conv" ? perGroup! : outer!);
}

function isValue<T>(value: Value<T> | T): value is Value<T> {
  return typeof value === "object" && value !== null && "kind" in value;
}
