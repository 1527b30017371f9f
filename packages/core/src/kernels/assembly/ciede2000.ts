import { A1, A2, B1, B2, DA, DB, DL, GRAD_A, GRAD_B, GRAD_L, L0, LAB_END } from "./lab";
import { crossProduct, half, length, square } from "./plane";
import { constant, multiplyAdd, signOf } from "./simd";
import { cosineSmall, powerOfTwo, sineSmall } from "./trigonometry";

// CIEDE2000 (Sharma, Wu, Dalal 2005) and its gradient, in stages over the records of lab.ts. Hues stay unit vectors: of the mean hue h, T needs the cosines and
// sines of multiples, which are polynomials in those of h, and dH follows from a cross product. Only R_T needs h itself, and only for colours near blue.

// What the stages hand on. a stretched, by how much, and the part of the stretch's slope that only depends on the plain chromas.
const P1: usize = LAB_END, P2: usize = P1 + 16, DP: usize = P1 + 32, STRETCH: usize = P1 + 48, STRETCH_SLOPE: usize = P1 + 64;
// Both chromas (of stretched a), dC, dH squared, C1 C2 times the sine of the turn from hue 1 to hue 2, the cosine and sine of the mean hue.
const C1: usize = P1 + 80, C2: usize = P1 + 96, DC: usize = P1 + 112, DH2: usize = P1 + 128, CROSS: usize = P1 + 144;
const COS: usize = P1 + 160, SIN: usize = P1 + 176;
// Half of the squared difference's gradient with respect to each chroma (but for what comes by dH) and each hue, and a quarter of that to dH, times dH.
const GRAD_C1: usize = P1 + 192, GRAD_C2: usize = P1 + 208, GRAD_H1: usize = P1 + 224, GRAD_H2: usize = P1 + 240, GRAD_DH: usize = P1 + 256;
/** The squared difference; later what half of its gradient is to be multiplied by. */
export const SQUARE: usize = P1 + 272;
// The mean chroma before a is stretched, and its product with colour 2's.
const PLAIN: usize = P1 + 288, PLAIN_PRODUCT: usize = P1 + 304;
// Half of R_T and its slopes in the mean chroma and in the mean hue, both halved; where colours are near blue.
const R: usize = P1 + 320, R_CHROMA: usize = P1 + 336, R_HUE: usize = P1 + 352;
/** Bytes of a record. */
export const RECORD: usize = P1 + 368;

// -0.17 cos(h - 30) + 0.24 cos 2h + 0.32 cos(3h + 6) - 0.20 cos(4h - 63), angles in degrees, as sums of An cos nh + Bn sin nh.
const T_A1: f64 = -0.17 * 0.8660254037844387, T_B1: f64 = -0.17 * 0.5, T_A2: f64 = 0.24;
const T_A3: f64 = 0.32 * 0.9945218953682733, T_B3: f64 = -0.32 * 0.10452846326765347;
const T_A4: f64 = -0.2 * 0.45399049973954675, T_B4: f64 = -0.2 * 0.8910065241883679;

/** 60 degrees. */
const LARGEST_ANGLE: f64 = 1.0471975511965976;
/** 2^43 and twice its square: they keep a fourth power of chroma within float32. */
const SCALE: f64 = 8796093022208, TWICE_SQUARED: f64 = 2 * SCALE * SCALE;

/** (C / 25)^7. */
// @ts-ignore: decorator
@inline function seventh(c: v128): v128 {
  const r = f32x4.mul(c, constant(1.0 / 25));
  const r2 = square(r);
  return f32x4.mul(f32x4.mul(square(r2), r2), r);
}

/**
 * The squared differences, and half of their gradients with respect to chroma and hue if `withGrad`. `plain`, `blue`: room for one address more than there are
 * records.
 */
export function squares2000(records: usize, end: usize, plain: usize, blue: usize, withGrad: bool): void {
  plainChroma(records);
  for (let at = records + RECORD; at < end; at += RECORD) plainChroma(at);
  stretch(records);
  for (let at = records + RECORD; at < end; at += RECORD) stretch(at);
  for (let at = records; at < end; at += RECORD) chroma(at);
  let plainEnd = plain, blueEnd = blue;
  for (let at = records; at < end; at += RECORD) {
    const isBlue = hues(at);
    store<usize>(plainEnd, at);
    store<usize>(blueEnd, at);
    plainEnd += 4 - isBlue;
    blueEnd += isBlue;
  }
  if (blue < blueEnd) {
    bell(load<usize>(blue));
    for (let at = blue + 4; at < blueEnd; at += 4) bell(load<usize>(at));
    rotation(load<usize>(blue));
    for (let at = blue + 4; at < blueEnd; at += 4) rotation(load<usize>(at));
  }
  if (withGrad) {
    allTerms(plain, plainEnd, false, true);
    allTerms(blue, blueEnd, true, true);
  } else {
    allTerms(plain, plainEnd, false, false);
    allTerms(blue, blueEnd, true, false);
  }
}

