import { exponentialLess1, logarithmOf } from "./powers";
import { accumulate, firstLanes, laneSum, multiplyAdd, size, widen } from "./simd";

// How alike two images are in phase congruency and in the gradients of a luma (Scharr, with zeros beyond the border), and in two planes of colour.

/** Bytes before a row, that are 0, and after it. */
const MARGIN: usize = 32;

/** Less than the length of any gradient that has a direction. */
const LEAST: f32 = 1e-15;

/** Amplitudes up to this are those of flat areas, whose congruency counts as 1. */
const FLAT: f32 = 1e-9;

/** The constants of the similarities of congruencies and of gradients. */
let ofPhases: f32 = 0;
let ofGradients: f32 = 0;

/** The constants of the similarities of two planes of colour, the exponent of their product, and the factor of the power of a negative one's size. */
let ofFirst: f32 = 0;
let ofSecond: f32 = 0;
let exponent: f32 = 0;
let negative: f32 = 0;

export function featuresConfigure(phases: f32, gradients: f32, first: f32, second: f32, power: f32, ofNegative: f32): void {
  ofPhases = phases;
  ofGradients = gradients;
  ofFirst = first;
  ofSecond = second;
  exponent = power;
  negative = ofNegative;
}

/** Products of similarities that have lost less than this have their logarithm by what they have lost. */
const NEAR: f32 = 0.5;

/** Sizes of products below this have the power of it, and no slope. */
const LEAST_PRODUCT: f32 = 1e-12;

// @ts-ignore: decorator
@inline function rowBytes(width: i32): usize {
  return ((<usize>width << 2) + 15 & ~15) + 2 * MARGIN;
}

/** Bytes of scratch for planes of so many rows. */
export function featuresScratch(rows: i32, width: i32): usize {
  return <usize>(4 * (rows + 2)) * rowBytes(width);
}

/** Copies a plane, with zeros around. */
function pad(plane: usize, height: i32, width: i32, out: usize): void {
  memory.fill(out, 0, <usize>(height + 2) * rowBytes(width));
  for (let row = 0; row < height; row++) {
    memory.copy(out + MARGIN + <usize>(row + 1) * rowBytes(width), plane + (<usize>(row * width) << 2), <usize>width << 2);
  }
}

// @ts-ignore: decorator
@inline function smooth(ends: v128, middle: v128): v128 {
  return multiplyAdd(middle, f32x4.splat(10.0 / 16.0), f32x4.mul(ends, f32x4.splat(3.0 / 16.0)));
}

/** The derivative along the row of the middle row of three. */
// @ts-ignore: decorator
@inline function across(a: usize, b: usize, c: usize): v128 {
  const ends = f32x4.add(f32x4.sub(v128.load(a + 4), v128.load(a - 4)), f32x4.sub(v128.load(c + 4), v128.load(c - 4)));
  return smooth(ends, f32x4.sub(v128.load(b + 4), v128.load(b - 4)));
}

/** The same down the columns. */
// @ts-ignore: decorator
@inline function down(a: usize, c: usize): v128 {
  const sides = f32x4.add(f32x4.sub(v128.load(c - 4), v128.load(a - 4)), f32x4.sub(v128.load(c + 4), v128.load(a + 4)));
  return smooth(sides, f32x4.sub(v128.load(c), v128.load(a)));
}

// @ts-ignore: decorator
@inline function dot(x: v128, y: v128, a: v128, b: v128): v128 {
  return multiplyAdd(x, a, f32x4.mul(y, b));
}

/** The congruency of an amplitude's part that agrees. */
// @ts-ignore: decorator
@inline function congruency(energy: v128, amplitude: v128): v128 {
  const isFlat = f32x4.le(amplitude, f32x4.splat(FLAT));
  return v128.bitselect(f32x4.splat(1), f32x4.div(energy, f32x4.pmax(amplitude, f32x4.splat(FLAT))), isFlat);
}

