import { highHalf, multiplyAdd, multiplyAdd64, narrow } from "./simd";

// sRGB in [0, 1] to CIE L*a*b* (D65, scikit-image's digits), four pixels at a time, in float64: colour differences are small differences of
// large numbers. Roots are found as reciprocal roots, which need no division: seeded by the float's exponent, improved twice in float32 and once in
// float64.

const THRESHOLD: f64 = 0.04045;
const EPSILON: f64 = 0.008856;

// scikit-image's matrix, each row divided by the white point.
const XR: f64 = 0.412453 / 0.95047, XG: f64 = 0.35758 / 0.95047, XB: f64 = 0.180423 / 0.95047;
const YR: f64 = 0.212671, YG: f64 = 0.71516, YB: f64 = 0.072169;
const ZR: f64 = 0.019334 / 1.08883, ZG: f64 = 0.119193 / 1.08883, ZB: f64 = 0.950227 / 1.08883;

/** x^(-portion) to within 4 %, from float32's exponent and mantissa read as one number. */
// @ts-ignore: decorator
@inline function rootSeed(x: v128, portion: f32): v128 {
  const bits = f32x4.mul(f32x4.convert_i32x4_s(x), f32x4.splat(-portion));
  return i32x4.trunc_sat_f32x4_s(f32x4.add(bits, f32x4.splat((1 + portion) * 1064866805)));
}

// @ts-ignore: decorator
@inline function fifthDelta32(x: v128, y: v128): v128 {
  const y2 = f32x4.mul(y, y);
  return f32x4.sub(f32x4.splat(1), f32x4.mul(f32x4.mul(x, y), f32x4.mul(y2, y2)));
}

// @ts-ignore: decorator
@inline function cubeDelta32(x: v128, y: v128): v128 {
  return f32x4.sub(f32x4.splat(1), f32x4.mul(f32x4.mul(x, y), f32x4.mul(y, y)));
}

/** y (1 + d (a + d (b + d c))): with the series of (1 - d)^(-1/n) a root's error d goes down to the order of d^4. */
// @ts-ignore: decorator
@inline function improve32(y: v128, d: v128, a: f64, b: f64, c: f64): v128 {
  const series = multiplyAdd(multiplyAdd(f32x4.splat(<f32>c), d, f32x4.splat(<f32>b)), d, f32x4.splat(<f32>a));
  return multiplyAdd(f32x4.mul(y, d), series, y);
}

/** y (1 + d (a + d b)). */
// @ts-ignore: decorator
@inline function improve(y: v128, d: v128, a: f64, b: f64): v128 {
  return multiplyAdd64(f64x2.mul(y, d), multiplyAdd64(f64x2.splat(b), d, f64x2.splat(a)), y);
}

/** x^(-1/5) in float32. */
// @ts-ignore: decorator
@inline function fifthRoot32(x: v128): v128 {
  let y = rootSeed(x, 0.2);
  y = improve32(y, fifthDelta32(x, y), 1.0 / 5, 3.0 / 25, 11.0 / 125);
  return improve32(y, fifthDelta32(x, y), 1.0 / 5, 3.0 / 25, 11.0 / 125);
}

/** x^(-1/3) in float32. */
// @ts-ignore: decorator
@inline function cubeRoot32(x: v128): v128 {
  let y = rootSeed(x, <f32>(1.0 / 3.0));
  y = improve32(y, cubeDelta32(x, y), 1.0 / 3, 2.0 / 9, 14.0 / 81);
  return improve32(y, cubeDelta32(x, y), 1.0 / 3, 2.0 / 9, 14.0 / 81);
}

/** t^(-1/5) from its float32 value. */
// @ts-ignore: decorator
@inline function fifthRoot(t: v128, y: v128): v128 {
  const y2 = f64x2.mul(y, y);
  return improve(y, f64x2.sub(f64x2.splat(1), f64x2.mul(f64x2.mul(t, y), f64x2.mul(y2, y2))), 1.0 / 5, 3.0 / 25);
}

/** t^(-1/3) from its float32 value. */
// @ts-ignore: decorator
@inline function cubeRoot(t: v128, y: v128): v128 {
  return improve(y, f64x2.sub(f64x2.splat(1), f64x2.mul(f64x2.mul(t, y), f64x2.mul(y, y))), 1.0 / 3, 2.0 / 9);
}

