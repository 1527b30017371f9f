import { ReconlossError } from "../errors.ts";
import { farEnd, type Lowering, type OnnxBuilder, type OnnxValue } from "./onnx-builder.ts";
import type { NodeAttributes } from "./onnx-model.ts";
import { fillTiles, tilesOf } from "./onnx-tiles.ts";
import type { Axis, Dim, Dims, PadAttributes, Primitives, WindowAttributes } from "./primitives.ts";

export function windowAttributes({ stride, padding }: WindowAttributes, kernel: readonly Dim[]): NodeAttributes {
  return {
    kernel_shape: kernel as readonly number[],
    strides: stride,
    pads: [padding.top, padding.left, padding.bottom, padding.right],
  };
}

function outputDim(size: Dim, before: number, after: number, kernel: Dim, stride: number, dilation = 1): Dim {
  if (size === undefined || kernel === undefined) return undefined;
  return Math.floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1;
}

/** The dims of what windows leave of an image. */
export function outputDims(
  dims: Dims,
  channels: Dim,
  kernel: readonly Dim[],
  attributes: WindowAttributes & { dilation?: readonly number[] },
): Dims {
  const { stride, padding, dilation = [1, 1] } = attributes;
  return [
    dims[0],
    channels,
    outputDim(dims[2], padding.top, padding.bottom, kernel[0], stride[0], dilation[0]),
    outputDim(dims[3], padding.left, padding.right, kernel[1], stride[1], dilation[1]),
  ];
}

/** Zeros around an image; less than 0 of them cuts off. */
export const pad: Lowering<"pad"> = (builder, [x], { mode, ...padding }) => surround(builder, x, padding, mode);

function surround(
  builder: OnnxBuilder,
  x: OnnxValue,
  { top, bottom, left, right }: PadAttributes,
  mode: Primitives["pad"]["mode"] = "zero",
): OnnxValue {
  if (top === 0 && bottom === 0 && left === 0 && right === 0) return x;
  const grow = (dim: Dim, by: number) => (dim === undefined ? undefined : dim + by);
  const name = ({ zero: "constant", reflect: "reflect", replicate: "edge" } as const)[mode];
  return {
    name: builder.pad(builder.as(x, "float"), 4, { 2: [top, bottom], 3: [left, right] }, name),
    type: "float",
    dims: [x.dims[0], x.dims[1], grow(x.dims[2], top + bottom), grow(x.dims[3], left + right)],
  };
}

/** A kernel [outputs, inputs, kh, kw] as a convolution takes it. */
interface Kernel {
  readonly dims: readonly number[];
  /** Whether ONNX Runtime knows its numbers beforehand, and so finds the best layout by itself. */
  readonly constant: boolean;
  /** In this order. */
  plain(): string;
  /** As [outputs / block, inputs / block, kh * kw, block of inputs, block of outputs], see {@link inBlocks}. */
  blocked(block: number): string;
}

/** The places of rows in another order, by the sizes that a row's number is made of; made once for each model. */
function order(
  builder: OnnxBuilder,
  name: string,
  sizes: readonly number[],
  from: (index: number[]) => number,
): string {
  const count = sizes.reduce((product, size) => product * size);
  const places = builder.once(`${name} ${sizes}`, () =>
    Float64Array.from({ length: count }, (_, row) => {
      const index: number[] = [];
      let rest = row;
      for (const size of sizes.toReversed()) {
        index.unshift(rest % size);
        rest = Math.floor(rest / size);
      }
      return from(index);
    }),
  );
  return builder.writer.constant("int64", [count], places);
}

/** A kernel [outputs, inputs, kh, kw] in blocks; outputs are filled up with zeros to whole blocks, and fewer inputs than a block stay apart. */
function inBlocks(
  builder: OnnxBuilder,
  kernel: string,
  [outputs, inputs, kh, kw]: readonly number[],
  block: number,
): string {
  const { writer } = builder;
  const [whole, positions] = [filledUp(outputs, block), kh * kw];
  const apart = builder.reshape(padAxis(builder, kernel, 0, whole - outputs), [
    whole / block,
    block,
    inputs * positions,
  ]);
  let rows = writer.node("Transpose", [apart], { perm: [0, 2, 1] });
  if (inputs >= block) {
    // Whole rows are gathered, on all cores, where a transposition would move numbers on one.
    const places = order(builder, "blocked", [inputs / block, positions, block], ([group, position, input]) => {
      return (group * block + input) * positions + position;
    });
    rows = writer.node("Gather", [rows, places], { axis: 1 });
  }
  return builder.reshape(rows, [whole, inputs, kh, kw]);
}

