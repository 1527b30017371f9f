import { labGradient2000, RECORD, SQUARE, squares2000 } from "./ciede2000";
import {
  A1, A2, B1, B2, DA, DB, DL, GRAD_A, GRAD_B, GRAD_L, lab, labConfigure, rgbGradient,
} from "./lab";
import { crossProduct, length, NO_LENGTH, square } from "./plane";
import { constant, firstLanes, laneSum, multiplyAdd, widen } from "./simd";

// Colour differences of sRGB images with gradient, in stages over a few records of four pixels. Colour 1 is the target, colour 2 the output. Everything that is
// small where the colours are close (dL, da, db, dC, dH) is computed from differences, never as the difference of two large numbers.

const CIE76: i32 = 0;
const CIE94: i32 = 1;
const LAB_MSE: i32 = 2;
const CIEDE2000: i32 = 3;

/** Records at a time: they and the curve's table stay in a first-level cache. */
const RECORDS: usize = 16;

/** CIE76's squared distances; they are also three times the mean square of the three Lab channels. */
function squares76(records: usize, end: usize): void {
  for (let at = records; at < end; at += RECORD) {
    const dL = v128.load(at + DL), da = v128.load(at + DA), db = v128.load(at + DB);
    v128.store(at + SQUARE, multiplyAdd(dL, dL, multiplyAdd(da, da, square(db))));
    v128.store(at + GRAD_L, dL);
    v128.store(at + GRAD_A, da);
    v128.store(at + GRAD_B, db);
  }
}

/** CIE94's squared differences, graphic arts, the target as reference, and half of their gradients. */
function squares94(records: usize, end: usize): void {
  const one = constant(1);
  for (let at = records; at < end; at += RECORD) {
    const a1 = v128.load(at + A1), b1 = v128.load(at + B1), a2 = v128.load(at + A2), b2 = v128.load(at + B2);
    const dL = v128.load(at + DL), da = v128.load(at + DA), db = v128.load(at + DB);
    const C1 = length(a1, b1), C2 = length(a2, b2);
    const dC = f32x4.div(multiplyAdd(da, f32x4.add(a1, a2), f32x4.mul(db, f32x4.add(b1, b2))), f32x4.add(C1, C2));
    const cross = crossProduct(a1, b1, a2, b2, da, db, C1, C2);
    const dot = multiplyAdd(a1, a2, f32x4.mul(b1, b2));
    // 4 C1 C2 sin^2 of half the turn: from the cross product up to 90 degrees, from the cosine beyond.
    const larger = f32x4.add(f32x4.mul(C1, C2), f32x4.abs(dot));
    const dH2 = f32x4.mul(constant(2), v128.bitselect(f32x4.div(square(cross), larger), larger, f32x4.ge(dot, constant(0))));
    const wC = f32x4.div(one, square(multiplyAdd(constant(0.045), C1, one)));
    const wH = f32x4.div(one, square(multiplyAdd(constant(0.015), C1, one)));
    v128.store(at + SQUARE, multiplyAdd(dL, dL, multiplyAdd(square(dC), wC, f32x4.mul(dH2, wH))));
    // dH^2 = da^2 + db^2 - dC^2. An output without chroma has no direction to go in.
    const radial = f32x4.div(f32x4.mul(dC, f32x4.sub(wC, wH)), C2);
    const tangential = v128.and(wH, f32x4.gt(C2, f32x4.splat(NO_LENGTH)));
    v128.store(at + GRAD_L, dL);
    v128.store(at + GRAD_A, multiplyAdd(tangential, da, f32x4.mul(radial, a2)));
    v128.store(at + GRAD_B, multiplyAdd(tangential, db, f32x4.mul(radial, b2)));
  }
}

/**
 * The values of squared differences: summed over `left` pixels (those of the last record count in part) and written to `map` unless it is 0; leaves at SQUARE what
 * half of the squared differences' gradient must be multiplied by. `weights`, unless 0, multiply both.
 */
function values(records: usize, end: usize, left: i32, isMean: bool, map: usize, gradScale: f32, weights: usize): f64 {
  let total = f64x2.splat(0);
  const zero = constant(0), scale = f32x4.splat(gradScale), meanScale = f32x4.mul(scale, constant(2.0 / 3.0));
  for (let at = records; at < end; at += RECORD, left -= 4) {
    const squares = f32x4.pmax(v128.load(at + SQUARE), zero);
    const root = f32x4.sqrt(squares);
    let value = isMean ? f32x4.mul(squares, constant(1.0 / 3.0)) : root;
    let slope = isMean ? meanScale : v128.and(f32x4.div(scale, root), f32x4.gt(root, zero));
    if (weights) {
      const weight = v128.load(weights);
      value = f32x4.mul(value, weight);
      slope = f32x4.mul(slope, weight);
      weights += 16;
    }
    v128.store(at + SQUARE, slope);
    total = f64x2.add(total, widen(v128.and(value, firstLanes(left))));
    if (map) {
      v128.store(map, value);
      map += 16;
    }
  }
  return laneSum(total);
}