/** {@link terms} of the records in a list. */
// @ts-ignore: decorator
@inline function allTerms(list: usize, end: usize, isBlue: bool, withGrad: bool): void {
  for (; list < end; list += 4) terms(load<usize>(list), isBlue, withGrad);
}

/** The chromas before a is stretched: their mean, and its product with colour 2's. */
// @ts-ignore: decorator
@inline function plainChroma(at: usize): void {
  const plain1 = length(v128.load(at + A1), v128.load(at + B1)), plain2 = length(v128.load(at + A2), v128.load(at + B2));
  const mean = half(f32x4.add(plain1, plain2));
  v128.store(at + PLAIN, mean);
  v128.store(at + PLAIN_PRODUCT, f32x4.mul(mean, plain2));
}

/** a is stretched where colours are dull. */
// @ts-ignore: decorator
@inline function stretch(at: usize): void {
  const s = seventh(v128.load(at + PLAIN)), product = v128.load(at + PLAIN_PRODUCT);
  const both = f32x4.div(constant(1), f32x4.mul(f32x4.add(s, constant(1)), product)), inverse = f32x4.mul(both, product);
  const saturation = f32x4.sqrt(f32x4.mul(s, inverse));
  const stretch = f32x4.sub(constant(1.5), half(saturation));
  v128.store(at + STRETCH, stretch);
  v128.store(at + P1, f32x4.mul(v128.load(at + A1), stretch));
  v128.store(at + P2, f32x4.mul(v128.load(at + A2), stretch));
  v128.store(at + DP, f32x4.mul(v128.load(at + DA), stretch));
  // d saturation / dC = 3.5 saturation / (C (1 + s)), and the mean follows C2 by half.
  v128.store(at + STRETCH_SLOPE, f32x4.mul(f32x4.mul(constant(-0.875), saturation), both));
}

/** The chromas. */
// @ts-ignore: decorator
@inline function chroma(at: usize): void {
  v128.store(at + C1, length(v128.load(at + P1), v128.load(at + B1)));
  v128.store(at + C2, length(v128.load(at + P2), v128.load(at + B2)));
}

/**
 * Differences of chroma and hue, and the mean hue. Returns 4 where R_T counts in the record, else 0. Its bell around 275 degrees counts as 0 beyond 120 degrees from there (1e-10), from 0 on, where the
 * hue's numbering starts anew, and for mean chromas below 0.25 (where R_T is 1e-7 at most).
 */
// @ts-ignore: decorator
@inline function hues(at: usize): usize {
  const p1 = v128.load(at + P1), b1 = v128.load(at + B1), p2 = v128.load(at + P2), b2 = v128.load(at + B2);
  const dp = v128.load(at + DP), db = v128.load(at + DB);
  const c1 = v128.load(at + C1), c2 = v128.load(at + C2), product = f32x4.mul(c1, c2), sum = f32x4.add(c1, c2);
  v128.store(at + DC, f32x4.div(multiplyAdd(dp, f32x4.add(p1, p2), f32x4.mul(db, f32x4.add(b1, b2))), sum));
  // The mean hue is the direction of the sum of both hues' unit vectors, or of their difference turned by 90 degrees where they are further apart than that. The
  // length of either, times C1 C2, is sqrt(2 C1 C2 larger); dH^2 is 2 cross^2 / larger or 2 larger.
  const cross = crossProduct(p1, b1, p2, b2, dp, db, c1, c2);
  const dot = multiplyAdd(p1, p2, f32x4.mul(b1, b2));
  const acute = f32x4.ge(dot, constant(0));
  const turn = signOf(cross);
  const larger = f32x4.add(product, f32x4.abs(dot));
  const toUnit = f32x4.div(constant(SCALE), f32x4.sqrt(f32x4.mul(product, f32x4.mul(larger, constant(TWICE_SQUARED)))));
  const turned = f32x4.mul(f32x4.mul(cross, constant(2)), toUnit);
  v128.store(at + CROSS, cross);
  v128.store(at + DH2, v128.bitselect(f32x4.mul(square(turned), product), f32x4.add(larger, larger), acute));
  const v1 = f32x4.mul(p1, c2), w1 = f32x4.mul(b1, c2), v2 = f32x4.mul(p2, c1), w2 = f32x4.mul(b2, c1);
  const c = f32x4.mul(toUnit, v128.bitselect(f32x4.add(v1, v2), v128.xor(f32x4.sub(w2, w1), turn), acute));
  const s = f32x4.mul(toUnit, v128.bitselect(f32x4.add(w1, w2), v128.xor(f32x4.sub(v1, v2), turn), acute));
  v128.store(at + COS, c);
  v128.store(at + SIN, s);
  return <usize>v128.any_true(isBlue(c, s, sum)) << 2;
}

