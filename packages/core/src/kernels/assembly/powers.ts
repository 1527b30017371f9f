import { accumulate, firstLanes, laneSum, multiplyAdd, size, widen } from "./simd";

// Powers of real numbers 1 + d, complex where they are negative, and their deviation from a complex mean. d is carried on, not 1 + d, so that numbers near 1 keep their digits.

/** The least that numbers other than 0 count as before a power is taken. */
const LEAST: f32 = 1e-12;

// @ts-ignore: decorator
@inline function term(sum: v128, x: v128, coefficient: f32): v128 {
  return multiplyAdd(sum, x, f32x4.splat(coefficient));
}

/** The logarithm of |1 + d|, to a few units in the last place also near 0. */
// @ts-ignore: decorator
@inline export function logarithm(d: v128): v128 {
  return logarithmOf(f32x4.add(d, f32x4.splat(1)), d);
}

/** The logarithm of the size of a sum, which is 1 + d where that is near 1. */
// @ts-ignore: decorator
@inline export function logarithmOf(sum: v128, d: v128): v128 {
  const x = f32x4.pmax(size(sum), f32x4.splat(LEAST));
  // x = 2^e m, with m from the root of 1/2 to that of 2.
  const shifted = i32x4.sub(x, i32x4.splat(0x3f3504f3));
  const e = i32x4.shr_s(shifted, 23);
  const m = i32x4.sub(x, i32x4.shl(e, 23));
  const isNear = v128.and(i32x4.eq(e, i32x4.splat(0)), f32x4.gt(sum, f32x4.splat(0)));
  const rest = v128.bitselect(d, f32x4.sub(m, f32x4.splat(1)), isNear);
  // log m = 2 artanh z, by its series.
  const z = f32x4.div(rest, f32x4.add(m, f32x4.splat(1))), z2 = f32x4.mul(z, z);
  let series = f32x4.splat(1.0 / 11.0);
  series = term(series, z2, 1.0 / 9.0);
  series = term(series, z2, 1.0 / 7.0);
  series = term(series, z2, 1.0 / 5.0);
  series = term(series, z2, 1.0 / 3.0);
  const twice = f32x4.add(z, z);
  const ofM = multiplyAdd(f32x4.mul(series, z2), twice, twice);
  return multiplyAdd(f32x4.convert_i32x4_s(e), f32x4.splat(0.6931471805599453), ofM);
}

/** exp(x) - 1 for x up to 80, to a few units in the last place also near 0. */
// @ts-ignore: decorator
@inline export function exponentialLess1(x: v128): v128 {
  const limited = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-80)), f32x4.splat(80));
  const k = f32x4.nearest(f32x4.mul(limited, f32x4.splat(1.4426950408889634)));
  const r = multiplyAdd(k, f32x4.splat(1.9082149292705877e-10), f32x4.sub(limited, f32x4.mul(k, f32x4.splat(0.693147182464599609375))));
  // (exp r - 1) / r by its series.
  let series = f32x4.splat(1.0 / 5040.0);
  series = term(series, r, 1.0 / 720.0);
  series = term(series, r, 1.0 / 120.0);
  series = term(series, r, 1.0 / 24.0);
  series = term(series, r, 1.0 / 6.0);
  series = term(series, r, 0.5);
  series = term(series, r, 1);
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(k), i32x4.splat(127)), 23);
  return multiplyAdd(f32x4.mul(series, r), scale, f32x4.sub(scale, f32x4.splat(1)));
}

/** (1 + d)^exponent, less 1, of `count` numbers: the real parts to `re`, the imaginary ones to `im`. `cosine`, `sine`: of pi times the exponent. Adds the sums of both to `sums`. Writes up to 3 floats more. */
export function complexPowers(d: usize, count: i32, exponent: f32, cosine: f32, sine: f32, re: usize, im: usize, sums: usize): void {
  const end = <usize>count << 2;
  const one = f32x4.splat(1), zero = f32x4.splat(0);
  let sumRe = f64x2.splat(0), sumIm = sumRe;
  for (let at: usize = 0; at < end; at += 16) {
    const lanes = firstLanes(<i32>((end - at) >> 2));
    const x = v128.and(v128.load(d + at), lanes), base = f32x4.add(x, one);
    const isNegative = f32x4.lt(base, zero), isNothing = f32x4.eq(base, zero);
    const more = v128.bitselect(f32x4.splat(-1), exponentialLess1(f32x4.mul(logarithm(x), f32x4.splat(exponent))), isNothing);
    const length = f32x4.add(more, one);
    const real = v128.bitselect(f32x4.sub(f32x4.mul(length, f32x4.splat(cosine)), one), more, isNegative);
    const imaginary = v128.and(f32x4.mul(length, f32x4.splat(sine)), isNegative);
    v128.store(re + at, real);
    v128.store(im + at, imaginary);
    sumRe = f64x2.add(sumRe, widen(real));
    sumIm = f64x2.add(sumIm, widen(imaginary));
  }
  accumulate(sums, laneSum(sumRe));
  accumulate(sums + 8, laneSum(sumIm));
}

