import { lowestFloat32, toFloat32 } from "../graph/float32.ts";
import type {
  Backend,
  ConvAttributes,
  Dims,
  PoolAttributes,
  Primitive,
  Primitives,
  ResizeAttributes,
} from "../graph/primitives.ts";
import { continued, resizeTaps, wave } from "../graph/sampling.ts";
import { broadcastShape, poolShape, slicePositions } from "../graph/shapes.ts";
import { elementCount, type Shape } from "../tensor.ts";
import type { TensorflowTensor as T, TensorflowOps } from "./framework.ts";
import { padded, spread } from "./zeros.ts";

/** Where TensorFlow.js has the axes n, c, h and w: its convolutions want channels last on every device. */
const places = { n: 0, c: 3, h: 1, w: 2 } as const;

/** A shape [n, c, h, w] as TensorFlow.js has it. */
export function toLast([n, c, h, w]: Shape): [number, number, number, number] {
  return [n, h, w, c];
}

/** The shape of a tensor [n, h, w, c] in the order of this library. */
export function shapeOf({ shape: [n, h, w, c] }: Pick<T, "shape">): Shape {
  return [n, c, h, w];
}

type Run<P extends Primitive> = (backend: TensorflowBackend, operands: readonly T[], attributes: Primitives[P]) => T;
/** One without attributes. */
type Plain = (backend: TensorflowBackend, operands: readonly T[]) => T;
type Pads = [[number, number], [number, number], [number, number], [number, number]];

const none = [0, 0] as [number, number];
const pair = ([h, w]: readonly [number, number]) => [h, w] as [number, number];

/** Elementwise operations that have the name of the primitive. */
function named(name: "add" | "sub" | "mul" | "div" | "maximum" | "minimum" | "atan2"): Plain {
  return ({ tf }, [a, b]) => tf[name](a, b);
}

function unary(name: "neg" | "abs" | "sign" | "sqrt" | "exp" | "log" | "sin" | "cos" | "relu" | "round"): Plain {
  return ({ tf }, [x]) => tf[name](x);
}

/** x so many times along each axis. */
function repeated({ tf }: TensorflowBackend, x: T, times: number[]): T {
  return times.every((count) => count === 1) ? x : tf.tile(x, times);
}

/** Part of the channels, or of another axis. */
function part({ tf }: TensorflowBackend, x: T, axis: number, start: number, size: number): T {
  return tf.slice(
    x,
    x.shape.map((_, index) => (index === axis ? start : 0)),
    x.shape.map((dim, index) => (index === axis ? size : dim)),
  );
}

/** A convolution of x [n, h, w, i] with a filter as TensorFlow.js has them, in as many groups as fit both: [kh, kw, i, o]. */
function convolve(backend: TensorflowBackend, x: T, filter: T, { stride, padding, dilation }: ConvAttributes): T {
  const { tf } = backend;
  const { top, bottom, left, right } = padding;
  // A stride and a dilation together are no operation of TensorFlow.js: all positions are computed, and some of them taken.
  const both = Math.max(...stride) > 1 && Math.max(...dilation) > 1;
  const steps = both ? ([1, 1] as [number, number]) : pair(stride);
  const input = padded(backend.tf, x, [top, bottom], [left, right]);
  const result = tf.conv2d(input, filter, steps, [none, none, none, none], "NHWC", pair(dilation));
  return both ? tf.stridedSlice(result, [0, 0, 0, 0], result.shape, [1, stride[0], stride[1], 1]) : result;
}

function conv2d(backend: TensorflowBackend, x: T, weight: T, attributes: ConvAttributes): T {
  const { tf } = backend;
  const { groups, stride, padding, dilation } = attributes;
  const [outputs, , , inputs] = weight.shape;
  if (groups === 1) return convolve(backend, x, backend.filter(weight), attributes);
  if (inputs === 1 && (Math.max(...stride) === 1 || Math.max(...dilation) === 1)) {
    const { top, bottom, left, right } = padding;
    const input = padded(backend.tf, x, [top, bottom], [left, right]);
    return tf.depthwiseConv2d(
      input,
      backend.depthwiseFilter(weight, groups),
      pair(stride),
      [none, none, none, none],
      "NHWC",
      pair(dilation),
    );
  }
  const each = Array.from({ length: groups }, (_, group) =>
    conv2d(
      backend,
      part(backend, x, 3, group * inputs, inputs),
      part(backend, weight, 0, (group * outputs) / groups, outputs / groups),
      { ...attributes, groups: 1 },
    ),
  );
  return tf.concat(each, 3);
}

