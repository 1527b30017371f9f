import { GREATEST_BITS, LEAST_BITS, noteBits } from "./inspect";
import { firstLanes, laneSum, multiplyAdd, signed, size, widen } from "./simd";

// Total variation from forward differences; the difference past the last column or row is 0. One row at a time: with more of them less would be loaded twice, but
// the numbers at work would no longer fit into sixteen registers, and storing those that do not takes longer than loading.

const ANISOTROPIC: i32 = 0;
const SQUARED: i32 = 1;
const ISOTROPIC: i32 = 2;

/** Bytes of a row between which sums are float32: rounding stays near 1e-7. */
const SEGMENT: usize = 1024;

/** The horizontal slopes of the four pixels to the left, which the next gradient is owed. */
let owedLeft: v128 = f32x4.splat(0);
/** The least and the greatest bits seen. */
let low: v128 = i32x4.splat(0);
let high: v128 = i32x4.splat(0);

/** 1 / root; with epsilon 0 a flat pixel has no slope, which counts as 0. */
// @ts-ignore: decorator
@inline function inverse(root: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), root), f32x4.gt(root, f32x4.splat(0)));
}

/**
 * The weighted sum of the terms of columns [at, end) (bytes) of a row. `masked`: the last four columns or fewer. `carry` holds, per column, what the row above owes
 * this row's gradient, and is replaced by what this one owes the next.
 */
// @ts-ignore: decorator
@inline function segment(
  kind: i32, withGrad: bool, masked: bool, row: usize, below: usize, at: usize, end: usize, epsilon: f32, across: f32, down: f32, grad: usize, carry: usize,
): f64 {
  const eps = f32x4.splat(epsilon);
  const twice: f32 = kind == SQUARED ? 2 : 1;
  const weightX = f32x4.splat(twice * across), weightY = f32x4.splat(twice * down);
  const lanes = firstLanes(<i32>((end - at) >> 2)), lanesX = firstLanes(<i32>((end - at) >> 2) - 1);
  let left = owedLeft, least = low, greatest = high;
  let sumX = f32x4.splat(0), sumY = f32x4.splat(0);
  for (; at < end; at += 16) {
    const x = v128.load(row + at);
    let dx = f32x4.sub(v128.load(row + at, 4), x), dy = f32x4.sub(v128.load(below + at), x);
    if (masked) {
      dx = v128.and(dx, lanesX);
      dy = v128.and(dy, lanes);
    }
    const seen = masked ? v128.bitselect(x, v128.load32_splat(row + at), lanes) : x;
    least = i32x4.min_s(least, seen);
    greatest = i32x4.max_s(greatest, seen);
    let slopeX: v128, slopeY: v128;
    if (kind == ISOTROPIC) {
      const root = f32x4.sqrt(multiplyAdd(dx, dx, multiplyAdd(dy, dy, eps)));
      sumX = f32x4.add(sumX, masked ? v128.and(root, lanes) : root);
      const factor = f32x4.mul(weightX, inverse(root));
      slopeX = f32x4.mul(dx, factor);
      slopeY = f32x4.mul(dy, factor);
    } else if (kind == SQUARED) {
      sumX = f32x4.add(sumX, f32x4.mul(dx, dx));
      sumY = f32x4.add(sumY, f32x4.mul(dy, dy));
      slopeX = f32x4.mul(dx, weightX);
      slopeY = f32x4.mul(dy, weightY);
    } else {
      const sizeX = size(dx), sizeY = size(dy);
      sumX = f32x4.add(sumX, sizeX);
      sumY = f32x4.add(sumY, sizeY);
      slopeX = signed(dx, sizeX, weightX);
      slopeY = signed(dy, sizeY, weightY);
    }
    if (withGrad) {
      const owed = f32x4.add(v128.load(carry + at), i32x4.shuffle(left, slopeX, 3, 4, 5, 6));
      // What is written beyond the row's end is the next row's, which comes later.
      v128.store(grad + at, f32x4.sub(owed, f32x4.add(slopeX, slopeY)));
      v128.store(carry + at, slopeY);
      left = slopeX;
    }
  }
  owedLeft = left;
  low = least;
  high = greatest;
  return across * laneSum(widen(sumX)) + down * laneSum(widen(sumY));
}

// @ts-ignore: decorator
@inline function run(
  kind: i32, withGrad: bool, row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  const bytes = <usize>width << 2;
  const whole = <usize>((width - 1) & ~3) << 2;
  const end = row + <usize>rows * bytes;
  const last = hasBelow ? end : end - bytes;
  const first = row;
  let sum: f64 = 0;
  low = i32x4.splat(LEAST_BITS);
  high = i32x4.splat(GREATEST_BITS);
  for (; row < end; row += bytes, grad += bytes) {
    const below = min(row + bytes, last);
    owedLeft = f32x4.splat(0);
    for (let at: usize = 0; at < whole; at += SEGMENT) {
      sum += segment(kind, withGrad, false, row, below, at, min(at + SEGMENT, whole), epsilon, across, down, grad, carry);
    }
    sum += segment(kind, withGrad, true, row, below, whole, bytes, epsilon, across, down, grad, carry);
  }
  noteBits(low, high, first, rows * width, note);
  return sum;
}

// A function for each case: within one, the compiler would take the cases for the same code and choose among them in the innermost loop.

function anisotropicValue(
  row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  return run(ANISOTROPIC, false, row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}

function anisotropicGrad(
  row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  return run(ANISOTROPIC, true, row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}

function squaredValue(
  row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  return run(SQUARED, false, row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}

function squaredGrad(
  row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  return run(SQUARED, true, row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}

function isotropicValue(
  row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  return run(ISOTROPIC, false, row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}

function isotropicGrad(
  row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  return run(ISOTROPIC, true, row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}

/**
 * The sum over `rows` rows of |dx| across + |dy| down (kind 0), dx^2 across + dy^2 down (kind 1) or
 * sqrt(dx^2 + dy^2 + epsilon) across (kind 2). `hasBelow`: one more row follows in memory. `grad`, where not 0, receives as many rows.
 * `carry`, width + 4 floats: what the row above owes the gradient of the first row, replaced by what the last row owes the next. Widens
 * the extremes at `note`.
 */
export function variation(
  kind: i32, row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  if (kind == ANISOTROPIC) {
    return grad
      ? anisotropicGrad(row, rows, hasBelow, width, epsilon, across, down, grad, carry, note)
      : anisotropicValue(row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
  }
  if (kind == SQUARED) {
    return grad
      ? squaredGrad(row, rows, hasBelow, width, epsilon, across, down, grad, carry, note)
      : squaredValue(row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
  }
  return grad
    ? isotropicGrad(row, rows, hasBelow, width, epsilon, across, down, grad, carry, note)
    : isotropicValue(row, rows, hasBelow, width, epsilon, across, down, grad, carry, note);
}
