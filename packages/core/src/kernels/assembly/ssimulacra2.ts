import { accumulate, constant, firstLanes, laneSum, multiplyAdd, signOf, size, widen } from "./simd";
import { TILE } from "./window";
import { nineAcross, ninePairDown, ninePlanesPairDown, REACH, setNine, STEP } from "./window-of-nine";

// SSIMULACRA 2: samples to linear light, linear light to X, Y and B - Y around 0, and the errors of one plane of one scale, each with its gradient.
//
// As in ssim.ts, four blurs are enough: of u = x + y, v = x - y and their squares. Windows reach beyond the image, where planes are 0; the program's planes are these plus a shift, of which a
// part is lost there.

// What samples become linear by: x / 12.92, and beyond the bend ((x + 0.055) / 1.055)^2.4.
const BEND: f64 = 0.04045;
const STRETCH: f64 = 1.0 / 1.055;
const OFFSET: f64 = 0.055 / 1.055;

// libjxl's cone responses to linear light, their bias, and below which they are on a line to 0.
const L_R: f64 = 0.3, L_G: f64 = 0.622, L_B: f64 = 0.078;
const M_R: f64 = 0.23, M_G: f64 = 0.692, M_B: f64 = 0.078;
const S_R: f64 = 0.24342268924547819, S_G: f64 = 0.20476744424496821, S_B: f64 = 1 - S_R - S_G;
const BIAS: f64 = 0.0037930732552754493;
const DARKEST: f64 = 1e-6;
/** DARKEST^(-2/3). */
const DARK_SLOPE: f64 = 1e4;
/** The part that is left out of Y: the cube root of the bias, and about half its range. */
const MIDDLE: f64 = 0.155954200549248630 + 0.45;

const C2: f64 = 0.0009;

/** a^(-1/3) of positive numbers: a guess from the bits, within 4 %, and two steps of third order. */
// @ts-ignore: decorator
@inline function inverseCubeRoot(a: v128): v128 {
  // A third of the bits: (1 + 1/4) (1 + 1/16) (1 + 1/256) / 4.
  let third = i32x4.add(i32x4.shr_u(a, 2), i32x4.shr_u(a, 4));
  third = i32x4.add(third, i32x4.shr_u(third, 4));
  third = i32x4.add(third, i32x4.shr_u(third, 8));
  let r = i32x4.sub(i32x4.splat(0x54a2fa8c), third);
  for (let i = 0; i < 2; i++) {
    const rest = f32x4.sub(constant(1), f32x4.mul(f32x4.mul(a, r), f32x4.mul(r, r)));
    r = multiplyAdd(f32x4.mul(r, rest), multiplyAdd(rest, constant(2.0 / 9.0), constant(1.0 / 3.0)), r);
  }
  return r;
}

/** a^(2/5) of positive numbers: as the inverse fifth root of a^2. */
// @ts-ignore: decorator
@inline function twoFifths(a: v128): v128 {
  const square = f32x4.mul(a, a);
  // A fifth of the bits: (1 + 1/16) (1 + 1/256) 3/16.
  let fifth = i32x4.add(i32x4.shr_u(square, 3), i32x4.shr_u(square, 4));
  fifth = i32x4.add(fifth, i32x4.shr_u(fifth, 4));
  fifth = i32x4.add(fifth, i32x4.shr_u(fifth, 8));
  let r = i32x4.sub(i32x4.splat(0x4c2c5fe4), fifth);
  for (let i = 0; i < 2; i++) {
    const r2 = f32x4.mul(r, r);
    const rest = f32x4.sub(constant(1), f32x4.mul(f32x4.mul(square, r), f32x4.mul(r2, r2)));
    r = multiplyAdd(f32x4.mul(r, rest), multiplyAdd(rest, constant(3.0 / 25.0), constant(0.2)), r);
  }
  const r2 = f32x4.mul(r, r);
  return f32x4.mul(square, f32x4.mul(r2, r2));
}

/** Makes `count` samples linear where they are; `scale`: one over white. Touches up to 3 floats beyond. */
export function linearLight(x: usize, count: i32, scale: f32): void {
  const scales = f32x4.splat(scale);
  for (const end = x + (<usize>count << 2); x < end; x += 16) {
    const sample = f32x4.mul(v128.load(x), scales);
    const t = multiplyAdd(f32x4.pmax(sample, constant(BEND)), constant(STRETCH), constant(OFFSET));
    const curved = f32x4.mul(f32x4.mul(t, t), twoFifths(t));
    v128.store(x, v128.bitselect(curved, f32x4.mul(sample, constant(1.0 / 12.92)), f32x4.gt(sample, constant(BEND))));
  }
}

