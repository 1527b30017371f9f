import { halfValues } from "../half.ts";

/** The element types that checkpoints hold, under PyTorch's names. */
export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int16"
  | "int8"
  | "uint8"
  | "bool"
  | "uint16"
  | "uint32"
  | "uint64";

/** The element types that a tensor is read as. Half and bfloat16 become float32, which holds each of their values exactly; bool becomes 0 and 1. */
export type TensorData =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/** Bytes that one element takes in the file. */
export const elementBytes: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
};

/** Whether a type holds real numbers, as weights do. */
export function isFloating(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

// Checkpoints are little endian, as is every processor that this runs on, so bytes are viewed in place and never swapped.
const decoders: Readonly<Record<DType, (buffer: ArrayBuffer) => TensorData>> = {
  float32: (buffer) => new Float32Array(buffer),
  float64: (buffer) => new Float64Array(buffer),
  float16: (buffer) => Float32Array.from(new Uint16Array(buffer), (bits) => halfValues()[bits]),
  bfloat16: (buffer) => new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer),
  int64: (buffer) => new BigInt64Array(buffer),
  int32: (buffer) => new Int32Array(buffer),
  int16: (buffer) => new Int16Array(buffer),
  int8: (buffer) => new Int8Array(buffer),
  uint8: (buffer) => new Uint8Array(buffer),
  bool: (buffer) => new Uint8Array(buffer),
  uint16: (buffer) => new Uint16Array(buffer),
  uint32: (buffer) => new Uint32Array(buffer),
  uint64: (buffer) => new BigUint64Array(buffer),
};

/** The elements that little-endian bytes stand for, without a copy where the bytes own their memory. */
export function decodeElements(dtype: DType, bytes: Uint8Array): TensorData {
  const ownsMemory = bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength;
  // Not bytes.slice, which for a Node Buffer gives a view.
  return decoders[dtype]((ownsMemory ? bytes : new Uint8Array(bytes)).buffer as ArrayBuffer);
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The half-precision bits nearest to a float32 number, of two the even ones (IEEE 754 binary16); infinity from 65520 on. */
export function halfBits(value: number): number {
  single[0] = value;
  const bits = singleBits[0];
  const sign = (bits >>> 16) & 0x8000;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const exponent = Math.max(((bits >>> 23) & 255) - 127, -14);
  // How many of the steps that half-precision numbers of this size are apart; 2048 of them are the next size's 1024.
  const steps = Math.abs(single[0]) * 2 ** (10 - exponent);
  const below = Math.floor(steps);
  const rest = steps - below;
  const rounded = rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
  return sign | Math.min((exponent + 14) * 1024 + rounded, 0x7c00);
}

/** More axes than any tensor has; NumPy's limit. */
const MOST_AXES = 64;

/** Whether a value from a file is a count: a whole number from 0 to 2^53 - 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Whether a value from a file is a tensor's shape or strides. */
export function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_AXES && value.every(isCount);
}

/** Product of the sizes: 1 for a scalar, 0 where an axis is empty. */
export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major strides, in elements. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** Elements from the first to the last that a strided view touches, both included; 0 for an empty view. */
export function viewSpan(shape: readonly number[], strides: readonly number[]): number {
  if (countOf(shape) === 0) return 0;
  return 1 + shape.reduce((last, size, axis) => last + (size - 1) * strides[axis], 0);
}

/** Whether a strided view is its own row-major copy. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  const rowMajor = contiguousStrides(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === rowMajor[axis]);
}

/** The row-major copy of a strided view that starts at the data's first element. */
export function gather<D extends TensorData>(data: D, shape: readonly number[], strides: readonly number[]): D {
  const count = countOf(shape);
  const copy = new (data.constructor as new (length: number) => D)(count);
  const index = new Array<number>(shape.length).fill(0);
  let position = 0;
  for (let i = 0; i < count; i++) {
    copy[i] = data[position];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis];
      if (++index[axis] < shape[axis]) break;
      position -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return copy;
}
