import { firstLanes, multiplyAdd } from "./simd";

// How alike two images are in the gradients of a luma (Prewitt, with zeros beyond the border) and of the mean of both lumas, and in two planes of colour: a sum of similarities, less 1. Each place is a number, whose gradient is
// taken with weights of the places.

/** The constants of the similarities: of gradients, of those with the mean's, of colours; and the share of gradients in the sum. */
let ofGradients: f32 = 0;
let ofMeans: f32 = 0;
let ofColours: f32 = 0;
let share: f32 = 0;

export function chromaticConfigure(c1: f32, c2: f32, c3: f32, alpha: f32): void {
  ofGradients = c1;
  ofMeans = c2;
  ofColours = c3;
  share = alpha;
}

/** Bytes before a row, that are 0, and after it. */
const MARGIN: usize = 32;

/** Less than the length of any gradient that has a direction. */
const LEAST: f32 = 1e-15;

// @ts-ignore: decorator
@inline function rowBytes(width: i32): usize {
  return ((<usize>width << 2) + 15 & ~15) + 2 * MARGIN;
}

/** Bytes of scratch for strips of this many rows. */
export function chromaticScratch(rows: i32, width: i32): usize {
  return <usize>(4 * (rows + 4)) * rowBytes(width);
}

/** Row `row` of padded rows that begin with `first`. */
// @ts-ignore: decorator
@inline function rowAt(rows: usize, row: i32, first: i32, width: i32): usize {
  return rows + MARGIN + <usize>(row - first) * rowBytes(width);
}

/** Copies rows [from, to) of a plane that begins with row `first`, with zeros around. */
function pad(plane: usize, first: i32, height: i32, from: i32, to: i32, width: i32, out: usize): void {
  memory.fill(out, 0, <usize>(to - from) * rowBytes(width));
  for (let row = max(from, 0); row < min(to, height); row++) {
    memory.copy(rowAt(out, row, from, width), plane + (<usize>((row - first) * width) << 2), <usize>width << 2);
  }
}

/** Thrice the derivative along the row of the middle row of three. */
// @ts-ignore: decorator
@inline function across(a: usize, b: usize, c: usize): v128 {
  const ends = f32x4.add(f32x4.sub(v128.load(a + 4), v128.load(a - 4)), f32x4.sub(v128.load(c + 4), v128.load(c - 4)));
  return f32x4.add(ends, f32x4.sub(v128.load(b + 4), v128.load(b - 4)));
}

/** The same down the columns. */
// @ts-ignore: decorator
@inline function down(a: usize, c: usize): v128 {
  const sides = f32x4.add(f32x4.sub(v128.load(c - 4), v128.load(a - 4)), f32x4.sub(v128.load(c + 4), v128.load(a + 4)));
  return f32x4.add(sides, f32x4.sub(v128.load(c), v128.load(a)));
}

// @ts-ignore: decorator
@inline function dot(x: v128, y: v128, a: v128, b: v128): v128 {
  return multiplyAdd(x, a, f32x4.mul(y, b));
}

/** One over the divisor of the similarity of two lengths. */
// @ts-ignore: decorator
@inline function inverse(a2: v128, b2: v128, constant: f32): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.add(a2, b2), f32x4.splat(constant)));
}

