import { lowestFloat32 } from "../graph/float32.ts";
import {
  type Axis,
  axisOrder,
  type Backend,
  type Dims,
  type PadAttributes,
  type PoolAttributes,
  type Primitive,
  type Primitives,
  type ResizeAttributes,
} from "../graph/primitives.ts";
import { broadcastShape, poolShape, resultShape, slicePositions } from "../graph/shapes.ts";
import type { Shape } from "../tensor.ts";
import type { JaxArray } from "./framework.ts";
import type { LentOperations } from "./lent.ts";
import { type Matrix, resizeMatrix, waveMatrices } from "./matrices.ts";

type Run<P extends Primitive, A extends JaxArray> = (operands: readonly A[], attributes: Primitives[P]) => A;

/** The largest exponent up to which whole powers are products. */
const wholePowers = 32;

function shapeOf({ shape }: JaxArray): Shape {
  return shape.length === 0 ? [1, 1, 1, 1] : (shape as unknown as Shape);
}

function axisIndex(axis: Axis): number {
  return axisOrder.indexOf(axis);
}

/** The last axis along which there is more than one element. */
function innermost(shape: Shape): number {
  return Math.max(
    0,
    shape.findLastIndex((size) => size > 1),
  );
}

/** Numbers along one axis, and none along the others. */
function along(axis: number, before: number, after: number): [number, number][] {
  return axisOrder.map((_, index) => (index === axis ? [before, after] : [0, 0]));
}

/** The cells of a window, row by row. */
function cellsOf([height, width]: PoolAttributes["kernel"]): readonly (readonly [row: number, column: number])[] {
  return Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width] as const);
}

/**
 * Every primitive in operations of jax-js, whose own derivatives are those of `derivatives.ts`: where jax-js differs (the first of two equal maxima instead of both, the root of nothing),
 * a primitive is written as a choice, whose derivative is that of what was chosen.
 *
 * Numbers are arrays without axes, which `jit` writes into its kernels.
 */
export class JaxBackend<A extends JaxArray> implements Backend<A> {
  readonly #o: LentOperations<A>;
  readonly #table: { readonly [P in Primitive]: Run<P, A> };

  constructor(operations: LentOperations<A>) {
    this.#o = operations;
    this.#table = this.#primitives();
  }

  constant(data: ArrayLike<number>, shape: Shape): A {
    const isNumber = shape.every((size) => size === 1);
    return this.#o.numpy.array(Float32Array.from(data), { shape: isNumber ? [] : [...shape] });
  }

  dims(x: A): Dims {
    return shapeOf(x);
  }

  run<P extends Primitive>(primitive: P, operands: readonly A[], attributes: Primitives[P]): A {
    // Refuses operands that do not fit.
    resultShape(primitive, operands.map(shapeOf), attributes);
    return (this.#table[primitive] as Run<P, A>)(operands, attributes);
  }

  /**
   * An array in which a number is repeated. Not by `broadcastTo` alone: what `jit` knows to be one number it takes to be that number in padding too.
   */
  #filled(x: A, shape: Shape): A {
    return this.#o.numpy.multiply(x, this.#o.numpy.full([...shape], 1));
  }