/** Multiplies `count` gradients with respect to linear light by the slope at the samples `x`. Touches up to 3 floats beyond. */
export function linearLightGradient(x: usize, grad: usize, count: i32, scale: f32): void {
  const scales = f32x4.splat(scale), straight = f32x4.splat(scale * <f32>(1.0 / 12.92)), steep = f32x4.splat(scale * <f32>(2.4 * STRETCH));
  for (const end = x + (<usize>count << 2); x < end; x += 16, grad += 16) {
    const sample = f32x4.mul(v128.load(x), scales);
    const t = multiplyAdd(f32x4.pmax(sample, constant(BEND)), constant(STRETCH), constant(OFFSET));
    const curved = f32x4.mul(f32x4.mul(t, twoFifths(t)), steep);
    v128.store(grad, f32x4.mul(v128.load(grad), v128.bitselect(curved, straight, f32x4.gt(sample, constant(BEND)))));
  }
}

// @ts-ignore: decorator
@inline function mix(x: v128, y: v128, z: v128, wx: f64, wy: f64, wz: f64): v128 {
  return multiplyAdd(x, constant(wx), multiplyAdd(y, constant(wy), f32x4.mul(z, constant(wz))));
}

/** The cube root of a response, and a line to 0 below the darkest. */
// @ts-ignore: decorator
@inline function bent(response: v128): v128 {
  const a = f32x4.pmax(response, constant(DARKEST));
  const r = inverseCubeRoot(a);
  const root = f32x4.mul(a, f32x4.mul(r, r));
  // What rounding left.
  const rest = f32x4.sub(a, f32x4.mul(root, f32x4.mul(root, root)));
  const exact = multiplyAdd(f32x4.mul(rest, constant(1.0 / 3.0)), f32x4.mul(r, r), root);
  const line = f32x4.mul(f32x4.pmax(response, constant(0)), constant(DARK_SLOPE));
  return v128.bitselect(exact, line, f32x4.gt(response, constant(DARKEST)));
}

/** The derivative of {@link bent}. */
// @ts-ignore: decorator
@inline function bentSlope(response: v128): v128 {
  const r = inverseCubeRoot(f32x4.pmax(response, constant(DARKEST)));
  const line = v128.and(constant(DARK_SLOPE), f32x4.gt(response, constant(0)));
  return v128.bitselect(f32x4.mul(f32x4.mul(r, r), constant(1.0 / 3.0)), line, f32x4.gt(response, constant(DARKEST)));
}

/** Three planes of linear light, `plane` bytes apart, become X, Y and B - Y around 0 where they are. Touches up to 3 floats beyond. */
export function toOpponents(x: usize, plane: usize, count: i32): void {
  for (const end = x + (<usize>count << 2); x < end; x += 16) {
    const red = v128.load(x), green = v128.load(x + plane), blue = v128.load(x + 2 * plane);
    const long = bent(f32x4.add(mix(red, green, blue, L_R, L_G, L_B), constant(BIAS)));
    const middle = bent(f32x4.add(mix(red, green, blue, M_R, M_G, M_B), constant(BIAS)));
    const short = bent(f32x4.add(mix(red, green, blue, S_R, S_G, S_B), constant(BIAS)));
    const mean = f32x4.mul(f32x4.add(long, middle), constant(0.5));
    v128.store(x, f32x4.mul(f32x4.sub(long, middle), constant(7)));
    v128.store(x + plane, f32x4.sub(mean, constant(MIDDLE)));
    v128.store(x + 2 * plane, f32x4.sub(short, mean));
  }
}

/** Gradients with respect to X, Y and B - Y become those with respect to the linear light at `x`, where they are. */
export function opponentsGradient(x: usize, plane: usize, grad: usize, gradPlane: usize, count: i32): void {
  for (const end = x + (<usize>count << 2); x < end; x += 16, grad += 16) {
    const red = v128.load(x), green = v128.load(x + plane), blue = v128.load(x + 2 * plane);
    const gX = f32x4.mul(v128.load(grad), constant(7)), gB = v128.load(grad + 2 * gradPlane);
    const gMean = f32x4.mul(f32x4.sub(v128.load(grad + gradPlane), gB), constant(0.5));
    const long = f32x4.mul(f32x4.add(gMean, gX), bentSlope(f32x4.add(mix(red, green, blue, L_R, L_G, L_B), constant(BIAS))));
    const middle = f32x4.mul(f32x4.sub(gMean, gX), bentSlope(f32x4.add(mix(red, green, blue, M_R, M_G, M_B), constant(BIAS))));
    const short = f32x4.mul(gB, bentSlope(f32x4.add(mix(red, green, blue, S_R, S_G, S_B), constant(BIAS))));
    v128.store(grad, mix(long, middle, short, L_R, M_R, S_R));
    v128.store(grad + gradPlane, mix(long, middle, short, L_G, M_G, S_G));
    v128.store(grad + 2 * gradPlane, mix(long, middle, short, L_B, M_B, S_B));
  }
}

