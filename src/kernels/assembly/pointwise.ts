import { firstLanes, laneSum, multiplyAdd, signed, widen } from "./simd";

// Losses that look at one sample at a time: |d|, d^2, sqrt(d^2 + eps^2) - eps, with d = output - target.

const L1: i32 = 0;
const MSE: i32 = 1;
const CHARBONNIER: i32 = 2;

// @ts-ignore: decorator
@inline function score(kind: i32, d: v128, root: v128, epsilon: v128): v128 {
  if (kind == L1) return f32x4.abs(d);
  const squared = f32x4.mul(d, d);
  if (kind == MSE) return squared;
  // What the root exceeds epsilon by, without a rounding error of the size of epsilon.
  const both = f32x4.add(root, epsilon);
  return v128.and(f32x4.div(squared, both), f32x4.gt(both, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline function slope(kind: i32, d: v128, root: v128, scale: v128): v128 {
  if (kind == L1) return signed(d, scale);
  if (kind == MSE) return f32x4.mul(d, scale);
  // sqrt(0 + 0) has no slope; where epsilon is 0 and the samples are equal it counts as 0.
  const quotient = f32x4.div(f32x4.mul(d, scale), root);
  return v128.and(quotient, f32x4.gt(root, f32x4.splat(0)));
}

// @ts-ignore: decorator
@inline function step(
  kind: i32, withGrad: bool, withMap: bool, lanes: v128, masked: bool,
  x: usize, y: usize, grad: usize, map: usize, epsilon: v128, gradScale: v128, mapScale: v128,
): v128 {
  const d = f32x4.sub(v128.load(x), v128.load(y));
  const root = kind == CHARBONNIER ? f32x4.sqrt(multiplyAdd(d, d, f32x4.mul(epsilon, epsilon))) : d;
  let value = score(kind, d, root, epsilon);
  if (withGrad) v128.store(grad, slope(kind, d, root, gradScale));
  if (withMap) v128.store(map, multiplyAdd(value, mapScale, v128.load(map)));
  if (masked) value = v128.and(value, lanes);
  return value;
}

// @ts-ignore: decorator
@inline function run(
  kind: i32, withGrad: bool, withMap: bool,
  x: usize, y: usize, count: i32, epsilon: f32, grad: usize, gradScale: f32, map: usize, mapScale: f32,
): f64 {
  const eps = f32x4.splat(epsilon);
  const slopeScale = f32x4.splat(kind == MSE ? 2 * gradScale : gradScale);
  const cellScale = f32x4.splat(mapScale);
  const all = firstLanes(4);
  let total = f64x2.splat(0);
  let i: usize = 0;
  const whole = <usize>(count & ~15) << 2;
  while (i < whole) {
    // Four float32 partial sums over at most 64 steps: rounding stays near 1e-7, and widening costs nothing.
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    const end = min(whole, i + 4096);
    for (; i < end; i += 64) {
      a = f32x4.add(a, step(kind, withGrad, withMap, all, false, x + i, y + i, grad + i, map + i, eps, slopeScale, cellScale));
      b = f32x4.add(b, step(kind, withGrad, withMap, all, false, x + i + 16, y + i + 16, grad + i + 16, map + i + 16, eps, slopeScale, cellScale));
      c = f32x4.add(c, step(kind, withGrad, withMap, all, false, x + i + 32, y + i + 32, grad + i + 32, map + i + 32, eps, slopeScale, cellScale));
      d = f32x4.add(d, step(kind, withGrad, withMap, all, false, x + i + 48, y + i + 48, grad + i + 48, map + i + 48, eps, slopeScale, cellScale));
    }
    total = f64x2.add(total, f64x2.add(f64x2.add(widen(a), widen(b)), f64x2.add(widen(c), widen(d))));
  }
  const end = <usize>count << 2;
  for (; i < end; i += 16) {
    const lanes = firstLanes(<i32>((end - i) >> 2));
    total = f64x2.add(total, widen(step(kind, withGrad, withMap, lanes, true, x + i, y + i, grad + i, map + i, eps, slopeScale, cellScale)));
  }
  return laneSum(total);
}

// @ts-ignore: decorator
@inline function dispatch(
  kind: i32, x: usize, y: usize, count: i32, epsilon: f32, grad: usize, gradScale: f32, map: usize, mapScale: f32,
): f64 {
  if (grad && map) return run(kind, true, true, x, y, count, epsilon, grad, gradScale, map, mapScale);
  if (grad) return run(kind, true, false, x, y, count, epsilon, grad, gradScale, map, mapScale);
  if (map) return run(kind, false, true, x, y, count, epsilon, grad, gradScale, map, mapScale);
  return run(kind, false, false, x, y, count, epsilon, grad, gradScale, map, mapScale);
}

/**
 * The sum over `count` samples. Writes slope * gradScale to `grad` and adds score * mapScale to `map`, where these are not 0.
 * Touches up to 3 floats beyond the end of each array.
 */
export function pointwise(
  kind: i32, x: usize, y: usize, count: i32, epsilon: f32, grad: usize, gradScale: f32, map: usize, mapScale: f32,
): f64 {
  if (kind == L1) return dispatch(L1, x, y, count, epsilon, grad, gradScale, map, mapScale);
  if (kind == MSE) return dispatch(MSE, x, y, count, epsilon, grad, gradScale, map, mapScale);
  return dispatch(CHARBONNIER, x, y, count, epsilon, grad, gradScale, map, mapScale);
}