/** The places of one row, written to `map`; with `weights`, slopes of the output's derivatives to `slopesAcross` and `slopesDown`, and, where `gradU` is not 0, the gradient of its colours. */
// @ts-ignore: decorator
@inline function score(
  withGrad: bool, xa: usize, xb: usize, xc: usize, ya: usize, yb: usize, yc: usize, xu: usize, xv: usize, yu: usize, yv: usize, width: i32,
  map: usize, weights: usize, slopesAcross: usize, slopesDown: usize, gradU: usize, gradV: usize,
): void {
  const third = f32x4.splat(1.0 / 3.0), half = f32x4.splat(0.5), least = f32x4.splat(LEAST), alpha = f32x4.splat(share), rest = f32x4.splat(1 - share);
  const end = <usize>width << 2;
  for (let at: usize = 0; at < end; at += 16) {
    const gx = f32x4.mul(across(xa + at, xb + at, xc + at), third), gy = f32x4.mul(down(xa + at, xc + at), third);
    const hx = f32x4.mul(across(ya + at, yb + at, yc + at), third), hy = f32x4.mul(down(ya + at, yc + at), third);
    const mx = f32x4.mul(f32x4.add(gx, hx), half), my = f32x4.mul(f32x4.add(gy, hy), half);
    const a2 = dot(gx, gy, gx, gy), b2 = dot(hx, hy, hx, hy), m2 = dot(mx, my, mx, my);
    const a = f32x4.sqrt(a2), b = f32x4.sqrt(b2), m = f32x4.sqrt(m2);
    // Differences of lengths by those of squares, of which nothing is lost where they are close.
    const dx = f32x4.sub(gx, hx), dy = f32x4.sub(gy, hy);
    const ab = f32x4.div(f32x4.add(dot(dx, dy, gx, gy), dot(dx, dy, hx, hy)), f32x4.pmax(f32x4.add(a, b), least));
    const am = f32x4.mul(f32x4.div(f32x4.add(dot(dx, dy, gx, gy), dot(dx, dy, mx, my)), f32x4.pmax(f32x4.add(a, m), least)), half);
    const mb = f32x4.mul(f32x4.div(f32x4.add(dot(dx, dy, mx, my), dot(dx, dy, hx, hy)), f32x4.pmax(f32x4.add(m, b), least)), half);
    const iab = inverse(a2, b2, ofGradients), iam = inverse(a2, m2, ofMeans), imb = inverse(m2, b2, ofMeans);
    const lab = f32x4.mul(f32x4.mul(ab, ab), iab), lam = f32x4.mul(f32x4.mul(am, am), iam), lmb = f32x4.mul(f32x4.mul(mb, mb), imb);
    const u = v128.load(xu + at), v = v128.load(xv + at), tu = v128.load(yu + at), tv = v128.load(yv + at);
    const du = f32x4.sub(u, tu), dv = f32x4.sub(v, tv);
    const ic = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.add(dot(u, v, u, v), dot(tu, tv, tu, tv)), f32x4.splat(ofColours)));
    const lc = f32x4.mul(dot(du, dv, du, dv), ic);
    if (!withGrad) {
      const ofLuma = f32x4.sub(f32x4.sub(lmb, lab), lam);
      // What is beyond the end of the row is the next row's, which comes later.
      v128.store(map + at, f32x4.sub(f32x4.mul(ofLuma, alpha), f32x4.mul(lc, rest)));
      continue;
    }
    const weight = v128.and(v128.load(weights + at), firstLanes(<i32>((end - at) >> 2)));
    const ofLuma = f32x4.mul(weight, alpha), ofChroma = f32x4.mul(weight, rest);
    // By the length of the output's gradient, and of the mean's, both over the length.
    const byA = f32x4.neg(f32x4.add(f32x4.mul(f32x4.sub(ab, f32x4.mul(lab, a)), iab), f32x4.mul(f32x4.sub(am, f32x4.mul(lam, a)), iam)));
    const byM = f32x4.add(f32x4.mul(f32x4.sub(mb, f32x4.mul(lmb, m)), imb), f32x4.mul(f32x4.add(am, f32x4.mul(lam, m)), iam));
    const perA = f32x4.mul(f32x4.div(f32x4.add(byA, byA), f32x4.pmax(a, least)), ofLuma);
    // The mean has half of a derivative of the output.
    const perM = f32x4.mul(f32x4.div(byM, f32x4.pmax(m, least)), ofLuma);
    v128.store(slopesAcross + at, dot(gx, mx, perA, perM));
    v128.store(slopesDown + at, dot(gy, my, perA, perM));
    if (gradU) {
      const slope = f32x4.mul(f32x4.mul(ofChroma, ic), f32x4.splat(-2));
      // Lanes beyond the end are 0, and the next row comes later.
      v128.store(gradU + at, f32x4.mul(f32x4.sub(du, f32x4.mul(lc, u)), slope));
      v128.store(gradV + at, f32x4.mul(f32x4.sub(dv, f32x4.mul(lc, v)), slope));
    }
  }
}

