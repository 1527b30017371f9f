import { highHalf, multiplyAdd64, narrow } from "./simd";

// sRGB in [0, 1] to CIE L*a*b* (D65, scikit-image's digits), four pixels at a time, in float64: colour differences are small differences of
// large numbers. The two curves, a power and a cube root, are piecewise cubics: 64 pieces an octave, found by the number's own exponent and
// leading bits, are exact to 2e-11.

const THRESHOLD: f64 = 0.04045;
const EPSILON: f64 = 0.008856;

// scikit-image's matrix, each row divided by the white point.
const XR: f64 = 0.412453 / 0.95047, XG: f64 = 0.35758 / 0.95047, XB: f64 = 0.180423 / 0.95047;
const YR: f64 = 0.212671, YG: f64 = 0.71516, YB: f64 = 0.072169;
const ZR: f64 = 0.019334 / 1.08883, ZG: f64 = 0.119193 / 1.08883, ZB: f64 = 0.950227 / 1.08883;

/** The bits that say which piece a float64 lies in, counted from here. */
// @ts-ignore: decorator
@inline const PIECE_SHIFT: i32 = 46;
// @ts-ignore: decorator
@inline const FIRST_LINEAR: i64 = 0x3fa4b5dcc63f1412 >> PIECE_SHIFT;
// @ts-ignore: decorator
@inline const FIRST_ROOT: i64 = 0x3f82231832fcac8e >> PIECE_SHIFT;

let linearPieces: usize = 0;
let rootPieces: usize = 0;

/**
 * Says where the pieces of the two curves are: four float64 coefficients each, of powers of the distance from the piece's middle; the first piece is the one
 * that holds 0.04045, or 0.008856, the last the one that begins at 1.
 */
export function labConfigure(linear: usize, root: usize): void {
  linearPieces = linear;
  rootPieces = root;
}

/** A curve at two places not less than its threshold; leaves its slope at `slope` unless that is 0. */
// @ts-ignore: decorator
@inline function curve(t: v128, pieces: usize, first: i64, slope: usize): v128 {
  const index = i64x2.shr_u(t, PIECE_SHIFT);
  const p = pieces + (<usize>(i64x2.extract_lane(index, 0) - first) << 5);
  const q = pieces + (<usize>(i64x2.extract_lane(index, 1) - first) << 5);
  const p01 = v128.load(p), p23 = v128.load(p + 16), q01 = v128.load(q), q23 = v128.load(q + 16);
  const a = i64x2.shuffle(p01, q01, 0, 2), b = i64x2.shuffle(p01, q01, 1, 3);
  const c = i64x2.shuffle(p23, q23, 0, 2), d = i64x2.shuffle(p23, q23, 1, 3);
  const middle = v128.or(i64x2.shl(index, PIECE_SHIFT), i64x2.splat(<i64>1 << (PIECE_SHIFT - 1)));
  const x = f64x2.sub(t, middle);
  const dx = f64x2.mul(d, x);
  const cdx = f64x2.add(c, dx);
  const bcdx = multiplyAdd64(cdx, x, b);
  if (slope) v128.store(slope, multiplyAdd64(f64x2.add(cdx, dx), x, bcdx));
  return multiplyAdd64(bcdx, x, a);
}

/** Two samples made linear; `slope`: where to put the derivative, or 0. */
// @ts-ignore: decorator
@inline function linearHalf(x: v128, slope: usize): v128 {
  const threshold = f64x2.splat(THRESHOLD), flat = f64x2.splat(1 / 12.92);
  const curved = f64x2.gt(x, threshold);
  const value = curve(f64x2.pmax(threshold, x), linearPieces, FIRST_LINEAR, slope);
  if (slope) v128.store(slope, v128.bitselect(v128.load(slope), flat, curved));
  return v128.bitselect(value, f64x2.mul(x, flat), curved);
}

/** Samples divided by what white is, in float64: near white and grey a float32 quotient would turn the hue. */
// @ts-ignore: decorator
@inline function unit(samples: v128, perRange: v128): v128 {
  return f64x2.pmin(f64x2.splat(1), f64x2.mul(f64x2.promote_low_f32x4(samples), perRange));
}

/**
 * Four samples made linear (IEC 61966-2-1), stored as four float64 at `to`; their derivatives, where `slope` is not 0, as four float64 there.
 */
// @ts-ignore: decorator
@inline function linear(x: v128, perRange: v128, to: usize, slope: usize): void {
  v128.store(to, linearHalf(unit(x, perRange), slope));
  v128.store(to + 16, linearHalf(unit(highHalf(x), perRange), slope ? slope + 16 : 0));
}

/** CIE's f of two values, stored at `to`; derivatives at `slope`, unless that is 0. */
// @ts-ignore: decorator
@inline function fHalf(t: v128, to: usize, slope: usize): void {
  const threshold = f64x2.splat(EPSILON), steep = f64x2.splat(7.787);
  const curved = f64x2.gt(t, threshold);
  const value = curve(f64x2.pmax(threshold, t), rootPieces, FIRST_ROOT, slope);
  if (slope) v128.store(slope, v128.bitselect(v128.load(slope), steep, curved));
  v128.store(to, v128.bitselect(value, multiplyAdd64(t, steep, f64x2.splat(16.0 / 116.0)), curved));
}

/** CIE's f of four values (two vectors). */
// @ts-ignore: decorator
@inline function f(low: v128, high: v128, to: usize, slope: usize): void {
  fHalf(low, to, slope);
  fHalf(high, to + 16, slope ? slope + 16 : 0);
}

// @ts-ignore: decorator
@inline function mix(r: v128, g: v128, b: v128, wr: f64, wg: f64, wb: f64): v128 {
  return multiplyAdd64(r, f64x2.splat(wr), multiplyAdd64(g, f64x2.splat(wg), f64x2.mul(b, f64x2.splat(wb))));
}

/** Bytes that {@link toLab} writes: L, a, b, and the derivatives of three linear samples and three f, each four float64. */
export const LAB_BYTES: usize = 9 * 32;

/**
 * Four pixels, samples from 0 to 1 / `perRange` (two float64), to Lab: at `out`, four float64 each of L, a and b; with `withSlopes` followed by the derivatives of linearisation (R, G, B) and of f
 * (X, Y, Z).
 */
// @ts-ignore: decorator
@inline export function toLab(red: v128, green: v128, blue: v128, perRange: v128, out: usize, withSlopes: bool): void {
  linear(red, perRange, out, withSlopes ? out + 96 : 0);
  linear(green, perRange, out + 32, withSlopes ? out + 128 : 0);
  linear(blue, perRange, out + 64, withSlopes ? out + 160 : 0);
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