/** The cosine of the mean hue's distance from 275 degrees. */
// @ts-ignore: decorator
@inline function blueness(c: v128, s: v128): v128 {
  return f32x4.sub(f32x4.mul(c, constant(0.08715574274765814)), f32x4.mul(s, constant(0.9961946980917455)));
}

// @ts-ignore: decorator
@inline function isBlue(c: v128, s: v128, sum: v128): v128 {
  const zero = constant(0);
  const near = v128.and(f32x4.gt(blueness(c, s), constant(-0.5)), f32x4.gt(sum, constant(0.5)));
  return v128.andnot(near, v128.and(f32x4.gt(c, zero), f32x4.ge(s, zero)));
}

/**
 * The exponent of R_T's bell, exp(-(x / 25 degrees)^2) with x the mean hue's distance from 275 degrees, as a power of 2, and its derivative by the hue. x^2 is a smooth function of
 * z = 1 - cos x up to 120 degrees: this polynomial times z is the least squares' fit, weighted by the bell; it leaves the bell 5e-8 and its slope 4e-7 from true.
 */
// @ts-ignore: decorator
@inline function bell(at: usize): void {
  const c = v128.load(at + COS), s = v128.load(at + SIN);
  const cosine = f32x4.pmax(blueness(c, s), constant(-0.5));
  const sine = multiplyAdd(s, constant(0.08715574274765814), f32x4.mul(c, constant(0.9961946980917455)));
  // 1 - cos x as sin^2 x / (1 + cos x): near grey, hue's share in the gradient is large, and so are the errors of small x.
  const z = f32x4.pmin(f32x4.div(square(sine), f32x4.add(constant(1), cosine)), constant(1.5));
  const z2 = f32x4.mul(z, z), z4 = f32x4.mul(z2, z2);
  const q0 = multiplyAdd(z, constant(-2.525192382), constant(-15.15549552)), q1 = multiplyAdd(z, constant(-0.1195151485), constant(-0.6862868251));
  const q2 = multiplyAdd(z, constant(0.7202046186), constant(-0.4463036217)), q3 = multiplyAdd(z, constant(0.4640195061), constant(-0.8364113748));
  const q47 = multiplyAdd(z4, constant(-0.1123551178), multiplyAdd(z2, q3, q2));
  v128.store(at + R, f32x4.mul(z, multiplyAdd(z4, q47, multiplyAdd(z2, q1, q0))));
  const d0 = multiplyAdd(z, constant(-2 * 2.525192382), constant(-15.15549552)), d1 = multiplyAdd(z, constant(-4 * 0.1195151485), constant(-3 * 0.6862868251));
  const d2 = multiplyAdd(z, constant(6 * 0.7202046186), constant(-5 * 0.4463036217)), d3 = multiplyAdd(z, constant(8 * 0.4640195061), constant(-7 * 0.8364113748));
  const d47 = multiplyAdd(z4, constant(-9 * 0.1123551178), multiplyAdd(z2, d3, d2));
  v128.store(at + R_HUE, f32x4.mul(sine, multiplyAdd(z4, d47, multiplyAdd(z2, d1, d0))));
}