/** Places of one row: as {@link features} and {@link featuresSlopes} have them. */
// @ts-ignore: decorator
@inline function score(
  withSlopes: bool, xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, sums: usize, map: usize,
  mean: f32, factor: f32, slopes: usize, slopesAcross: usize, slopesDown: usize, coloured: bool, coloursX: usize, coloursY: usize, gradColours: usize,
): void {
  const bytes = <usize>width << 2;
  const least = f32x4.splat(LEAST), one = f32x4.splat(1);
  let total = f64x2.splat(0), lost = total;
  for (let at: usize = 0; at < bytes; at += 16) {
    const gx = across(xb - pitch + at, xb + at, xb + pitch + at), gy = down(xb - pitch + at, xb + pitch + at);
    const hx = across(yb - pitch + at, yb + at, yb + pitch + at), hy = down(yb - pitch + at, yb + pitch + at);
    const a2 = dot(gx, gy, gx, gy), b2 = dot(hx, hy, hx, hy), a = f32x4.sqrt(a2), b = f32x4.sqrt(b2);
    // The difference of lengths by that of squares, of which nothing is lost where they are close.
    const dx = f32x4.sub(gx, hx), dy = f32x4.sub(gy, hy);
    const ab = f32x4.div(f32x4.add(dot(dx, dy, gx, gy), dot(dx, dy, hx, hy)), f32x4.pmax(f32x4.add(a, b), least));
    const perGradient = f32x4.div(one, f32x4.add(f32x4.add(a2, b2), f32x4.splat(ofGradients)));
    const ofGradient = f32x4.mul(f32x4.mul(ab, ab), perGradient);
    const amplitude = v128.load(phasesX + stride + at);
    const p = congruency(v128.load(phasesX + at), amplitude), q = congruency(v128.load(phasesY + at), v128.load(phasesY + stride + at));
    const d = f32x4.sub(p, q);
    const perPhase = f32x4.div(one, f32x4.add(dot(p, q, p, q), f32x4.splat(ofPhases)));
    const ofPhase = f32x4.mul(f32x4.mul(d, d), perPhase);
    const ofLuma = f32x4.sub(f32x4.add(ofPhase, ofGradient), f32x4.mul(ofPhase, ofGradient));
    let difference = ofLuma, restOfColours = one;
    const lanes = firstLanes(<i32>((bytes - at) >> 2));
    if (coloured) {
      const u = v128.load(coloursX + at), v = v128.load(coloursX + stride + at), tu = v128.load(coloursY + at), tv = v128.load(coloursY + stride + at);
      const du = f32x4.sub(u, tu), dv = f32x4.sub(v, tv);
      const perU = f32x4.div(one, f32x4.add(dot(u, tu, u, tu), f32x4.splat(ofFirst))), perV = f32x4.div(one, f32x4.add(dot(v, tv, v, tv), f32x4.splat(ofSecond)));
      const lostU = f32x4.mul(f32x4.mul(du, du), perU), lostV = f32x4.mul(f32x4.mul(dv, dv), perV);
      const lost = f32x4.sub(f32x4.add(lostU, lostV), f32x4.mul(lostU, lostV));
      // Of what has lost much, only similarities themselves have digits left.
      const twiceU = f32x4.mul(f32x4.add(u, u), tu), twiceV = f32x4.mul(f32x4.add(v, v), tv);
      const likeU = f32x4.mul(f32x4.add(twiceU, f32x4.splat(ofFirst)), perU), likeV = f32x4.mul(f32x4.add(twiceV, f32x4.splat(ofSecond)), perV);
      const isNear = f32x4.lt(lost, f32x4.splat(NEAR));
      const product = v128.bitselect(f32x4.sub(one, lost), f32x4.mul(likeU, likeV), isNear);
      const less = exponentialLess1(f32x4.mul(logarithmOf(product, f32x4.neg(lost)), f32x4.splat(exponent)));
      const isNegative = f32x4.lt(product, f32x4.splat(0)), isNothing = f32x4.eq(product, f32x4.splat(0));
      const ofFar = f32x4.sub(one, v128.andnot(f32x4.mul(f32x4.add(less, one), v128.bitselect(f32x4.splat(negative), one, isNegative)), isNothing));
      const ofColours = v128.bitselect(f32x4.neg(less), ofFar, isNear);
      restOfColours = f32x4.sub(one, ofColours);
      difference = f32x4.sub(f32x4.add(ofLuma, ofColours), f32x4.mul(ofLuma, ofColours));
      if (withSlopes) {
        const importance = v128.and(f32x4.max(p, q), lanes);
        const hasSlope = f32x4.ge(size(product), f32x4.splat(LEAST_PRODUCT));
        const steep = v128.and(f32x4.div(f32x4.mul(restOfColours, f32x4.splat(2 * exponent)), product), hasSlope);
        const byProduct = f32x4.mul(f32x4.mul(steep, f32x4.sub(one, ofLuma)), f32x4.mul(importance, f32x4.splat(factor)));
        v128.store(gradColours + at, f32x4.mul(f32x4.mul(f32x4.sub(du, f32x4.mul(lostU, u)), perU), f32x4.mul(byProduct, likeV)));
        v128.store(gradColours + stride + at, f32x4.mul(f32x4.mul(f32x4.sub(dv, f32x4.mul(lostV, v)), perV), f32x4.mul(byProduct, likeU)));
      }
    }
    const importance = v128.and(f32x4.max(p, q), lanes);
    if (!withSlopes) {
      total = f64x2.add(total, widen(importance));
      lost = f64x2.add(lost, widen(v128.and(f32x4.mul(importance, difference), lanes)));
      // What is beyond the end of the row is the next row's, which comes later.
      if (map) v128.store(map + at, f32x4.sub(one, difference));
      continue;
    }
    const byDifference = f32x4.mul(importance, f32x4.splat(factor)), byImportance = f32x4.mul(f32x4.sub(difference, f32x4.splat(mean)), f32x4.splat(factor));
    const half = f32x4.splat(0.5);
    const larger = f32x4.add(v128.and(f32x4.gt(p, q), half), v128.and(f32x4.ge(p, q), half));
    const along = f32x4.mul(f32x4.mul(f32x4.sub(d, f32x4.mul(ofPhase, p)), perPhase), f32x4.mul(f32x4.mul(f32x4.sub(one, ofGradient), restOfColours), byDifference));
    const byPhase = multiplyAdd(along, f32x4.splat(2), f32x4.mul(larger, byImportance));
    // Flat places have a congruency of 1, and no slope.
    const perAmplitude = v128.and(f32x4.div(byPhase, amplitude), f32x4.gt(amplitude, f32x4.splat(FLAT)));
    v128.store(slopes + at, perAmplitude);
    v128.store(slopes + stride + at, f32x4.neg(f32x4.mul(perAmplitude, p)));
    const byLength = f32x4.mul(f32x4.mul(f32x4.sub(ab, f32x4.mul(ofGradient, a)), perGradient), f32x4.mul(f32x4.mul(f32x4.sub(one, ofPhase), restOfColours), byDifference));
    const steep = v128.and(f32x4.div(f32x4.add(byLength, byLength), f32x4.pmax(a, least)), lanes);
    v128.store(slopesAcross + at, f32x4.mul(gx, steep));
    v128.store(slopesDown + at, f32x4.mul(gy, steep));
  }
  if (withSlopes) return;
  accumulate(sums, laneSum(total));
  accumulate(sums + 8, laneSum(lost));
}