  /** An array repeated to a shape. Its derivative is a sum, for which `jit` is to store what it adds up: see {@link JaxBackend.#stored}. */
  #repeated(x: A, shape: Shape): A {
    const own = shapeOf(x);
    if (x.shape.length === 0 || own.every((size, axis) => size === shape[axis])) return x;
    const repeated = this.#o.numpy.broadcastTo(x, [...shape]);
    // The derivative of `split` is `concatenate`.
    return own[innermost(shape)] === 1 ? repeated : this.#o.numpy.split(repeated, 1, 0)[0];
  }

  /**
   * What is to be added up along an axis, stored by `jit`. Fused with a product of which one factor is repeated, jax-js 0.1.25 mixes up the rows of the sum on `wasm`, unless it is along
   * the innermost axis.
   */
  #stored(x: A, axis: number): A {
    return axis === innermost(shapeOf(x)) ? x : this.#o.numpy.concatenate([x], 0);
  }

  /** Arrays of one shape; numbers stay numbers. */
  #alike(operands: readonly A[]): A[] {
    const shape = broadcastShape("operands", operands.map(shapeOf));
    return operands.map((x) => this.#repeated(x, shape));
  }

  /** A number as an array with all axes. */
  #whole(x: A): A {
    return x.shape.length === 0 ? this.#filled(x, [1, 1, 1, 1]) : x;
  }

  /** A matrix as a plane. */
  #matrix({ rows, columns, values }: Matrix): A {
    return this.#o.numpy.array(values, { shape: [1, 1, rows, columns] });
  }

  #transposed(x: A): A {
    return this.#o.numpy.transpose(x, [0, 1, 3, 2]);
  }

  /** Positions `first`, `first + step` ... of an axis. */
  #every(x: A, axis: number, first: number, count: number, step: number): A {
    const { slice, numpy } = this.#o;
    const shape = shapeOf(x);
    const range = (start: number, end: number) =>
      slice(
        x,
        shape.map((size, index): [number, number] => (index === axis ? [start, end] : [0, size])),
      );
    if (step === 1) return first === 0 && count === shape[axis] ? x : range(first, first + count);
    const length = count * step;
    const missing = Math.max(0, first + length - shape[axis]);
    const taken = range(first, Math.min(first + length, shape[axis]));
    const split = numpy.reshape(
      missing === 0 ? taken : numpy.pad(taken, along(axis, 0, missing)),
      shape.flatMap((size, index) => (index === axis ? [count, step] : [size])),
    );
    const ranges = shape.flatMap((size, index): [number, number][] =>
      index === axis
        ? [
            [0, count],
            [0, 1],
          ]
        : [[0, size]],
    );
    return numpy.reshape(
      slice(split, ranges),
      shape.map((size, index) => (index === axis ? count : size)),
    );
  }

  /** The reverse: x at these positions of an axis of `size` zeros. */
  #spread(x: A, axis: number, first: number, step: number, size: number): A {
    const { slice, numpy } = this.#o;
    const shape = shapeOf(x);
    const count = shape[axis];
    let spread = x;
    if (step > 1) {
      const apart = numpy.reshape(
        x,
        shape.flatMap((size, index) => (index === axis ? [size, 1] : [size])),
      );
      const width = shape.flatMap((_, index): [number, number][] =>
        index === axis
          ? [
              [0, 0],
              [0, step - 1],
            ]
          : [[0, 0]],
      );
      const filled = numpy.reshape(
        numpy.pad(apart, width),
        shape.map((size, index) => (index === axis ? size * step : size)),
      );
      const length = (count - 1) * step + 1;
      spread = slice(
        filled,
        shape.map((size, index): [number, number] => [0, index === axis ? length : size]),
      );
    }
    const after = size - first - shapeOf(spread)[axis];
    return first === 0 && after === 0 ? spread : numpy.pad(spread, along(axis, first, after));
  }

  #padded(x: A, { top, bottom, left, right }: PadAttributes): A {
    if (top + bottom + left + right === 0) return x;
    return this.#o.numpy.pad(x, [
      [0, 0],
      [0, 0],
      [top, bottom],
      [left, right],
    ]);
  }

  /** The values of a cell of all windows of a padded image. */
  #cell(padded: A, [row, column]: readonly [number, number], image: Shape, attributes: PoolAttributes): A {
    const [, , rows, columns] = poolShape(image, attributes);
    const { stride } = attributes;
    return this.#every(this.#every(padded, 2, row, rows, stride[0]), 3, column, columns, stride[1]);
  }

  /** An image with what never is a maximum around it. */
  #paddedForMaximum(x: A, padding: PadAttributes): A {
    const { top, bottom, left, right } = padding;
    if (top + bottom + left + right === 0) return x;
    const [, , h, w] = shapeOf(x);
    const [height, width] = [h + top + bottom, w + left + right];
    const values = Float32Array.from({ length: height * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width) - top, (i % width) - left];
      return row >= 0 && row < h && column >= 0 && column < w ? 1 : 0;
    });
    const inside = this.#matrix({ rows: height, columns: width, values });
    const { notEqual, where } = this.#o.numpy;
    return where(notEqual(inside, 0), this.#padded(x, padding), lowestFloat32);
  }

  /** The largest of each window, whose cells it goes through in order, telling for each where it is larger than all before. */
  #maxima(x: A, attributes: PoolAttributes, see: (isLarger: A | undefined, index: number) => void = () => {}): A {
    const padded = this.#paddedForMaximum(x, attributes.padding);
    let best: A | undefined;
    for (const [index, place] of cellsOf(attributes.kernel).entries()) {
      const cell = this.#cell(padded, place, shapeOf(x), attributes);
      const isLarger = best && this.#o.numpy.greater(cell, best);
      best = isLarger && best ? this.#o.numpy.where(isLarger, cell, best) : cell;
      see(isLarger, index);
    }
    return best as A;
  }

  /** One axis of an image continued beyond its ends. */
  #continued(x: A, axis: 2 | 3, before: number, after: number, mode: "reflect" | "replicate"): A {
    const { numpy } = this.#o;
    const size = shapeOf(x)[axis];
    const border = (first: number, count: number): A => {
      if (mode === "reflect") return numpy.flip(this.#every(x, axis, first, count, 1), axis);
      const shape = shapeOf(x).map((size, index) => (index === axis ? count : size));
      return numpy.broadcastTo(this.#every(x, axis, first, 1, 1), shape);
    };
    const parts = [
      ...(before > 0 ? [border(mode === "reflect" ? 1 : 0, before)] : []),
      x,
      ...(after > 0 ? [border(mode === "reflect" ? size - 1 - after : size - 1, after)] : []),
    ];
    return parts.length === 1 ? x : numpy.concatenate(parts, axis);
  }

  /** The matrices of an interpolation along both axes; `undefined` where it changes nothing. */
  #interpolation([, , h, w]: Shape, [, , height, width]: Shape, attributes: ResizeAttributes): [A, A] | undefined {
    if (h === height && w === width) return undefined;
    return [this.#matrix(resizeMatrix(h, height, attributes)), this.#matrix(resizeMatrix(w, width, attributes))];
  }

  /** The matrices of a Fourier transform of this size, along rows for the columns that are kept, and along columns. */
  #waves([, , h, w]: Shape, kept: number) {
    const [rowCosines, rowSines] = waveMatrices(w, kept).map((matrix) => this.#matrix(matrix));
    const [columnCosines, columnSines] = waveMatrices(h, h).map((matrix) => this.#matrix(matrix));
    return { rowCosines, rowSines, columnCosines, columnSines };
  }

  /** A logarithm after a step of Newton's method: jax-js's own in WebAssembly is off by 1e-5. */
  #corrected(rough: A, correction: A): A {
    const { add, greater, where } = this.#o.numpy;
    const fixed = this.#o.lax.stopGradient(correction);
    return add(rough, where(greater(1e-3, fixed), where(greater(fixed, -1e-3), fixed, 0), 0));
  }

  #log(x: A): A {
    const { exp, log, multiply, negative, subtract } = this.#o.numpy;
    const rough = log(x);
    return this.#corrected(rough, subtract(multiply(x, exp(negative(rough))), 1));
  }

  #power(x: A, exponent: number): A {
    const { add, divide, equal, exp, multiply, sqrt, where } = this.#o.numpy;
    if (Number.isInteger(exponent) && Math.abs(exponent) <= wholePowers) {
      if (exponent < 0) return divide(1, this.#power(x, -exponent));
      if (exponent === 0) return add(multiply(x, 0), 1);
      const half = exponent > 1 ? this.#power(x, Math.floor(exponent / 2)) : x;
      if (exponent === 1) return x;
      return exponent % 2 === 0 ? multiply(half, half) : multiply(multiply(half, half), x);
    }
    if (exponent === 0.5) return sqrt(x);
    if (exponent < 0) return exp(multiply(this.#log(x), exponent));
    const isZero = equal(x, 0);
    const inside = exp(multiply(this.#log(where(isZero, 1, x)), exponent));
    return where(isZero, exponent < 1 ? sqrt(x) : 0, inside);
  }

  #transposedWeight(weight: A, groups: number): A {
    const [outputs, inputs, kh, kw] = shapeOf(weight);
    const { flip, reshape, transpose } = this.#o.numpy;
    const grouped = reshape(this.#whole(weight), [groups, outputs / groups, inputs, kh, kw]);
    const turned = reshape(transpose(grouped, [0, 2, 1, 3, 4]), [groups * inputs, outputs / groups, kh, kw]);
    return flip(flip(turned, 2), 3);
  }

  #sides({ top, bottom, left, right }: PadAttributes): [number, number][] {
    return [
      [top, bottom],
      [left, right],
    ];
  }

  #primitives(): { readonly [P in Primitive]: Run<P, A> } {
    const { numpy, lax } = this.#o;
    const { add, divide, equal, greater, matmul, multiply, notEqual, reshape, subtract, transpose, where } = numpy;
    const number = (condition: A) => where(condition, 1, 0);
    const middle = (a: A, b: A) => multiply(add(a, b), 0.5);
    const alike =
      (f: (...operands: A[]) => A) =>
      (operands: readonly A[]): A =>
        f(...this.#alike(operands));
    return {
      add: alike(add),
      sub: alike(subtract),
      mul: alike(multiply),
      div: alike(divide),
      maximum: alike((a, b) => where(greater(a, b), a, where(greater(b, a), b, middle(a, b)))),
      minimum: alike((a, b) => where(greater(a, b), b, where(greater(b, a), a, middle(a, b)))),
      atan2: alike((y, x) => {
        const pi = Math.PI;
        const [above, right] = [greater(0, y), greater(0, x)];
        const [height, width] = [where(above, numpy.negative(y), y), where(right, numpy.negative(x), x)];
        const isSteep = greater(height, width);
        const divisor = where(isSteep, y, x);
        const isOrigin = equal(divisor, 0);
        const slope = divide(where(isOrigin, 0, where(isSteep, x, y)), where(isOrigin, 1, divisor));
        const angle = numpy.atan(slope);
        const steep = subtract(where(above, -pi / 2, pi / 2), angle);
        const flat = add(where(right, where(above, -pi, pi), 0), angle);
        return where(isSteep, steep, flat);
      }),
      greater: alike((a, b) => number(greater(a, b))),
      neg: ([x]) => numpy.negative(x),
      abs: ([x]) => where(greater(x, 0), x, where(greater(0, x), numpy.negative(x), multiply(x, 0))),
      sign: ([x]) => {
        const value = lax.stopGradient(x);
        return where(greater(value, 0), 1, where(greater(0, value), -1, multiply(value, 0)));
      },
      sqrt: ([x]) => numpy.sqrt(x),
      exp: ([x]) => numpy.exp(x),
      log: ([x]) => this.#log(x),
      log1p: ([x]) => {
        const rough = numpy.log1p(x);
        return this.#corrected(rough, multiply(subtract(x, numpy.expm1(rough)), numpy.exp(numpy.negative(rough))));
      },
      expm1: ([x]) => numpy.expm1(x),
      sin: ([x]) => numpy.sin(x),
      cos: ([x]) => numpy.cos(x),
      relu: ([x]) => where(greater(x, 0), x, where(greater(0, x), 0, multiply(x, 0))),
      round: ([x]) => {
        const value = lax.stopGradient(x);
        const below = numpy.floor(value);
        const rest = subtract(value, below);
        const odd = subtract(below, multiply(numpy.floor(multiply(below, 0.5)), 2));
        return add(below, where(greater(rest, 0.5), 1, where(greater(0.5, rest), 0, odd)));
      },
      power: ([x], { exponent }) => this.#power(x, exponent),
      clamp: ([x], { low, high }) => where(greater(low, x), low, where(greater(x, high), high, x)),
      stopGradient: ([x]) => lax.stopGradient(x),
      where: alike((mask, a, b) => where(notEqual(mask, 0), a, b)),
      // One axis after the other: sums of sums lose less to rounding than one long sum.
      sum: ([x], { axes }) =>
        axes.reduceRight(
          (sum, axis) => numpy.sum(this.#stored(sum, axisIndex(axis)), [axisIndex(axis)], { keepdims: true }),
          this.#whole(x),
        ),
      max: ([x], { axes }) => numpy.max(this.#whole(x), axes.map(axisIndex), { keepdims: true }),
      kthSmallest: ([x], { k }) => {
        const [n, c, h, w] = shapeOf(x);
        const sorted = numpy.sort(reshape(lax.stopGradient(x), [n, c, h * w]), 2);
        const smallest = reshape(
          this.#o.slice(sorted, [
            [0, n],
            [0, c],
            [k - 1, k],
          ]),
          [n, c, 1, 1],
        );
        const isEqual = equal(x, smallest);
        const sum = (x: A) => numpy.sum(numpy.sum(x, [3], { keepdims: true }), [2], { keepdims: true });
        return divide(sum(where(isEqual, x, 0)), sum(number(isEqual)));
      },
      size: ([x], { axes }) => {
        const count = axes.reduce((product, axis) => product * shapeOf(x)[axisIndex(axis)], 1);
        return this.constant([count], [1, 1, 1, 1]);
      },
      expand: ([x, like]) => {
        const other = shapeOf(like);
        if (x.shape.length === 0) return this.#filled(x, other);
        return this.#repeated(x, broadcastShape("expand", [shapeOf(x), other]));
      },
      slice: ([x], { axis, start, end, step }) => {
        const index = axisIndex(axis);
        const whole = this.#whole(x);
        if (step < 0) return numpy.flip(whole, index);
        const { 0: first, length } = slicePositions(shapeOf(x)[index], { start, end, step });
        return this.#every(whole, index, first, length, step);
      },
      embed: ([x, like], { axis, start, end, step }) => {
        const index = axisIndex(axis);
        const whole = this.#whole(x);
        if (step < 0) return numpy.flip(whole, index);
        const size = shapeOf(like)[index];
        return this.#spread(whole, index, slicePositions(size, { start, end, step })[0], step, size);
      },
      pad: ([x], { mode, ...sides }) => {
        const whole = this.#whole(x);
        if (mode === "zero") return this.#padded(whole, sides);
        const rows = this.#continued(whole, 2, sides.top, sides.bottom, mode);
        return this.#continued(rows, 3, sides.left, sides.right, mode);
      },
      concat: (operands) =>
        numpy.concatenate(
          operands.map((x) => this.#whole(x)),
          1,
        ),
      depthToSpace: ([x], { factor: f }) => {
        const [n, c, h, w] = shapeOf(x);
        const split = transpose(reshape(x, [n, c / f ** 2, f, f, h, w]), [0, 1, 4, 2, 5, 3]);
        return reshape(split, [n, c / f ** 2, h * f, w * f]);
      },
      spaceToDepth: ([x], { factor: f }) => {
        const [n, c, h, w] = shapeOf(x);
        const split = transpose(reshape(x, [n, c, h / f, f, w / f, f]), [0, 1, 3, 5, 2, 4]);
        return reshape(split, [n, c * f ** 2, h / f, w / f]);
      },
      conv2d: ([x, weight], attributes) => {
        return lax.convGeneralDilated(
          this.#whole(x),
          this.#whole(weight),
          [...attributes.stride],
          this.#sides(attributes.padding),
          { rhsDilation: [...attributes.dilation], featureGroupCount: attributes.groups },
        );
      },
      convInput: ([g, weight, like], { stride, padding, dilation, groups }) => {
        const [[, , , , kh, kw], from, to] = [[0, 0, ...shapeOf(weight)], shapeOf(g), shapeOf(like)];
        const sides = this.#sides(padding).map(([pad], axis): [number, number] => {
          const reach = ([kh, kw][axis] - 1) * dilation[axis];
          const spread = (from[2 + axis] - 1) * stride[axis] + 1;
          return [reach - pad, to[2 + axis] + pad - spread];
        });
        return lax.convGeneralDilated(this.#whole(g), this.#transposedWeight(weight, groups), [1, 1], sides, {
          lhsDilation: [...stride],
          rhsDilation: [...dilation],
          featureGroupCount: groups,
        });
      },
      convWeight: ([x, g], { stride, padding, dilation, groups, kernel }) => {
        const [[n, inputs, h, w], [, outputs, ...sizes]] = [shapeOf(x), shapeOf(g)];
        const each = inputs / groups;
        const grouped = transpose(reshape(x, [n, groups, each, h, w]), [2, 1, 0, 3, 4]);
        const sides = this.#sides(padding).map(([pad], axis): [number, number] => {
          const spread = (sizes[axis] - 1) * stride[axis] + 1;
          return [pad, (kernel[axis] - 1) * dilation[axis] + spread - [h, w][axis] - pad];
        });
        const result = lax.convGeneralDilated(
          reshape(grouped, [each, groups * n, h, w]),
          transpose(this.#whole(g), [1, 0, 2, 3]),
          [...dilation],
          sides,
          { rhsDilation: [...stride], featureGroupCount: groups },
        );
        return transpose(reshape(result, [each, outputs, ...kernel]), [1, 0, 2, 3]);
      },
      maxPool: ([x], attributes) => this.#maxima(this.#whole(x), attributes),
      maxUnpool: ([g, x], attributes) => {
        let winner: A | undefined;
        this.#maxima(this.#whole(x), attributes, (isLarger, index) => {
          winner = isLarger ? where(isLarger, index, winner ?? 0) : undefined;
        });
        const { padding, stride } = attributes;
        const [, , h, w] = shapeOf(x);
        const [height, width] = [h + padding.top + padding.bottom, w + padding.left + padding.right];
        const parts = cellsOf(attributes.kernel).map(([row, column], index) => {
          const own = winner === undefined ? g : where(equal(winner, index), g, 0);
          return this.#spread(this.#spread(own, 2, row, stride[0], height), 3, column, stride[1], width);
        });
        const sum = parts.reduce((sum, part) => add(sum, part));
        return this.#every(this.#every(sum, 2, padding.top, h, 1), 3, padding.left, w, 1);
      },
      maxGather: ([v, x], attributes) => {
        const padded = this.#padded(this.#whole(v), attributes.padding);
        const cells = cellsOf(attributes.kernel);
        let best: A | undefined;
        this.#maxima(this.#whole(x), attributes, (isLarger, index) => {
          const cell = this.#cell(padded, cells[index], shapeOf(x), attributes);
          best = isLarger && best ? where(isLarger, cell, best) : cell;
        });
        return best as A;
      },
      avgPool: ([x], attributes) => {
        const { kernel, stride, padding, countIncludePad } = attributes;
        const [n, c, h, w] = shapeOf(x);
        const ones = (rows: number, columns: number) =>
          this.#matrix({ rows, columns, values: new Float32Array(rows * columns).fill(1) });
        const window = ones(...kernel);
        const sumUp = (x: A) => lax.convGeneralDilated(x, window, [...stride], this.#sides(padding), {});
        const sums = sumUp(reshape(x, [n * c, 1, h, w]));
        const count = countIncludePad ? kernel[0] * kernel[1] : sumUp(ones(h, w));
        return reshape(divide(sums, count), [...poolShape(shapeOf(x), attributes)]);
      },
      gram: ([a, b]) => {
        const [[n, ca, h, w], [m, cb]] = [shapeOf(a), shapeOf(b)];
        const product = numpy.matmul(reshape(a, [n, ca, h * w]), transpose(reshape(b, [m, cb, h * w]), [0, 2, 1]));
        return reshape(product, [Math.max(n, m), ca, cb, 1]);
      },
      mix: ([m, x], { transpose: turned }) => {
        const [[k, rows, columns], [n, c, h, w]] = [shapeOf(m), shapeOf(x)];
        const matrix = reshape(m, [k, rows, columns]);
        const product = numpy.matmul(turned ? transpose(matrix, [0, 2, 1]) : matrix, reshape(x, [n, c, h * w]));
        return reshape(product, [Math.max(n, k), turned ? columns : rows, h, w]);
      },
      toRows: ([x]) => {
        const [n, c, h, w] = shapeOf(x);
        return reshape(transpose(this.#whole(x), [0, 2, 3, 1]), [n, h * w, c, 1]);
      },
      fromRows: ([m, like]) => {
        const [[n, , c], [, , h, w]] = [shapeOf(m), shapeOf(like)];
        return transpose(reshape(m, [n, h, w, c]), [0, 3, 1, 2]);
      },
      matmul: ([a, b], { transposeA, transposeB }) => {
        const turned = (x: A, turn: boolean) => (turn ? this.#transposed(this.#whole(x)) : this.#whole(x));
        return numpy.matmul(turned(a, transposeA), turned(b, transposeB));
      },
      resize: ([x, like], attributes) => {
        const matrices = this.#interpolation(shapeOf(x), shapeOf(like), attributes);
        return matrices ? matmul(matrices[0], matmul(this.#whole(x), this.#transposed(matrices[1]))) : x;
      },
      resizeAdjoint: ([g, like], attributes) => {
        const matrices = this.#interpolation(shapeOf(like), shapeOf(g), attributes);
        return matrices ? matmul(this.#transposed(matrices[0]), matmul(this.#whole(g), matrices[1])) : g;
      },
      fft: ([x]) => {
        const shape = shapeOf(x);
        const { rowCosines, rowSines, columnCosines, columnSines } = this.#waves(shape, Math.floor(shape[3] / 2) + 1);
        const [cosine, sine] = [rowCosines, rowSines].map((waves) => matmul(this.#whole(x), waves));
        // Of (cos - i sin) along both axes.
        const real = subtract(matmul(columnCosines, cosine), matmul(columnSines, sine));
        const imaginary = add(matmul(columnCosines, sine), matmul(columnSines, cosine));
        return numpy.concatenate([real, numpy.negative(imaginary)], 1);
      },
      fftAdjoint: ([g, like]) => {
        const [n, parts, h, kept] = shapeOf(g);
        const c = parts / 2;
        const { rowCosines, rowSines, columnCosines, columnSines } = this.#waves(shapeOf(like), kept);
        const part = (first: number) =>
          this.#o.slice(g, [
            [0, n],
            [first, first + c],
            [0, h],
            [0, kept],
          ]);
        const [re, im] = [part(0), part(c)];
        const real = subtract(matmul(columnCosines, re), matmul(columnSines, im));
        const imaginary = add(matmul(columnSines, re), matmul(columnCosines, im));
        return subtract(matmul(real, this.#transposed(rowCosines)), matmul(imaginary, this.#transposed(rowSines)));
      },
    };
  }
}
