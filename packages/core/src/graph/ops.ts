import { ReconlossError } from "../errors.ts";
import type {
  AveragePoolAttributes,
  Axis,
  Backend,
  ConvAttributes,
  Dims,
  MatmulAttributes,
  PadAttributes,
  Primitive,
  Primitives,
  ResizeAttributes,
} from "./primitives.ts";
import { axisOrder } from "./primitives.ts";

/** One number for both axes, or one for each. */
export type Pair = number | readonly [h: number, w: number];

/** One number for all four sides, one for vertical and horizontal sides, or each side by name. */
export type Padding = Pair | PadAttributes;

/** Options of {@link Ops.conv2d}; the defaults are PyTorch's. */
export interface ConvOptions {
  /** Default 1. */
  stride?: Pair;
  /** Zeros around the image; default 0. */
  padding?: Padding;
  /** Default 1. */
  dilation?: Pair;
  /** Default 1. */
  groups?: number;
}

/** Options of {@link Ops.maxPool} and {@link Ops.avgPool}; the defaults are PyTorch's. */
export interface PoolOptions {
  /** Default: the kernel. */
  stride?: Pair;
  /** Default 0. */
  padding?: Pair;
  /** Round the output size up instead of down; only without padding and with a stride no larger than the kernel. */
  ceilMode?: boolean;
}

/**
 * The ways in which {@link Ops.padWith} continues an image beyond its border: abcd becomes `cb|abcd`, `aa|abcd`, `ba|abcd`, `cd|abcd` with reflect, replicate, symmetric, circular.
 */
export type PadMode = "zero" | "reflect" | "replicate" | "symmetric" | "circular";

type Operand<T> = T | number;

/**
 * Image mathematics over any backend. Every value is an image batch with the axes n, c, h, w; a reduced axis stays with size 1 and
 * broadcasts. A definition written in these operations runs on ONNX Runtime and on float64 arrays, and can be differentiated any
 * number of times.
 *
 * @example
 * ```ts
 * const meanAbsoluteError = <T>(o: Ops<T>, output: T, target: T): T => o.mean(o.abs(o.sub(output, target)), "chw");
 * ```
 */
export class Ops<T> {
  readonly backend: Backend<T>;

  constructor(backend: Backend<T>) {
    this.backend = backend;
  }

  /** A value that does not depend on the inputs. */
  constant(data: ArrayLike<number>, shape: readonly [number, number, number, number]): T {
    return this.backend.constant(data, shape);
  }

  /** A number as a value of shape [1, 1, 1, 1]. */
  scalar(value: number): T {
    return this.backend.constant([value], [1, 1, 1, 1]);
  }

  /** Returns the shape of `x` as far as it is known while the graph is built. */
  dims(x: T): Dims {
    return this.backend.dims(x);
  }

  /** The number of channels of `x`, which is always known. */
  channels(x: T): number {
    const channels = this.dims(x)[1];
    if (channels === undefined) throw new ReconlossError("shape", "Ops.channels: the number of channels must be known");
    return channels;
  }

  add = this.#binary("add");
  sub = this.#binary("sub");
  mul = this.#binary("mul");
  div = this.#binary("div");
  maximum = this.#binary("maximum");
  minimum = this.#binary("minimum");
  atan2 = this.#binary("atan2");
  greater = this.#binary("greater");

  neg = this.#unary("neg");
  abs = this.#unary("abs");
  sign = this.#unary("sign");
  sqrt = this.#unary("sqrt");
  exp = this.#unary("exp");
  log = this.#unary("log");
  /** log(1 + x), exact for small x. */
  log1p = this.#unary("log1p");
  /** exp(x) - 1, exact for small x. */
  expm1 = this.#unary("expm1");
  sin = this.#unary("sin");
  cos = this.#unary("cos");
  relu = this.#unary("relu");
  round = this.#unary("round");
  stopGradient = this.#unary("stopGradient");

  square(x: T): T {
    return this.mul(x, x);
  }

