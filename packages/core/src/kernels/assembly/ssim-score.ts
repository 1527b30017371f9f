import { accumulate, firstLanes, laneSum, multiplyAdd, widen } from "./simd";
import { rowBytes } from "./window";

// The score of windows and its derivatives, from the means of u = x + y, v = x - y and their squares: see `ssim.ts`.

/** Numbers in four lanes each: loaded where they are used, as registers are few. The same for all threads that share a memory. */
const numbers: usize = memory.data(16 * 9, 16);

// @ts-ignore: decorator
@inline const ONE: usize = 0;
// @ts-ignore: decorator
@inline const HALF: usize = 16;
// @ts-ignore: decorator
@inline const TWO: usize = 32;
/** C1 and C2. */
// @ts-ignore: decorator
@inline const C1: usize = 48;
// @ts-ignore: decorator
@inline const C2: usize = 64;
/** The factor of variances, and half of it. */
// @ts-ignore: decorator
@inline const FACTOR: usize = 80;
// @ts-ignore: decorator
@inline const HALF_FACTOR: usize = 96;
/** 1, or 0 where luminance does not count. */
// @ts-ignore: decorator
@inline const LUMINANCE: usize = 112;
/** The least value of contrast-structure that counts: 0, or minus infinity. */
// @ts-ignore: decorator
@inline const FLOOR: usize = 128;

/** The numbers that u and v were centred on, and the factor of a score in the map. */
let centreU: f32 = 0;
let centreV: f32 = 0;
let mapScale: f32 = 0;

// @ts-ignore: decorator
@inline function set(number: usize, value: f32): void {
  v128.store(numbers + number, f32x4.splat(value));
}

// @ts-ignore: decorator
@inline function get(number: usize): v128 {
  return v128.load(numbers + number);
}

/** Sets the formula for the calls that follow. */
export function setFormula(c1: f32, c2: f32, factor: f32, onlyContrast: bool, nonNegative: bool): void {
  set(ONE, 1);
  set(HALF, 0.5);
  set(TWO, 2);
  set(C1, c1);
  set(C2, c2);
  set(FACTOR, factor);
  set(HALF_FACTOR, 0.5 * factor);
  set(LUMINANCE, onlyContrast ? 0 : 1);
  set(FLOOR, nonNegative ? 0 : -Infinity);
}

/** Sets what u and v were centred on, and what a score is multiplied by in the map. */
export function setTile(centreOfU: f32, centreOfV: f32, scale: f32): void {
  centreU = centreOfU;
  centreV = centreOfV;
  mapScale = scale;
}

let scores: f64 = 0;
let contrasts: f64 = 0;

/** Columns [at, end) (bytes) of a row; `masked`: four columns or fewer. */
// @ts-ignore: decorator
@inline function segment(
  withGrad: bool, haveVariances: bool, weighted: bool, masked: bool, means: usize, at: usize, end: usize, map: usize, weights: usize, derivatives: usize,
  plane: usize,
): void {
  const bytes = rowBytes;
  const lanes = firstLanes(<i32>((end - at) >> 2));
  const u0 = f32x4.splat(centreU), v0 = f32x4.splat(centreV), scale = f32x4.splat(mapScale);
  let scoreSum = f32x4.splat(0), contrastSum = f32x4.splat(0);
  for (; at < end; at += 16) {
    const meanU = v128.load(means + at), meanV = v128.load(means + bytes + at);
    let varianceU = v128.load(means + 2 * bytes + at), varianceV = v128.load(means + 3 * bytes + at);
    if (!haveVariances) {
      varianceU = f32x4.sub(varianceU, f32x4.mul(meanU, meanU));
      varianceV = f32x4.sub(varianceV, f32x4.mul(meanV, meanV));
    }
    const mu = f32x4.add(meanU, u0), mv = f32x4.add(meanV, v0);
    const mv2 = f32x4.mul(mv, mv);
    const inverse1 = f32x4.div(get(LUMINANCE), multiplyAdd(multiplyAdd(mu, mu, mv2), get(HALF), get(C1)));
    const inverse2 = f32x4.div(get(ONE), multiplyAdd(f32x4.add(varianceU, varianceV), get(HALF_FACTOR), get(C2)));
    const loss1 = f32x4.mul(mv2, inverse1);
    const loss2 = f32x4.mul(f32x4.mul(varianceV, get(FACTOR)), inverse2);
    const luminance = f32x4.sub(get(ONE), loss1);
    const signed = f32x4.sub(get(ONE), loss2);
    let contrast = f32x4.pmax(signed, get(FLOOR));
    let score = f32x4.mul(luminance, contrast);
    if (withGrad) {
      // p and q: d score / d E[u^2] and E[v^2]; a: d score / d (blurred u and v), which x enters with the same sign.
      let g = f32x4.mul(f32x4.mul(luminance, inverse2), get(FACTOR));
      g = v128.and(g, f32x4.gt(signed, get(FLOOR)));
      let p = f32x4.mul(f32x4.mul(get(HALF), loss2), g);
      let q = f32x4.sub(p, g);
      const through = f32x4.mul(get(TWO), multiplyAdd(meanU, p, f32x4.mul(meanV, q)));
      const direct = f32x4.sub(f32x4.mul(loss1, f32x4.add(mu, mv)), f32x4.mul(get(TWO), mv));
      let a = f32x4.sub(f32x4.mul(f32x4.mul(contrast, inverse1), direct), through);
      if (weighted) {
        const weight = v128.load(weights + at);
        a = f32x4.mul(a, weight);
        p = f32x4.mul(p, weight);
        q = f32x4.mul(q, weight);
      }
      if (masked) {
        // Lanes past the end may hold anything, NaN included: they are cleared last.
        a = v128.and(a, lanes);
        p = v128.and(p, lanes);
        q = v128.and(q, lanes);
      }
      v128.store(derivatives + at, a);
      v128.store(derivatives + plane + at, p);
      v128.store(derivatives + 2 * plane + at, q);
    }
    if (weighted) {
      const weight = v128.load(weights + at);
      score = f32x4.mul(score, weight);
      contrast = f32x4.mul(contrast, weight);
    }
    if (masked) {
      score = v128.and(score, lanes);
      contrast = v128.and(contrast, lanes);
    }
    if (map) v128.store(map + at, multiplyAdd(score, scale, v128.load(map + at)));
    scoreSum = f32x4.add(scoreSum, score);
    contrastSum = f32x4.add(contrastSum, contrast);
  }
  scores += laneSum(widen(scoreSum));
  contrasts += laneSum(widen(contrastSum));
}