/** The adjoint of a convolution in x: the convolution of the gradient, spread by the stride, with the kernel turned around. */
function convInput(
  backend: TensorflowBackend,
  g: T,
  weight: T,
  like: Pick<T, "shape">,
  { stride, padding, dilation, groups }: ConvAttributes,
): T {
  const { tf } = backend;
  const [, height, width] = like.shape;
  const [outputs, kh, kw, inputs] = weight.shape;
  const wide = spread(backend.tf, spread(backend.tf, g, 1, stride[0]), 2, stride[1]);
  const around = (size: number, given: number, kernel: number, step: number, before: number): [number, number] => {
    const reach = step * (kernel - 1);
    return [reach - before, size - given + before];
  };
  const rows = around(height, wide.shape[1], kh, dilation[0], padding.top);
  const columns = around(width, wide.shape[2], kw, dilation[1], padding.left);
  const input = padded(backend.tf, wide, rows, columns);
  const still = { stride: [1, 1], padding: { top: 0, bottom: 0, left: 0, right: 0 }, dilation, groups: 1 } as const;
  if (groups === 1) return convolve(backend, input, backend.turnedFilter(weight), still);
  if (inputs === 1 && outputs === groups) {
    return conv2d(backend, input, backend.turned(weight), { ...still, groups });
  }
  const each = Array.from({ length: groups }, (_, group) =>
    convolve(
      backend,
      part(backend, input, 3, (group * outputs) / groups, outputs / groups),
      backend.turnedFilter(part(backend, weight, 0, (group * outputs) / groups, outputs / groups)),
      still,
    ),
  );
  return tf.concat(each, 3);
}

/** The adjoint of a convolution in its weight: a convolution in which images take the place of channels. */
function convWeight(backend: TensorflowBackend, x: T, g: T, attributes: Primitives["convWeight"]): T {
  const { tf } = backend;
  const { kernel, groups, stride, padding, dilation } = attributes;
  if (groups > 1) {
    const share = (y: T, group: number) => part(backend, y, 3, (group * y.shape[3]) / groups, y.shape[3] / groups);
    const each = Array.from({ length: groups }, (_, group) =>
      convWeight(backend, share(x, group), share(g, group), { ...attributes, groups: 1 }),
    );
    return tf.concat(each, 0);
  }
  const exchanged = { stride: dilation, dilation: stride, padding, groups: 1 };
  const correlation = convolve(backend, tf.transpose(x, [3, 1, 2, 0]), tf.transpose(g, [1, 2, 0, 3]), exchanged);
  // What the last stride leaves over belongs to no position of the kernel.
  const [inputs, , , outputs] = correlation.shape;
  const inside = tf.slice(correlation, [0, 0, 0, 0], [inputs, ...kernel, outputs]);
  return tf.transpose(inside, [3, 1, 2, 0]);
}

/** The values that the windows of a pooling have at each of their places, row by row: `beyond` outside the image. */
function windowPlaces(backend: TensorflowBackend, x: T, attributes: PoolAttributes, beyond: number): T[] {
  const { tf } = backend;
  const { kernel, stride, padding } = attributes;
  const [, , height, width] = poolShape(shapeOf(x), attributes);
  const { top, bottom, left, right } = padding;
  const pads: Pads = [none, [top, bottom], [left, right], none];
  const wide = top + bottom + left + right === 0 ? x : tf.pad(x, pads, beyond);
  const [n, , , c] = x.shape;
  return Array.from({ length: kernel[0] * kernel[1] }, (_, place) => {
    const [y, z] = [Math.floor(place / kernel[1]), place % kernel[1]];
    const end = [n, y + (height - 1) * stride[0] + 1, z + (width - 1) * stride[1] + 1, c];
    return tf.stridedSlice(wide, [0, y, z, 0], end, [1, stride[0], stride[1], 1]);
  });
}

