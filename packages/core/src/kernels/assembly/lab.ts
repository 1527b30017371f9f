import { constant, multiplyAdd } from "./simd";

// sRGB to CIE L*a*b* (D65, scikit-image's digits) of pairs of colours, in float32. a and b are differences of nearly equal numbers near grey, and so is
// everything that is measured between close colours. Therefore differences are formed where they are exact and carried on as differences: of linear samples as
// values of a table and what lies between its places, of X, Y, Z as weighted sums of those, and of cube roots as
// (X - Y) / (f(X)^2 + f(X) f(Y) + f(Y)^2).
//
// Work is done in short stages over records of four pixels each, a few at a time: within one long chain of dependent instructions a processor would mostly wait,
// while a short stage's records overlap. A stage's first record goes ahead of its loop: hosts then keep the stage's constants at hand, which they would otherwise make
// anew in every round. Colour 1 is the target, colour 2 the output.

// What a record holds: vectors of four float32, one per pixel. First what becomes of the samples.
const RED2: usize = 0, GREEN2: usize = 32, BLUE2: usize = 64, RED1: usize = 96, GREEN1: usize = 128, BLUE1: usize = 160;
const RED_SLOPE: usize = 192, GREEN_SLOPE: usize = 208, BLUE_SLOPE: usize = 224;
// X, Y, Z over the white point; X - Y and Y - Z of either colour; colour 2 less colour 1.
const X1: usize = 240, Y1: usize = 256, Z1: usize = 272, X2: usize = 288, Y2: usize = 304, Z2: usize = 320;
const XY1: usize = 336, YZ1: usize = 352, XY2: usize = 368, YZ2: usize = 384, DX: usize = 400, DY: usize = 416, DZ: usize = 432;
// Three times the derivatives of f at X, Y, Z of colour 2.
const X_SLOPE: usize = 448, Y_SLOPE: usize = 464, Z_SLOPE: usize = 480;
/** L*a*b*: the mean lightness less 50, a and b of either colour, and colour 2 less colour 1. */
export const L0: usize = 496, A1: usize = 512, B1: usize = 528, A2: usize = 544, B2: usize = 560, DL: usize = 576, DA: usize = 592, DB: usize = 608;
/** The gradient with respect to L, a and b of colour 2. */
export const GRAD_L: usize = 624, GRAD_A: usize = 640, GRAD_B: usize = 656;
// CIE's f of X, Y, Z, and three times its derivatives for colour 1, which come by the way.
const FX1: usize = 672, FY1: usize = 688, FZ1: usize = 704, FX2: usize = 720, FY2: usize = 736, FZ2: usize = 752, W1: usize = 768;
// How far f is above its line at X, Y, Z, where linear samples were.
const OVER: usize = RED2;
/** The end of a record's part that colour spaces use. */
export const LAB_END: usize = 816;

// scikit-image's matrix, each row divided by the white point.
const XR: f64 = 0.412453 / 0.95047, XG: f64 = 0.35758 / 0.95047, XB: f64 = 0.180423 / 0.95047;
const YR: f64 = 0.212671, YG: f64 = 0.71516, YB: f64 = 0.072169;
const ZR: f64 = 0.019334 / 1.08883, ZG: f64 = 0.119193 / 1.08883, ZB: f64 = 0.950227 / 1.08883;

// CIE's f: the cube root above EPSILON, a line below.
const EPSILON: f64 = 0.008856;
const STEEP: f64 = 7.787;
const OFFSET: f64 = 16.0 / 116.0;
const ROOT_EPSILON: f64 = 0.2068930344229638;
/** The height of the root above the line where they meet. */
const STEP: f64 = ROOT_EPSILON - (STEEP * EPSILON + OFFSET);

/** The number that moves the integer part of a float32 it is added to into the lowest bits. */
const WHOLE: f32 = 8388608;

/** The table that makes samples linear, 2050 rows at most: see `linearTable` in curves.ts. At an address that the compiler knows, rows cost no addition to reach. */
const TABLE: usize = memory.data(2050 * 16, 16);

/** The address of the table's rows. */
export function linearTable(): usize {
  return TABLE;
}

let perStep: f32 = 0;
let threshold: f32 = 0;
let white: f32 = 0;

/** Sets the largest sample, the table's steps per unit of a sample, and the largest sample on the curve's straight part. */
export function labConfigure(range: f32, steps: f32, straightEnd: f32): void {
  white = range;
  perStep = steps;
  threshold = straightEnd;
}

