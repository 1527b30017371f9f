import { ReconlossError } from "../errors.ts";
import { lowestFloat32 } from "./float32.ts";
import { axisIndex, farEnd, type Lowering, OnnxBuilder, type OnnxValue } from "./onnx-builder.ts";
import { conv2d, convInput, convWeight, outputDims, pad, windowAttributes } from "./onnx-convolution.ts";
import { fft, fftAdjoint } from "./onnx-fourier.ts";
import { meansOfTiles, tilesOf } from "./onnx-tiles.ts";
import {
  type Axis,
  axisOrder,
  type Backend,
  type Dim,
  type Dims,
  type PoolAttributes,
  type Primitive,
  type Primitives,
  type ResizeAttributes,
  type SliceAttributes,
} from "./primitives.ts";

const all: Dims = [undefined, undefined, undefined, undefined];

function isNumberPerImage([, c, h, w]: Dims): boolean {
  return c === 1 && h === 1 && w === 1;
}

function withDim(dims: Dims, axis: Axis, size: Dim): Dims {
  return dims.map((dim, index) => (index === axisIndex(axis) ? size : dim)) as unknown as Dims;
}

function broadcastDims(primitive: string, operands: readonly OnnxValue[]): Dims {
  return all.map((_, axis) => {
    const sizes = operands.map(({ dims }) => dims[axis]).filter((dim) => dim !== 1);
    const known = new Set(sizes.filter((dim) => dim !== undefined));
    if (known.size > 1) {
      const shapes = operands.map(({ dims }) => dims.map((dim) => dim ?? "?").join("x"));
      throw new ReconlossError("shape", `${primitive}: shapes ${shapes.join(" and ")} do not broadcast`);
    }
    return sizes.length === 0 ? 1 : [...known][0];
  }) as unknown as Dims;
}

/** The channels of each image as rows of a matrix, [n, c, h w]. */
function columnsOf(builder: OnnxBuilder, x: OnnxValue): string {
  return builder.reshape(builder.as(x, "float"), [0, 0, -1]);
}

/** A matrix [n, c, h w] as channels in the height and width of `like`. */
function pixelsOf(builder: OnnxBuilder, columns: string, like: OnnxValue): string {
  const { writer } = builder;
  const shape = writer.node("Concat", [builder.ints(0, 0), builder.sizes(like.name, ["h", "w"])], { axis: 0 });
  return writer.node("Reshape", [columns, shape]);
}

/** Elementwise nodes compute in double only where every operand is a number per image, else in float. */
function commonType(
  builder: OnnxBuilder,
  operands: readonly OnnxValue[],
): { names: string[]; type: "float" | "double" } {
  const wide = operands.some(({ type }) => type === "double") && operands.every(({ dims }) => isNumberPerImage(dims));
  const type = wide ? "double" : "float";
  return { names: operands.map((operand) => builder.as(operand, type)), type };
}

function elementwise(opType: string) {
  return (builder: OnnxBuilder, operands: readonly OnnxValue[]): OnnxValue => {
    const dims = broadcastDims(opType, operands);
    // A repeated operand broadcasts just as well before it is repeated.
    const small = operands.map((x) => x.repeated?.small ?? x);
    const { names, type } = commonType(builder, small);
    const result = { name: builder.writer.node(opType, names), type, dims: broadcastDims(opType, small) };
    if (broadcastsAlike(result.dims, dims)) return result;
    const like = operands.map((x) => x.repeated?.like).find((x) => x && broadcastsAlike(x.dims, dims));
    if (like !== undefined) return repeat(builder, result, like);
    const full = commonType(builder, operands);
    return { name: builder.writer.node(opType, full.names), type: full.type, dims };
  };
}