  /** The square root of x >= 0, with a gradient of 0 at 0, where that of `sqrt` is infinite. */
  root(x: T): T {
    return this.where(this.greater(x, 0), this.sqrt(this.maximum(x, 1e-30)), 0);
  }

  /** `x` to a constant power. */
  power(x: T, exponent: number): T {
    return this.#run("power", [x], { exponent });
  }

  /** `x` limited to [low, high]; the gradient passes where low <= x <= high. */
  clamp(x: T, low: number, high: number): T {
    return this.#run("clamp", [x], { low, high });
  }

  /** `a` where `mask` is not 0, else `b`. Both sides are computed, so both must be finite for a finite gradient. */
  where(mask: T, a: Operand<T>, b: Operand<T>): T {
    return this.#run("where", [mask, this.#operand(a), this.#operand(b)], {});
  }

  /** Sum over the named axes (`"chw"`), which stay with size 1. */
  sum(x: T, axes: string): T {
    const list = parseAxes(axes).filter((axis) => this.#dim(x, axis) !== 1);
    return list.length === 0 ? x : this.#run("sum", [x], { axes: list });
  }

  /** The largest over the named axes, which stay with size 1. */
  max(x: T, axes: string): T {
    return this.#run("max", [x], { axes: parseAxes(axes) });
  }

  /** Mean over the named axes. */
  mean(x: T, axes: string): T {
    return this.div(this.sum(x, axes), this.size(x, axes));
  }

  /** The k-th smallest value of each plane, k from 1 to height times width: [n, c, 1, 1]. */
  kthSmallest(x: T, k: number): T {
    return this.#run("kthSmallest", [x], { k });
  }

  /** The number of elements along the named axes, as a value. */
  size(x: T, axes: string): T {
    return this.#run("size", [x], { axes: parseAxes(axes) });
  }

  /** `x` repeated to the shape of `like`. */
  expand(x: T, like: T): T {
    return this.#run("expand", [x, like], {});
  }

  /** `x` summed over the axes that `like` has with size 1: the adjoint of broadcasting. */
  sumTo(x: T, like: T): T {
    const broadcast = axisOrder.filter((axis) => this.#dim(like, axis) === 1 && this.#dim(x, axis) !== 1);
    return this.sum(x, broadcast.join(""));
  }

  /** Positions `start` (included) to `end` (excluded) of an axis; negative positions count from the end. */
  slice(x: T, axis: Axis, start: number, end?: number, step = 1): T {
    return this.#run("slice", [x], { axis, start, end, step });
  }

  /** Zeros in the shape of `like` with `x` in the places that the same slice of `like` would take. */
  embed(x: T, like: T, axis: Axis, start: number, end?: number, step = 1): T {
    return this.#run("embed", [x, like], { axis, start, end, step });
  }

  /** One channel. */
  channel(x: T, index: number): T {
    return this.slice(x, "c", index, index + 1);
  }

  /** An axis in reverse order. */
  flip(x: T, axis: Axis): T {
    return this.slice(x, axis, -1, undefined, -1);
  }

  /** `x` without `border` rows and columns on every side. */
  crop(x: T, border: number): T {
    if (border === 0) return x;
    return this.slice(this.slice(x, "h", border, -border), "w", border, -border);
  }

  /** Zeros around the image. */
  pad(x: T, padding: Padding): T {
    return this.#run("pad", [x], { ...toPadding(padding), mode: "zero" });
  }

  /** The image continued beyond its border; reflect needs images larger than the padding, symmetric and circular at least as large. */
  padWith(x: T, padding: Padding, mode: PadMode): T {
    const { top, bottom, left, right } = toPadding(padding);
    if (mode !== "symmetric" && mode !== "circular") return this.#run("pad", [x], { top, bottom, left, right, mode });
    const rows = this.#extend(x, "h", top, bottom, mode);
    return this.#extend(rows, "w", left, right, mode);
  }

  /** Along channels. */
  concat(values: readonly T[]): T {
    return this.#run("concat", values, {});
  }

  /** [n, c * factor^2, h, w] to [n, c, h * factor, w * factor], as PyTorch's `pixel_shuffle`. */
  depthToSpace(x: T, factor: number): T {
    return this.#run("depthToSpace", [x], { factor });
  }

  /** [n, c, h, w] to [n, c * factor^2, h / factor, w / factor], as PyTorch's `pixel_unshuffle`; `factor` must divide the size. */
  spaceToDepth(x: T, factor: number): T {
    return this.#run("spaceToDepth", [x], { factor });
  }

  /** Cross-correlation of `x` [n, i, h, w] with `weight` [o, i / groups, kh, kw], as PyTorch's `conv2d`. */
  conv2d(x: T, weight: T, options: ConvOptions = {}): T {
    return this.#run("conv2d", [x, weight], toConv(options));
  }

  /** The adjoint of {@link Ops.conv2d} in x, as PyTorch's `conv_transpose2d` with the output size of `like`. */
  convInput(g: T, weight: T, like: T, options: ConvOptions | ConvAttributes = {}): T {
    return this.#run("convInput", [g, weight, like], toConv(options));
  }

  /** The adjoint of {@link Ops.conv2d} in the weight. */
  convWeight(x: T, g: T, kernel: readonly [number, number], options: ConvOptions | ConvAttributes = {}): T {
    return this.#run("convWeight", [x, g], { ...toConv(options), kernel });
  }

  /** As PyTorch's `max_pool2d`: padding never wins, a tie goes to the first. */
  maxPool(x: T, kernel: Pair, options: PoolOptions = {}): T {
    return this.#run("maxPool", [x], toPool("maxPool", kernel, options));
  }

  /** As PyTorch's `avg_pool2d`. */
  avgPool(x: T, kernel: Pair, options: PoolOptions & { countIncludePad?: boolean } = {}): T {
    // Cells that only rounding up adds are never counted, and ceilMode allows no other padding.
    const countIncludePad = (options.countIncludePad ?? true) && !options.ceilMode;
    const attributes: AveragePoolAttributes = { ...toPool("avgPool", kernel, options), countIncludePad };
    return this.#run("avgPool", [x], attributes);
  }

  /** Of each image, the sums over its pixels of every channel of `a` times every channel of `b`: [n, ca, cb, 1]. */
  gram(a: T, b: T): T {
    return this.#run("gram", [a, b], {});
  }

  /** At every pixel, each image's matrix `m` [n, o, i, 1] (or its transpose) times the channels of `x` [n, i, h, w]. */
  mix(m: T, x: T, transpose = false): T {
    return this.#run("mix", [m, x], { transpose });
  }

  /** The pixels of each image, row by row, as the rows of a matrix: [n, h w, c, 1]. */
  toRows(x: T): T {
    return this.#run("toRows", [x], {});
  }

  /** The rows of each image's matrix as pixels in the height and width of `like`: the inverse of {@link Ops.toRows}. */
  fromRows(m: T, like: T): T {
    return this.#run("fromRows", [m, like], {});
  }

  /** The products of the planes of `a` [n, c, i, k] and `b` [n, c, k, j] as matrices, or of their transposes: [n, c, i, j]. Axes n and c of size 1 broadcast. */
  matmul(a: T, b: T, { transposeA = false, transposeB = false }: Partial<MatmulAttributes> = {}): T {
    return this.#run("matmul", [a, b], { transposeA, transposeB });
  }

  /** `x` resized to the height and width of `like`, as PyTorch's `interpolate` without antialiasing. */
  resize(x: T, like: T, options: Partial<ResizeAttributes> = {}): T {
    return this.#run("resize", [x, like], { mode: "bilinear", alignCorners: false, ...options });
  }

  /**
   * The discrete Fourier transform of each channel over height and width, as PyTorch's `rfft2` (not normalised): [n, 2 c, h, floor(w / 2) + 1], the real parts of all channels
   * before the imaginary ones.
   */
  fft(x: T): T {
    return this.#run("fft", [x], {});
  }

  #run<P extends Primitive>(primitive: P, operands: readonly T[], attributes: Primitives[P]): T {
    return this.backend.run(primitive, operands, attributes);
  }

  #operand(x: Operand<T>): T {
    return typeof x === "number" ? this.scalar(x) : x;
  }