/** For each place of the windows of a pooling, 1 where the window's first maximum is there, else 0. */
function winners(backend: TensorflowBackend, x: T, attributes: PoolAttributes): T[] {
  const { tf } = backend;
  const values = windowPlaces(backend, x, attributes, lowestFloat32);
  const largest = values.reduce((a, b) => tf.maximum(a, b));
  let free: T | undefined;
  return values.map((value) => {
    const equal = tf.cast(tf.equal(value, largest), "float32");
    const first = free === undefined ? equal : tf.mul(equal, free);
    free = free === undefined ? tf.sub(tf.scalar(1), first) : tf.sub(free, first);
    return first;
  });
}

function maxUnpool(backend: TensorflowBackend, g: T, x: T, attributes: PoolAttributes): T {
  const { tf } = backend;
  const { kernel, stride, padding } = attributes;
  const [, height, width] = x.shape;
  const parts = winners(backend, x, attributes).map((winner, place) => {
    const wide = spread(backend.tf, spread(backend.tf, tf.mul(g, winner), 1, stride[0]), 2, stride[1]);
    const top = Math.floor(place / kernel[1]) - padding.top;
    const left = (place % kernel[1]) - padding.left;
    return padded(backend.tf, wide, [top, height - wide.shape[1] - top], [left, width - wide.shape[2] - left]);
  });
  return parts.reduce((a, b) => tf.add(a, b));
}

/** Batches of matrices [n, c, i, j] of planes [n, i, j, c]. */
function planes({ tf }: TensorflowBackend, x: T): T {
  const [n, i, j, c] = x.shape;
  return c === 1 ? tf.reshape(x, [n, 1, i, j]) : tf.transpose(x, [0, 3, 1, 2]);
}

/** The pixels of each image as rows: [n, h w, c]. */
function rowsOf({ tf }: TensorflowBackend, x: T): T {
  const [n, h, w, c] = x.shape;
  return tf.reshape(x, [n, h * w, c]);
}

/** Rows and columns mixed by matrices [1, to, from]. */
function mixedRows({ tf }: TensorflowBackend, matrix: T, x: T, transpose: boolean): T {
  const [n, h, w, c] = x.shape;
  const mixed = tf.matMul(matrix, tf.reshape(x, [n, h, w * c]), transpose, false);
  return tf.reshape(mixed, [n, mixed.shape[1], w, c]);
}

function mixedColumns({ tf }: TensorflowBackend, matrix: T, x: T, transpose: boolean): T {
  const [n, h, w, c] = x.shape;
  const mixed = tf.matMul(matrix, tf.reshape(x, [n * h, w, c]), transpose, false);
  return tf.reshape(mixed, [n, h, mixed.shape[1], c]);
}

function resized(
  backend: TensorflowBackend,
  x: T,
  [h, w]: readonly number[],
  attributes: ResizeAttributes,
  adjoint: boolean,
): T {
  const [rows, columns] = [
    [x.shape[1], h],
    [x.shape[2], w],
  ].map(([from, to]) => backend.resizeMatrix(adjoint ? to : from, adjoint ? from : to, attributes));
  return mixedColumns(backend, columns, mixedRows(backend, rows, x, adjoint), adjoint);
}

/** Real and imaginary parts, one below the other in the rows, as channels. */
function partsToChannels(backend: TensorflowBackend, x: T): T {
  const half = x.shape[1] / 2;
  return backend.tf.concat([part(backend, x, 1, 0, half), part(backend, x, 1, half, half)], 3);
}

function channelsToParts(backend: TensorflowBackend, x: T, axis: number): T {
  const half = x.shape[3] / 2;
  return backend.tf.concat([part(backend, x, 3, 0, half), part(backend, x, 3, half, half)], axis);
}