/** The rotation, after {@link bell}. */
// @ts-ignore: decorator
@inline function rotation(at: usize): void {
  const one = constant(1);
  const sum = f32x4.add(v128.load(at + C1), v128.load(at + C2)), mean = half(sum);
  const bell = v128.and(powerOfTwo(v128.load(at + R)), isBlue(v128.load(at + COS), v128.load(at + SIN), sum));
  const angle = f32x4.mul(bell, constant(LARGEST_ANGLE));
  const s = seventh(mean), both = f32x4.div(one, f32x4.mul(f32x4.add(s, one), mean)), inverse = f32x4.mul(both, mean);
  const saturation = f32x4.sqrt(f32x4.mul(s, inverse));
  const r = f32x4.neg(f32x4.mul(saturation, sineSmall(angle)));
  v128.store(at + R, r);
  // d saturation / dC = 3.5 saturation / (C (1 + s)).
  v128.store(at + R_CHROMA, f32x4.mul(f32x4.mul(constant(1.75), r), both));
  v128.store(at + R_HUE, f32x4.mul(
    f32x4.mul(f32x4.mul(saturation, cosineSmall(angle)), f32x4.mul(angle, constant(-0.5 * 0.6931471805599453))), v128.load(at + R_HUE),
  ));
}

/** The terms of lightness, chroma and hue, and that of the rotation if `mayBeBlue`. */
// @ts-ignore: decorator
@inline function terms(at: usize, mayBeBlue: bool, withGrad: bool): void {
  const one = constant(1);
  const c = v128.load(at + COS), s = v128.load(at + SIN);
  const cc = f32x4.mul(c, c), cs = f32x4.mul(c, s);
  const cos2 = f32x4.sub(f32x4.add(cc, cc), one), sin2 = f32x4.add(cs, cs);
  // Gathered by powers of cos 2h.
  const t = multiplyAdd(cos2, multiplyAdd(cos2, constant(2 * T_A4), multiplyAdd(sin2, constant(2 * T_B4), constant(T_A2))), multiplyAdd(
    c, multiplyAdd(cos2, constant(2 * T_A3), constant(T_A1 - T_A3)), multiplyAdd(
      s, multiplyAdd(cos2, constant(2 * T_B3), constant(T_B1 + T_B3)), constant(1 - T_A4),
    ),
  ));
  const c1 = v128.load(at + C1), c2 = v128.load(at + C2), mean = half(f32x4.add(c1, c2));
  const sh = f32x4.div(one, multiplyAdd(f32x4.mul(constant(0.015), mean), t, one));
  const sc = f32x4.div(one, multiplyAdd(constant(0.045), mean, one));
  const l0 = v128.load(at + L0), q = square(l0);
  const q20 = f32x4.add(q, constant(20)), qRoot = f32x4.sqrt(q20);
  const inverse = f32x4.div(one, f32x4.mul(multiplyAdd(constant(0.015), q, qRoot), q20));
  const sl = f32x4.mul(f32x4.mul(qRoot, q20), inverse);
  const light = f32x4.mul(v128.load(at + DL), sl), chroma = f32x4.mul(v128.load(at + DC), sc);
  const cross = v128.load(at + CROSS), dH2 = v128.load(at + DH2), sh2 = square(sh);
  const tone2 = f32x4.mul(dH2, sh2);
  let sum = multiplyAdd(light, light, multiplyAdd(chroma, chroma, tone2));

  // Half of the gradient: of dC, of dH times dH, of dH times its derivative by hue 2 (which, times dH, is C1 C2 times the sine of the turn), and of the mean chroma
  // and the mean hue through the weights.
  let gC = f32x4.mul(chroma, sc), gH = tone2, turning = f32x4.mul(cross, sh2);
  let gMean = constant(0), gHue = constant(0);
  if (mayBeBlue) {
    const r = v128.load(at + R);
    const tone = v128.or(f32x4.sqrt(tone2), signOf(cross));
    const both = f32x4.mul(chroma, tone), rotation = f32x4.mul(r, both);
    sum = multiplyAdd(constant(2), rotation, sum);
    if (withGrad) {
      gC = multiplyAdd(f32x4.mul(r, tone), sc, gC);
      gH = f32x4.add(gH, rotation);
      // d dH / d hue 2 = sqrt(C1 C2) cos(turn / 2) = |cross / dH|, by the more exact of the two.
      const product = f32x4.mul(c1, c2);
      const near = f32x4.sqrt(f32x4.pmax(constant(0), f32x4.sub(product, f32x4.mul(dH2, constant(0.25)))));
      const far = f32x4.div(f32x4.mul(cross, sh), tone);
      const cosTurn = v128.bitselect(near, far, f32x4.lt(dH2, f32x4.add(product, product)));
      turning = multiplyAdd(f32x4.mul(r, chroma), f32x4.mul(sh, cosTurn), turning);
      gMean = f32x4.mul(both, v128.load(at + R_CHROMA));
      gHue = f32x4.mul(both, v128.load(at + R_HUE));
    }
  }
  v128.store(at + SQUARE, sum);
  if (!withGrad) return;

  // d SL / dL2 = 0.015 l0 (q / 2 + 20) / sqrt(q + 20)^3.
  const slSlope = f32x4.mul(multiplyAdd(constant(0.0075), q, constant(0.3)), f32x4.mul(l0, inverse));
  v128.store(at + GRAD_L, f32x4.sub(f32x4.mul(light, sl), f32x4.mul(square(light), slSlope)));
  const bySH = f32x4.mul(f32x4.mul(constant(-0.0075), gH), sh);
  gMean = f32x4.add(gMean, multiplyAdd(bySH, t, f32x4.mul(gC, f32x4.mul(constant(-0.0225), chroma))));
  const slopeT = multiplyAdd(cos2, multiplyAdd(cos2, constant(8 * T_B4), f32x4.mul(sin2, constant(-8 * T_A4))), multiplyAdd(
    s, multiplyAdd(cos2, constant(-6 * T_A3), constant(-T_A1 - 3 * T_A3)), multiplyAdd(
      c, multiplyAdd(cos2, constant(6 * T_B3), constant(T_B1 - 3 * T_B3)), multiplyAdd(sin2, constant(-2 * T_A2), constant(-4 * T_B4)),
    ),
  ));
  gHue = multiplyAdd(f32x4.mul(bySH, mean), slopeT, gHue);
  v128.store(at + GRAD_C1, f32x4.sub(gMean, gC));
  v128.store(at + GRAD_C2, f32x4.add(gMean, gC));
  v128.store(at + GRAD_H1, f32x4.sub(gHue, turning));
  v128.store(at + GRAD_H2, f32x4.add(gHue, turning));
  v128.store(at + GRAD_DH, half(gH));
}