/** Multiplies the gradient with respect to L, a and b of one record by what {@link values} left. */
// @ts-ignore: decorator
@inline function scaleGradient(at: usize): void {
  const weight = v128.load(at + SQUARE);
  v128.store(at + GRAD_L, f32x4.mul(weight, v128.load(at + GRAD_L)));
  v128.store(at + GRAD_A, f32x4.mul(weight, v128.load(at + GRAD_A)));
  v128.store(at + GRAD_B, f32x4.mul(weight, v128.load(at + GRAD_B)));
}

// @ts-ignore: decorator
@inline function labGradient(at: usize, is2000: bool): void {
  if (is2000) labGradient2000(at);
  else scaleGradient(at);
}

/** The gradients, from `grad` on in three planes `plane` bytes apart, or their sum if `plane` is 0. */
// @ts-ignore: decorator
@inline function gradients(records: usize, end: usize, grad: usize, plane: usize, is2000: bool): void {
  labGradient(records, is2000);
  for (let at = records + RECORD; at < end; at += RECORD, grad += 16) {
    labGradient(at, is2000);
    rgbGradient(at - RECORD, grad, plane);
  }
  rgbGradient(end - RECORD, grad, plane);
}

/** Whether `count` pixels of two images have the same samples, one plane or three; samples beyond them, up to 3, may make it false. Not where one is NaN. */
// @ts-ignore: decorator
@inline function same(x: usize, y: usize, plane: usize, count: i32): bool {
  return samePlane(x, y, count) && samePlane(x + plane, y + plane, count) && samePlane(x + 2 * plane, y + 2 * plane, count);
}

function samePlane(x: usize, y: usize, count: i32): bool {
  const end = <usize>((count + 3) >> 2) << 4;
  let other = i32x4.splat(0);
  for (let at: usize = 0; at < end; at += 16) other = v128.or(other, f32x4.ne(v128.load(x + at), v128.load(y + at)));
  return !v128.any_true(other);
}

/** Bytes of a list of records. */
const LIST: usize = 4 * (RECORDS + 1);

/** Bytes that {@link deltaE} needs for itself. */
export function deltaEScratch(): usize {
  return (RECORDS + 1) * RECORD + 2 * LIST;
}

/**
 * The sum of colour differences over `count` pixels; kind 0: CIE76, 1: CIE94, 2: mean square of the three Lab channels, 3: CIEDE2000.
 * `x`, `y`: three planes `stride` floats apart, or one if `grey`, of samples in [0, white]. `perStep`, `threshold`: see
 * `linearTable` in curves.ts, whose rows must be where lab.ts has its table. Writes gradient * gradScale to `grad`, laid out as x, and each pixel's difference to `map`, where these are not 0.
 * `weights`, where not 0, multiply each pixel's difference and its gradient. `scratch`: see {@link deltaEScratch}. Touches
 * up to 3 floats beyond the end of each plane.
 */
export function deltaE(
  kind: i32, x: usize, y: usize, stride: i32, count: i32, grey: bool, white: f32, perStep: f32, threshold: f32,
  grad: usize, gradScale: f32, map: usize, weights: usize, scratch: usize,
): f64 {
  const plane: usize = grey ? 0 : <usize>stride << 2;
  const list = scratch + (RECORDS + 1) * RECORD;
  let total: f64 = 0;
  labConfigure(white, perStep, threshold);
  for (let done = 0; done < count; done += 4 * <i32>RECORDS) {
    const left = count - done;
    const end = scratch + <usize>min((left + 3) >> 2, <i32>RECORDS) * RECORD;
    const offset = <usize>done << 2;
    // Most of a screenshot is what it was before.
    if (!grad && same(x + offset, y + offset, plane, min(left, 4 * <i32>RECORDS))) {
      const cells = map + offset;
      for (let at: usize = 0; map && at < <usize>((end - scratch) / RECORD) << 4; at += 16) v128.store(cells + at, constant(0));
      continue;
    }
    lab(x + offset, y + offset, plane, scratch, end, RECORD, list);
    if (kind == CIEDE2000) squares2000(scratch, end, list, list + LIST, grad != 0);
    else if (kind == CIE94) squares94(scratch, end);
    else squares76(scratch, end);
    // Slopes of the table are per step.
    total += values(scratch, end, left, kind == LAB_MSE, map ? map + offset : 0, gradScale * perStep, weights ? weights + offset : 0);
    if (grad) {
      if (kind == CIEDE2000) gradients(scratch, end, grad + offset, plane, true);
      else gradients(scratch, end, grad + offset, plane, false);
    }
  }
  return total;
}