/** Every primitive in the operations of TensorFlow.js, which all of its devices have. */
const table: { readonly [P in Primitive]: Run<P> } = {
  add: named("add"),
  sub: named("sub"),
  mul: named("mul"),
  div: named("div"),
  maximum: named("maximum"),
  minimum: named("minimum"),
  atan2: named("atan2"),
  greater: ({ tf }, [a, b]) => tf.greater(a, b),
  neg: unary("neg"),
  abs: unary("abs"),
  sign: unary("sign"),
  sqrt: unary("sqrt"),
  exp: unary("exp"),
  log: unary("log"),
  // By Kahan's formula, as devices may compute log(1 + x): how much the sum was off cancels in the ratio of x to what was added.
  log1p: ({ tf }, [x]) => {
    const sum = tf.add(x, tf.scalar(1));
    const added = tf.sub(sum, tf.scalar(1));
    return tf.where(tf.equal(sum, tf.scalar(1)), x, tf.div(tf.mul(tf.log(sum), x), added));
  },
  // The same way between -1 and 1.
  expm1: ({ tf }, [x]) => {
    const power = tf.exp(x);
    const difference = tf.sub(power, tf.scalar(1));
    const small = tf.where(tf.equal(power, tf.scalar(1)), x, tf.div(tf.mul(difference, x), tf.log(power)));
    return tf.where(tf.greater(tf.abs(x), tf.scalar(1)), difference, small);
  },
  sin: unary("sin"),
  cos: unary("cos"),
  relu: unary("relu"),
  round: unary("round"),
  power: ({ tf }, [x], { exponent }) => tf.pow(x, tf.scalar(exponent)),
  clamp: ({ tf }, [x], { low, high }) => tf.clipByValue(x, low, high),
  stopGradient: (_, [x]) => x,
  where: ({ tf }, [mask, a, b]) => tf.where(mask.dtype === "bool" ? mask : tf.notEqual(mask, tf.scalar(0)), a, b),
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
  kthSmallest: (backend, [x], { k }) => {
    const { tf } = backend;
    const [n, h, w, c] = x.shape;
    const lists = tf.reshape(planes(backend, x), [n * c, h * w]);
    // The shorter end of the sorted list.
    const fromTop = h * w - k + 1;
    const [list, count] = k <= fromTop ? [tf.neg(lists), k] : [lists, fromTop];
    const { values } = tf.topk(list, count);
    const last = tf.reshape(tf.slice(values, [0, count - 1], [n * c, 1]), [n, 1, 1, c]);
    return k <= fromTop ? tf.neg(last) : last;
  },
  size: ({ tf }, [x], { axes }) =>
    tf.reshape(tf.scalar(axes.reduce((product, axis) => product * x.shape[places[axis]], 1)), [1, 1, 1, 1]),
  expand: (backend, [x, like]) => {
    const shape = toLast(broadcastShape("expand", [shapeOf(x), shapeOf(like)]));
    return repeated(
      backend,
      x,
      shape.map((size, axis) => size / x.shape[axis]),
    );
  },
  slice: (backend, [x], { axis, start, end, step }) => {
    const { tf } = backend;
    const place = places[axis];
    if (step === -1) return tf.reverse(x, place);
    const positions = slicePositions(x.shape[place], { start, end, step });
    if (step === 1) return part(backend, x, place, positions[0], positions.length);
    const at = (size: (dim: number) => number, taken: number) =>
      x.shape.map((dim, index) => (index === place ? taken : size(dim)));
    return tf.stridedSlice(
      x,
      at(() => 0, positions[0]),
      at((dim) => dim, positions[positions.length - 1] + 1),
      at(() => 1, step),
    );
  },
  embed: (backend, [x, like], { axis, start, end, step }) => {
    const { tf } = backend;
    const place = places[axis];
    if (step === -1) return tf.reverse(x, place);
    const size = like.shape[place];
    const [first] = slicePositions(size, { start, end, step });
    const wide = spread(backend.tf, x, place, step);
    return tf.pad(
      wide,
      wide.shape.map((dim, index) => (index === place ? [first, size - dim - first] : none)),
    );
  },
  pad: (backend, [x], { top, bottom, left, right, mode }) => {
    if (mode === "zero") return padded(backend.tf, x, [top, bottom], [left, right]);
    const rows = backend.continuation(x.shape[1], top, bottom, mode);
    const columns = backend.continuation(x.shape[2], left, right, mode);
    const tall = rows ? backend.tf.gather(x, rows, 1) : x;
    return columns ? backend.tf.gather(tall, columns, 2) : tall;
  },
  concat: ({ tf }, operands) => tf.concat([...operands], 3),
  // A block's channels are the last axis but for its colour: [.., colour, block] becomes [.., block, colour], and the block its rows and columns.
  depthToSpace: ({ tf }, [x], { factor: f }) => {
    const [n, h, w, channels] = x.shape;
    const c = channels / f ** 2;
    const blocks = tf.transpose(tf.reshape(x, [n * h * w, c, f ** 2]), [0, 2, 1]);
    const rows = tf.transpose(tf.reshape(blocks, [n * h, w, f, f * c]), [0, 2, 1, 3]);
    return tf.reshape(rows, [n, h * f, w * f, c]);
  },
  spaceToDepth: ({ tf }, [x], { factor: f }) => {
    const [n, height, width, c] = x.shape;
    const [h, w] = [height / f, width / f];
    const rows = tf.transpose(tf.reshape(x, [n * h, f, w, f * c]), [0, 2, 1, 3]);
    const blocks = tf.transpose(tf.reshape(rows, [n * h * w, f ** 2, c]), [0, 2, 1]);
    return tf.reshape(blocks, [n, h, w, c * f ** 2]);
  },
  conv2d: (backend, [x, weight], attributes) => conv2d(backend, x, weight, attributes),
  convInput: (backend, [g, weight, like], attributes) => convInput(backend, g, weight, like, attributes),
  convWeight: (backend, [x, g], attributes) => convWeight(backend, x, g, attributes),
  maxPool: ({ tf }, [x], { kernel, stride, padding: { top, bottom, left, right } }) => {
    const around = top + bottom + left + right === 0;
    const wide = around ? x : tf.pad(x, [none, [top, bottom], [left, right], none], lowestFloat32);
    return tf.maxPool(wide, pair(kernel), pair(stride), [none, none, none, none]);
  },
  maxUnpool: (backend, [g, x], attributes) => maxUnpool(backend, g, x, attributes),
  maxGather: (backend, [v, x], attributes) => {
    const { tf } = backend;
    const places = windowPlaces(backend, v, attributes, 0);
    return winners(backend, x, attributes)
      .map((winner, place) => tf.mul(winner, places[place]))
      .reduce((a, b) => tf.add(a, b));
  },
  avgPool: (backend, [x], { kernel, stride, padding: { top, bottom, left, right }, countIncludePad }) => {
    const { tf } = backend;
    const means = (y: T) =>
      tf.avgPool(padded(backend.tf, y, [top, bottom], [left, right]), pair(kernel), pair(stride), "valid");
    if (countIncludePad || top + bottom + left + right === 0) return means(x);
    const [, h, w] = x.shape;
    return tf.div(means(x), means(backend.tf.tensor(new Float32Array(h * w).fill(1), [1, h, w, 1], "float32")));
  },
  gram: (backend, [a, b]) => {
    const { tf } = backend;
    const product = tf.matMul(rowsOf(backend, b), rowsOf(backend, a), true, false);
    const [n, columns, rows] = product.shape;
    return tf.reshape(product, [n, columns, 1, rows]);
  },
  mix: (backend, [m, x], { transpose }) => {
    const { tf } = backend;
    const [count, inputs, , outputs] = m.shape;
    const product = tf.matMul(rowsOf(backend, x), tf.reshape(m, [count, inputs, outputs]), false, transpose);
    const [n, h, w] = x.shape;
    return tf.reshape(product, [n, h, w, product.shape[2]]);
  },
  toRows: (backend, [x]) => {
    const [n, h, w, c] = x.shape;
    return backend.tf.reshape(backend.tf.transpose(rowsOf(backend, x), [0, 2, 1]), [n, c, 1, h * w]);
  },
  fromRows: ({ tf }, [m, like]) => {
    const [n, c, , pixels] = m.shape;
    return tf.reshape(tf.transpose(tf.reshape(m, [n, c, pixels]), [0, 2, 1]), [n, like.shape[1], like.shape[2], c]);
  },
  matmul: (backend, [a, b], { transposeA, transposeB }) => {
    const { tf } = backend;
    const [left, right] = [planes(backend, a), planes(backend, b)];
    const batches = [left, right].map(({ shape: [n, c] }) => [n, c, 1, 1] as const);
    const common = broadcastShape("matmul", batches);
    // Devices repeat batches from the first on, which is right for those of one matrix alone.
    const [first, second] = [left, right].map((x) => {
      const [n, c] = x.shape;
      return n * c === 1 ? x : repeated(backend, x, [common[0] / n, common[1] / c, 1, 1]);
    });
    const product = tf.matMul(first, second, transposeA, transposeB);
    const [n, c, i, j] = product.shape;
    return c === 1 ? tf.reshape(product, [n, i, j, 1]) : tf.transpose(product, [0, 2, 3, 1]);
  },
  resize: (backend, [x, like], attributes) => resized(backend, x, like.shape.slice(1), attributes, false),
  resizeAdjoint: (backend, [g, like], attributes) => resized(backend, g, like.shape.slice(1), attributes, true),
  fft: (backend, [x]) => {
    const [, h, w] = x.shape;
    const half = Math.floor(w / 2) + 1;
    const { tf } = backend;
    const columns = mixedColumns(backend, backend.waves(w), x, false);
    const below = tf.concat([part(backend, columns, 2, 0, half), part(backend, columns, 2, half, half)], 1);
    return partsToChannels(backend, mixedRows(backend, backend.rotations(h), below, false));
  },
  fftAdjoint: (backend, [g, like]) => {
    const [, h, w] = like.shape;
    const { tf } = backend;
    const rows = mixedRows(backend, backend.rotations(h), channelsToParts(backend, g, 1), true);
    const beside = tf.concat([part(backend, rows, 1, 0, h), part(backend, rows, 1, h, h)], 2);
    return mixedColumns(backend, backend.waves(w), beside, true);
  },
};

