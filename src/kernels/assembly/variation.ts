import { firstLanes, laneSum, multiplyAdd, signed, widen } from "./simd";

// Total variation from forward differences; the difference past the last column or row is 0.

const ANISOTROPIC: i32 = 0;
const SQUARED: i32 = 1;

/** The horizontal slopes of the four pixels to the left, which this vector's gradient is owed. */
let previous: v128 = f32x4.splat(0);

/**
 * The weighted terms of four pixels of one row. `carry` holds, per column, what the row above owes this row's gradient, and is replaced
 * by what this row owes the next. `left`: how many pixels of the row remain, looked at only where `masked`.
 */
// @ts-ignore: decorator
@inline function step(
  kind: i32, withGrad: bool, masked: bool, left: i32, row: usize, below: usize, grad: usize, carry: usize,
  epsilon: v128, across: v128, down: v128,
): v128 {
  const x = v128.load(row);
  let dx = f32x4.sub(v128.load(row, 4), x);
  let dy = f32x4.sub(v128.load(below), x);
  if (masked) {
    dx = v128.and(dx, firstLanes(left - 1));
    dy = v128.and(dy, firstLanes(left));
  }
  let slopeX: v128, slopeY: v128, value: v128;
  if (kind == ANISOTROPIC) {
    value = multiplyAdd(f32x4.abs(dx), across, f32x4.mul(f32x4.abs(dy), down));
    slopeX = signed(dx, across);
    slopeY = signed(dy, down);
  } else if (kind == SQUARED) {
    slopeX = f32x4.mul(dx, across);
    slopeY = f32x4.mul(dy, down);
    value = multiplyAdd(dx, slopeX, f32x4.mul(dy, slopeY));
    slopeX = f32x4.add(slopeX, slopeX);
    slopeY = f32x4.add(slopeY, slopeY);
  } else {
    const root = f32x4.sqrt(multiplyAdd(dx, dx, multiplyAdd(dy, dy, epsilon)));
    value = f32x4.mul(root, across);
    if (masked) value = v128.and(value, firstLanes(left));
    // With epsilon 0 a flat pixel has no slope; it counts as 0.
    const factor = v128.and(f32x4.div(across, root), f32x4.gt(root, f32x4.splat(0)));
    slopeX = f32x4.mul(dx, factor);
    slopeY = f32x4.mul(dy, factor);
  }
  if (withGrad) {
    const owed = f32x4.add(v128.load(carry), i32x4.shuffle(previous, slopeX, 3, 4, 5, 6));
    v128.store(grad, f32x4.sub(owed, f32x4.add(slopeX, slopeY)));
    v128.store(carry, slopeY);
    previous = slopeX;
  }
  return value;
}

// @ts-ignore: decorator
@inline function run(
  kind: i32, withGrad: bool, row: usize, rows: i32, skip: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize,
): f64 {
  const bytes = <usize>width << 2;
  const epsilonLanes = f32x4.splat(epsilon);
  const acrossLanes = f32x4.splat(across);
  const downLanes = f32x4.splat(down);
  let total: f64 = 0;
  if (withGrad) memory.fill(carry, 0, bytes + 16);
  for (let y = 0; y < rows; y++) {
    const below = y + 1 < rows || hasBelow ? row + bytes : row;
    if (withGrad) previous = f32x4.splat(0);
    let sum = f64x2.splat(0);
    let x: i32 = 0;
    let at: usize = 0;
    for (; x + 8 < width; x += 8, at += 32) {
      const a = step(kind, withGrad, false, 0, row + at, below + at, grad + at, carry + at, epsilonLanes, acrossLanes, downLanes);
      const b = step(kind, withGrad, false, 0, row + at + 16, below + at + 16, grad + at + 16, carry + at + 16, epsilonLanes, acrossLanes, downLanes);
      sum = f64x2.add(sum, widen(f32x4.add(a, b)));
    }
    for (; x < width; x += 4, at += 16) {
      sum = f64x2.add(sum, widen(step(kind, withGrad, true, width - x, row + at, below + at, grad + at, carry + at, epsilonLanes, acrossLanes, downLanes)));
    }
    if (y >= skip) total += laneSum(sum);
    row += bytes;
    grad += bytes;
  }
  return total;
}

/**
 * The sum over `rows` rows of |dx| across + |dy| down (kind 0), dx^2 across + dy^2 down (kind 1) or
 * sqrt(dx^2 + dy^2 + epsilon) across (kind 2). The first `skip` rows are not counted, they only pass on what they owe to the gradient
 * below. `hasBelow`: one more row follows in memory. `grad`, where not 0, receives as many rows; `carry` is scratch of width + 4 floats.
 */
export function variation(
  kind: i32, row: usize, rows: i32, skip: i32, hasBelow: bool, width: i32,
  epsilon: f32, across: f32, down: f32, grad: usize, carry: usize,
): f64 {
  if (kind == ANISOTROPIC) {
    if (grad) return run(ANISOTROPIC, true, row, rows, skip, hasBelow, width, epsilon, across, down, grad, carry);
    return run(ANISOTROPIC, false, row, rows, skip, hasBelow, width, epsilon, across, down, grad, carry);
  }
  if (kind == SQUARED) {
    if (grad) return run(SQUARED, true, row, rows, skip, hasBelow, width, epsilon, across, down, grad, carry);
    return run(SQUARED, false, row, rows, skip, hasBelow, width, epsilon, across, down, grad, carry);
  }
  if (grad) return run(2, true, row, rows, skip, hasBelow, width, epsilon, across, down, grad, carry);
  return run(2, false, row, rows, skip, hasBelow, width, epsilon, across, down, grad, carry);
}