/**
 * Finds the place in the table of four samples at `x`: at `to` the address of its row in the lowest 16 bits of each lane and, 16 bytes on, the distance from the
 * place; at `within`, unless that is 0, whether the sample is in [0, white].
 */
// @ts-ignore: decorator
@inline function place(x: usize, to: usize, within: usize, whites: v128, perSteps: v128, thresholds: v128): void {
  const whole = f32x4.splat(WHOLE);
  const sample = v128.load(x);
  const limited = f32x4.pmin(whites, f32x4.pmax(f32x4.splat(0), sample));
  const steps = f32x4.mul(limited, perSteps);
  const shifted = f32x4.add(steps, whole);
  // The curved part's rows come one place later; a row has 16 bytes.
  v128.store(to, i32x4.shl(i32x4.sub(shifted, f32x4.gt(limited, thresholds)), 4));
  v128.store(to, f32x4.sub(steps, f32x4.sub(shifted, whole)), 16);
  if (within) v128.store(within, f32x4.eq(sample, limited));
}

/**
 * Makes four samples linear (IEC 61966-2-1) after {@link place}: at `to` as two summands of which the second is small; at `slope`, unless that is 0, the derivative per
 * step of the table, 0 where samples are outside [0, white].
 */
// @ts-ignore: decorator
@inline function linear(to: usize, slope: usize): void {
  const p = v128.load(<usize>load<u16>(to), TABLE);
  const q = v128.load(<usize>load<u16>(to, 4), TABLE);
  const r = v128.load(<usize>load<u16>(to, 8), TABLE);
  const s = v128.load(<usize>load<u16>(to, 12), TABLE);
  const rest = v128.load(to, 16);
  const pq = i32x4.shuffle(p, q, 0, 4, 1, 5), rs = i32x4.shuffle(r, s, 0, 4, 1, 5);
  const pq2 = i32x4.shuffle(p, q, 2, 6, 3, 7), rs2 = i32x4.shuffle(r, s, 2, 6, 3, 7);
  const value = i64x2.shuffle(pq, rs, 0, 2), more = i64x2.shuffle(pq, rs, 1, 3);
  const tilt = i64x2.shuffle(pq2, rs2, 0, 2), bend = i64x2.shuffle(pq2, rs2, 1, 3);
  const bent = f32x4.mul(bend, rest);
  const chord = f32x4.add(tilt, bent);
  v128.store(to, value);
  v128.store(to, multiplyAdd(chord, rest, more), 16);
  if (slope) v128.store(slope, v128.and(f32x4.add(chord, bent), v128.load(slope)));
}

/** Makes the samples of one colour linear, from `x` on in three planes: at `to` of the records, and `slope` as in {@link linear}. */
// @ts-ignore: decorator
@inline function linearColour(x: usize, plane: usize, to: usize, slope: usize, records: usize, end: usize, record: usize): void {
  const whites = f32x4.splat(white), perSteps = f32x4.splat(perStep), thresholds = f32x4.splat(threshold);
  for (let at = records; at < end; at += record, x += 16) {
    place(x, at + to, slope ? at + slope : 0, whites, perSteps, thresholds);
    place(x + plane, at + to + 32, slope ? at + slope + 16 : 0, whites, perSteps, thresholds);
    place(x + 2 * plane, at + to + 64, slope ? at + slope + 32 : 0, whites, perSteps, thresholds);
  }
  for (let at = records; at < end; at += record) {
    linear(at + to, slope ? at + slope : 0);
    linear(at + to + 32, slope ? at + slope + 16 : 0);
    linear(at + to + 64, slope ? at + slope + 32 : 0);
  }
}

// @ts-ignore: decorator
@inline function mix(x: v128, y: v128, z: v128, wx: f64, wy: f64, wz: f64): v128 {
  return multiplyAdd(x, constant(wx), multiplyAdd(y, constant(wy), f32x4.mul(z, constant(wz))));
}

/** The difference of two linear samples. */
// @ts-ignore: decorator
@inline function less(at: usize, a: usize, b: usize): v128 {
  return f32x4.add(f32x4.sub(v128.load(at + a), v128.load(at + b)), f32x4.sub(v128.load(at + a, 16), v128.load(at + b, 16)));
}

