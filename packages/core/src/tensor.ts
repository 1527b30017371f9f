import { checkNumber, described } from "./arguments.ts";
import { ReconlossError } from "./errors.ts";

/** Batch, channels, height, width. */
export type Shape = readonly [n: number, c: number, h: number, w: number];

/** The shape as people write it: `1x3x480x640`. */
export function formatShape(shape: readonly number[]): string {
  return shape.join("x");
}

/** The number of elements in a shape. */
export function elementCount(shape: Shape): number {
  return shape[0] * shape[1] * shape[2] * shape[3];
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.every((size, axis) => size === b[axis]);
}

/** Refuses what is no shape of a batch of images. */
export function checkShape(shape: readonly number[]): asserts shape is Shape {
  const sizes: unknown[] | undefined =
    Array.isArray(shape) || ArrayBuffer.isView(shape) ? Array.from(shape) : undefined;
  if (sizes?.length === 4 && sizes.every((size) => Number.isInteger(size) && (size as number) >= 1)) return;
  const got = sizes === undefined ? described(shape) : `[${sizes.map(described).join(", ")}]`;
  throw new ReconlossError("shape", `Tensor: shape must be four positive integers [n, c, h, w], got ${got}`);
}

/** Memory for the values of a shape. */
function allocate(shape: Shape): Float32Array {
  try {
    return new Float32Array(elementCount(shape));
  } catch (cause) {
    throw new ReconlossError("shape", `Tensor: there is no memory for shape ${formatShape(shape)}`, { cause });
  }
}

/** Any array of numbers, rounded to float32. */
function toFloat32(data: ArrayLike<number>): Float32Array {
  try {
    return Float32Array.from(data);
  } catch (cause) {
    throw new ReconlossError("invalid-argument", "Tensor.from: data must be an array of numbers", { cause });
  }
}

/**
 * A batch of images: float32, planar, row-major [n, c, h, w]. Colour images are RGB in [0, 1] unless a loss's
 * `dataRange` says otherwise. The data is used as it is, never copied.
 *
 * @example
 * ```ts
 * const grey = new Tensor(new Float32Array(64 * 48).fill(0.5), [1, 1, 48, 64]);
 * ```
 */
export class Tensor {
  readonly data: Float32Array;
  readonly shape: Shape;

  /** @throws {ReconlossError} `shape` when the sizes are not positive integers or do not multiply to the data's length. */
  constructor(data: Float32Array, shape: readonly number[]) {
    if (!(data instanceof Float32Array)) {
      throw new ReconlossError(
        "invalid-argument",
        "Tensor: data must be a Float32Array; Tensor.from converts other arrays",
      );
    }
    checkShape(shape);
    this.shape = [shape[0], shape[1], shape[2], shape[3]];
    if (data.length !== elementCount(this.shape)) {
      throw new ReconlossError(
        "shape",
        `Tensor: shape ${formatShape(shape)} needs ${elementCount(this.shape)} values, data has ${data.length}`,
      );
    }
    this.data = data;
  }

  /** A tensor from any array of numbers, copied and rounded to float32. */
  static from(data: ArrayLike<number>, shape: readonly number[]): Tensor {
    return new Tensor(toFloat32(data), shape);
  }

  /** A tensor whose every element is `value`. */
  static full(shape: Shape, value: number): Tensor {
    checkShape(shape);
    checkNumber("Tensor.full", "value", value);
    return new Tensor(allocate(shape).fill(value), shape);
  }

  /** Image number `index` of the batch as a batch of one, sharing the data. */
  image(index: number): Tensor {
    const [n, c, h, w] = this.shape;
    if (!Number.isInteger(index) || index < 0 || index >= n) {
      throw new ReconlossError("invalid-argument", `Tensor.image: index ${described(index)} is not in a batch of ${n}`);
    }
    return new Tensor(this.data.subarray(index * c * h * w, (index + 1) * c * h * w), [1, c, h, w]);
  }
}

/** The least and the greatest of some numbers; NaN where one of them is. */
export type Extremes = readonly [low: number, high: number];

/** The extremes of an array, which must not be empty. */
export function extremes(data: Float32Array): Extremes {
  // From 0 up, floats are ordered as their bits are as whole numbers, infinity and NaN last, and comparing these takes less time.
  const bits = wholeExtremes(new Int32Array(data.buffer, data.byteOffset, data.length));
  const [least, greatest] = new Float32Array(Int32Array.from(bits).buffer);
  if (bits[0] >= 0) return [Number.isNaN(greatest) ? greatest : least, greatest];
  let [low, high] = [data[0], data[0]];
  // Math.min and Math.max keep NaN, and by index the loop is several times faster than by iterator.
  for (let i = 0; i < data.length; i++) {
    low = Math.min(low, data[i]);
    high = Math.max(high, data[i]);
  }
  return [low, high];
}

/**
 * The least and the greatest of whole numbers, by two at a time that need not wait for each other. It stops at a negative one, which it returns as the least.
 */
function wholeExtremes(values: Int32Array): Extremes {
  const last = values.length - 1;
  // Of an odd number of values the last stands alone.
  let [evenLow, evenHigh, oddLow, oddHigh] = [values[last], values[last], values[last], values[last]];
  for (let i = 0; i < last && evenLow >= 0; i += 2) {
    const even = values[i];
    const odd = values[i + 1];
    if (even < evenLow) evenLow = even;
    if (even > evenHigh) evenHigh = even;
    if (odd < oddLow) oddLow = odd;
    if (odd > oddHigh) oddHigh = odd;
  }
  return [Math.min(evenLow, oddLow), Math.max(evenHigh, oddHigh)];
}

/** The first element that is NaN or infinite, as its position in the data, or -1. */
export function firstNonFinite(data: Float32Array): number {
  if (data.length === 0) return -1;
  const [low, high] = extremes(data);
  return Number.isFinite(high - low) ? -1 : data.findIndex((value) => !Number.isFinite(value));
}