function filledUp(channels: number, block: number): number {
  return Math.ceil(channels / block) * block;
}

function padAxis(builder: OnnxBuilder, name: string, axis: number, by: number, rank = 4): string {
  return by === 0 ? name : builder.pad(name, rank, { [axis]: [0, by] });
}

function kernelOf(builder: OnnxBuilder, weight: OnnxValue): Kernel {
  const name = builder.as(weight, "float");
  const dims = weight.dims as readonly number[];
  return {
    dims,
    constant: weight.constant !== undefined,
    plain: () => name,
    blocked: (block) => inBlocks(builder, name, dims, block),
  };
}

/** The gradient of a stride-1 convolution is a convolution with the kernel turned round: inputs become outputs, and positions are counted from the end. */
function turned(builder: OnnxBuilder, weight: OnnxValue, groups: number): Kernel {
  const { writer } = builder;
  const [outputs, inputs, kh, kw] = weight.dims as readonly number[];
  const [name, positions] = [builder.as(weight, "float"), kh * kw];
  const dims = [groups * inputs, outputs / groups, kh, kw];
  const plain = () => {
    const grouped = builder.reshape(name, [groups, outputs / groups, inputs, kh, kw]);
    const swapped = writer.node("Transpose", [grouped], { perm: [0, 2, 1, 3, 4] });
    const flat = builder.reshape(swapped, [groups * inputs, outputs / groups, kh, kw]);
    const [from, to] = [builder.ints(-1, -1), builder.ints(-farEnd, -farEnd)];
    return writer.node("Slice", [flat, from, to, builder.ints(2, 3), builder.ints(-1, -1)]);
  };
  return {
    dims,
    constant: weight.constant !== undefined,
    plain,
    blocked: (block) => {
      if (inputs % block !== 0 || outputs % block !== 0) return inBlocks(builder, plain(), dims, block);
      // The same without moving numbers one by one, which takes longer than a convolution of small images.
      const apart = builder.reshape(name, [outputs * inputs, positions]);
      const rows = builder.reshape(writer.node("Transpose", [apart], { perm: [1, 0] }), [-1, block]);
      const sizes = [inputs / block, outputs / block, positions, block];
      const places = order(builder, "turned", sizes, ([input, group, position, output]) => {
        return (((positions - 1 - position) * outputs + group * block + output) * inputs) / block + input;
      });
      const ordered = writer.node("Gather", [rows, places], { axis: 0 });
      return builder.reshape(ordered, [inputs, outputs, kh, kw]);
    },
  };
}

/** The domain of ONNX Runtime's operations on images whose channels lie in blocks. */
const blockedDomain = "com.microsoft.nchwc";

/** An image in that layout. */
export function reordered(builder: OnnxBuilder, image: string): string {
  return builder.writer.node("ReorderInput", [image], {}, blockedDomain);
}

/**
 * Rows of a matrix that lie a multiple of 4096 bytes apart share few places of a cache, and a product with them can take twice as long. One more input
 * channel, of zeros, sets a kernel's rows apart.
 */
function hasManyInputs([, inputs, kh, kw]: readonly number[]): boolean {
  return (inputs * kh * kw) % 1024 === 0;
}

/**
 * A convolution in the layout that suits it. For kernels that change from run to run ONNX Runtime would take the plain one, which is half as fast.
 *
 * @param bias - one number for each output channel
 */
function convolution(
  builder: OnnxBuilder,
  x: string,
  kernel: Kernel,
  attributes: NodeAttributes,
  bias?: string,
): string {
  const { writer, block } = builder;
  const biases = bias === undefined ? [] : [bias];
  if (kernel.constant || attributes.group !== 1) return writer.node("Conv", [x, kernel.plain(), ...biases], attributes);
  const [outputs, inputs] = kernel.dims;
  if (block > 0 && (inputs % block === 0 || inputs < block)) {
    const image = inputs < block ? x : reordered(builder, x);
    const filled = biases.map((name) => padAxis(builder, name, 0, filledUp(outputs, block) - outputs, 1));
    const result = writer.node("Conv", [image, kernel.blocked(block), ...filled], attributes, blockedDomain);
    return writer.node("ReorderOutput", [result], { channels: outputs }, blockedDomain);
  }
  const operands = [x, kernel.plain()].map((name) => padAxis(builder, name, 1, hasManyInputs(kernel.dims) ? 1 : 0));
  return writer.node("Conv", [...operands, ...biases], attributes);
}