/** Numbers less their mean, which is given in two summands. */
// @ts-ignore: decorator
@inline function centred(re: usize, high: f32, low: f32): v128 {
  return f32x4.sub(f32x4.sub(v128.load(re), f32x4.splat(high)), f32x4.splat(low));
}

/** One over the length of complex numbers; 0 for that of 0. */
// @ts-ignore: decorator
@inline function inverseLength(x: v128, y: v128): v128 {
  const squares = multiplyAdd(x, x, f32x4.mul(y, y));
  return v128.and(f32x4.div(f32x4.splat(1), f32x4.sqrt(squares)), f32x4.gt(squares, f32x4.splat(0)));
}

/** Adds the lengths of complex numbers less their mean to `sums`, and then the real and the imaginary parts of the directions; `high` and `low`, `mean` and `meanLow`: the mean's parts in two summands each. */
export function complexDeviations(re: usize, im: usize, count: i32, high: f32, low: f32, mean: f32, meanLow: f32, sums: usize): void {
  const end = <usize>count << 2;
  let sum = f64x2.splat(0), sumRe = sum, sumIm = sum;
  for (let at: usize = 0; at < end; at += 16) {
    const lanes = firstLanes(<i32>((end - at) >> 2));
    const x = v128.and(centred(re + at, high, low), lanes), y = v128.and(centred(im + at, mean, meanLow), lanes);
    const inverse = inverseLength(x, y);
    sum = f64x2.add(sum, widen(f32x4.mul(multiplyAdd(x, x, f32x4.mul(y, y)), inverse)));
    sumRe = f64x2.add(sumRe, widen(f32x4.mul(x, inverse)));
    sumIm = f64x2.add(sumIm, widen(f32x4.mul(y, inverse)));
  }
  accumulate(sums, laneSum(sum));
  accumulate(sums + 8, laneSum(sumRe));
  accumulate(sums + 16, laneSum(sumIm));
}

/** The derivatives of the sum of those lengths by each d, times `scale`, where `d` is; `alongRe`, `alongIm`: the means of the directions. */
export function deviationSlopes(
  d: usize, re: usize, im: usize, count: i32, high: f32, low: f32, mean: f32, meanLow: f32, alongRe: f32, alongIm: f32, exponent: f32, cosine: f32, sine: f32, scale: f32,
): void {
  const end = <usize>count << 2;
  const one = f32x4.splat(1), zero = f32x4.splat(0), cosines = f32x4.splat(cosine), sines = f32x4.splat(sine);
  for (let at: usize = 0; at < end; at += 16) {
    const x = centred(re + at, high, low), y = centred(im + at, mean, meanLow), inverse = inverseLength(x, y);
    const byRe = f32x4.sub(f32x4.mul(x, inverse), f32x4.splat(alongRe)), byIm = f32x4.sub(f32x4.mul(y, inverse), f32x4.splat(alongIm));
    const base = f32x4.add(v128.load(d + at), one), isNegative = f32x4.lt(base, zero);
    const real = f32x4.add(v128.load(re + at), one);
    const length = v128.bitselect(multiplyAdd(real, cosines, f32x4.mul(v128.load(im + at), sines)), real, isNegative);
    const along = v128.bitselect(f32x4.neg(multiplyAdd(byRe, cosines, f32x4.mul(byIm, sines))), byRe, isNegative);
    const steep = f32x4.div(f32x4.mul(length, f32x4.splat(exponent * scale)), f32x4.pmax(size(base), f32x4.splat(LEAST)));
    v128.store(d + at, f32x4.mul(along, steep));
  }
}
