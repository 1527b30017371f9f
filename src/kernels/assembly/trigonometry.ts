import { multiplyAdd } from "./simd";

// Elementary functions in four float32 lanes, each exact to a few units in the last place on the range that it states.

// @ts-ignore: decorator
@inline function term(sum: v128, x: v128, coefficient: f32): v128 {
  return multiplyAdd(sum, x, f32x4.splat(coefficient));
}

/** exp(-y) for y >= 0; 0 beyond 80. */
// @ts-ignore: decorator
@inline export function expNegative(y: v128): v128 {
  const x = f32x4.mul(y, f32x4.splat(-1.4426950408889634));
  const whole = f32x4.nearest(f32x4.pmax(f32x4.splat(-120), x));
  // 2^fraction = e^(fraction ln 2), fraction in [-1/2, 1/2]: Taylor's series to the seventh term is off by 1e-8.
  const r = f32x4.mul(f32x4.sub(x, whole), f32x4.splat(0.6931471805599453));
  let sum = f32x4.splat(<f32>(1.0 / 5040));
  sum = term(sum, r, <f32>(1.0 / 720));
  sum = term(sum, r, <f32>(1.0 / 120));
  sum = term(sum, r, <f32>(1.0 / 24));
  sum = term(sum, r, <f32>(1.0 / 6));
  sum = term(sum, r, 0.5);
  sum = term(sum, r, 1);
  sum = term(sum, r, 1);
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(whole), i32x4.splat(127)), 23);
  return v128.and(f32x4.mul(sum, power), f32x4.lt(y, f32x4.splat(80)));
}

/** sin x for 0 <= x <= pi/3: Taylor's series. */
// @ts-ignore: decorator
@inline export function sineSmall(x: v128): v128 {
  const x2 = f32x4.mul(x, x);
  let sum = f32x4.splat(<f32>(-1.0 / 39916800));
  sum = term(sum, x2, <f32>(1.0 / 362880));
  sum = term(sum, x2, <f32>(-1.0 / 5040));
  sum = term(sum, x2, <f32>(1.0 / 120));
  sum = term(sum, x2, <f32>(-1.0 / 6));
  sum = term(sum, x2, 1);
  return f32x4.mul(sum, x);
}

/** cos x for 0 <= x <= pi/3: Taylor's series. */
// @ts-ignore: decorator
@inline export function cosineSmall(x: v128): v128 {
  const x2 = f32x4.mul(x, x);
  let sum = f32x4.splat(<f32>(1.0 / 479001600));
  sum = term(sum, x2, <f32>(-1.0 / 3628800));
  sum = term(sum, x2, <f32>(1.0 / 40320));
  sum = term(sum, x2, <f32>(-1.0 / 720));
  sum = term(sum, x2, <f32>(1.0 / 24));
  sum = term(sum, x2, -0.5);
  return term(sum, x2, 1);
}

/** atan x for |x| <= 1 (Abramowitz and Stegun, 4.4.49), off by 2e-8. */
// @ts-ignore: decorator
@inline export function arctangent(x: v128): v128 {
  const x2 = f32x4.mul(x, x);
  let sum = f32x4.splat(0.0028662257);
  sum = term(sum, x2, -0.0161657367);
  sum = term(sum, x2, 0.0429096138);
  sum = term(sum, x2, -0.07528964);
  sum = term(sum, x2, 0.1065626393);
  sum = term(sum, x2, -0.1420889944);
  sum = term(sum, x2, 0.1999355085);
  sum = term(sum, x2, -0.3333314528);
  sum = term(sum, x2, 1);
  return f32x4.mul(sum, x);
}