/** A convolution and a number for each of its channels, added within the convolution; `undefined` for anything else. */
function biased(builder: OnnxBuilder, [x, bias]: readonly OnnxValue[]): OnnxValue | undefined {
  const channels = x.dims[1];
  const [n, c, h, w] = bias.dims;
  if (!x.biased || bias.repeated || n !== 1 || c !== channels || h !== 1 || w !== 1) return undefined;
  const name = x.biased(builder.reshape(builder.as(bias, "float"), [channels as number]));
  const { constant } = bias;
  const scaledBy = (by: ArrayLike<number>) => {
    const numbers = Float32Array.from(constant!, (value, channel) => value * by[channel]);
    return biased(builder, [x.scaledBy!(by), builder.constant(numbers, [1, channels as number, 1, 1])])!;
  };
  return { name, type: "float", dims: x.dims, ...(x.scaledBy && constant && { scaledBy }) };
}

/** A value times a constant for each of its channels. */
function scaled([value, { constant, dims }]: readonly OnnxValue[]): OnnxValue["scaled"] {
  const [n, c, h, w] = dims;
  if (!constant || value.repeated || n !== 1 || c !== value.dims[1] || h !== 1 || w !== 1) return undefined;
  return { value, by: constant };
}

/** Two values of pieces in the same order, added piece by piece; `undefined` for anything else. */
function pieced([a, b]: readonly OnnxValue[]): OnnxValue | undefined {
  if (!a.sum || a.sum.order !== b.sum?.order || !a.dims.every((dim, axis) => dim === b.dims[axis])) return undefined;
  return a.sum.with(b.sum.pieces);
}

/** Whether the same axes are known to be 1, and so, since all others must agree, values of these dims have one shape. */
function broadcastsAlike(a: Dims, b: Dims): boolean {
  return a.every((dim, axis) => (dim === 1) === (b[axis] === 1));
}

/** A value repeated to the shape of another; the node is written only if someone needs the repetition itself. */
function repeat(builder: OnnxBuilder, small: OnnxValue, like: OnnxValue): OnnxValue {
  const dims = broadcastDims("expand", [small, like]);
  const type = isNumberPerImage(dims) ? small.type : "float";
  return {
    get name() {
      return builder.writer.node("Expand", [builder.as(small, type), builder.writer.node("Shape", [like.name])]);
    },
    type,
    dims,
    repeated: { small, like },
  };
}

function unary(opType: string) {
  return ({ writer }: OnnxBuilder, [x]: readonly OnnxValue[]): OnnxValue => {
    return { name: writer.node(opType, [x.name]), type: x.type, dims: x.dims };
  };
}

function clamped({ writer }: OnnxBuilder, { name, type, dims }: OnnxValue, low: number, high: number): OnnxValue {
  const bounds = [low, high].map((value) => writer.constant(type, [], [value]));
  return { name: writer.node("Clip", [name, ...bounds]), type, dims };
}

/**
 * log(1 + x) of nodes that round: how much the sum 1 + x was off cancels in the ratio of x to what was added (Kahan; Goldberg 1991, theorem 4).
 */
const log1p: Lowering<"log1p"> = ({ writer }, [{ name: x, type, dims }]) => {
  const one = writer.constant(type, [], [1]);
  const sum = writer.node("Add", [x, one]);
  const added = writer.node("Sub", [sum, one]);
  const scaled = writer.node("Div", [writer.node("Mul", [writer.node("Log", [sum]), x]), added]);
  return { name: writer.node("Where", [writer.node("Equal", [sum, one]), x, scaled]), type, dims };
};

/** exp(x) - 1, the same way between -1 and 1. */
const expm1: Lowering<"expm1"> = ({ writer }, [{ name: x, type, dims }]) => {
  const one = writer.constant(type, [], [1]);
  const power = writer.node("Exp", [x]);
  const difference = writer.node("Sub", [power, one]);
  const scaled = writer.node("Div", [writer.node("Mul", [difference, x]), writer.node("Log", [power])]);
  const small = writer.node("Where", [writer.node("Equal", [power, one]), x, scaled]);
  const isLarge = writer.node("Greater", [writer.node("Abs", [x]), one]);
  return { name: writer.node("Where", [isLarge, difference, small]), type, dims };
};