/** The primitives on tensors of TensorFlow.js, [n, h, w, c]. */
export class TensorflowBackend implements Backend<T> {
  /** Matrices and positions that follow from sizes alone. */
  readonly #made = new Map<string, T>();
  /** What is made of weights that stay, by how it is made. */
  readonly #held = new WeakMap<T, Map<string, T>>();

  constructor(readonly tf: TensorflowOps) {}

  constant(data: ArrayLike<number>, shape: Shape): T {
    const { tf } = this;
    const values = toFloat32(data);
    const [, c, h, w] = shape;
    if (c === 1 || h * w === 1) return tf.tensor(values, toLast(shape), "float32");
    return this.tidy(() => tf.transpose(tf.tensor(values, [...shape], "float32"), [0, 2, 3, 1]));
  }

  dims(x: T): Dims {
    return shapeOf(x);
  }

  run<P extends Primitive>(primitive: P, operands: readonly T[], attributes: Primitives[P]): T {
    return this.tidy(() => {
      // A comparison gives bits, which only `where` takes as they are.
      const taken = operands.map((x, place) =>
        x.dtype === "bool" && !(primitive === "where" && place === 0) ? this.tf.cast(x, "float32") : x,
      );
      const result = (table[primitive] as Run<P>)(this, taken, attributes);
      return operands.includes(result) ? this.tf.clone(result) : result;
    });
  }