  #dim(x: T, axis: Axis) {
    return this.dims(x)[axisOrder.indexOf(axis)];
  }

  #binary(primitive: "add" | "sub" | "mul" | "div" | "maximum" | "minimum" | "atan2" | "greater") {
    return (a: Operand<T>, b: Operand<T>): T => this.#run(primitive, [this.#operand(a), this.#operand(b)], {});
  }

  #unary(
    primitive:
      | "neg"
      | "abs"
      | "sign"
      | "sqrt"
      | "exp"
      | "log"
      | "log1p"
      | "expm1"
      | "sin"
      | "cos"
      | "relu"
      | "round"
      | "stopGradient",
  ) {
    return (x: T): T => this.#run(primitive, [x], {});
  }

  /** One axis made longer: zeros, plus the mirrored border or the opposite one embedded into them. */
  #extend(x: T, axis: Axis, before: number, after: number, mode: "symmetric" | "circular"): T {
    const none = { top: 0, bottom: 0, left: 0, right: 0 };
    const padded = this.pad(x, {
      ...none,
      ...(axis === "h" ? { top: before, bottom: after } : { left: before, right: after }),
    });
    const border = (end: "first" | "last", count: number): T => {
      const [from, to] = end === "first" ? [0, count] : [-count, undefined];
      // What is mirrored is at the same end, what goes around at the other.
      const first = (end === "first") === (mode === "symmetric");
      const source = first ? this.slice(x, axis, 0, count) : this.slice(x, axis, -count);
      return this.embed(mode === "symmetric" ? this.flip(source, axis) : source, padded, axis, from, to);
    };
    let result = padded;
    if (before > 0) result = this.add(result, border("first", before));
    if (after > 0) result = this.add(result, border("last", after));
    return result;
  }
}

