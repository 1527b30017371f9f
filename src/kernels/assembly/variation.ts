import { GREATEST_BITS, LEAST_BITS, noteBits } from "./inspect";
import { firstLanes, laneSum, multiplyAdd, signed, widen } from "./simd";

// Total variation from forward differences; the difference past the last column or row is 0. Rows go in pairs, which share what they load.

const ANISOTROPIC: i32 = 0;
const SQUARED: i32 = 1;
const ISOTROPIC: i32 = 2;

/** Bytes of a row between which sums are float32: rounding stays near 1e-7. */
const SEGMENT: usize = 1024;

/** The horizontal slopes of the four pixels to the left, in the upper and the lower row, which the next gradient is owed. */
let leftUpper: v128 = f32x4.splat(0);
let leftLower: v128 = f32x4.splat(0);
/** The least and the greatest bits seen. */
let low: v128 = i32x4.splat(0);
let high: v128 = i32x4.splat(0);

/** 1 / root; with epsilon 0 a flat pixel has no slope, which counts as 0. */
// @ts-ignore: decorator
@inline function inverse(root: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), root), f32x4.gt(root, f32x4.splat(0)));
}

/** The weights of slopes, and their opposites, in four lanes each: loaded where they are used, as registers are few. */
const numbers: usize = memory.data(64, 16);
// @ts-ignore: decorator
@inline const X: usize = 0;
// @ts-ignore: decorator
@inline const Y: usize = 32;

/** A term of one direction. */
// @ts-ignore: decorator
@inline function term(kind: i32, d: v128, noSign: v128): v128 {
  return kind == ANISOTROPIC ? v128.and(d, noSign) : f32x4.mul(d, d);
}

/** The slope of a term: by its sign, or in proportion. */
// @ts-ignore: decorator
@inline function slope(kind: i32, d: v128, direction: usize): v128 {
  const weight = v128.load(numbers + direction);
  return kind == ANISOTROPIC ? signed(d, weight, v128.load(numbers + direction, 16)) : f32x4.mul(d, weight);
}

/** Writes four gradients, or where the row ends the `lanes` that are left of it: with rows in pairs, what lies beyond is written already. */
// @ts-ignore: decorator
@inline function write(masked: bool, lanes: v128, grad: usize, value: v128): void {
  v128.store(grad, masked ? v128.bitselect(value, v128.load(grad), lanes) : value);
}

/**
 * The weighted sum of the terms of columns [at, end) (bytes) of a row, or with `pair` of it and the next. `masked`: the last four columns or fewer.
 * `carry` holds, per column, what the row above owes this row's gradient, and is replaced by what the last row owes the next.
 */