  tidy<R>(f: () => R): R {
    return this.tf.tidy(f) as R;
  }

  /** Says of a tensor that it stays until it is released, so that what is made of it is kept. */
  hold(x: T): T {
    this.#held.set(x, new Map());
    return this.tf.keep(x);
  }

  release(x: T): void {
    for (const made of this.#held.get(x)?.values() ?? []) made.dispose();
    this.#held.delete(x);
    x.dispose();
  }

  /** Frees what is kept of sizes. */
  dispose(): void {
    for (const made of this.#made.values()) made.dispose();
    this.#made.clear();
  }

  /** A weight [o, kh, kw, i] as a filter [kh, kw, i, o]. */
  filter(weight: T): T {
    return this.#of(weight, "filter", () => this.tf.transpose(weight, [1, 2, 3, 0]));
  }

  /** The filter of the adjoint: the weight turned around, [kh, kw, o, i]. */
  turnedFilter(weight: T): T {
    return this.#of(weight, "turned filter", () => this.tf.transpose(this.turned(weight), [1, 2, 0, 3]));
  }

  turned(weight: T): T {
    return this.#of(weight, "turned", () => this.tf.reverse(this.tf.reverse(weight, 1), 2));
  }

  /** A weight [groups m, kh, kw, 1] as a filter [kh, kw, groups, m]. */
  depthwiseFilter(weight: T, groups: number): T {
    const [outputs, kh, kw] = weight.shape;
    const apart = [kh, kw, groups, outputs / groups];
    return this.#of(weight, "depthwise filter", () => this.tf.reshape(this.tf.transpose(weight, [1, 2, 3, 0]), apart));
  }

  /** The matrix [1, to, from] of an interpolation along one axis. */
  resizeMatrix(from: number, to: number, attributes: ResizeAttributes): T {
    const { mode, alignCorners } = attributes;
    return this.#matrix(`resize ${from} ${to} ${mode} ${alignCorners}`, to, from, (set) => {
      for (const [row, taps] of resizeTaps(from, to, attributes).entries())
        for (const [column, weight] of taps) set(row, column, weight);
    });
  }

