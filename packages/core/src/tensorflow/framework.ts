/** The part of a tensor of TensorFlow.js that this library needs. */
export interface TensorflowTensor {
  readonly shape: number[];
  readonly dtype: string;
  readonly isDisposed: boolean;
  dispose(): void;
}

type T = TensorflowTensor;
type Sizes = [number, number];
type Pads = [Sizes, Sizes, Sizes, Sizes];

/** The functions of TensorFlow.js that this library calls, as it calls them. */
export interface TensorflowOps {
  tensor(values: Float32Array | Int32Array, shape: number[], dtype: "float32" | "int32"): T;
  scalar(value: number): T;
  zeros(shape: number[]): T;
  tidy(f: () => void): unknown;
  keep(x: T): T;
  clone(x: T): T;
  customGrad(f: (x: T, save: (tensors: T[]) => void) => { value: T; gradFunc: (dy: T, saved: T[]) => T }): (x: T) => T;
  /** Whether a tape is on is public in its state alone. */
  engine(): { state: { gradientDepth: number; kernelDepth: number } };
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  div(a: T, b: T): T;
  maximum(a: T, b: T): T;
  minimum(a: T, b: T): T;
  atan2(a: T, b: T): T;
  greater(a: T, b: T): T;
  notEqual(a: T, b: T): T;
  equal(a: T, b: T): T;
  neg(x: T): T;
  abs(x: T): T;
  sign(x: T): T;
  sqrt(x: T): T;
  exp(x: T): T;
  log(x: T): T;
  sin(x: T): T;
  cos(x: T): T;
  relu(x: T): T;
  round(x: T): T;
  pow(x: T, exponent: T): T;
  clipByValue(x: T, low: number, high: number): T;
  where(condition: T, a: T, b: T): T;
  cast(x: T, dtype: "float32"): T;
  sum(x: T, axes: number[], keepDims: boolean): T;
  max(x: T, axes: number[], keepDims: boolean): T;
  topk(x: T, k: number): { values: T };
  tile(x: T, reps: number[]): T;
  reshape(x: T, shape: number[]): T;
  transpose(x: T, perm: number[]): T;
  slice(x: T, begin: number[], size: number[]): T;
  stridedSlice(x: T, begin: number[], end: number[], strides: number[]): T;
  reverse(x: T, axis: number): T;
  gather(x: T, indices: T, axis: number): T;
  pad(x: T, pads: Sizes[], value?: number): T;
  concat(values: T[], axis: number): T;
  conv2d(x: T, filter: T, strides: Sizes, pad: Pads, format: "NHWC", dilations: Sizes): T;
  depthwiseConv2d(x: T, filter: T, strides: Sizes, pad: Pads, format: "NHWC", dilations: Sizes): T;
  maxPool(x: T, kernel: Sizes, strides: Sizes, pad: Pads): T;
  avgPool(x: T, kernel: Sizes, strides: Sizes, pad: "valid"): T;
  matMul(a: T, b: T, transposeA: boolean, transposeB: boolean): T;
}

/**
 * The namespace of TensorFlow.js, version 4: what `import * as tf from "@tensorflow/tfjs"` gives, or `@tensorflow/tfjs-core` beside any of its backends. Its types stay its own.
 */
export type Tensorflow = { readonly [Name in keyof TensorflowOps]: (...args: never[]) => unknown };

/** A tensor of this TensorFlow.js. */
export type TensorOf<Tf extends Tensorflow> = ReturnType<Tf["add"]>;

/** One number of this TensorFlow.js. */
export type ResultOf<Tf extends Tensorflow> = ReturnType<Tf["scalar"]>;
