import { GREATEST_BITS, inspect, LEAST_BITS, noteBits } from "./inspect";
import { constant, firstLanes, laneSum, multiplyAdd, signed, size, widen } from "./simd";
import { divideByWhite, picking } from "./unpack";

// Losses that look at one sample at a time: |d|, d^2, sqrt(d^2 + eps^2) - eps, with d = output - target.

const L1: i32 = 0;
const MSE: i32 = 1;
const CHARBONNIER: i32 = 2;

/** The least float32 whose square is not subnormal. */
const LEAST_ROOT: f32 = 1.1e-19;

/** The summand of one step. */
// @ts-ignore: decorator
@inline function step(
  kind: i32, withGrad: bool, withMap: bool, weighted: bool, x: v128, y: v128, grad: usize, map: usize, weights: usize, epsilon: v128, epsilonSquared: v128, one: v128, gradScale: v128, mapScale: v128,
): v128 {
  const d = f32x4.sub(x, y);
  let value: v128, slope: v128;
  if (kind == L1) {
    value = size(d);
    slope = signed(d, value, gradScale);
  } else if (kind == MSE) {
    value = f32x4.mul(d, d);
    slope = f32x4.mul(d, gradScale);
  } else {
    // What the root exceeds epsilon by is d^2 / (root + epsilon), without a rounding error of the size of epsilon; the slope is d / root. One
    // division serves both. The least of roots, whose square is still a number, keeps them 0 where epsilon is 0 and the samples are equal.
    const squared = f32x4.mul(d, d);
    const root = f32x4.pmax(f32x4.sqrt(f32x4.add(squared, epsilonSquared)), f32x4.splat(LEAST_ROOT));
    const both = f32x4.add(root, epsilon);
    const inverse = f32x4.div(one, f32x4.mul(root, both));
    value = f32x4.mul(f32x4.mul(squared, root), inverse);
    slope = f32x4.mul(f32x4.mul(f32x4.mul(d, gradScale), both), inverse);
  }
  if (weighted) {
    const weight = v128.load(weights);
    value = f32x4.mul(value, weight);
    slope = f32x4.mul(slope, weight);
  }
  if (withGrad) v128.store(grad, slope);
  if (withMap) v128.store(map, multiplyAdd(value, mapScale, v128.load(map)));
  return value;
}

// @ts-ignore: decorator
@inline function run(
  kind: i32, withGrad: bool, withMap: bool, weighted: bool, x: usize, y: usize, count: i32, epsilon: f32,
  grad: usize, gradScale: f32, map: usize, mapScale: f32, weights: usize, noteX: usize, noteY: usize,
): f64 {
  const eps = f32x4.splat(epsilon), epsSquared = f32x4.splat(epsilon * epsilon), one = f32x4.splat(1);
  const slopeScale = f32x4.splat(kind == MSE ? 2 * gradScale : gradScale);
  const cellScale = f32x4.splat(mapScale);
  let lowX = i32x4.splat(LEAST_BITS), highX = i32x4.splat(GREATEST_BITS), lowY = lowX, highY = highX;
  let total = f64x2.splat(0);
  let i: usize = 0;
  const whole = <usize>(count & ~7) << 2;
  while (i < whole) {
    // Float32 partial sums over at most 128 steps: rounding stays near 1e-7, and widening costs nothing.
    let first = f32x4.splat(0), second = f32x4.splat(0);
    const end = min(whole, i + 4096);
    for (; i < end; i += 32) {
      const a = v128.load(x + i), b = v128.load(y + i), c = v128.load(x + i, 16), d = v128.load(y + i, 16);
      first = f32x4.add(first, step(kind, withGrad, withMap, weighted, a, b, grad + i, map + i, weights + i, eps, epsSquared, one, slopeScale, cellScale));
      second = f32x4.add(second, step(kind, withGrad, withMap, weighted, c, d, grad + i + 16, map + i + 16, weights + i + 16, eps, epsSquared, one, slopeScale, cellScale));
      lowX = i32x4.min_s(lowX, i32x4.min_s(a, c));
      highX = i32x4.max_s(highX, i32x4.max_s(a, c));
      lowY = i32x4.min_s(lowY, i32x4.min_s(b, d));
      highY = i32x4.max_s(highY, i32x4.max_s(b, d));
    }
    total = f64x2.add(total, f64x2.add(widen(first), widen(second)));
  }
  noteBits(lowX, highX, x, count & ~7, noteX);
  noteBits(lowY, highY, y, count & ~7, noteY);
  inspect(x + whole, count & 7, noteX);
  inspect(y + whole, count & 7, noteY);
  const end = <usize>count << 2;
  let rest = f32x4.splat(0);
  for (; i < end; i += 16) {
    const value = step(
      kind, withGrad, withMap, weighted, v128.load(x + i), v128.load(y + i), grad + i, map + i, weights + i, eps, epsSquared, one, slopeScale, cellScale,
    );
    rest = f32x4.add(rest, v128.and(value, firstLanes(<i32>((end - i) >> 2))));
  }
  return laneSum(f64x2.add(total, widen(rest)));
}

/** The summand of four samples of 8 bits: those of the floats that they stand for. */
// @ts-ignore: decorator
@inline function stepOfBytes(kind: i32, x: v128, y: v128, eps: v128, epsSquared: v128, one: v128): v128 {
  const zero = f32x4.splat(0);
  return step(kind, false, false, false, divideByWhite(x, 8), divideByWhite(y, 8), 0, 0, 0, eps, epsSquared, one, zero, zero);
}

/**
 * Four whole numbers of 16 bits, which are samples of 8 bits, divided by 255 with the bits of {@link divideByWhite}. As the low half of a float32 whose high half is that of 2^15, a sample counts 256ths:
 * that takes the place of converting and of the first product.
 */