/** X, Y, Z of one colour, and X - Y and Y - Z from R - G, B - G and G: the digits' rows do not quite add up to the white point. Returns the least. */
// @ts-ignore: decorator
@inline function colourXyz(at: usize, red: usize, green: usize, blue: usize, xTo: usize, xyTo: usize): v128 {
  const rg = less(at, red, green), bg = less(at, blue, green), g = f32x4.add(v128.load(at + green), v128.load(at + green, 16));
  // Y's row adds up to 1.
  const y = multiplyAdd(rg, constant(YR), multiplyAdd(bg, constant(YB), g));
  const xy = mix(rg, bg, g, XR - YR, XB - YB, XR + XG + XB - 1);
  const yz = mix(rg, bg, g, YR - ZR, YB - ZB, 1 - (ZR + ZG + ZB));
  const x = f32x4.add(y, xy), z = f32x4.sub(y, yz);
  v128.store(at + xTo, x);
  v128.store(at + xTo, y, 16);
  v128.store(at + xTo, z, 32);
  v128.store(at + xyTo, xy);
  v128.store(at + xyTo, yz, 16);
  return f32x4.pmin(x, f32x4.pmin(y, z));
}

/** From linear samples to X, Y, Z of one record; 1 where any of these is on the line of CIE's f, else 0. */
// @ts-ignore: decorator
@inline function recordXyz(at: usize): usize {
  const least1 = colourXyz(at, RED1, GREEN1, BLUE1, X1, XY1), least2 = colourXyz(at, RED2, GREEN2, BLUE2, X2, XY2);
  return <usize>v128.any_true(onLine(f32x4.pmin(least1, least2)));
}

/** X, Y, Z of colour 2 less those of colour 1. */
// @ts-ignore: decorator
@inline function recordXyzDifferences(at: usize): void {
  const r = less(at, RED2, RED1), g = less(at, GREEN2, GREEN1), b = less(at, BLUE2, BLUE1);
  v128.store(at + DX, mix(r, g, b, XR, XG, XB));
  v128.store(at + DY, mix(r, g, b, YR, YG, YB));
  v128.store(at + DZ, mix(r, g, b, ZR, ZG, ZB));
}

// The cube root of t is t w with w = t^(-2/3), and its derivative w / 3. w is exact to 4e-7 for t not less than EPSILON, and any number below.

/** First half: an estimate of w, stored at `w`, and t times its power 3/2, less 1, stored at `u`. */
// @ts-ignore: decorator
@inline function rootEstimate(at: usize, t: usize, w: usize, u: usize): void {
  const value = v128.load(at + t);
  // The bits of t^(-1/3) are nearly a constant less a third of the bits of t; counted in 256ths, to fit a float32.
  const third = multiplyAdd(f32x4.convert_i32x4_s(value), constant(-1.0 / 768), f32x4.splat(WHOLE + 5546525));
  const estimate = i32x4.shl(third, 8);
  const square = f32x4.mul(estimate, estimate);
  v128.store(at + w, square);
  v128.store(at + u, f32x4.sub(f32x4.mul(f32x4.mul(value, square), estimate), constant(1)));
}

/** Second half: w and, in place of u, the root. u is within -0.1 and 0.11; (1 + u)^(-2/3) is the polynomial through Chebyshev's points. */
// @ts-ignore: decorator
@inline function rootFinal(at: usize, t: usize, w: usize, u: usize): void {
  const x = v128.load(at + u);
  let power = multiplyAdd(constant(0.45310120361134454), x, constant(-0.49938436955475185));
  power = multiplyAdd(power, x, constant(0.5555797829431338));
  power = multiplyAdd(power, x, constant(-0.6666521222746331));
  power = multiplyAdd(power, x, constant(0.9999999667705218));
  power = f32x4.mul(v128.load(at + w), power);
  v128.store(at + w, power);
  v128.store(at + u, f32x4.mul(v128.load(at + t), power));
}

// @ts-ignore: decorator
@inline function rootEstimates(at: usize): void {
  rootEstimate(at, X1, W1, FX1);
  rootEstimate(at, Y1, W1 + 16, FY1);
  rootEstimate(at, Z1, W1 + 32, FZ1);
  rootEstimate(at, X2, X_SLOPE, FX2);
  rootEstimate(at, Y2, Y_SLOPE, FY2);
  rootEstimate(at, Z2, Z_SLOPE, FZ2);
}