// @ts-ignore: decorator
@inline function row(
  withGrad: bool, haveVariances: bool, weighted: bool, means: usize, width: i32, sums: usize, map: usize, weights: usize, derivatives: usize, plane: usize,
): void {
  const end = <usize>width << 2;
  const whole = end & ~15;
  scores = 0;
  contrasts = 0;
  segment(withGrad, haveVariances, weighted, false, means, 0, whole, map, weights, derivatives, plane);
  if (whole < end) segment(withGrad, haveVariances, weighted, true, means, whole, end, map, weights, derivatives, plane);
  if (sums) {
    accumulate(sums, scores);
    accumulate(sums + 8, contrasts);
  }
}

// A function for each case: within one, the compiler may take two cases for the same code and choose between them in the innermost loop.

function rowValue(means: usize, width: i32, sums: usize, map: usize): void {
  row(false, false, false, means, width, sums, map, 0, 0, 0);
}

function rowValueOfVariances(means: usize, width: i32, sums: usize, map: usize): void {
  row(false, true, false, means, width, sums, map, 0, 0, 0);
}

function rowGrad(means: usize, width: i32, sums: usize, map: usize, derivatives: usize, plane: usize): void {
  row(true, false, false, means, width, sums, map, 0, derivatives, plane);
}

function rowGradOfVariances(means: usize, width: i32, sums: usize, map: usize, derivatives: usize, plane: usize): void {
  row(true, true, false, means, width, sums, map, 0, derivatives, plane);
}

function weightedValue(means: usize, width: i32, sums: usize, weights: usize): void {
  row(false, false, true, means, width, sums, 0, weights, 0, 0);
}

function weightedValueOfVariances(means: usize, width: i32, sums: usize, weights: usize): void {
  row(false, true, true, means, width, sums, 0, weights, 0, 0);
}

function weightedGrad(means: usize, width: i32, sums: usize, weights: usize, derivatives: usize, plane: usize): void {
  row(true, false, true, means, width, sums, 0, weights, derivatives, plane);
}

function weightedGradOfVariances(
  means: usize, width: i32, sums: usize, weights: usize, derivatives: usize, plane: usize,
): void {
  row(true, true, true, means, width, sums, 0, weights, derivatives, plane);
}

/**
 * One row of at most a tile's columns, from four rows at `means`: the means of u and v, and of their squares or (`haveVariances`) their variances.
 * Adds the sums of score and contrast-structure to the two float64 at `sums`, and score times the map's scale to `map`; writes the three
 * derivatives to rows `plane` bytes from one to the next. Each only where the address is not 0. `weights`, where not 0, multiply score,
 * contrast-structure and derivatives of each column; then there is no map.
 */
export function scoreRow(
  haveVariances: bool, means: usize, width: i32, sums: usize, map: usize, weights: usize, derivatives: usize, plane: usize,
): void {
  if (weights) {
    if (derivatives) {
      if (haveVariances) weightedGradOfVariances(means, width, sums, weights, derivatives, plane);
      else weightedGrad(means, width, sums, weights, derivatives, plane);
    } else {
      if (haveVariances) weightedValueOfVariances(means, width, sums, weights);
      else weightedValue(means, width, sums, weights);
    }
    return;
  }
  if (derivatives) {
    if (haveVariances) rowGradOfVariances(means, width, sums, map, derivatives, plane);
    else rowGrad(means, width, sums, map, derivatives, plane);
  } else {
    if (haveVariances) rowValueOfVariances(means, width, sums, map);
    else rowValue(means, width, sums, map);
  }
}