/** The number of positions that a slice takes, where that follows from the slice alone or from a known size. */
function slicedDim(size: Dim, { start, end, step }: Omit<SliceAttributes, "axis">): Dim {
  if (step === -1) return size;
  const last = end ?? 0;
  const sameEnd = end === undefined ? start < 0 : start < 0 === end < 0;
  if (sameEnd) return Math.ceil((last - start) / step);
  if (size === undefined) return undefined;
  const resolve = (position: number) => (position < 0 ? position + size : position);
  return Math.ceil(((end === undefined ? size : resolve(end)) - resolve(start)) / step);
}

/** A product with a row of ones, which runs several times as fast as a reduction over a middle axis. */
function sumChannels(builder: OnnxBuilder, x: OnnxValue): OnnxValue {
  const channels = x.dims[1] as number;
  const ones = builder.writer.constant("float", [1, channels], new Array(channels).fill(1));
  const sums = builder.writer.node("MatMul", [ones, builder.reshape(builder.as(x, "float"), [0, channels, -1])]);
  const shape = builder.writer.node("Concat", [builder.ints(0, 1), builder.sizes(x.name, ["h", "w"])], { axis: 0 });
  return { name: builder.writer.node("Reshape", [sums, shape]), type: "float", dims: withDim(x.dims, "c", 1) };
}

const maxPool: Lowering<"maxPool"> = (builder, [x], attributes) => ({
  name: builder.writer.node("MaxPool", [builder.as(x, "float")], windowAttributes(attributes, attributes.kernel)),
  type: "float",
  dims: outputDims(x.dims, x.dims[1], attributes.kernel, attributes),
});

/** The position of each window's maximum in the flattened image. */
function maxima(
  builder: OnnxBuilder,
  x: OnnxValue,
  attributes: PoolAttributes,
): { pooled: OnnxValue; indices: string } {
  const pooled = maxPool(builder, [x], attributes);
  return { pooled, indices: builder.writer.secondOutput(pooled.name) };
}

/** The matrix [outputs, inputs] of a linear interpolation along one axis; both sizes are known only when the model runs. */
function resizeMatrix(
  builder: OnnxBuilder,
  input: string,
  output: string,
  axis: Axis,
  { mode, alignCorners }: ResizeAttributes,
): string {
  const { writer } = builder;
  const number = (value: number) => writer.constant("double", [], [value]);
  const size = (name: string) => builder.cast(writer.node("Squeeze", [builder.sizes(name, [axis])]), "double");
  const [inputs, outputs] = [size(input), size(output)];
  const range = (count: string, axis: number) =>
    writer.node("Unsqueeze", [writer.node("Range", [number(0), count, number(1)]), builder.ints(axis)]);
  const node = (opType: string, ...operands: string[]) => writer.node(opType, operands);
  const position = range(outputs, 1);
  const last = node("Sub", inputs, number(1));
  let source: string;
  if (mode === "nearest") {
    source = node("Floor", node("Div", node("Mul", position, inputs), outputs));
  } else if (alignCorners) {
    const intervals = node("Max", node("Sub", outputs, number(1)), number(1));
    source = node("Div", node("Mul", position, last), intervals);
  } else {
    const centre = node("Div", node("Mul", node("Add", position, number(0.5)), inputs), outputs);
    source = node("Sub", centre, number(0.5));
  }
  const inside = node("Min", node("Max", source, number(0)), last);
  const distance = node("Abs", node("Sub", inside, range(inputs, 0)));
  return builder.cast(node("Max", node("Sub", number(1), distance), number(0)), "float");
}

const slice: Lowering<"slice"> = (builder, [x], { axis, start, end, step }) => ({
  name: builder.writer.node("Slice", [
    x.name,
    builder.ints(start),
    builder.ints(end ?? Math.sign(step) * farEnd),
    builder.ints(axisIndex(axis)),
    builder.ints(step),
  ]),
  type: x.type,
  dims: withDim(x.dims, axis, slicedDim(x.dims[axisIndex(axis)], { start, end, step })),
});