/** Two samples made linear; `slope`: where to put the derivative, or 0. */
// @ts-ignore: decorator
@inline function linearHalf(x: v128, t: v128, seed: v128, slope: usize): v128 {
  const y = fifthRoot(t, seed);
  // t^1.4 = t^2 t^(-3/5)
  const power = f64x2.mul(f64x2.mul(t, t), f64x2.mul(f64x2.mul(y, y), y));
  const curved = f64x2.gt(x, f64x2.splat(THRESHOLD));
  if (slope) {
    const steep = f64x2.mul(power, f64x2.splat(2.4 / 1.055));
    v128.store(slope, v128.bitselect(steep, f64x2.splat(1 / 12.92), curved));
  }
  return v128.bitselect(f64x2.mul(t, power), f64x2.mul(x, f64x2.splat(1 / 12.92)), curved);
}

/**
 * Four samples made linear (IEC 61966-2-1), stored as four float64 at `to`; their derivatives, where `slope` is not 0, as four float64 there.
 */
// @ts-ignore: decorator
@inline function linear(x: v128, to: usize, slope: usize): void {
  const low = f64x2.promote_low_f32x4(x);
  const high = f64x2.promote_low_f32x4(highHalf(x));
  const least = f64x2.splat(THRESHOLD);
  const shift = f64x2.splat(0.055), scale = f64x2.splat(1 / 1.055);
  const tLow = f64x2.mul(f64x2.add(f64x2.max(low, least), shift), scale);
  const tHigh = f64x2.mul(f64x2.add(f64x2.max(high, least), shift), scale);
  const seed = fifthRoot32(narrow(tLow, tHigh));
  v128.store(to, linearHalf(low, tLow, f64x2.promote_low_f32x4(seed), slope));
  v128.store(to + 16, linearHalf(high, tHigh, f64x2.promote_low_f32x4(highHalf(seed)), slope ? slope + 16 : 0));
}

// @ts-ignore: decorator
@inline function fHalf(t: v128, safe: v128, seed: v128, slope: usize): v128 {
  const y = cubeRoot(safe, seed);
  const y2 = f64x2.mul(y, y);
  const curved = f64x2.gt(t, f64x2.splat(EPSILON));
  // d t^(1/3) / dt = t^(-2/3) / 3
  if (slope) v128.store(slope, v128.bitselect(f64x2.mul(y2, f64x2.splat(1.0 / 3.0)), f64x2.splat(7.787), curved));
  const root = f64x2.mul(safe, y2);
  return v128.bitselect(root, multiplyAdd64(t, f64x2.splat(7.787), f64x2.splat(16.0 / 116.0)), curved);
}

/** CIE's f of four values (two vectors), stored as four float64 at `to`; derivatives at `slope`. */
// @ts-ignore: decorator
@inline function f(low: v128, high: v128, to: usize, slope: usize): void {
  const least = f64x2.splat(EPSILON);
  const safeLow = f64x2.max(low, least), safeHigh = f64x2.max(high, least);
  const seed = cubeRoot32(narrow(safeLow, safeHigh));
  v128.store(to, fHalf(low, safeLow, f64x2.promote_low_f32x4(seed), slope));
  v128.store(to + 16, fHalf(high, safeHigh, f64x2.promote_low_f32x4(highHalf(seed)), slope ? slope + 16 : 0));
}

// @ts-ignore: decorator
@inline function mix(r: v128, g: v128, b: v128, wr: f64, wg: f64, wb: f64): v128 {
  return multiplyAdd64(r, f64x2.splat(wr), multiplyAdd64(g, f64x2.splat(wg), f64x2.mul(b, f64x2.splat(wb))));
}

/** Bytes that {@link toLab} writes: L, a, b, and the derivatives of three linear samples and three f, each four float64. */
export const LAB_BYTES: usize = 9 * 32;

/**
 * Four pixels to Lab: at `out`, four float64 each of L, a and b; with `withSlopes` followed by the derivatives of linearisation (R, G, B) and of f
 * (X, Y, Z).
 */