/** Rows of blurred values: a pair of fours down the columns, four along the rows. */
const BLURRED_ROWS: i32 = 12;
/** The number of planes of derivatives: with respect to the blurs of u and v, of u^2, of v^2, and to the output itself. */
const DERIVATIVES: i32 = 4;

/** Bytes of scratch that {@link ssimulacra2Plane} needs for a strip of `rows` rows. */
export function ssimulacra2Scratch(rows: i32): i32 {
  // One row more than there is, since rows go in pairs.
  return ((rows + 1 + 4 * REACH) * 2 + (rows + 1 + 2 * REACH) * DERIVATIVES + BLURRED_ROWS) * <i32>STEP;
}

let tileU: usize = 0;
let tileV: usize = 0;

/** Rows [r0, r1) and columns [c0, c1) of both planes as sums and differences, zeros beyond the image. */
function loadTile(x: usize, y: usize, first: i32, h: i32, w: i32, r0: i32, r1: i32, c0: i32, c1: i32): void {
  const left = max(c0, 0), right = min(c1, w);
  for (let r = r0; r < r1; r++) {
    const u = tileU + <usize>(r - r0) * STEP, v = tileV + <usize>(r - r0) * STEP;
    if (r < 0 || r >= h || left > c0 || right < c1) {
      memory.fill(u, 0, STEP);
      memory.fill(v, 0, STEP);
      if (r < 0 || r >= h) continue;
    }
    const rowX = x + (<usize>((r - first) * w) << 2), rowY = y + (<usize>((r - first) * w) << 2);
    for (let j = left; j < right; j += 4) {
      const a = v128.load(rowX + (<usize>j << 2)), b = v128.load(rowY + (<usize>j << 2));
      const lanes = firstLanes(right - j);
      const at = <usize>(j - c0) << 2;
      v128.store(u + at, v128.and(f32x4.add(a, b), lanes));
      v128.store(v + at, v128.and(f32x4.sub(a, b), lanes));
    }
  }
}

/** mean + norm (error inverse)^3: the derivative of a scale's score by one error. */
// @ts-ignore: decorator
@inline function slopeOf(error: v128, slopes: usize): v128 {
  const relative = f32x4.mul(error, v128.load32_splat(slopes, 8));
  return multiplyAdd(f32x4.mul(f32x4.mul(relative, relative), relative), v128.load32_splat(slopes, 4), v128.load32_splat(slopes));
}

/**
 * The errors of one row from its blurs at `means` and its u and v. `lost` and `kept`: what of a window lies beyond the first or last row, and what within; `outside`: what lies beyond the
 * first or last column. Adds the errors of places [counted, end) to `sums`; where `slopes` is not 0, writes derivatives, which are 0 at places below `begin` and from `end` on.
 */