  /** The matrix [1, 2 frequencies, size] of real and imaginary parts of the frequencies of an axis of which the others are conjugates. */
  waves(size: number): T {
    const frequencies = Math.floor(size / 2) + 1;
    return this.#matrix(`waves ${size}`, 2 * frequencies, size, (set) => {
      for (let k = 0; k < frequencies; k++)
        for (let i = 0; i < size; i++) {
          const [cosine, sine] = wave(i * k, size);
          set(k, i, cosine);
          set(frequencies + k, i, -sine);
        }
    });
  }

  /** The matrix [1, 2 size, 2 size] of an axis's transform, of real parts above imaginary ones. */
  rotations(size: number): T {
    return this.#matrix(`rotations ${size}`, 2 * size, 2 * size, (set) => {
      for (let k = 0; k < size; k++)
        for (let i = 0; i < size; i++) {
          const [cosine, sine] = wave(i * k, size);
          set(k, i, cosine);
          set(k, size + i, sine);
          set(size + k, i, -sine);
          set(size + k, size + i, cosine);
        }
    });
  }

  /** The positions that an axis continued beyond its ends has its values from; undefined where it is not. */
  continuation(size: number, before: number, after: number, mode: "reflect" | "replicate"): T | undefined {
    if (before + after === 0) return undefined;
    return this.#make(`continuation ${size} ${before} ${after} ${mode}`, () => {
      const positions = Array.from(
        { length: before + size + after },
        (_, i) => continued(i - before, size, mode) as number,
      );
      return this.tf.tensor(Int32Array.from(positions), [positions.length], "int32");
    });
  }

  #matrix(
    key: string,
    rows: number,
    columns: number,
    fill: (set: (row: number, column: number, value: number) => void) => void,
  ): T {
    return this.#make(key, () => {
      const data = new Float32Array(elementCount([1, 1, rows, columns]));
      fill((row, column, value) => {
        data[row * columns + column] += value;
      });
      return this.tf.tensor(data, [1, rows, columns], "float32");
    });
  }

  #make(key: string, make: () => T): T {
    const made = this.#made.get(key) ?? this.tf.keep(make());
    this.#made.set(key, made);
    return made;
  }

  #of(weight: T, how: string, make: () => T): T {
    const held = this.#held.get(weight);
    if (held === undefined) return make();
    const made = held.get(how) ?? this.tf.keep(make());
    held.set(how, made);
    return made;
  }
}