function values(xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, sums: usize, map: usize): void {
  score(false, xb, yb, pitch, phasesX, phasesY, stride, width, sums, map, 0, 0, 0, 0, 0, false, 0, 0, 0);
}

function colouredValues(
  xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, sums: usize, map: usize, coloursX: usize, coloursY: usize,
): void {
  score(false, xb, yb, pitch, phasesX, phasesY, stride, width, sums, map, 0, 0, 0, 0, 0, true, coloursX, coloursY, 0);
}

function slopesOf(
  xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, mean: f32, factor: f32, slopes: usize, slopesAcross: usize, slopesDown: usize,
): void {
  score(true, xb, yb, pitch, phasesX, phasesY, stride, width, 0, 0, mean, factor, slopes, slopesAcross, slopesDown, false, 0, 0, 0);
}

function colouredSlopes(
  xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, mean: f32, factor: f32, slopes: usize, slopesAcross: usize, slopesDown: usize,
  coloursX: usize, coloursY: usize, gradColours: usize,
): void {
  score(true, xb, yb, pitch, phasesX, phasesY, stride, width, 0, 0, mean, factor, slopes, slopesAcross, slopesDown, true, coloursX, coloursY, gradColours);
}

/**
 * Adds the sum of the importance of places, and of importance times what their similarities lack of 1, to `sums`; writes similarities to `map`, if that is not 0. Of each image there are planes of `height` rows, `stride` bytes apart: a luma
 * and, if `coloured`, two of colour; what agrees in phase and amplitudes. Reads and writes up to 3 floats beyond planes.
 */