// @ts-ignore: decorator
@inline function segment(
  kind: i32, withGrad: bool, pair: bool, masked: bool, upper: usize, lower: usize, below: usize, at: usize, end: usize,
  epsilon: f32, across: f32, down: f32, grad: usize, gradLower: usize, carry: usize,
): f64 {
  const eps = f32x4.splat(epsilon);
  const weightX = f32x4.splat(across);
  const noSign = i32x4.splat(0x7fffffff);
  const lanes = firstLanes(<i32>((end - at) >> 2)), lanesX = firstLanes(<i32>((end - at) >> 2) - 1);
  let left = leftUpper, left2 = leftLower;
  let least = low, greatest = high;
  let sumX = f32x4.splat(0), sumY = f32x4.splat(0);
  for (; at < end; at += 16) {
    const x = v128.load(upper + at), y = v128.load(lower + at);
    let dx = f32x4.sub(v128.load(upper + at, 4), x), dy = f32x4.sub(y, x);
    if (masked) {
      dx = v128.and(dx, lanesX);
      dy = v128.and(dy, lanes);
    }
    const seen = masked ? v128.bitselect(x, v128.load32_splat(upper + at), lanes) : x;
    least = i32x4.min_s(least, seen);
    greatest = i32x4.max_s(greatest, seen);
    let slopeX: v128, slopeY: v128;
    if (kind == ISOTROPIC) {
      const root = f32x4.sqrt(multiplyAdd(dx, dx, multiplyAdd(dy, dy, eps)));
      sumX = f32x4.add(sumX, masked ? v128.and(root, lanes) : root);
      const factor = f32x4.mul(weightX, inverse(root));
      slopeX = f32x4.mul(dx, factor);
      slopeY = f32x4.mul(dy, factor);
    } else {
      sumX = f32x4.add(sumX, term(kind, dx, noSign));
      sumY = f32x4.add(sumY, term(kind, dy, noSign));
      slopeX = slope(kind, dx, X);
      slopeY = slope(kind, dy, Y);
    }
    if (withGrad) {
      const owed = f32x4.add(v128.load(carry + at), i32x4.shuffle(left, slopeX, 3, 4, 5, 6));
      write(masked, lanes, grad + at, f32x4.sub(owed, f32x4.add(slopeX, slopeY)));
      left = slopeX;
    }
    if (pair) {
      let dx2 = f32x4.sub(v128.load(lower + at, 4), y), dy2 = f32x4.sub(v128.load(below + at), y);
      if (masked) {
        dx2 = v128.and(dx2, lanesX);
        dy2 = v128.and(dy2, lanes);
      }
      const seen2 = masked ? v128.bitselect(y, v128.load32_splat(lower + at), lanes) : y;
      least = i32x4.min_s(least, seen2);
      greatest = i32x4.max_s(greatest, seen2);
      const owedBelow = slopeY;
      if (kind == ISOTROPIC) {
        const root = f32x4.sqrt(multiplyAdd(dx2, dx2, multiplyAdd(dy2, dy2, eps)));
        sumX = f32x4.add(sumX, masked ? v128.and(root, lanes) : root);
        const factor = f32x4.mul(weightX, inverse(root));
        slopeX = f32x4.mul(dx2, factor);
        slopeY = f32x4.mul(dy2, factor);
      } else {
        sumX = f32x4.add(sumX, term(kind, dx2, noSign));
        sumY = f32x4.add(sumY, term(kind, dy2, noSign));
        slopeX = slope(kind, dx2, X);
        slopeY = slope(kind, dy2, Y);
      }
      if (withGrad) {
        const owed = f32x4.add(owedBelow, i32x4.shuffle(left2, slopeX, 3, 4, 5, 6));
        write(masked, lanes, gradLower + at, f32x4.sub(owed, f32x4.add(slopeX, slopeY)));
        left2 = slopeX;
      }
    }
    if (withGrad) v128.store(carry + at, slopeY);
  }
  leftUpper = left;
  leftLower = left2;
  low = least;
  high = greatest;
  return across * laneSum(widen(sumX)) + down * laneSum(widen(sumY));
}

// @ts-ignore: decorator
@inline function rowsOf(
  kind: i32, withGrad: bool, pair: bool, upper: usize, lower: usize, below: usize, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize,
): f64 {
  const bytes = <usize>width << 2;
  const whole = <usize>((width - 1) & ~3) << 2;
  let sum: f64 = 0;
  leftUpper = f32x4.splat(0);
  leftLower = f32x4.splat(0);
  for (let at: usize = 0; at < whole; at += SEGMENT) {
    sum += segment(kind, withGrad, pair, false, upper, lower, below, at, min(at + SEGMENT, whole), epsilon, across, down, grad, grad + bytes, carry);
  }
  return sum + segment(kind, withGrad, pair, true, upper, lower, below, whole, bytes, epsilon, across, down, grad, grad + bytes, carry);
}

// @ts-ignore: decorator
@inline function run(
  kind: i32, withGrad: bool, row: usize, rows: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize, note: usize,
): f64 {
  const bytes = <usize>width << 2;
  const end = row + <usize>rows * bytes;
  const last = hasBelow ? end : end - bytes;
  const first = row;
  let sum: f64 = 0;
  const twice: f32 = kind == SQUARED ? 2 : 1;
  v128.store(numbers + X, f32x4.splat(twice * across));
  v128.store(numbers + X, f32x4.splat(-twice * across), 16);
  v128.store(numbers + Y, f32x4.splat(twice * down));
  v128.store(numbers + Y, f32x4.splat(-twice * down), 16);
  low = i32x4.splat(LEAST_BITS);
  high = i32x4.splat(GREATEST_BITS);
  for (; row + bytes < end; row += 2 * bytes, grad += 2 * bytes) {
    sum += rowsOf(kind, withGrad, true, row, row + bytes, min(row + 2 * bytes, last), width, epsilon, across, down, grad, carry);
  }
  if (row < end) sum += rowsOf(kind, withGrad, false, row, last, last, width, epsilon, across, down, grad, carry);
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