// @ts-ignore: decorator
@inline function rootFinals(at: usize): void {
  rootFinal(at, X1, W1, FX1);
  rootFinal(at, Y1, W1 + 16, FY1);
  rootFinal(at, Z1, W1 + 32, FZ1);
  rootFinal(at, X2, X_SLOPE, FX2);
  rootFinal(at, Y2, Y_SLOPE, FY2);
  rootFinal(at, Z2, Z_SLOPE, FZ2);
}

/** f(t) - f(u) on the root's part, from t - u and both f. */
// @ts-ignore: decorator
@inline function rootDifference(difference: v128, ft: v128, fu: v128): v128 {
  const sum = f32x4.add(ft, fu);
  return f32x4.div(difference, f32x4.sub(f32x4.mul(sum, sum), f32x4.mul(ft, fu)));
}

/** All ones where t is on the line of f. */
// @ts-ignore: decorator
@inline function onLine(t: v128): v128 {
  return f32x4.le(t, constant(EPSILON));
}

/**
 * For one of X, Y, Z: puts the line's value and slope where it belongs, and at `over` how far f is above the line: 0 on it, else the step of where both meet and what the
 * root rises more than the line from there.
 */
// @ts-ignore: decorator
@inline function darken(at: usize, t: usize, f: usize, w: usize, over: usize): void {
  const value = v128.load(at + t), root = v128.load(at + f), isDark = onLine(value);
  const rise = rootDifference(constant(1), root, constant(ROOT_EPSILON));
  const above = multiplyAdd(f32x4.sub(value, constant(EPSILON)), f32x4.sub(rise, constant(STEEP)), constant(STEP));
  v128.store(at + over, v128.andnot(above, isDark));
  v128.store(at + f, v128.bitselect(multiplyAdd(value, constant(STEEP), constant(OFFSET)), root, isDark));
  v128.store(at + w, v128.bitselect(constant(3 * STEEP), v128.load(at + w), isDark));
}

/** {@link darken} all of one record. */
// @ts-ignore: decorator
@inline function darkenAll(at: usize): void {
  darken(at, X1, FX1, W1, OVER);
  darken(at, Y1, FY1, W1 + 16, OVER + 16);
  darken(at, Z1, FZ1, W1 + 32, OVER + 32);
  darken(at, X2, FX2, X_SLOPE, OVER + 48);
  darken(at, Y2, FY2, Y_SLOPE, OVER + 64);
  darken(at, Z2, FZ2, Z_SLOPE, OVER + 80);
}

/**
 * f(t) - f(u) from t - u, all at their places, and how far f is above the line, after {@link darken} if `mayBeDark`. Where one is on the line, either the line's difference and
 * what f is above it, or, once t and u are so far apart that this would cancel, simply the difference.
 */
// @ts-ignore: decorator
@inline function difference(at: usize, amountAt: usize, t: usize, ft: usize, overT: usize, u: usize, fu: usize, overU: usize, mayBeDark: bool): v128 {
  const amount = v128.load(at + amountAt), valueT = v128.load(at + ft), valueU = v128.load(at + fu);
  const bright = rootDifference(amount, valueT, valueU);
  if (!mayBeDark) return bright;
  const near = multiplyAdd(amount, constant(STEEP), f32x4.sub(v128.load(at + overT), v128.load(at + overU)));
  const dark = v128.bitselect(f32x4.sub(valueT, valueU), near, f32x4.gt(f32x4.abs(amount), constant(EPSILON)));
  return v128.bitselect(dark, bright, v128.or(onLine(v128.load(at + t)), onLine(v128.load(at + u))));
}

/** A difference of a or b: from f's differences, or from both colours', whichever are the smaller numbers. */
// @ts-ignore: decorator
@inline function axisDifference(first: v128, second: v128, scale: f64, from: v128, to: v128): v128 {
  const scaled = f32x4.mul(f32x4.sub(first, second), constant(scale));
  return v128.bitselect(scaled, f32x4.sub(to, from), f32x4.lt(f32x4.mul(f32x4.abs(first), constant(scale)), f32x4.abs(to)));
}