export function features(
  x: usize, y: usize, phasesX: usize, phasesY: usize, stride: usize, coloured: bool, height: i32, width: i32, sums: usize, map: usize, scratch: usize,
): void {
  const pitch = rowBytes(width), bytes = <usize>width << 2, whole = <usize>(height + 2) * pitch;
  const xs = scratch, ys = xs + whole;
  pad(x, height, width, xs);
  pad(y, height, width, ys);
  for (let row = 0; row < height; row++) {
    const at = <usize>(row + 1) * pitch + MARGIN, place = <usize>row * bytes, own = map ? map + place : 0;
    if (!coloured) values(xs + at, ys + at, pitch, phasesX + place, phasesY + place, stride, width, sums, own);
    else colouredValues(xs + at, ys + at, pitch, phasesX + place, phasesY + place, stride, width, sums, own, x + stride + place, y + stride + place);
  }
}

/**
 * Slopes of `factor` times the sum of importance times what similarities lack of `mean`: by the output's phases, two planes, to `slopes`; by its luma, as far as that is by gradients, and its colours to the planes at `grad`. Arguments as those
 * of {@link features}.
 */
export function featuresSlopes(
  x: usize, y: usize, phasesX: usize, phasesY: usize, stride: usize, coloured: bool, height: i32, width: i32, mean: f32, factor: f32, slopes: usize, grad: usize, scratch: usize,
): void {
  const pitch = rowBytes(width), bytes = <usize>width << 2, whole = <usize>(height + 2) * pitch;
  const xs = scratch, ys = xs + whole, slopesAcross = ys + whole, slopesDown = slopesAcross + whole;
  pad(x, height, width, xs);
  pad(y, height, width, ys);
  memory.fill(slopesAcross, 0, 2 * whole);
  for (let row = 0; row < height; row++) {
    const at = <usize>(row + 1) * pitch + MARGIN, place = <usize>row * bytes;
    const xb = xs + at, yb = ys + at, ofX = phasesX + place, ofY = phasesY + place, to = slopes + place, a = slopesAcross + at, d = slopesDown + at;
    if (!coloured) slopesOf(xb, yb, pitch, ofX, ofY, stride, width, mean, factor, to, a, d);
    else colouredSlopes(xb, yb, pitch, ofX, ofY, stride, width, mean, factor, to, a, d, x + stride + place, y + stride + place, grad + stride + place);
  }
  for (let row = 0; row < height; row++) {
    const b = slopesAcross + <usize>(row + 1) * pitch + MARGIN, c = slopesDown + <usize>(row + 1) * pitch + MARGIN, out = grad + <usize>row * bytes;
    // The derivatives' adjoint is their opposite.
    for (let at: usize = 0; at < bytes; at += 16) {
      v128.store(out + at, f32x4.neg(f32x4.add(across(b - pitch + at, b + at, b + pitch + at), down(c - pitch + at, c + pitch + at))));
    }
  }
}

/** Adds floats to others. Writes up to 3 more. */
export function addFloats(to: usize, from: usize, count: i32): void {
  for (let at: usize = 0, end = <usize>count << 2; at < end; at += 16) v128.store(to + at, f32x4.add(v128.load(to + at), v128.load(from + at)));
}