// @ts-ignore: decorator
@inline function errorRow(
  withGrad: bool, means: usize, u: usize, v: usize, outside: usize, lost: f32, kept: f32, shift: f32,
  begin: i32, counted: i32, end: i32, stop: i32, sums: usize, slopes: usize, derivatives: usize, plane: usize,
): void {
  const bytes = STEP;
  let sum1 = constant(0), sum2 = constant(0), sum3 = constant(0), fourth1 = constant(0), fourth2 = constant(0), fourth3 = constant(0);
  const one = constant(1), half = constant(0.5), zero = constant(0), shifts = f32x4.splat(shift);
  const losts = f32x4.splat(lost), kepts = f32x4.splat(kept);
  for (let j: i32 = 0; j < stop; j += 4) {
    const at = <usize>j << 2;
    const mu = v128.load(means + at), mv = v128.load(means + bytes + at);
    const squareU = v128.load(means + 2 * bytes + at), squareV = v128.load(means + 3 * bytes + at);
    const beyond = multiplyAdd(kepts, v128.load(outside + at), losts);
    const missing = f32x4.mul(beyond, shifts);
    const far = f32x4.mul(mv, mv);
    const variance = f32x4.sub(squareV, far);
    const border = f32x4.mul(f32x4.add(missing, missing), multiplyAdd(f32x4.sub(one, beyond), shifts, mu));
    const variances = multiplyAdd(f32x4.add(f32x4.sub(squareU, f32x4.mul(mu, mu)), variance), half, border);
    const inverse = f32x4.div(one, f32x4.add(variances, constant(C2)));
    const quotient = f32x4.mul(variance, inverse);
    const near = f32x4.sub(one, far);
    const structure = f32x4.pmax(zero, multiplyAdd(near, quotient, far));
    const du = f32x4.sub(v128.load(u + at), mu), dv = f32x4.sub(v128.load(v + at), mv);
    const edgeX = multiplyAdd(f32x4.add(du, dv), half, missing), edgeY = multiplyAdd(f32x4.sub(du, dv), half, missing);
    const inverseEdge = f32x4.div(one, f32x4.add(size(edgeY), one));
    const change = f32x4.mul(f32x4.sub(size(edgeX), size(edgeY)), inverseEdge);
    const came = f32x4.pmax(zero, change), went = f32x4.pmax(zero, f32x4.neg(change));
    const places = i32x4.add(i32x4.splat(j), i32x4(0, 1, 2, 3));
    const before = i32x4.lt_s(places, i32x4.splat(end));
    if (sums) {
      const counts = v128.and(before, i32x4.ge_s(places, i32x4.splat(counted)));
      const first = v128.and(structure, counts), second = v128.and(came, counts), third = v128.and(went, counts);
      sum1 = f32x4.add(sum1, first);
      sum2 = f32x4.add(sum2, second);
      sum3 = f32x4.add(sum3, third);
      const square1 = f32x4.mul(first, first), square2 = f32x4.mul(second, second), square3 = f32x4.mul(third, third);
      fourth1 = multiplyAdd(square1, square1, fourth1);
      fourth2 = multiplyAdd(square2, square2, fourth2);
      fourth3 = multiplyAdd(square3, square3, fourth3);
    }
    if (withGrad) {
      const within = v128.and(before, i32x4.ge_s(places, i32x4.splat(begin)));
      const ofStructure = v128.and(slopeOf(structure, slopes), f32x4.gt(structure, zero));
      const ofCame = v128.and(slopeOf(came, slopes + 12), f32x4.gt(change, zero));
      const ofWent = v128.and(slopeOf(went, slopes + 24), f32x4.lt(change, zero));
      const ofEdge = f32x4.mul(f32x4.sub(ofCame, ofWent), inverseEdge);
      const signs = signOf(edgeX);
      const direct = v128.and(v128.xor(ofEdge, signs), f32x4.ne(edgeX, zero));
      const ofVariance = f32x4.mul(f32x4.mul(ofStructure, near), inverse);
      const ofVariances = f32x4.neg(f32x4.mul(ofVariance, quotient));
      const ofFar = f32x4.mul(ofStructure, f32x4.sub(one, quotient));
      const twice = f32x4.sub(ofFar, ofVariance);
      const byV = f32x4.mul(mv, f32x4.sub(f32x4.add(twice, twice), ofVariances));
      const byU = f32x4.mul(ofVariances, f32x4.sub(f32x4.add(missing, missing), mu));
      const byMeans = f32x4.sub(f32x4.add(byU, byV), direct);
      const bySquareU = f32x4.mul(ofVariances, half);
      const to = derivatives + at;
      v128.store(to, v128.and(byMeans, within));
      v128.store(to + plane, v128.and(bySquareU, within));
      v128.store(to + 2 * plane, v128.and(f32x4.add(bySquareU, ofVariance), within));
      v128.store(to + 3 * plane, v128.and(direct, within));
    }
  }
  if (sums) {
    accumulate(sums, laneSum(widen(sum1)));
    accumulate(sums + 8, laneSum(widen(sum2)));
    accumulate(sums + 16, laneSum(widen(sum3)));
    accumulate(sums + 24, laneSum(widen(fourth1)));
    accumulate(sums + 32, laneSum(widen(fourth2)));
    accumulate(sums + 40, laneSum(widen(fourth3)));
  }
}

function valueRow(
  means: usize, u: usize, v: usize, outside: usize, lost: f32, kept: f32, shift: f32, begin: i32, counted: i32, end: i32, stop: i32, sums: usize,
): void {
  errorRow(false, means, u, v, outside, lost, kept, shift, begin, counted, end, stop, sums, 0, 0, 0);
}

function slopeRow(
  means: usize, u: usize, v: usize, outside: usize, lost: f32, kept: f32, shift: f32, begin: i32, end: i32, stop: i32, slopes: usize, derivatives: usize, plane: usize,
): void {
  errorRow(true, means, u, v, outside, lost, kept, shift, begin, 0, end, stop, 0, slopes, derivatives, plane);
}

