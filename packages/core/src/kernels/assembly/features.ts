import { accumulate, firstLanes, laneSum, multiplyAdd, widen } from "./simd";

// How alike two images are in phase congruency and in the gradients of a luma (Scharr, with zeros beyond the border).

/** Bytes before a row, that are 0, and after it. */
const MARGIN: usize = 32;

/** Less than the length of any gradient that has a direction. */
const LEAST: f32 = 1e-15;

/** Amplitudes up to this are those of flat areas, whose congruency counts as 1. */
const FLAT: f32 = 1e-9;

/** The constants of the similarities of congruencies and of gradients. */
let ofPhases: f32 = 0;
let ofGradients: f32 = 0;

export function featuresConfigure(phases: f32, gradients: f32): void {
  ofPhases = phases;
  ofGradients = gradients;
}

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
  mean: f32, factor: f32, slopes: usize, slopesAcross: usize, slopesDown: usize,
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
    const difference = f32x4.sub(f32x4.add(ofPhase, ofGradient), f32x4.mul(ofPhase, ofGradient));
    const lanes = firstLanes(<i32>((bytes - at) >> 2));
    const importance = v128.and(f32x4.max(p, q), lanes);
    if (!withSlopes) {
      total = f64x2.add(total, widen(importance));
      lost = f64x2.add(lost, widen(f32x4.mul(importance, difference)));
      // What is beyond the end of the row is the next row's, which comes later.
      if (map) v128.store(map + at, f32x4.sub(one, difference));
      continue;
    }
    const byDifference = f32x4.mul(importance, f32x4.splat(factor)), byImportance = f32x4.mul(f32x4.sub(difference, f32x4.splat(mean)), f32x4.splat(factor));
    const half = f32x4.splat(0.5);
    const larger = f32x4.add(v128.and(f32x4.gt(p, q), half), v128.and(f32x4.ge(p, q), half));
    const along = f32x4.mul(f32x4.mul(f32x4.sub(d, f32x4.mul(ofPhase, p)), perPhase), f32x4.mul(f32x4.sub(one, ofGradient), byDifference));
    const byPhase = multiplyAdd(along, f32x4.splat(2), f32x4.mul(larger, byImportance));
    // Flat places have a congruency of 1, and no slope.
    const perAmplitude = v128.and(f32x4.div(byPhase, amplitude), f32x4.gt(amplitude, f32x4.splat(FLAT)));
    v128.store(slopes + at, perAmplitude);
    v128.store(slopes + stride + at, f32x4.neg(f32x4.mul(perAmplitude, p)));
    const byLength = f32x4.mul(f32x4.mul(f32x4.sub(ab, f32x4.mul(ofGradient, a)), perGradient), f32x4.mul(f32x4.sub(one, ofPhase), byDifference));
    const steep = v128.and(f32x4.div(f32x4.add(byLength, byLength), f32x4.pmax(a, least)), lanes);
    v128.store(slopesAcross + at, f32x4.mul(gx, steep));
    v128.store(slopesDown + at, f32x4.mul(gy, steep));
  }
  if (withSlopes) return;
  accumulate(sums, laneSum(total));
  accumulate(sums + 8, laneSum(lost));
}

function values(xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, sums: usize, map: usize): void {
  score(false, xb, yb, pitch, phasesX, phasesY, stride, width, sums, map, 0, 0, 0, 0, 0);
}

function slopesOf(
  xb: usize, yb: usize, pitch: usize, phasesX: usize, phasesY: usize, stride: usize, width: i32, mean: f32, factor: f32, slopes: usize, slopesAcross: usize, slopesDown: usize,
): void {
  score(true, xb, yb, pitch, phasesX, phasesY, stride, width, 0, 0, mean, factor, slopes, slopesAcross, slopesDown);
}

/**
 * Adds the sum of the importance of places, and of importance times what their similarities lack of 1, to `sums`; writes similarities to `map`, if that is not 0. Phases are planes of `height` rows of what agrees and, `stride` bytes
 * after that, of amplitudes. Reads and writes up to 3 floats beyond planes.
 */
export function features(x: usize, y: usize, phasesX: usize, phasesY: usize, stride: usize, height: i32, width: i32, sums: usize, map: usize, scratch: usize): void {
  const pitch = rowBytes(width), bytes = <usize>width << 2, whole = <usize>(height + 2) * pitch;
  const xs = scratch, ys = xs + whole;
  pad(x, height, width, xs);
  pad(y, height, width, ys);
  for (let row = 0; row < height; row++) {
    const at = <usize>(row + 1) * pitch + MARGIN, place = <usize>row * bytes;
    values(xs + at, ys + at, pitch, phasesX + place, phasesY + place, stride, width, sums, map ? map + place : 0);
  }
}

/**
 * Slopes of `factor` times the sum of importance times what similarities lack of `mean`, by the output's phases, planes `stride` bytes apart, to `slopes`, and by its luma, as far as that is by gradients, to `grad`. Arguments as those of
 * {@link features}.
 */
export function featuresSlopes(
  x: usize, y: usize, phasesX: usize, phasesY: usize, stride: usize, height: i32, width: i32, mean: f32, factor: f32, slopes: usize, grad: usize, scratch: usize,
): void {
  const pitch = rowBytes(width), bytes = <usize>width << 2, whole = <usize>(height + 2) * pitch;
  const xs = scratch, ys = xs + whole, slopesAcross = ys + whole, slopesDown = slopesAcross + whole;
  pad(x, height, width, xs);
  pad(y, height, width, ys);
  memory.fill(slopesAcross, 0, 2 * whole);
  for (let row = 0; row < height; row++) {
    const at = <usize>(row + 1) * pitch + MARGIN, place = <usize>row * bytes;
    slopesOf(xs + at, ys + at, pitch, phasesX + place, phasesY + place, stride, width, mean, factor, slopes + place, slopesAcross + at, slopesDown + at);
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
