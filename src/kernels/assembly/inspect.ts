/**
 * Widens the extremes at `result` (four lanes of least values, then four of greatest) by `count` floats. NaN stays NaN, so that whoever
 * reads the extremes knows of it.
 */
export function inspect(source: usize, count: i32, result: usize): void {
  let low = v128.load(result);
  let high = v128.load(result, 16);
  let low2 = low;
  let high2 = high;
  let at = source;
  const whole = source + (<usize>(count & ~7) << 2);
  for (; at < whole; at += 32) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    low = f32x4.min(low, a);
    high = f32x4.max(high, a);
    low2 = f32x4.min(low2, b);
    high2 = f32x4.max(high2, b);
  }
  const end = source + (<usize>count << 2);
  for (; at < end; at += 4) {
    const a = v128.load32_splat(at);
    low = f32x4.min(low, a);
    high = f32x4.max(high, a);
  }
  v128.store(result, f32x4.min(low, low2));
  v128.store(result, f32x4.max(high, high2), 16);
}