// @ts-ignore: decorator
@inline function overWhite(samples: v128): v128 {
  const part = f32x4.sub(samples, constant(32768));
  return f32x4.add(part, f32x4.mul(part, constant(1.0 / 255 * 256 - 1)));
}

/** The high half of 2^15 in float32, eight times. */
// @ts-ignore: decorator
@inline function highHalves(): v128 {
  return i16x8.splat(0x4700);
}

/** The squared differences of the first four of eight samples. */
// @ts-ignore: decorator
@inline function squaredLow(x: v128, y: v128): v128 {
  const d = f32x4.sub(
    overWhite(i16x8.shuffle(x, highHalves(), 0, 8, 1, 9, 2, 10, 3, 11)),
    overWhite(i16x8.shuffle(y, highHalves(), 0, 8, 1, 9, 2, 10, 3, 11)),
  );
  return f32x4.mul(d, d);
}

/** Those of the last four. */
// @ts-ignore: decorator
@inline function squaredHigh(x: v128, y: v128): v128 {
  const d = f32x4.sub(
    overWhite(i16x8.shuffle(x, highHalves(), 4, 12, 5, 13, 6, 14, 7, 15)),
    overWhite(i16x8.shuffle(y, highHalves(), 4, 12, 5, 13, 6, 14, 7, 15)),
  );
  return f32x4.mul(d, d);
}

/** {@link run} of one channel of interleaved samples of 8 bits, to the same bits: sums are taken in the same order. */
// @ts-ignore: decorator
@inline function runBytes(kind: i32, x: usize, stepX: i32, y: usize, stepY: i32, channel: i32, count: i32, epsilon: f32): f64 {
  const eps = f32x4.splat(epsilon), epsSquared = f32x4.splat(epsilon * epsilon), one = f32x4.splat(1);
  const pickX = picking(stepX, channel), pickY = picking(stepY, channel);
  let total = f64x2.splat(0);
  let i: i32 = 0;
  const whole = count & ~7;
  while (i < whole) {
    let first = f32x4.splat(0), second = f32x4.splat(0);
    const end = min(whole, i + 1024);
    if (kind == MSE && stepX == 1 && stepY == 1) {
      // Planes, as of videos.
      for (; i < end; i += 8) {
        const a = v128.load8x8_u(x + <usize>i), b = v128.load8x8_u(y + <usize>i);
        first = f32x4.add(first, squaredLow(a, b));
        second = f32x4.add(second, squaredHigh(a, b));
      }
    }
    // The two sums change places with every four samples: written out for both, it would be twice the code, in every page.
    for (; i < end; i += 4) {
      const sum = f32x4.add(first, stepOfBytes(kind, four(x, i, stepX, pickX), four(y, i, stepY, pickY), eps, epsSquared, one));
      first = second;
      second = sum;
    }
    total = f64x2.add(total, f64x2.add(widen(first), widen(second)));
  }
  let rest = f32x4.splat(0);
  for (; i < count; i += 4) {
    const value = stepOfBytes(kind, four(x, i, stepX, pickX), four(y, i, stepY, pickY), eps, epsSquared, one);
    rest = f32x4.add(rest, v128.and(value, firstLanes(count - i)));
  }
  return laneSum(f64x2.add(total, widen(rest)));
}

/** The samples of a channel of pixels [i, i + 4), as whole numbers. */
// @ts-ignore: decorator
@inline function four(source: usize, i: i32, step: i32, pick: v128): v128 {
  return i8x16.swizzle(v128.load(source + <usize>(i * step)), pick);
}

/**
 * {@link pointwise} of channel number `channel` of pixels of 8 bits a sample, whose values are divided by 255, without gradient, map and weights. `stepX`, `stepY`: samples from pixel to pixel, 1 to
 * 4. Reads up to 15 bytes beyond the end of each array.
 */
export function pointwiseBytes(
  kind: i32, x: usize, stepX: i32, y: usize, stepY: i32, channel: i32, count: i32, epsilon: f32,
): f64 {
  if (kind == L1) return runBytes(L1, x, stepX, y, stepY, channel, count, epsilon);
  if (kind == MSE) return runBytes(MSE, x, stepX, y, stepY, channel, count, epsilon);
  return runBytes(CHARBONNIER, x, stepX, y, stepY, channel, count, epsilon);
}

// @ts-ignore: decorator
@inline function dispatch(
  kind: i32, x: usize, y: usize, count: i32, epsilon: f32, grad: usize, gradScale: f32, map: usize, mapScale: f32, weights: usize, noteX: usize, noteY: usize,
): f64 {
  if (weights && grad) return run(kind, true, false, true, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  if (weights) return run(kind, false, false, true, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  if (grad && map) return run(kind, true, true, false, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  if (grad) return run(kind, true, false, false, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  if (map) return run(kind, false, true, false, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  return run(kind, false, false, false, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
}

/**
 * The sum over `count` samples. Writes slope * gradScale to `grad` and adds score * mapScale to `map`, where these are not 0. `weights`, where not 0,
 * multiply score and slope; then there is no map. Widens the extremes of x and y at `noteX` and `noteY` as {@link inspect} does. Touches up to 3 floats beyond the
 * end of each array.
 */
export function pointwise(
  kind: i32, x: usize, y: usize, count: i32, epsilon: f32, grad: usize, gradScale: f32, map: usize, mapScale: f32, weights: usize, noteX: usize, noteY: usize,
): f64 {
  if (kind == L1) return dispatch(L1, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  if (kind == MSE) return dispatch(MSE, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
  return dispatch(CHARBONNIER, x, y, count, epsilon, grad, gradScale, map, mapScale, weights, noteX, noteY);
}