function parseAxes(axes: string): Axis[] {
  const list = [...axes] as Axis[];
  if (list.some((axis) => !axisOrder.includes(axis)) || new Set(list).size !== list.length) {
    throw new ReconlossError("invalid-argument", `Ops: axes must be distinct letters of "nchw", got "${axes}"`);
  }
  return axisOrder.filter((axis) => list.includes(axis));
}

function toPair(value: Pair): readonly [number, number] {
  return typeof value === "number" ? [value, value] : value;
}

function toPadding(padding: Padding): PadAttributes {
  if (typeof padding === "object" && "top" in padding) return padding;
  const [vertical, horizontal] = toPair(padding);
  return { top: vertical, bottom: vertical, left: horizontal, right: horizontal };
}

function toConv(options: ConvOptions | ConvAttributes): ConvAttributes {
  return {
    stride: toPair(options.stride ?? 1),
    padding: toPadding(options.padding ?? 0),
    dilation: toPair(options.dilation ?? 1),
    groups: options.groups ?? 1,
  };
}

function toPool(name: string, kernelSize: Pair, options: PoolOptions) {
  const kernel = toPair(kernelSize);
  const stride = toPair(options.stride ?? kernel);
  const padding = toPadding(options.padding ?? 0);
  if (padding.top * 2 > kernel[0] || padding.left * 2 > kernel[1]) {
    throw new ReconlossError(
      "invalid-argument",
      `${name}: padding may be at most half of the kernel ${kernel.join("x")}`,
    );
  }
  if (!options.ceilMode) return { kernel, stride, padding };
  if (padding.top + padding.left > 0 || stride[0] > kernel[0] || stride[1] > kernel[1]) {
    throw new ReconlossError(
      "invalid-argument",
      `${name}: ceilMode needs padding 0 and a stride no larger than the kernel`,
    );
  }
  // Rounding up is the same as stride - 1 more rows and columns that can never win or count.
  return { kernel, stride, padding: { top: 0, left: 0, bottom: stride[0] - 1, right: stride[1] - 1 } };
}
