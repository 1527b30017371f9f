import { multiplyAdd } from "./simd";

// Elementary functions in four float32 lanes, each exact to a few units in the last place on the range that it states. Their polynomials go through the
// function at Chebyshev's points of that range.

// @ts-ignore: decorator
@inline function term(sum: v128, x: v128, coefficient: f32): v128 {
  return multiplyAdd(sum, x, f32x4.splat(coefficient));
}

/** 2^x for -100 <= x <= 0, off by 1e-7. */
// @ts-ignore: decorator
@inline export function powerOfTwo(x: v128): v128 {
  // The nearest whole number stands in the lowest bits of the sum with this.
  const shift = f32x4.splat(12582912);
  const shifted = f32x4.add(x, shift);
  const r = f32x4.sub(x, f32x4.sub(shifted, shift));
  let sum = f32x4.splat(0.0013390863364764831);
  sum = term(sum, r, 0.00967603191832597);
  sum = term(sum, r, 0.05550357114219032);
  sum = term(sum, r, 0.2402210748530827);
  sum = term(sum, r, 0.6931471880262285);
  sum = term(sum, r, 1.000000075454897);
  return i32x4.add(sum, i32x4.shl(shifted, 23));
}

/** sin x for 0 <= x <= pi/3, off by 4e-8. */
// @ts-ignore: decorator
@inline export function sineSmall(x: v128): v128 {
  const x2 = f32x4.mul(x, x);
  let sum = f32x4.splat(-0.0001924508674028134);
  sum = term(sum, x2, 0.008329264499429816);
  sum = term(sum, x2, -0.16666577577906158);
  sum = term(sum, x2, 0.9999999694793277);
  return f32x4.mul(sum, x);
}

/** cos x for 0 <= x <= pi/3, off by 6e-7. */
// @ts-ignore: decorator
@inline export function cosineSmall(x: v128): v128 {
  const x2 = f32x4.mul(x, x);
  let sum = f32x4.splat(-0.0013353953796846575);
  sum = term(sum, x2, 0.04163019312170662);
  sum = term(sum, x2, -0.49999201699767515);
  return term(sum, x2, 0.9999997265317647);
}
