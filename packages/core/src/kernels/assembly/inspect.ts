// The least and the greatest of floats, noted at an address: four lanes of least values, then four of greatest. NaN stays NaN, so that whoever reads
// them knows of it.
//
// From 0 up, floats are ordered as their bits are as whole numbers, NaN last, and comparing these takes the least time. Where some are negative,
// they are looked at again as floats.

/** The first least and greatest bits: infinity and 0. */
// @ts-ignore: decorator
@inline export const LEAST_BITS: i32 = 0x7f800000;
// @ts-ignore: decorator
@inline export const GREATEST_BITS: i32 = 0;

/** Whether so many bytes are the same at two addresses. */
export function sameBytes(x: usize, y: usize, count: i32): bool {
  const whole = <usize>(count & ~63);
  for (let i: usize = 0; i < whole; i += 64) {
    const a = v128.xor(v128.load(x + i), v128.load(y + i)), b = v128.xor(v128.load(x + i, 16), v128.load(y + i, 16));
    const c = v128.xor(v128.load(x + i, 32), v128.load(y + i, 32)), d = v128.xor(v128.load(x + i, 48), v128.load(y + i, 48));
    if (v128.any_true(v128.or(v128.or(a, b), v128.or(c, d)))) return false;
  }
  for (let i = whole; i < <usize>count; i++) if (load<u8>(x + i) != load<u8>(y + i)) return false;
  return true;
}

/** Widens the extremes at `result` by `count` floats. */
export function inspect(source: usize, count: i32, result: usize): void {
  let low = i32x4.splat(LEAST_BITS), high = i32x4.splat(GREATEST_BITS);
  let at = source;
  const whole = source + (<usize>(count & ~15) << 2);
  for (; at < whole; at += 64) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
    low = i32x4.min_s(low, i32x4.min_s(i32x4.min_s(a, b), i32x4.min_s(c, d)));
    high = i32x4.max_s(high, i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d)));
  }
  const end = source + (<usize>count << 2);
  for (; at < end; at += 4) {
    const a = v128.load32_splat(at);
    low = i32x4.min_s(low, a);
    high = i32x4.max_s(high, a);
  }
  noteBits(low, high, source, count, result);
}

/** Widens the extremes at `result`, given the least and the greatest bits of the `count` floats at `source`. */
// @ts-ignore: decorator
@inline export function noteBits(low: v128, high: v128, source: usize, count: i32, result: usize): void {
  if (v128.any_true(i32x4.lt_s(low, i32x4.splat(0)))) {
    inspectSigned(source, count, result);
  } else if (count > 0) {
    v128.store(result, f32x4.min(v128.load(result), low));
    v128.store(result, f32x4.max(v128.load(result, 16), high), 16);
  }
}

/** {@link inspect} as floats. */
function inspectSigned(source: usize, count: i32, result: usize): void {
  let low = v128.load(result), high = v128.load(result, 16);
  let low2 = low, high2 = high;
  let sum = f32x4.splat(0), sum2 = sum;
  let at = source;
  const whole = source + (<usize>(count & ~7) << 2);
  const end = source + (<usize>count << 2);
  // pmin and pmax are one instruction each but may lose NaN, which leaves its trace in the sums.
  for (; at < whole; at += 32) {
    const a = v128.load(at), b = v128.load(at, 16);
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