/** One row of the gradient from the three blurred rows of derivatives at `means`, the row's own, and its u and v. */
function gradientRow(means: usize, own: usize, u: usize, v: usize, grad: usize, width: i32): void {
  const bytes = STEP;
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    const bySquares = multiplyAdd(v128.load(u + j), v128.load(means + bytes + j), f32x4.mul(v128.load(v + j), v128.load(means + 2 * bytes + j)));
    const value = f32x4.add(f32x4.add(v128.load(own + j), v128.load(means + j)), f32x4.add(bySquares, bySquares));
    if (j + 16 <= end) {
      v128.store(grad + j, value);
    } else {
      // The next columns may be written already.
      v128.store(means, value);
      memory.copy(grad + j, means, end - j);
    }
  }
}

/**
 * Rows [g0, g1) of one plane. `x`, `y`: full rows of width w from row `first` on, as many as windows reach, twice as many with a gradient. `weights`: the window's 2 * 4 + 1. `outside`: what of a window
 * lies beyond the first or last column, for each column, with at least 12 floats before and after.
 *
 * Without `grad` adds up the three errors and their fourth powers at `sums`, six float64. Else writes the gradient, rows of w floats, of what three numbers for each error at `slopes` say: how much
 * its mean counts and how much its norm, both over the number of places, and one over the norm.
 */
export function ssimulacra2Plane(
  x: usize, y: usize, first: i32, h: i32, w: i32, g0: i32, g1: i32, weights: usize, outside: usize, shift: f32,
  sums: usize, slopes: usize, grad: usize, scratch: usize,
): void {
  setNine(weights);
  const bytes = STEP;
  const withGrad = grad != 0;
  const more = withGrad ? REACH : 0;
  const r0 = g0 - more, r1 = g1 + more;
  const inputRows = r1 - r0 + 2 * REACH + 1;
  const plane = <usize>(r1 - r0 + 1) * bytes;
  tileU = scratch;
  tileV = tileU + <usize>inputRows * bytes;
  const derivatives = tileV + <usize>inputRows * bytes;
  const blurred = derivatives + (withGrad ? <usize>DERIVATIVES * plane : 0);
  const means = blurred + 8 * bytes;
  const middle = <usize>REACH * bytes + (<usize>REACH << 2);
  let whole: f32 = 0;
  for (let k = 0; k <= 2 * REACH; k++) whole += load<f32>(weights + (<usize>k << 2));
  for (let t0: i32 = 0; t0 < w; t0 += TILE) {
    const t1 = min(t0 + TILE, w);
    const c0 = t0 - more, c1 = t1 + more;
    const width = c1 - c0;
    loadTile(x, y, first, h, w, r0 - REACH, r1 + REACH, c0 - REACH, c1 + REACH);
    for (let i = r0; i < r1; i++) {
      const row = <usize>(i - r0) * bytes;
      const isLower = ((i - r0) & 1) == 1;
      if (!isLower) ninePairDown(tileU + row, tileV + row, blurred, width + 2 * REACH);
      if (i < 0 || i >= h) {
        for (let k = 0; k < DERIVATIVES; k++) memory.fill(derivatives + <usize>k * plane + row, 0, bytes);
        continue;
      }
      nineAcross(isLower ? blurred + 4 * bytes : blurred, means, width, false);
      let lost: f32 = 0;
      for (let k = 0; k <= 2 * REACH; k++) {
        const source = i + k - REACH;
        if (source < 0 || source >= h) lost += load<f32>(weights + (<usize>k << 2));
      }
      const u = tileU + row + middle, v = tileV + row + middle;
      const columns = outside + (<usize>c0 << 2);
      if (withGrad) {
        slopeRow(means, u, v, columns, lost * whole, whole - lost, shift, -c0, w - c0, width, slopes, derivatives + row, plane);
      } else {
        valueRow(means, u, v, columns, lost * whole, whole - lost, shift, 0, 0, width, width, sums);
      }
    }
    for (let i = g0; withGrad && i < g1; i++) {
      const row = derivatives + <usize>(i - g0) * bytes;
      const isLower = ((i - g0) & 1) == 1;
      if (!isLower) ninePlanesPairDown(row, plane, blurred, t1 - t0 + 2 * REACH);
      nineAcross(isLower ? blurred + 4 * bytes : blurred, means, t1 - t0, true);
      const at = <usize>(i - r0) * bytes + middle + (<usize>REACH << 2);
      const own = row + 3 * plane + middle;
      gradientRow(means, own, tileU + at, tileV + at, grad + (<usize>((i - g0) * w + t0) << 2), t1 - t0);
    }
  }
}