/** The gradient of one record with respect to L, a and b of colour 2; at SQUARE is what half of the squared difference's gradient is to be multiplied by. */
// @ts-ignore: decorator
@inline export function labGradient2000(at: usize): void {
  const c1 = v128.load(at + C1), c2 = v128.load(at + C2);
  const inverse = f32x4.div(constant(1), f32x4.mul(c1, c2));
  const i1 = f32x4.mul(c2, inverse), i2 = f32x4.mul(c1, inverse);
  // By dH = 2 sqrt(C1 C2) sin(turn / 2), chromas get as much as hue has, by halves.
  const byHue = v128.load(at + GRAD_DH);
  const g1 = multiplyAdd(byHue, i1, v128.load(at + GRAD_C1)), g2 = multiplyAdd(byHue, i2, v128.load(at + GRAD_C2));
  const h1 = f32x4.mul(v128.load(at + GRAD_H1), i1), h2 = f32x4.mul(v128.load(at + GRAD_H2), i2);
  const p1 = v128.load(at + P1), b1 = v128.load(at + B1), p2 = v128.load(at + P2), b2 = v128.load(at + B2);
  const x1 = f32x4.mul(p1, i1), y1 = f32x4.mul(b1, i1), x2 = f32x4.mul(p2, i2), y2 = f32x4.mul(b2, i2);
  const gp1 = f32x4.sub(f32x4.mul(g1, x1), f32x4.mul(h1, y1)), gp2 = f32x4.sub(f32x4.mul(g2, x2), f32x4.mul(h2, y2));
  const gb2 = multiplyAdd(g2, y2, f32x4.mul(h2, x2));
  // The stretch of a follows both plain chromas.
  const a2 = v128.load(at + A2), weight = v128.load(at + SQUARE);
  const gPlain = f32x4.mul(multiplyAdd(gp1, v128.load(at + A1), f32x4.mul(gp2, a2)), v128.load(at + STRETCH_SLOPE));
  v128.store(at + GRAD_A, f32x4.mul(weight, multiplyAdd(gp2, v128.load(at + STRETCH), f32x4.mul(gPlain, a2))));
  v128.store(at + GRAD_B, f32x4.mul(weight, multiplyAdd(gPlain, b2, gb2)));
  v128.store(at + GRAD_L, f32x4.mul(weight, v128.load(at + GRAD_L)));
}