/** A constant kernel that scales its inputs or outputs by itself: fewer numbers to multiply than an image has. */
function scaledKernel(
  builder: OnnxBuilder,
  { name, constant, dims }: OnnxValue,
  by: ArrayLike<number>,
  side: "inputs" | "outputs",
): OnnxValue {
  const [outputs, inputs, kh, kw] = dims as readonly number[];
  const [channels, positions] = side === "inputs" ? [inputs, kh * kw] : [outputs, inputs * kh * kw];
  const numbers = builder.once(`${name} ${side} scaled by ${Array.from(by)}`, () =>
    Float32Array.from(constant!, (value, at) => value * by[Math.floor(at / positions) % channels]),
  );
  return builder.constant(numbers, [outputs, inputs, kh, kw]);
}

export const conv2d: Lowering<"conv2d"> = (builder, [image, kernel], attributes) => {
  const { dilation, groups } = attributes;
  const { scaled } = image;
  const [x, weight] =
    scaled && kernel.constant && groups === 1
      ? [scaled.value, scaledKernel(builder, kernel, scaled.by, "inputs")]
      : [image, kernel];
  const [outputs, inputs, ...size] = weight.dims as readonly number[];
  if (x.dims[1] !== inputs * groups || outputs % groups !== 0) {
    throw new ReconlossError(
      "shape",
      `conv2d: input with ${x.dims[1]} channels does not fit weight ${weight.dims.join("x")} in ${groups} groups`,
    );
  }
  const written = { ...windowAttributes(attributes, size), dilations: dilation, group: groups };
  const dims = outputDims(x.dims, outputs, size, attributes);
  const convolved = (weight: OnnxValue): OnnxValue => {
    const biased = (bias?: string) =>
      convolution(builder, builder.as(x, "float"), kernelOf(builder, weight), written, bias);
    const scaledBy = (by: ArrayLike<number>) => convolved(scaledKernel(builder, weight, by, "outputs"));
    return { name: biased(), type: "float", dims, biased, ...(weight.constant && { scaledBy }) };
  };
  return convolved(weight);
};

/** Whether a kernel is known and has one number everywhere. */
function areEqual(numbers: ArrayLike<number> | undefined): numbers is ArrayLike<number> {
  return numbers !== undefined && Array.from(numbers).every((number) => number === numbers[0]);
}

export const convInput: Lowering<"convInput"> = (builder, [gradient, kernel, like], attributes) => {
  const { writer } = builder;
  const { scaled } = gradient;
  const [g, weight] =
    scaled && kernel.constant
      ? [scaled.value, scaledKernel(builder, kernel, scaled.by, "outputs")]
      : [gradient, kernel];
  const { stride, padding, dilation, groups } = attributes;
  const [, inputs, kh, kw] = weight.dims as readonly number[];
  const result = (name: string): OnnxValue => ({
    name,
    type: "float",
    dims: [g.dims[0], like.dims[1], like.dims[2], like.dims[3]],
  });
  if (stride[0] === 1 && stride[1] === 1) {
    const around = adjointPadding(padding, dilation, [kh, kw]);
    const outside = Object.values(around).some((by) => by < 0);
    const source = outside ? surround(builder, g, around) : g;
    const written = {
      ...windowAttributes({ stride, padding: outside ? none : around }, [kh, kw]),
      dilations: dilation,
      group: groups,
    };
    return result(convolution(builder, builder.as(source, "float"), turned(builder, weight, groups), written));
  }
  const tiles = groups === like.dims[1] ? tilesOf(like.dims, [kh, kw], attributes) : undefined;
  if (tiles !== undefined && inputs === 1 && areEqual(weight.constant)) {
    const values = writer.node("Mul", [builder.as(g, "float"), writer.constant("float", [1], [weight.constant[0]])]);
    return result(fillTiles(builder, values, tiles, like.dims));
  }
  const more = groups === 1 && weight.constant === undefined && hasManyInputs(weight.dims as readonly number[]);
  const name = builder.as(weight, "float");
  const operands = [builder.as(g, "float"), more ? padAxis(builder, name, 1, 1) : name];
  const full = writer.node("ConvTranspose", operands, {
    kernel_shape: [kh, kw],
    strides: stride,
    dilations: dilation,
    group: groups,
    pads: [padding.top, padding.left, 0, 0],
  });
  // Rows and columns at the far end that no window reached are missing; those of the padding are too many, and so is the channel of zeros.
  const missing = (axis: Axis) => writer.node("Sub", [builder.sizes(like.name, [axis]), builder.sizes(full, [axis])]);
  return {
    ...result(builder.pad(full, 4, { 1: [0, more ? -1 : 0], 2: [0, missing("h")], 3: [0, missing("w")] })),
    dims: [g.dims[0], inputs * groups, like.dims[2], like.dims[3]],
  };
};