/** L*a*b* of one record, from X, Y, Z and f. */
// @ts-ignore: decorator
@inline function recordLab(at: usize, mayBeDark: bool): void {
  v128.store(at + A1, f32x4.mul(difference(at, XY1, X1, FX1, OVER, Y1, FY1, OVER + 16, mayBeDark), constant(500)));
  v128.store(at + B1, f32x4.mul(difference(at, YZ1, Y1, FY1, OVER + 16, Z1, FZ1, OVER + 32, mayBeDark), constant(200)));
  v128.store(at + A2, f32x4.mul(difference(at, XY2, X2, FX2, OVER + 48, Y2, FY2, OVER + 64, mayBeDark), constant(500)));
  v128.store(at + B2, f32x4.mul(difference(at, YZ2, Y2, FY2, OVER + 64, Z2, FZ2, OVER + 80, mayBeDark), constant(200)));
  v128.store(at + L0, multiplyAdd(f32x4.add(v128.load(at + FY1), v128.load(at + FY2)), constant(58), constant(-66)));
  const dy = difference(at, DY, Y2, FY2, OVER + 64, Y1, FY1, OVER + 16, mayBeDark);
  v128.store(at + DL, f32x4.mul(dy, constant(116)));
  const dx = difference(at, DX, X2, FX2, OVER + 48, X1, FX1, OVER, mayBeDark);
  v128.store(at + DA, axisDifference(dx, dy, 500, v128.load(at + A1), v128.load(at + A2)));
  const dz = difference(at, DZ, Z2, FZ2, OVER + 80, Z1, FZ1, OVER + 32, mayBeDark);
  v128.store(at + DB, axisDifference(dy, dz, 200, v128.load(at + B1), v128.load(at + B2)));
}

/**
 * From the samples at `x` (colour 2) and `y` (colour 1), each of three planes `plane` bytes apart, to L*a*b*. `dark`: room for as many addresses as there are records.
 */
export function lab(x: usize, y: usize, plane: usize, records: usize, end: usize, record: usize, dark: usize): void {
  linearColour(y, plane, RED1, 0, records, end, record);
  linearColour(x, plane, RED2, RED_SLOPE, records, end, record);
  // Lists the records with values on the line of f, which are done again with care for it.
  store<usize>(dark, records);
  let darkEnd = dark + (recordXyz(records) << 2);
  for (let at = records + record; at < end; at += record) {
    store<usize>(darkEnd, at);
    darkEnd += recordXyz(at) << 2;
  }
  recordXyzDifferences(records);
  for (let at = records + record; at < end; at += record) recordXyzDifferences(at);
  rootEstimates(records);
  for (let at = records + record; at < end; at += record) rootEstimates(at);
  rootFinals(records);
  for (let at = records + record; at < end; at += record) rootFinals(at);
  for (let at = records; at < end; at += record) recordLab(at, false);
  if (dark < darkEnd) {
    darkenAll(load<usize>(dark));
    for (let list = dark + 4; list < darkEnd; list += 4) darkenAll(load<usize>(list));
    recordLab(load<usize>(dark), true);
    for (let list = dark + 4; list < darkEnd; list += 4) recordLab(load<usize>(list), true);
  }
}

/** The gradient of one record taken from L, a, b to the samples: written to `grad` in three planes `plane` bytes apart, or their sum if `plane` is 0. */
// @ts-ignore: decorator
@inline export function rgbGradient(at: usize, grad: usize, plane: usize): void {
  // f's derivatives are a third of what is kept.
  const a = f32x4.mul(v128.load(at + GRAD_A), constant(500.0 / 3)), b = f32x4.mul(v128.load(at + GRAD_B), constant(200.0 / 3));
  const l = f32x4.mul(v128.load(at + GRAD_L), constant(116.0 / 3));
  const x = f32x4.mul(a, v128.load(at + X_SLOPE));
  const y = f32x4.mul(f32x4.add(f32x4.sub(l, a), b), v128.load(at + Y_SLOPE));
  const z = f32x4.mul(b, v128.load(at + Z_SLOPE));
  const red = f32x4.mul(mix(x, y, z, XR, YR, -ZR), v128.load(at + RED_SLOPE));
  const green = f32x4.mul(mix(x, y, z, XG, YG, -ZG), v128.load(at + GREEN_SLOPE));
  const blue = f32x4.mul(mix(x, y, z, XB, YB, -ZB), v128.load(at + BLUE_SLOPE));
  if (plane) {
    v128.store(grad, red);
    v128.store(grad + plane, green);
    v128.store(grad + 2 * plane, blue);
  } else {
    v128.store(grad, f32x4.add(red, f32x4.add(green, blue)));
  }
}
