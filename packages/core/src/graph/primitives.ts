/** The four axes of every value: batch, channels, height, width. A convolution's weight uses them as out, in, kh, kw. */
export type Axis = "n" | "c" | "h" | "w";

/** The axes in memory-independent order; `axisOrder.indexOf(axis)` is an axis's place in a shape. */
export const axisOrder: readonly Axis[] = ["n", "c", "h", "w"];

/** A size that is known while the graph is built, or `undefined` where it is known only when it runs. */
export type Dim = number | undefined;

/** A value's shape as far as it is known while the graph is built. An axis broadcasts exactly when its size is known to be 1. */
export type Dims = readonly [n: Dim, c: Dim, h: Dim, w: Dim];

type None = Record<never, never>;

/** `sum`, `max` and `size`: the axes in question, each at most once. */
export interface AxesAttributes {
  axes: readonly Axis[];
}

/** A Python-style slice of one axis: negative positions count from the end, `end` left out means all the way, `step` may be -1. */
export interface SliceAttributes {
  axis: Axis;
  start: number;
  end: number | undefined;
  step: number;
}

/** Rows and columns of zeros around an image. */
export interface PadAttributes {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** Rows and columns around an image: zeros, the image mirrored at its border (cb|abcd), or its border repeated (aa|abcd). */
export interface ContinueAttributes extends PadAttributes {
  mode: "zero" | "reflect" | "replicate";
}

/** A window that slides over an image; `padding` is zeros (minus infinity for `maxPool`) before and after each axis. */
export interface WindowAttributes {
  stride: readonly [h: number, w: number];
  padding: PadAttributes;
}

/** Cross-correlation, as in PyTorch's `conv2d`. */
export interface ConvAttributes extends WindowAttributes {
  dilation: readonly [h: number, w: number];
  groups: number;
}

/** `convWeight` has to be told the size of the kernel whose gradient it gives. */
export interface ConvWeightAttributes extends ConvAttributes {
  kernel: readonly [h: number, w: number];
}

/** Pooling windows; a tie in `maxPool` goes to the first in row-major order, as in PyTorch. */
export interface PoolAttributes extends WindowAttributes {
  kernel: readonly [h: number, w: number];
}

/** `avgPool`: whether padding counts in the divisor. */
export interface AveragePoolAttributes extends PoolAttributes {
  countIncludePad: boolean;
}

/** The matrices that are transposed first. */
export interface MatmulAttributes {
  transposeA: boolean;
  transposeB: boolean;
}

/** Interpolation as in PyTorch's `interpolate`, without antialiasing. */
export interface ResizeAttributes {
  mode: "nearest" | "bilinear";
  alignCorners: boolean;
}

/**
 * The closed set of operations. A backend gives each one a meaning and `derivatives.ts` gives each one a derivative, written in
 * the same operations; everything else in the library is composed of them. The key is the name, the value its attributes.
 */
export interface Primitives {
  // Elementwise, two operands; axes of size 1 broadcast.
  add: None;
  sub: None;
  mul: None;
  div: None;
  maximum: None;
  minimum: None;
  /** The angle of the point (x, y), operands (y, x), in (-pi, pi]. */
  atan2: None;
  /** 1 where the first operand is greater, else 0. */
  greater: None;
  // Elementwise, one operand.
  neg: None;
  abs: None;
  sign: None;
  sqrt: None;
  exp: None;
  log: None;
  /** log(1 + x), exact for small x. */
  log1p: None;
  /** exp(x) - 1, exact for small x. */
  expm1: None;
  sin: None;
  cos: None;
  relu: None;
  /** To the nearest integer, halves to even. */
  round: None;
  power: { exponent: number };
  clamp: { low: number; high: number };
  /** The value itself, invisible to differentiation. */
  stopGradient: None;
  /** Operands (mask, a, b): a where the mask is not 0, else b. */
  where: None;
  // Shape.
  /** Sum over axes, which stay with size 1. */
  sum: AxesAttributes;
  /** The largest along axes, which stay with size 1; its derivative is shared by all that are as large, as in PyTorch's `amax`. */
  max: AxesAttributes;
  /** The k-th smallest value of each plane, k from 1: [n, c, 1, 1]; its derivative is shared by all that are equal to it. */
  kthSmallest: { k: number };
  /** The number of elements along axes, as a value of shape [1, 1, 1, 1]. */
  size: AxesAttributes;
  /** Operands (x, like): x repeated to the shape of `like`. */
  expand: None;
  slice: SliceAttributes;
  /** The adjoint of `slice`. Operands (x, like): zeros in the shape of `like`, x in the places that the slice takes. */
  embed: SliceAttributes;
  pad: ContinueAttributes;
  /** Along channels, any number of operands. */
  concat: None;
  /** Blocks of `factor` x `factor` channels become pixels, in PyTorch's order (`pixel_shuffle`). */
  depthToSpace: { factor: number };
  /** The inverse of `depthToSpace` (`pixel_unshuffle`). */
  spaceToDepth: { factor: number };
  // Windows.
  /** Operands (x, weight). */
  conv2d: ConvAttributes;
  /** The adjoint of `conv2d` in x. Operands (g, weight, like): the gradient in the shape of `like`. */
  convInput: ConvAttributes;
  /** The adjoint of `conv2d` in the weight. Operands (x, g). */
  convWeight: ConvWeightAttributes;
  maxPool: PoolAttributes;
  /** Operands (g, x): g scattered to the places of x's maxima, zeros elsewhere, in the shape of x. */
  maxUnpool: PoolAttributes;
  /** Operands (v, x): the elements of v at the places of x's maxima. */
  maxGather: PoolAttributes;
  avgPool: AveragePoolAttributes;
  // Matrices [n, rows, columns, 1] of each image.
  /** Operands (a, b): sums over the pixels of every channel of a times every channel of b, [n, channels of a, channels of b, 1]. */
  gram: None;
  /** Operands (m, x): at every pixel the matrix m, or its transpose, times the channels of x. */
  mix: { transpose: boolean };
  /** The pixels, row by row, as the rows of a matrix of their channels: [n, h w, c, 1]. */
  toRows: None;
  /** The inverse of `toRows`. Operands (m, like): the rows of m as pixels in the height and width of `like`. */
  fromRows: None;
  /** Operands (a, b): the products of the planes as matrices, or of their transposes; axes n and c of size 1 broadcast. */
  matmul: MatmulAttributes;
  // Sizes.
  /** Operands (x, like): x resized to the height and width of `like`. */
  resize: ResizeAttributes;
  /** The adjoint of `resize`. Operands (g, like): g taken back to the height and width of `like`. */
  resizeAdjoint: ResizeAttributes;
  // Frequencies.
  /**
   * The discrete Fourier transform over h and w: [n, 2 c, h, floor(w / 2) + 1] of [n, c, h, w], the real parts of all channels before the imaginary ones. The other columns are
   * conjugates of these.
   */
  fft: None;
  /** The adjoint of `fft`. Operands (g, like): sums of waves with the weights g, in the height and width of `like`. */
  fftAdjoint: None;
}

export type Primitive = keyof Primitives;

/** A meaning for every primitive. `T` is whatever the backend computes with. */
export interface Backend<T> {
  /** Values of any shape that do not depend on the inputs. */
  constant(data: ArrayLike<number>, shape: readonly [number, number, number, number]): T;
  /** Returns the shape of `x` as far as it is known. */
  dims(x: T): Dims;
  run<P extends Primitive>(primitive: P, operands: readonly T[], attributes: Primitives[P]): T;
}
