import { checkArguments } from "../arguments.ts";
import { elementCount, type Shape, Tensor } from "../tensor.ts";
import { Ops } from "./ops.ts";
import {
  axisOrder,
  type Backend,
  type ConvAttributes,
  type PoolAttributes,
  type Primitive,
  type Primitives,
  type ResizeAttributes,
} from "./primitives.ts";
import { continued, resizeTaps, wave } from "./sampling.ts";
import { broadcastShape, convShape, poolShape, reducedShape, resultShape, slicePositions, withAxis } from "./shapes.ts";

/** A value of the reference backend: float64, row-major [n, c, h, w]. */
export interface Float64Image {
  readonly data: Float64Array;
  readonly shape: Shape;
}

type Run<P extends Primitive> = (operands: readonly Float64Image[], attributes: Primitives[P]) => Float64Image;

const shapesOf = (operands: readonly Float64Image[]) => operands.map(({ shape }) => shape);

function zeros(shape: Shape): Float64Image {
  return { data: new Float64Array(elementCount(shape)), shape };
}

/** The position of an element, with axes of size 1 repeated. */
function at(x: Float64Image, n: number, c: number, h: number, w: number): number {
  const [N, C, H, W] = x.shape;
  return (((N === 1 ? 0 : n) * C + (C === 1 ? 0 : c)) * H + (H === 1 ? 0 : h)) * W + (W === 1 ? 0 : w);
}

/** A new value, computed element by element. */
function fill(shape: Shape, element: (n: number, c: number, h: number, w: number) => number): Float64Image {
  const result = zeros(shape);
  visit(shape, (n, c, h, w, index) => {
    result.data[index] = element(n, c, h, w);
  });
  return result;
}

function visit(shape: Shape, see: (n: number, c: number, h: number, w: number, index: number) => void): void {
  let index = 0;
  for (let n = 0; n < shape[0]; n++)
    for (let c = 0; c < shape[1]; c++)
      for (let h = 0; h < shape[2]; h++) for (let w = 0; w < shape[3]; w++) see(n, c, h, w, index++);
}

/** The elements of a value, with axes of size 1 repeated to a shape. */
function expandedTo(shape: Shape, x: Float64Image): Float64Array {
  if (x.data.length === elementCount(shape)) return x.data;
  return fill(shape, (n, c, h, w) => x.data[at(x, n, c, h, w)]).data;
}