function values(
  xa: usize, xb: usize, xc: usize, ya: usize, yb: usize, yc: usize, xu: usize, xv: usize, yu: usize, yv: usize, width: i32, map: usize,
): void {
  score(false, xa, xb, xc, ya, yb, yc, xu, xv, yu, yv, width, map, 0, 0, 0, 0, 0);
}

function slopes(
  xa: usize, xb: usize, xc: usize, ya: usize, yb: usize, yc: usize, xu: usize, xv: usize, yu: usize, yv: usize, width: i32,
  weights: usize, slopesAcross: usize, slopesDown: usize, gradU: usize, gradV: usize,
): void {
  score(true, xa, xb, xc, ya, yb, yc, xu, xv, yu, yv, width, 0, weights, slopesAcross, slopesDown, gradU, gradV);
}

/**
 * Rows [from, to) of two images' three planes, `plane` bytes apart, from row `first` on, at least from - 1 to to + 1 where there are such rows: writes the places to `map`, or, where `grad` is not 0, for which one row more is needed on
 * either side, the gradient of their sum with the weights at `weights`, from row max(from - 1, 0) on, to planes `gradPlane` bytes apart. Touches up to 3 floats beyond the end of each plane.
 */
export function chromaticStrip(
  x: usize, y: usize, plane: usize, first: i32, height: i32, width: i32, from: i32, to: i32, map: usize, weights: usize, grad: usize, gradPlane: usize, scratch: usize,
): void {
  const bytes = <usize>width << 2, pitch = rowBytes(width);
  const begin = grad ? from - 1 : from, end = grad ? to + 1 : to;
  const padded = <usize>(end - begin + 2) * pitch;
  const xs = scratch, ys = xs + padded, slopesAcross = ys + padded, slopesDown = slopesAcross + padded;
  pad(x, first, height, begin - 1, end + 1, width, xs);
  pad(y, first, height, begin - 1, end + 1, width, ys);
  const weightsFrom = max(from - 1, 0);
  if (grad) memory.fill(slopesAcross, 0, 2 * padded);
  for (let row = max(begin, 0); row < min(end, height); row++) {
    const xb = rowAt(xs, row, begin - 1, width), yb = rowAt(ys, row, begin - 1, width);
    const at = <usize>(row - first) * bytes;
    const xu = x + plane + at, xv = xu + plane, yu = y + plane + at, yv = yu + plane;
    if (!grad) {
      values(xb - pitch, xb, xb + pitch, yb - pitch, yb, yb + pitch, xu, xv, yu, yv, width, map + <usize>(row - from) * bytes);
      continue;
    }
    const own = row >= from && row < to ? grad + gradPlane + <usize>(row - from) * bytes : 0;
    slopes(
      xb - pitch, xb, xb + pitch, yb - pitch, yb, yb + pitch, xu, xv, yu, yv, width, weights + <usize>(row - weightsFrom) * bytes,
      rowAt(slopesAcross, row, begin - 1, width), rowAt(slopesDown, row, begin - 1, width), own, own ? own + gradPlane : 0,
    );
  }
  const third = f32x4.splat(-1.0 / 3.0);
  for (let row = from; grad && row < to; row++) {
    const b = rowAt(slopesAcross, row, begin - 1, width), d = rowAt(slopesDown, row, begin - 1, width), out = grad + <usize>(row - from) * bytes;
    // The derivatives' adjoint is their opposite.
    for (let at: usize = 0; at < bytes; at += 16) {
      const sum = f32x4.add(across(b - pitch + at, b + at, b + pitch + at), down(d - pitch + at, d + pitch + at));
      v128.store(out + at, f32x4.mul(sum, third));
    }
  }
}