/** The last axes, as many as together are surely no longer than a row of an image may be: the small kernels of a weight, but not whole images. */
function rowAxes([, c, h, w]: Dims): Axis[] {
  const longest = 4096;
  if (c !== undefined && h !== undefined && w !== undefined && c * h * w <= longest) return ["c", "h", "w"];
  return h !== undefined && w !== undefined && h * w <= longest ? ["h", "w"] : ["w"];
}

/** Each primitive in ONNX's operators. */
const table: { readonly [P in Primitive]: Lowering<P> } = {
  add: (builder, operands) => biased(builder, operands) ?? pieced(operands) ?? elementwise("Add")(builder, operands),
  sub: elementwise("Sub"),
  mul: (builder, operands) => {
    const product = elementwise("Mul")(builder, operands);
    const parts = scaled(operands);
    if (parts === undefined) return product;
    return parts.value.scaledBy?.(parts.by) ?? { ...product, scaled: parts };
  },
  div: elementwise("Div"),
  maximum: elementwise("Max"),
  minimum: elementwise("Min"),
  atan2: (builder, operands) => {
    const { writer } = builder;
    const [y, x] = operands.map((operand) => builder.as(operand, "float"));
    const number = (value: number) => writer.constant("float", [1, 1, 1, 1], [value]);
    const node = (opType: string, ...inputs: string[]) => writer.node(opType, inputs);
    const [height, width] = [node("Abs", y), node("Abs", x)];
    const ratio = node("Div", node("Min", height, width), node("Max", height, width, number(1e-30)));
    const octant = node("Atan", ratio);
    const quadrant = node("Where", node("Greater", height, width), node("Sub", number(Math.PI / 2), octant), octant);
    const half = node("Where", node("Less", x, number(0)), node("Sub", number(Math.PI), quadrant), quadrant);
    const name = node("Where", node("Less", y, number(0)), node("Neg", half), half);
    return { name, type: "float", dims: broadcastDims("atan2", operands) };
  },
  greater: (builder, operands) => {
    const { names, type } = commonType(builder, operands);
    const mask = builder.writer.node("Greater", names);
    return { name: builder.cast(mask, type), type, mask, dims: broadcastDims("greater", operands) };
  },
  neg: unary("Neg"),
  abs: unary("Abs"),
  // Of ONNX Runtime on WebGPU, which has no float64 either, only the CPU has Sign.
  sign: (builder, [x]) => {
    if (builder.float64) return unary("Sign")(builder, [x]);
    const { writer } = builder;
    const large = writer.node("Mul", [x.name, writer.constant(x.type, [], [-lowestFloat32])]);
    return clamped(builder, { ...x, name: large }, -1, 1);
  },
  sqrt: unary("Sqrt"),
  exp: unary("Exp"),
  log: unary("Log"),
  log1p,
  expm1,
  sin: unary("Sin"),
  cos: unary("Cos"),
  relu: unary("Relu"),
  round: unary("Round"),
  power: (builder, [x], { exponent }) => ({
    type: x.type,
    dims: x.dims,
    name: builder.writer.node("Pow", [x.name, builder.writer.constant(x.type, [], [exponent])]),
  }),
  clamp: (builder, [x], { low, high }) => clamped(builder, x, low, high),
  stopGradient: (_, [x]) => x,
  where: (builder, [mask, a, b]) => {
    const { names, type } = commonType(builder, [a, b]);
    const dims = broadcastDims("where", [mask, a, b]);
    return { name: builder.writer.node("Where", [mask.mask ?? builder.cast(mask.name, "bool"), ...names]), type, dims };
  },
  sum: (builder, [x], { axes }) => {
    const dims = axes.reduce((result, axis) => withDim(result, axis, 1), x.dims);
    const reduce = (name: string, over: readonly Axis[]) =>
      over.length === 0
        ? name
        : builder.writer.node("ReduceSum", [name, builder.ints(...over.map(axisIndex))], { keepdims: 1 });
    if (axes.join("") === "c" && !isNumberPerImage(dims)) return sumChannels(builder, x);
    const wholePlanes = axes.includes("h") && axes.includes("w");
    if (!(isNumberPerImage(dims) || wholePlanes) || x.type === "double") {
      return { name: reduce(x.name, axes), type: x.type, dims };
    }
    // Rows in float, sums of rows in double: exact enough, and only rows are converted.
    const short = rowAxes(x.dims).filter((axis) => axes.includes(axis));
    const rows = reduce(x.name, short);
    const rest = axes.filter((axis) => !short.includes(axis));
    const sums = reduce(builder.cast(rows, "double"), rest);
    // What is no number of an image may be as large as the channels of a network, and is computed with in float.
    return isNumberPerImage(dims)
      ? { name: sums, type: "double", dims }
      : { name: builder.cast(sums, "float"), type: "float", dims };
  },
  max: (builder, [x], { axes }) => ({
    name: builder.writer.node("ReduceMax", [x.name, builder.ints(...axes.map(axisIndex))], { keepdims: 1 }),
    type: x.type,
    dims: axes.reduce((result, axis) => withDim(result, axis, 1), x.dims),
  }),
  kthSmallest: (builder, [x], { k }) => {
    const { writer } = builder;
    const [n, c] = x.dims;
    const planes = writer.node("Reshape", [builder.as(x, "float"), builder.ints(0, 0, -1)]);
    const smallest = writer.node("TopK", [planes, builder.ints(k)], { axis: 2, largest: 0, sorted: 1 });
    writer.secondOutput(smallest);
    const last = writer.node("Slice", [smallest, builder.ints(k - 1), builder.ints(k), builder.ints(2)]);
    return { name: writer.node("Unsqueeze", [last, builder.ints(3)]), type: "float", dims: [n, c, 1, 1] };
  },
  size: (builder, [x], { axes }) => {
    const known = axes.map((axis) => x.dims[axisIndex(axis)]);
    if (known.every((dim) => dim !== undefined)) {
      return builder.constant([known.reduce<number>((product, dim) => product * (dim as number), 1)], [1, 1, 1, 1]);
    }
    const product = builder.writer.node("ReduceProd", [builder.sizes(x.name, axes)], { keepdims: 1 });
    return { name: builder.reshape(builder.cast(product, "double"), [1, 1, 1, 1]), type: "double", dims: [1, 1, 1, 1] };
  },
  expand: (builder, [x, like]) => repeat(builder, x, like),
  slice,
  embed: (builder, [x, like], { axis, start, end, step }) => {
    const { writer } = builder;
    const dims = withDim(x.dims, axis, like.dims[axisIndex(axis)]);
    if (step === -1) return { ...slice(builder, [x], { axis, start, end, step }), dims };
    const index = axisIndex(axis);
    let spread = builder.as(x, "float");
    if (step > 1) {
      const apart = writer.node("Unsqueeze", [spread, builder.ints(index + 1)]);
      const gaps = builder.pad(apart, 5, { [index + 1]: [0, step - 1] });
      const factors = axisOrder.map((name) => (name === axis ? step : 1));
      spread = writer.node("Reshape", [
        gaps,
        writer.node("Mul", [writer.node("Shape", [spread]), builder.ints(...factors)]),
      ]);
    }
    const total = builder.sizes(like.name, [axis]);
    const before = start < 0 ? writer.node("Add", [total, builder.ints(start)]) : builder.ints(start);
    const after = writer.node("Sub", [writer.node("Sub", [total, before]), builder.sizes(spread, [axis])]);
    return { name: builder.pad(spread, 4, { [index]: [before, after] }), type: "float", dims };
  },
  concat: (builder, operands) => ({
    name: builder.writer.node(
      "Concat",
      operands.map((operand) => builder.as(operand, "float")),
      { axis: 1 },
    ),
    type: "float",
    dims: withDim(
      operands[0].dims,
      "c",
      operands.reduce((sum, { dims }) => sum + (dims[1] as number), 0),
    ),
  }),
  depthToSpace: (builder, [x], { factor }) => {
    const [n, c, h, w] = x.dims;
    const times = (dim: Dim) => (dim === undefined ? undefined : dim * factor);
    const source = builder.as(x, "float");
    return {
      name: builder.writer.node("DepthToSpace", [source], { blocksize: factor, mode: "CRD" }),
      type: "float",
      dims: [n, (c as number) / factor ** 2, times(h), times(w)],
    };
  },
  spaceToDepth: (builder, [x], { factor }) => {
    const { writer } = builder;
    const [n, c, h, w] = x.dims;
    const channels = c as number;
    const over = (dim: Dim) => (dim === undefined ? undefined : dim / factor);
    // SpaceToDepth has the block's place before the channel; PyTorch has the channel first.
    const blocks = writer.node("SpaceToDepth", [builder.as(x, "float")], { blocksize: factor });
    const size = builder.sizes(blocks, ["h", "w"]);
    const shaped = (...dims: number[]) => writer.node("Concat", [builder.ints(...dims), size], { axis: 0 });
    const apart = writer.node("Reshape", [blocks, shaped(0, factor ** 2, channels)]);
    const turned = writer.node("Transpose", [apart], { perm: [0, 2, 1, 3, 4] });
    return {
      name: writer.node("Reshape", [turned, shaped(0, channels * factor ** 2)]),
      type: "float",
      dims: [n, channels * factor ** 2, over(h), over(w)],
    };
  },
  pad,
  conv2d,
  convInput,
  convWeight,
  maxPool,
  maxUnpool: (builder, [g, x], attributes) => {
    const { writer } = builder;
    const { indices } = maxima(builder, x, attributes);
    const count = builder.reshape(writer.node("Size", [x.name]), [1]);
    const scattered = writer.node(
      "ScatterElements",
      [
        writer.node("Expand", [writer.constant("float", [1], [0]), count]),
        builder.reshape(indices, [-1]),
        builder.reshape(builder.as(g, "float"), [-1]),
      ],
      { axis: 0, reduction: "add" },
    );
    return { name: writer.node("Reshape", [scattered, writer.node("Shape", [x.name])]), type: "float", dims: x.dims };
  },
  maxGather: (builder, [v, x], attributes) => {
    const { writer } = builder;
    const { pooled, indices } = maxima(builder, x, attributes);
    const flat = [builder.reshape(builder.as(v, "float"), [-1]), builder.reshape(indices, [-1])];
    const gathered = writer.node("GatherElements", flat, { axis: 0 });
    return { ...pooled, name: writer.node("Reshape", [gathered, writer.node("Shape", [indices])]) };
  },
  avgPool: (builder, [x], attributes) => {
    const dims = outputDims(x.dims, x.dims[1], attributes.kernel, attributes);
    const tiled = tilesOf(x.dims, attributes.kernel, attributes);
    if (tiled !== undefined) return { name: meansOfTiles(builder, builder.as(x, "float"), tiled), type: "float", dims };
    const name = builder.writer.node("AveragePool", [builder.as(x, "float")], {
      ...windowAttributes(attributes, attributes.kernel),
      count_include_pad: attributes.countIncludePad ? 1 : 0,
    });
    return { name, type: "float", dims };
  },
  gram: (builder, [a, b]) => {
    const [left, right] = [a, b].map((x) => columnsOf(builder, x));
    const turned = builder.writer.node("Transpose", [right], { perm: [0, 2, 1] });
    const product = builder.writer.node("MatMul", [left, turned]);
    return {
      name: builder.writer.node("Unsqueeze", [product, builder.ints(3)]),
      type: "float",
      dims: [a.dims[0], a.dims[1], b.dims[1], 1],
    };
  },
  mix: (builder, [m, x], { transpose }) => {
    const { writer } = builder;
    const matrix = writer.node("Squeeze", [builder.as(m, "float"), builder.ints(3)]);
    const rows = transpose ? writer.node("Transpose", [matrix], { perm: [0, 2, 1] }) : matrix;
    const product = writer.node("MatMul", [rows, columnsOf(builder, x)]);
    return {
      name: pixelsOf(builder, product, x),
      type: "float",
      dims: [x.dims[0], m.dims[transpose ? 2 : 1], x.dims[2], x.dims[3]],
    };
  },
  toRows: (builder, [x]) => {
    const [n, c, h, w] = x.dims;
    const rows = builder.writer.node("Transpose", [columnsOf(builder, x)], { perm: [0, 2, 1] });
    return {
      name: builder.writer.node("Unsqueeze", [rows, builder.ints(3)]),
      type: "float",
      dims: [n, h === undefined || w === undefined ? undefined : h * w, c, 1],
    };
  },
  fromRows: (builder, [m, like]) => {
    const rows = builder.writer.node("Squeeze", [builder.as(m, "float"), builder.ints(3)]);
    const columns = builder.writer.node("Transpose", [rows], { perm: [0, 2, 1] });
    return {
      name: pixelsOf(builder, columns, like),
      type: "float",
      dims: [m.dims[0], m.dims[2], like.dims[2], like.dims[3]],
    };
  },
  matmul: (builder, [a, b], { transposeA, transposeB }) => {
    const { writer } = builder;
    const matrix = (x: OnnxValue, transpose: boolean) => {
      const name = builder.as(x, "float");
      return transpose ? writer.node("Transpose", [name], { perm: [0, 1, 3, 2] }) : name;
    };
    const [n, c] = [0, 1].map((axis) => (a.dims[axis] === 1 ? b : a).dims[axis]);
    return {
      name: writer.node("MatMul", [matrix(a, transposeA), matrix(b, transposeB)]),
      type: "float",
      dims: [n, c, a.dims[transposeA ? 3 : 2], b.dims[transposeB ? 2 : 3]],
    };
  },
  resize: (builder, [x, like], { mode, alignCorners }) => {
    const { writer } = builder;
    const sizes = [builder.sizes(x.name, ["n", "c"]), builder.sizes(like.name, ["h", "w"])];
    return {
      name: writer.node("Resize", [builder.as(x, "float"), "", "", writer.node("Concat", sizes, { axis: 0 })], {
        mode: mode === "nearest" ? "nearest" : "linear",
        coordinate_transformation_mode:
          mode === "nearest" ? "asymmetric" : alignCorners ? "align_corners" : "half_pixel",
        nearest_mode: "floor",
      }),
      type: "float",
      dims: [x.dims[0], x.dims[1], like.dims[2], like.dims[3]],
    };
  },
  resizeAdjoint: (builder, [g, like], attributes) => {
    const { writer } = builder;
    const rows = writer.node("Transpose", [resizeMatrix(builder, like.name, g.name, "h", attributes)], {
      perm: [1, 0],
    });
    const columns = resizeMatrix(builder, like.name, g.name, "w", attributes);
    return {
      name: writer.node("MatMul", [rows, writer.node("MatMul", [builder.as(g, "float"), columns])]),
      type: "float",
      dims: [g.dims[0], g.dims[1], like.dims[2], like.dims[3]],
    };
  },
  fft,
  fftAdjoint,
};

/** Writes every operation as nodes of one ONNX model. */
export class OnnxBackend extends OnnxBuilder implements Backend<OnnxValue> {
  run<P extends Primitive>(primitive: P, operands: readonly OnnxValue[], attributes: Primitives[P]): OnnxValue {
    return (table[primitive] as Lowering<P>)(this, operands, attributes);
  }
}
