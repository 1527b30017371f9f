/**
 * Widens the extremes at `result` (four lanes of least values, then four of greatest) by `count` floats. NaN stays NaN, so that whoever
 * reads the extremes knows of it.
 */
export function inspect(source: usize, count: i32, result: usize): void {
  let low = v128.load(result);
  let high = v128.load(result, 16);
  let low2 = low;
  let high2 = high;
  let sum = f32x4.splat(0);
  let sum2 = sum;
  let at = source;
  const whole = source + (<usize>(count & ~7) << 2);
  const end = source + (<usize>count << 2);
  // pmin and pmax are one instruction each but may lose NaN, which leaves its trace in the sums.
  for (; at < whole; at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    low = f32x4.pmin(low, a);
    high = f32x4.pmax(high, a);
    low2 = f32x4.pmin(low2, b);
    high2 = f32x4.pmax(high2, b);
    sum = f32x4.add(sum, a);
    sum2 = f32x4.add(sum2, b);
  }
  for (; at < end; at += 4) {
    const a = v128.load32_splat(at);
    low = f32x4.pmin(low, a);
    high = f32x4.pmax(high, a);
    sum = f32x4.add(sum, a);
  }
  sum = f32x4.add(sum, sum2);
  low = f32x4.min(low, low2);
  high = f32x4.max(high, high2);
  // A difference from itself is 0 unless the sum is NaN or infinite, which it is also where it overflows: then look again.
  if (v128.any_true(f32x4.ne(f32x4.sub(sum, sum), f32x4.splat(0)))) {
    for (at = source; at < end; at += 4) {
      const a = v128.load32_splat(at);
      low = f32x4.min(low, a);
      high = f32x4.max(high, a);
    }
  }
  v128.store(result, low);
  v128.store(result, high, 16);
}

/** What the least and the greatest bits begin with, infinity and 0: see {@link noteBits}. */
// @ts-ignore: decorator
@inline export const LEAST_BITS: i32 = 0x7f800000;
// @ts-ignore: decorator
@inline export const GREATEST_BITS: i32 = 0;

/**
 * Widens the extremes at `result` by the least and the greatest bits, as whole numbers, of `count` floats at `source`. From 0 up, floats are
 * ordered as their bits are, NaN last, and bits take less time to compare; where some are negative, the floats are inspected.
 */
// @ts-ignore: decorator
@inline export function noteBits(low: v128, high: v128, source: usize, count: i32, result: usize): void {
  if (v128.any_true(i32x4.lt_s(low, i32x4.splat(0)))) {
    inspect(source, count, result);
  } else if (count > 0) {
    v128.store(result, f32x4.min(v128.load(result), low));
    v128.store(result, f32x4.max(v128.load(result, 16), high), 16);
  }
}