const none: PadAttributes = { top: 0, bottom: 0, left: 0, right: 0 };

/** The padding of a stride-1 convolution's output by which windows over it give its input's size. */
function adjointPadding(
  { top, bottom, left, right }: PadAttributes,
  dilation: readonly number[],
  [kh, kw]: readonly number[],
): PadAttributes {
  const [down, across] = [dilation[0] * (kh - 1), dilation[1] * (kw - 1)];
  return { top: down - top, bottom: down - bottom, left: across - left, right: across - right };
}

/** From this many weights per kernel position on, one product over all images is faster than one product for each. */
const batchedProducts = 2 ** 14;
/** With fewer channels on one side, a product for each kernel position has too few rows or columns. */
const fewChannels = 16;

/** A slice of positions along both axes. */
interface View {
  /** The first position. */
  readonly start: readonly number[];
  readonly stride: readonly number[];
}

/** A view of as many positions as another image has, along two axes of a value. */
function viewOf(
  builder: OnnxBuilder,
  name: string,
  { start, stride }: View,
  like: string,
  axes: readonly number[],
): string {
  const { writer } = builder;
  const last = writer.node("Sub", [builder.sizes(like, ["h", "w"]), builder.ints(1, 1)]);
  const reach = writer.node("Mul", [last, builder.ints(...stride)]);
  const end = writer.node("Add", [reach, builder.ints(start[0] + 1, start[1] + 1)]);
  return writer.node("Slice", [name, builder.ints(...start), end, builder.ints(...axes), builder.ints(...stride)]);
}

/**
 * Products of views of an image with another image, one view for each kernel position: the sums over pixels of every channel times every other. ONNX has no
 * other word for that than products of copies. Three ways, by what makes large matrices of few copies; each gives pieces, which `joined` puts in order.
 */
export const convWeight: Lowering<"convWeight"> = (builder, [x, g], attributes) => {
  const { stride, padding, dilation, groups, kernel } = attributes;
  const [inputs, outputs] = [x.dims[1] as number, g.dims[1] as number];
  const dims = [outputs, inputs / groups, kernel[0], kernel[1]] as const;
  const starts = Array.from({ length: kernel[0] * kernel[1] }, (_, position) => [
    dilation[0] * Math.floor(position / kernel[1]),
    dilation[1] * (position % kernel[1]),
  ]);
  const strided = Math.max(...stride) > 1;
  const views = starts.map((start) => ({ start, stride }));
  const padded = surround(builder, x, padding);
  if (groups === 1 && inputs < fewChannels) {
    return joined(builder, dims, [stackedProducts(builder, padded, views, g)], [2, 1, 0]);
  }
  if (groups === 1 && outputs < fewChannels && !strided) {
    // From the other side: pixels of x times views of g, where the last position comes first.
    const around = surround(builder, g, adjointPadding(padding, dilation, kernel));
    return joined(builder, dims, [stackedProducts(builder, around, views.toReversed(), x)], [1, 2, 0]);
  }
  if (groups === 1 && (strided || inputs * outputs >= batchedProducts)) {
    return joined(builder, dims, productsOverImages(builder, padded, views, g), [1, 2, 0]);
  }
  return joined(builder, dims, productsByImage(builder, padded, views, g, groups), [1, 2, 0]);
};

/** All views of an image of few channels as one matrix, times the pixels of another: one piece [positions * few, many]. */
function stackedProducts(builder: OnnxBuilder, few: OnnxValue, views: readonly View[], many: OnnxValue): string {
  const { writer } = builder;
  const planes = writer.node("Transpose", [builder.as(few, "float")], { perm: [1, 2, 3, 0] });
  const rows = views.map((view) => {
    return builder.reshape(viewOf(builder, planes, view, many.name, [1, 2]), [few.dims[1] as number, -1]);
  });
  const pixels = builder.reshape(pixelsFirst(builder, many), [-1, many.dims[1] as number]);
  return writer.node("MatMul", [writer.node("Concat", rows, { axis: 0 }), pixels]);
}