// @ts-ignore: decorator
@inline export function toLab(red: v128, green: v128, blue: v128, out: usize, withSlopes: bool): void {
  linear(red, out, withSlopes ? out + 96 : 0);
  linear(green, out + 32, withSlopes ? out + 128 : 0);
  linear(blue, out + 64, withSlopes ? out + 160 : 0);
  const r0 = v128.load(out), r1 = v128.load(out + 16);
  const g0 = v128.load(out + 32), g1 = v128.load(out + 48);
  const b0 = v128.load(out + 64), b1 = v128.load(out + 80);
  f(mix(r0, g0, b0, XR, XG, XB), mix(r1, g1, b1, XR, XG, XB), out, withSlopes ? out + 192 : 0);
  f(mix(r0, g0, b0, YR, YG, YB), mix(r1, g1, b1, YR, YG, YB), out + 32, withSlopes ? out + 224 : 0);
  f(mix(r0, g0, b0, ZR, ZG, ZB), mix(r1, g1, b1, ZR, ZG, ZB), out + 64, withSlopes ? out + 256 : 0);
  for (let half: usize = 0; half < 32; half += 16) {
    const x = v128.load(out + half), y = v128.load(out + 32 + half), z = v128.load(out + 64 + half);
    v128.store(out + half, f64x2.sub(f64x2.mul(y, f64x2.splat(116)), f64x2.splat(16)));
    v128.store(out + 32 + half, f64x2.mul(f64x2.sub(x, y), f64x2.splat(500)));
    v128.store(out + 64 + half, f64x2.mul(f64x2.sub(y, z), f64x2.splat(200)));
  }
}

/** Four float64 at `address` as float32 lanes. */
// @ts-ignore: decorator
@inline export function lanes32(address: usize): v128 {
  return narrow(v128.load(address), v128.load(address + 16));
}

/** The difference of four float64 at `a` and at `b`, as float32 lanes. */
// @ts-ignore: decorator
@inline export function difference32(a: usize, b: usize): v128 {
  return narrow(
    f64x2.sub(v128.load(a), v128.load(b)),
    f64x2.sub(v128.load(a + 16), v128.load(b + 16)),
  );
}

let gradRed: v128 = f32x4.splat(0);
let gradGreen: v128 = f32x4.splat(0);
let gradBlue: v128 = f32x4.splat(0);

/** The three results of {@link labToRgbGradient}. */
// @ts-ignore: decorator
@inline export function redGradient(): v128 { return gradRed; }
// @ts-ignore: decorator
@inline export function greenGradient(): v128 { return gradGreen; }
// @ts-ignore: decorator
@inline export function blueGradient(): v128 { return gradBlue; }

// @ts-ignore: decorator
@inline function mix32(x: v128, y: v128, z: v128, wx: f64, wy: f64, wz: f64): v128 {
  return f32x4.add(
    f32x4.mul(x, f32x4.splat(<f32>wx)),
    f32x4.add(f32x4.mul(y, f32x4.splat(<f32>wy)), f32x4.mul(z, f32x4.splat(<f32>wz))),
  );
}

/** The gradient with respect to L, a, b taken back to R, G, B, with the derivatives that {@link toLab} left at `out`. */
// @ts-ignore: decorator
@inline export function labToRgbGradient(gL: v128, ga: v128, gb: v128, out: usize): void {
  const a500 = f32x4.mul(ga, f32x4.splat(500)), b200 = f32x4.mul(gb, f32x4.splat(200));
  const x = f32x4.mul(a500, lanes32(out + 192));
  const y = f32x4.mul(f32x4.add(f32x4.sub(f32x4.mul(gL, f32x4.splat(116)), a500), b200), lanes32(out + 224));
  const z = f32x4.neg(f32x4.mul(b200, lanes32(out + 256)));
  gradRed = f32x4.mul(mix32(x, y, z, XR, YR, ZR), lanes32(out + 96));
  gradGreen = f32x4.mul(mix32(x, y, z, XG, YG, ZG), lanes32(out + 128));
  gradBlue = f32x4.mul(mix32(x, y, z, XB, YB, ZB), lanes32(out + 160));
}
