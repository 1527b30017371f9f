import { multiplyAdd } from "./simd";

// Vectors (a, b) of four pixels in the plane of colours.

/** The number that is added to a square before its root is taken, so that black, which has no hue, divides nothing by 0. */
const TINY: f32 = 1e-30;

/** More than the length of a vector of zeros, which is the root of TINY, and less than that of any colour. */
export const NO_LENGTH: f32 = 2e-15;

// @ts-ignore: decorator
@inline export function square(x: v128): v128 {
  return f32x4.mul(x, x);
}

// @ts-ignore: decorator
@inline export function half(x: v128): v128 {
  return f32x4.mul(x, f32x4.splat(0.5));
}

// @ts-ignore: decorator
@inline export function length(x: v128, y: v128): v128 {
  return f32x4.sqrt(multiplyAdd(x, x, multiplyAdd(y, y, f32x4.splat(TINY))));
}

/** a1 b2 - b1 a2 from the differences and the colour nearer to grey: either of the two gives the same but for rounding. */
// @ts-ignore: decorator
@inline export function crossProduct(a1: v128, b1: v128, a2: v128, b2: v128, da: v128, db: v128, C1: v128, C2: v128): v128 {
  const first = f32x4.lt(C1, C2);
  return f32x4.sub(
    f32x4.mul(v128.bitselect(a1, a2, first), db),
    f32x4.mul(v128.bitselect(b1, b2, first), da),
  );
}