function elementwise(name: string, f: (...values: number[]) => number) {
  return (operands: readonly Float64Image[]): Float64Image => {
    const result = zeros(broadcastShape(name, shapesOf(operands)));
    const { data, shape } = result;
    const [a, b, c] = operands.map((x) => expandedTo(shape, x));
    // Not as one call with a list of values, which took most of the time of what is computed here.
    if (c !== undefined) for (let i = 0; i < data.length; i++) data[i] = f(a[i], b[i], c[i]);
    else if (b !== undefined) for (let i = 0; i < data.length; i++) data[i] = f(a[i], b[i]);
    else for (let i = 0; i < data.length; i++) data[i] = f(a[i]);
    return result;
  };
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Visits every product of a convolution, by rows of the output: the positions of the first input, the weight and the first output that belong together, how many inputs and outputs follow, and
 * how far apart the inputs are.
 */
function visitConv(
  input: Shape,
  weight: Shape,
  attributes: ConvAttributes,
  see: (input: number, weight: number, output: number, count: number, step: number) => void,
): void {
  const { stride, padding, dilation, groups } = attributes;
  const [, channels, height, width] = input;
  const [outputs, inputs, kh, kw] = weight;
  const [, , rows, columns] = convShape(input, weight, attributes);
  const perGroup = outputs / groups;
  visit([input[0], outputs, inputs, kh], (b, o, i, p) => {
    const inputPlane = (b * channels + Math.floor(o / perGroup) * inputs + i) * height;
    for (let q = 0; q < kw; q++) {
      const offset = q * dilation[1] - padding.left;
      const first = Math.max(0, Math.ceil(-offset / stride[1]));
      const count = Math.min(columns - 1, Math.floor((width - 1 - offset) / stride[1])) - first + 1;
      for (let y = 0; y < rows; y++) {
        const h = y * stride[0] - padding.top + p * dilation[0];
        if (h < 0 || h >= height) continue;
        see(
          (inputPlane + h) * width + first * stride[1] + offset,
          ((o * inputs + i) * kh + p) * kw + q,
          ((b * outputs + o) * rows + y) * columns + first,
          count,
          stride[1],
        );
      }
    }
  });
}

/** For every pooling window, the positions of the cells inside the image, row by row. */
function poolWindows(shape: Shape, attributes: PoolAttributes): { output: Shape; cells: number[][] } {
  const { kernel, stride, padding } = attributes;
  const [, c, height, width] = shape;
  const output = poolShape(shape, attributes);
  const cells: number[][] = [];
  visit(output, (b, channel, y, x) => {
    const window: number[] = [];
    for (let p = 0; p < kernel[0]; p++)
      for (let q = 0; q < kernel[1]; q++) {
        const h = y * stride[0] - padding.top + p;
        const w = x * stride[1] - padding.left + q;
        if (h >= 0 && h < height && w >= 0 && w < width) window.push(((b * c + channel) * height + h) * width + w);
      }
    cells.push(window);
  });
  return { output, cells };
}

/** For every pooling window, the position of its maximum; the first of several. */
function maxima(x: Float64Image, attributes: PoolAttributes): { output: Shape; winners: number[] } {
  const { output, cells } = poolWindows(x.shape, attributes);
  const winners = cells.map((window) => window.reduce((best, cell) => (x.data[cell] > x.data[best] ? cell : best)));
  return { output, winners };
}

function visitResize(
  input: Shape,
  output: Shape,
  attributes: ResizeAttributes,
  see: (input: number, output: number, weight: number) => void,
): void {
  const rows = resizeTaps(input[2], output[2], attributes);
  const columns = resizeTaps(input[3], output[3], attributes);
  visit(output, (n, c, y, x, index) => {
    for (const [h, rowWeight] of rows[y])
      for (const [w, columnWeight] of columns[x])
        see(((n * input[1] + c) * input[2] + h) * input[3] + w, index, rowWeight * columnWeight);
  });
}

/** Visits every product of one axis's transform: position, frequency, and the cosine and sine of their angle. */
function visitWaves(
  size: number,
  frequencies: number,
  see: (position: number, frequency: number, cosine: number, sine: number) => void,
): void {
  for (let k = 0; k < frequencies; k++) for (let i = 0; i < size; i++) see(i, k, ...wave(i * k, size));
}

/** Every primitive as its definition: loops over float64, as plain as they can be. */
const table: { readonly [P in Primitive]: Run<P> } = {
  add: elementwise("add", (a, b) => a + b),
  sub: elementwise("sub", (a, b) => a - b),
  mul: elementwise("mul", (a, b) => a * b),
  div: elementwise("div", (a, b) => a / b),
  maximum: elementwise("maximum", Math.max),
  minimum: elementwise("minimum", Math.min),
  atan2: elementwise("atan2", Math.atan2),
  greater: elementwise("greater", (a, b) => (a > b ? 1 : 0)),
  neg: elementwise("neg", (x) => -x),
  abs: elementwise("abs", Math.abs),
  sign: elementwise("sign", Math.sign),
  sqrt: elementwise("sqrt", Math.sqrt),
  exp: elementwise("exp", Math.exp),
  log: elementwise("log", Math.log),
  log1p: elementwise("log1p", Math.log1p),
  expm1: elementwise("expm1", Math.expm1),
  sin: elementwise("sin", Math.sin),
  cos: elementwise("cos", Math.cos),
  relu: elementwise("relu", (x) => Math.max(x, 0)),
  round: elementwise("round", roundHalfToEven),
  power: ([x], { exponent }) => elementwise("power", (value) => value ** exponent)([x]),
  clamp: ([x], { low, high }) => elementwise("clamp", (value) => Math.min(Math.max(value, low), high))([x]),
  stopGradient: ([x]) => x,
  where: elementwise("where", (mask, a, b) => (mask !== 0 ? a : b)),
  sum: ([x], { axes }) => {
    const result = zeros(reducedShape(x.shape, axes));
    visit(x.shape, (n, c, h, w, index) => {
      result.data[at(result, n, c, h, w)] += x.data[index];
    });
    return result;
  },
  max: ([x], { axes }) => {
    const result = zeros(reducedShape(x.shape, axes));
    result.data.fill(Number.NEGATIVE_INFINITY);
    visit(x.shape, (n, c, h, w, index) => {
      const position = at(result, n, c, h, w);
      result.data[position] = Math.max(result.data[position], x.data[index]);
    });
    return result;
  },
  kthSmallest: ([x], { k }) => {
    const [n, c, h, w] = x.shape;
    const sorted = (plane: number) => x.data.slice(plane * h * w, (plane + 1) * h * w).sort();
    return { data: Float64Array.from({ length: n * c }, (_, plane) => sorted(plane)[k - 1]), shape: [n, c, 1, 1] };
  },
  size: ([x], { axes }) => {
    const count = axes.reduce((product, axis) => product * x.shape[axisOrder.indexOf(axis)], 1);
    return { data: Float64Array.of(count), shape: [1, 1, 1, 1] };
  },
  expand: ([x, like]) => {
    const shape = broadcastShape("expand", shapesOf([x, like]));
    return { data: expandedTo(shape, x), shape };
  },
  slice: ([x], attributes) => {
    const axis = axisOrder.indexOf(attributes.axis);
    const positions = slicePositions(x.shape[axis], attributes);
    return fill(resultShape("slice", [x.shape], attributes), (...index) => {
      index[axis] = positions[index[axis]];
      return x.data[at(x, ...index)];
    });
  },
  embed: ([x, like], attributes) => {
    const axis = axisOrder.indexOf(attributes.axis);
    const positions = slicePositions(like.shape[axis], attributes);
    const result = zeros(withAxis(x.shape, attributes.axis, like.shape[axis]));
    visit(x.shape, (...index) => {
      const value = x.data[index[4]];
      index[axis] = positions[index[axis]];
      result.data[at(result, index[0], index[1], index[2], index[3])] = value;
    });
    return result;
  },
  pad: ([x], { top, bottom, left, right, mode }) => {
    const [n, c, height, width] = x.shape;
    return fill([n, c, height + top + bottom, width + left + right], (b, channel, y, z) => {
      const h = continued(y - top, height, mode);
      const w = continued(z - left, width, mode);
      return h === undefined || w === undefined ? 0 : x.data[((b * c + channel) * height + h) * width + w];
    });
  },
  concat: (operands) => {
    const [n, , h, w] = operands[0].shape;
    const sources = operands.flatMap((x) => Array.from({ length: x.shape[1] }, (_, channel) => ({ x, channel })));
    return fill([n, sources.length, h, w], (b, c, y, z) => {
      const { x, channel } = sources[c];
      return x.data[((b * x.shape[1] + channel) * h + y) * w + z];
    });
  },
  depthToSpace: ([x], { factor: f }) => {
    const [n, c, h, w] = x.shape;
    return fill([n, c / f ** 2, h * f, w * f], (n, c, h, w) => {
      const channel = (c * f + (h % f)) * f + (w % f);
      return x.data[at(x, n, channel, Math.floor(h / f), Math.floor(w / f))];
    });
  },
  spaceToDepth: ([x], { factor: f }) => {
    const [n, c, h, w] = x.shape;
    return fill([n, c * f ** 2, h / f, w / f], (n, c, h, w) => {
      const [channel, place] = [Math.floor(c / f ** 2), c % f ** 2];
      return x.data[at(x, n, channel, h * f + Math.floor(place / f), w * f + (place % f))];
    });
  },
  conv2d: ([x, weight], attributes) => {
    const result = zeros(convShape(x.shape, weight.shape, attributes));
    visitConv(x.shape, weight.shape, attributes, (i, k, o, count, step) => {
      for (let j = 0; j < count; j++) result.data[o + j] += x.data[i + j * step] * weight.data[k];
    });
    return result;
  },
  convInput: ([g, weight, like], attributes) => {
    const result = zeros(like.shape);
    visitConv(like.shape, weight.shape, attributes, (i, k, o, count, step) => {
      for (let j = 0; j < count; j++) result.data[i + j * step] += g.data[o + j] * weight.data[k];
    });
    return result;
  },
  convWeight: ([x, g], attributes) => {
    const weight: Shape = [g.shape[1], x.shape[1] / attributes.groups, ...attributes.kernel];
    const result = zeros(weight);
    visitConv(x.shape, weight, attributes, (i, k, o, count, step) => {
      for (let j = 0; j < count; j++) result.data[k] += x.data[i + j * step] * g.data[o + j];
    });
    return result;
  },
  maxPool: ([x], attributes) => gather(x, maxima(x, attributes)),
  maxUnpool: ([g, x], attributes) => {
    const result = zeros(x.shape);
    maxima(x, attributes).winners.forEach((winner, index) => {
      result.data[winner] += g.data[index];
    });
    return result;
  },
  maxGather: ([v, x], attributes) => gather(v, maxima(x, attributes)),
  avgPool: ([x], attributes) => {
    const { output, cells } = poolWindows(x.shape, attributes);
    const full = attributes.kernel[0] * attributes.kernel[1];
    const means = cells.map((window) => {
      const sum = window.reduce((total, cell) => total + x.data[cell], 0);
      return sum / (attributes.countIncludePad ? full : window.length);
    });
    return { data: Float64Array.from(means), shape: output };
  },
  gram: ([a, b]) => {
    const [n, rows, height, width] = a.shape;
    return fill([n, rows, b.shape[1], 1], (image, row, column) => {
      let sum = 0;
      for (let h = 0; h < height; h++)
        for (let w = 0; w < width; w++) sum += a.data[at(a, image, row, h, w)] * b.data[at(b, image, column, h, w)];
      return sum;
    });
  },
  mix: ([m, x], { transpose }) => {
    const [n, inputs, height, width] = x.shape;
    return fill([n, m.shape[transpose ? 2 : 1], height, width], (image, channel, h, w) => {
      let sum = 0;
      for (let i = 0; i < inputs; i++) {
        const weight = m.data[transpose ? at(m, image, i, channel, 0) : at(m, image, channel, i, 0)];
        sum += weight * x.data[at(x, image, i, h, w)];
      }
      return sum;
    });
  },
  toRows: ([x]) => {
    const [n, c, height, width] = x.shape;
    return fill([n, height * width, c, 1], (image, row, column) => {
      return x.data[at(x, image, column, Math.floor(row / width), row % width)];
    });
  },
  fromRows: ([m, like]) => {
    const [, , height, width] = like.shape;
    return fill([m.shape[0], m.shape[2], height, width], (image, channel, h, w) => {
      return m.data[at(m, image, h * width + w, channel, 0)];
    });
  },
  matmul: ([a, b], { transposeA, transposeB }) => {
    const [n, c, height, width] = resultShape("matmul", shapesOf([a, b]), { transposeA, transposeB });
    const inner = a.shape[transposeA ? 2 : 3];
    const element = (
      x: Float64Image,
      transpose: boolean,
      image: number,
      channel: number,
      row: number,
      column: number,
    ) => x.data[transpose ? at(x, image, channel, column, row) : at(x, image, channel, row, column)];
    return fill([n, c, height, width], (image, channel, row, column) => {
      let sum = 0;
      for (let i = 0; i < inner; i++)
        sum += element(a, transposeA, image, channel, row, i) * element(b, transposeB, image, channel, i, column);
      return sum;
    });
  },
  resize: ([x, like], attributes) => {
    const result = zeros([x.shape[0], x.shape[1], like.shape[2], like.shape[3]]);
    visitResize(x.shape, result.shape, attributes, (i, o, weight) => {
      result.data[o] += x.data[i] * weight;
    });
    return result;
  },
  resizeAdjoint: ([g, like], attributes) => {
    const result = zeros([g.shape[0], g.shape[1], like.shape[2], like.shape[3]]);
    visitResize(result.shape, g.shape, attributes, (i, o, weight) => {
      result.data[i] += g.data[o] * weight;
    });
    return result;
  },
  fft: ([x]) => {
    const [n, c, h, w] = x.shape;
    const half = Math.floor(w / 2) + 1;
    const result = zeros([n, 2 * c, h, half]);
    for (let plane = 0; plane < n * c; plane++) {
      const [real, imaginary] = [new Float64Array(h * half), new Float64Array(h * half)];
      visitWaves(w, half, (i, k, cosine, sine) => {
        for (let row = 0; row < h; row++) {
          const value = x.data[(plane * h + row) * w + i];
          real[row * half + k] += value * cosine;
          imaginary[row * half + k] -= value * sine;
        }
      });
      const image = Math.floor(plane / c);
      const to = [(plane + image * c) * h * half, (plane + image * c + c) * h * half];
      visitWaves(h, h, (i, k, cosine, sine) => {
        for (let column = 0; column < half; column++) {
          const [re, im] = [real[i * half + column], imaginary[i * half + column]];
          result.data[to[0] + k * half + column] += re * cosine + im * sine;
          result.data[to[1] + k * half + column] += im * cosine - re * sine;
        }
      });
    }
    return result;
  },
  fftAdjoint: ([g, like]) => {
    const [n, c, h, w] = [g.shape[0], g.shape[1] / 2, like.shape[2], like.shape[3]];
    const half = g.shape[3];
    const result = zeros([n, c, h, w]);
    for (let plane = 0; plane < n * c; plane++) {
      const [real, imaginary] = [new Float64Array(h * half), new Float64Array(h * half)];
      const image = Math.floor(plane / c);
      const from = [(plane + image * c) * h * half, (plane + image * c + c) * h * half];
      visitWaves(h, h, (i, k, cosine, sine) => {
        for (let column = 0; column < half; column++) {
          const [re, im] = from.map((start) => g.data[start + k * half + column]);
          real[i * half + column] += re * cosine - im * sine;
          imaginary[i * half + column] += re * sine + im * cosine;
        }
      });
      visitWaves(w, half, (i, k, cosine, sine) => {
        for (let row = 0; row < h; row++) {
          const [re, im] = [real[row * half + k], imaginary[row * half + k]];
          result.data[(plane * h + row) * w + i] += re * cosine - im * sine;
        }
      });
    }
    return result;
  },
};

function gather(x: Float64Image, { output, winners }: { output: Shape; winners: number[] }): Float64Image {
  return { data: Float64Array.from(winners, (winner) => x.data[winner]), shape: output };
}

/**
 * The oracle: every primitive in float64 and plain loops. Slow and obvious; every faster path is tested against it.
 *
 * @example
 * ```ts
 * const mean = reference.mean(toFloat64(image), "chw");
 * ```
 */
export const reference: Ops<Float64Image> = new Ops<Float64Image>({
  constant: (data, shape) => ({ data: Float64Array.from(data), shape }),
  dims: (x) => x.shape,
  run: (primitive, operands, attributes) => (table[primitive] as Run<typeof primitive>)(operands, attributes),
} satisfies Backend<Float64Image>);

/** A tensor as a value of the reference backend. */
export function toFloat64(tensor: Tensor): Float64Image {
  checkArguments("toFloat64", { tensor: [tensor, "tensor"] });
  return { data: Float64Array.from(tensor.data), shape: tensor.shape };
}

/** A value of the reference backend rounded to a tensor. */
export function toTensor(value: Float64Image): Tensor {
  checkArguments("toTensor", { value: [value, "tensor"] });
  return new Tensor(Float32Array.from(value.data), value.shape);
}
