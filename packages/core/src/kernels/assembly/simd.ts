// Small vector helpers that every kernel shares.

/** 1 in the build for hosts with relaxed SIMD, whose multiply-add is one instruction; set by the build. */
// @ts-ignore: decorator
@lazy export const RELAXED: bool = ASC_FEATURE_RELAXED_SIMD;

/** A number in four float32 lanes. */
// @ts-ignore: decorator
@inline export function constant(x: f64): v128 {
  return f32x4.splat(<f32>x);
}

/** a * b + c in four float32 lanes. */
// @ts-ignore: decorator
@inline export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** c - a * b in four float32 lanes. */
// @ts-ignore: decorator
@inline export function multiplyLess(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<f32>(a, b, c);
  return f32x4.sub(c, f32x4.mul(a, b));
}

/** a * b + c in two float64 lanes. */
// @ts-ignore: decorator
@inline export function multiplyAdd64(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f64>(a, b, c);
  return f64x2.add(f64x2.mul(a, b), c);
}

/** All ones in the first `count` of four lanes, zeros after. */
// @ts-ignore: decorator
@inline export function firstLanes(count: i32): v128 {
  return i32x4.gt_s(i32x4.splat(count), i32x4(0, 1, 2, 3));
}

/** The two low float32 lanes plus the two high ones, as float64. */
// @ts-ignore: decorator
@inline export function widen(x: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(highHalf(x)));
}

/** The two high float32 lanes moved to the low places. */
// @ts-ignore: decorator
@inline export function highHalf(x: v128): v128 {
  return i64x2.shuffle(x, x, 1, 1);
}

/** The first and the third lane of four float32, and those of four more. */
// @ts-ignore: decorator
@inline export function evenLanes(low: v128, high: v128): v128 {
  return i32x4.shuffle(low, high, 0, 2, 4, 6);
}

/** The second and the fourth lane of four float32, and those of four more. */
// @ts-ignore: decorator
@inline export function oddLanes(low: v128, high: v128): v128 {
  return i32x4.shuffle(low, high, 1, 3, 5, 7);
}

/** The sum of two float64 lanes. */
// @ts-ignore: decorator
@inline export function laneSum(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

/** Four float32 lanes from two pairs of float64. */
// @ts-ignore: decorator
@inline export function narrow(low: v128, high: v128): v128 {
  return i64x2.shuffle(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** The sign bit alone. */
// @ts-ignore: decorator
@inline export function signOf(x: v128): v128 {
  return v128.and(x, i32x4.splat(<i32>0x80000000));
}

/** |x|; by a mask that stays in a register, where f32x4.abs would make it anew each time. */
// @ts-ignore: decorator
@inline export function size(x: v128): v128 {
  return v128.and(x, i32x4.splat(0x7fffffff));
}

/** -1, 0 or 1 times `scale`, as the sign of x, given |x|: logic on bits, of which processors do more at a time than of comparisons. */
// @ts-ignore: decorator
@inline export function signed(x: v128, size: v128, scale: v128): v128 {
  return v128.or(v128.xor(x, size), v128.andnot(scale, i32x4.eq(size, i32x4.splat(0))));
}

/** Adds `value` to the float64 at `address`. */
// @ts-ignore: decorator
@inline export function accumulate(address: usize, value: f64): void {
  store<f64>(address, load<f64>(address) + value);
}