/** The sum over the batch is part of each product: for matrices of a good size, and where a stride would make views that are read number by number. */
function productsOverImages(builder: OnnxBuilder, x: OnnxValue, views: readonly View[], g: OnnxValue): string[] {
  const { writer } = builder;
  const planes = writer.node("Transpose", [builder.as(g, "float")], { perm: [1, 2, 3, 0] });
  const rows = builder.reshape(planes, [g.dims[1] as number, -1]);
  const images = pixelsFirst(builder, x);
  return views.map((view) => {
    const pixels = rowsOfView(builder, images, x.dims, view, g) ?? viewOf(builder, images, view, g.name, [0, 1]);
    return writer.node("MatMul", [rows, builder.reshape(pixels, [-1, x.dims[1] as number])]);
  });
}

/** The same as a view of an image of pixels first, where sizes are known: whole pixels are gathered, on all cores. */
function rowsOfView(
  builder: OnnxBuilder,
  images: string,
  [, , height, width]: Dims,
  { start, stride }: View,
  like: OnnxValue,
): string | undefined {
  const [, , rows, columns] = like.dims;
  if (height === undefined || width === undefined || rows === undefined || columns === undefined) return undefined;
  const places = order(builder, `view ${start} ${stride} ${width}`, [rows, columns], ([row, column]) => {
    return (start[0] + row * stride[0]) * width + start[1] + column * stride[1];
  });
  const flat = builder.writer.node("Reshape", [images, builder.ints(height * width, -1)]);
  return builder.writer.node("Gather", [flat, places], { axis: 0 });
}

/** A product for each image, which needs nothing transposed. */
function productsByImage(
  builder: OnnxBuilder,
  x: OnnxValue,
  views: readonly View[],
  g: OnnxValue,
  groups: number,
): string[] {
  const { writer } = builder;
  const [inputs, outputs] = [x.dims[1] as number, g.dims[1] as number];
  const rows = builder.reshape(builder.as(g, "float"), [0, groups, outputs / groups, -1]);
  return views.map((view) => {
    const pixels = viewOf(builder, builder.as(x, "float"), view, g.name, [2, 3]);
    const columns = writer.node("Transpose", [builder.reshape(pixels, [0, groups, inputs / groups, -1])], {
      perm: [0, 1, 3, 2],
    });
    const product = writer.node("MatMul", [rows, columns]);
    return builder.reshape(writer.node("ReduceSum", [product, builder.ints(0)], { keepdims: 0 }), [
      outputs,
      inputs / groups,
    ]);
  });
}

/** [n, c, h, w] as [h, w, n * c]. */
function pixelsFirst(builder: OnnxBuilder, x: OnnxValue): string {
  const { writer } = builder;
  const size = builder.sizes(x.name, ["h", "w"]);
  const pixels = writer.node("ReduceProd", [size], { keepdims: 1 });
  const planes = writer.node("Reshape", [
    builder.as(x, "float"),
    writer.node("Concat", [builder.ints(-1), pixels], { axis: 0 }),
  ]);
  const turned = writer.node("Transpose", [planes], { perm: [1, 0] });
  const channels = writer.node("Mul", [builder.sizes(x.name, ["n"]), builder.ints(x.dims[1] as number)]);
  return writer.node("Reshape", [turned, writer.node("Concat", [size, channels], { axis: 0 })]);
}

/**
 * A kernel's gradient from pieces, matrices below each other: positions, then outputs and inputs in either order. Sums of such gradients are sums of their
 * pieces, and numbers are moved to their places once.
 *
 * @param perm - brings positions, rows and columns in the order outputs, inputs, positions
 */
function joined(
  builder: OnnxBuilder,
  dims: readonly [number, number, number, number],
  pieces: readonly string[],
  perm: readonly number[],
): OnnxValue {
  const { writer } = builder;
  const [outputs, inputs, kh, kw] = dims;
  const sizes = [outputs, inputs, kh * kw];
  return {
    get name() {
      if (pieces.length > 1) {
        // In this order already but for the positions, which come last: several times as fast as a transposition.
        const columns = pieces.map((piece) => builder.reshape(piece, [outputs, inputs, 1]));
        return builder.reshape(writer.node("Concat", columns, { axis: 2 }), dims);
      }
      const apart = builder.reshape(
        pieces[0],
        [0, 1, 2].map((axis) => sizes[perm.indexOf(axis)]),
      );
      return builder.reshape(writer.node("Transpose", [apart], { perm }), dims);
    },
    type: "float",
    dims,
    sum: {
      order: `${perm} ${pieces.length}`,
      pieces,
      with: (others) =>
        joined(
          builder,
          dims,
          pieces.map((piece, index) => writer.node("Add", [piece, others[index]])),
          perm,
        ),
    },
  };
}
