import { multiplyAdd } from "./simd";
import { between, TILE } from "./window";

// Means under a symmetric separable window of nine pixels, two rows or two vectors at a time, as window.ts has them for eleven.

/** Pixels that the window reaches to either side. */
export const REACH: i32 = 4;
/** The bytes of a row of a tile: its columns, the window's reach on either side, twice where there is a gradient, and vectors that reach past the end. */
// @ts-ignore: decorator
@inline export const STEP: usize = ((TILE + 4 * REACH + 11) & ~3) << 2;

/** The weights from the window's end to its middle, each in four lanes. */
const common: usize = memory.data(16 * (REACH + 1), 16);

/** Sets the window for the calls that follow: 9 float32. */
export function setNine(weights: usize): void {
  for (let k = 0; k <= REACH; k++) v128.store(common + (<usize>k << 4), v128.load32_splat(weights + (<usize>k << 2)));
}

/** The mean of nine vectors, from one end to the other; w0: the weight of the ends, w4: of the middle. */
// @ts-ignore: decorator
@inline function mean(
  a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128, i: v128, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128,
): v128 {
  let sum = f32x4.mul(e, w4);
  sum = multiplyAdd(f32x4.add(d, f), w3, sum);
  sum = multiplyAdd(f32x4.add(c, g), w2, sum);
  sum = multiplyAdd(f32x4.add(b, h), w1, sum);
  return multiplyAdd(f32x4.add(a, i), w0, sum);
}

/** Down four columns, for the window that begins at `from` and the one a row below: means to `out` and four rows further, with `squares` also means of squares, two rows further than either. */
// @ts-ignore: decorator
@inline function down(from: usize, out: usize, squares: bool, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128): void {
  let a = v128.load(from), b = v128.load(from, STEP), c = v128.load(from, 2 * STEP), d = v128.load(from, 3 * STEP);
  let e = v128.load(from, 4 * STEP), f = v128.load(from, 5 * STEP), g = v128.load(from, 6 * STEP), h = v128.load(from, 7 * STEP);
  let i = v128.load(from, 8 * STEP);
  v128.store(out, mean(a, b, c, d, e, f, g, h, i, w0, w1, w2, w3, w4));
  let j = v128.load(from, 9 * STEP);
  v128.store(out, mean(b, c, d, e, f, g, h, i, j, w0, w1, w2, w3, w4), 4 * STEP);
  if (!squares) return;
  a = f32x4.mul(a, a); b = f32x4.mul(b, b); c = f32x4.mul(c, c); d = f32x4.mul(d, d); e = f32x4.mul(e, e);
  f = f32x4.mul(f, f); g = f32x4.mul(g, g); h = f32x4.mul(h, h); i = f32x4.mul(i, i); j = f32x4.mul(j, j);
  v128.store(out, mean(a, b, c, d, e, f, g, h, i, w0, w1, w2, w3, w4), 2 * STEP);
  v128.store(out, mean(b, c, d, e, f, g, h, i, j, w0, w1, w2, w3, w4), 6 * STEP);
}

/** Along a row, for eight columns. */
// @ts-ignore: decorator
@inline function across(from: usize, out: usize, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128): void {
  const a = v128.load(from), e = v128.load(from, 16), i = v128.load(from, 32);
  const f = between(e, i, 1), g = between(e, i, 2), h = between(e, i, 3);
  v128.store(out, mean(a, between(a, e, 1), between(a, e, 2), between(a, e, 3), e, f, g, h, i, w0, w1, w2, w3, w4));
  const j = v128.load(from, 36), k = v128.load(from, 40), l = v128.load(from, 44), m = v128.load(from, 48);
  v128.store(out, mean(e, f, g, h, i, j, k, l, m, w0, w1, w2, w3, w4), 16);
}

/**
 * Means down the columns of u, v, u^2 and v^2, in four rows of `width` columns at `out`, from the nine rows that start at u and v; four rows further, those of
 * the window a row below.
 */
export function ninePairDown(u: usize, v: usize, out: usize, width: i32): void {
  const w0 = v128.load(common), w1 = v128.load(common, 16), w2 = v128.load(common, 32), w3 = v128.load(common, 48), w4 = v128.load(common, 64);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    down(u + j, out + j, true, w0, w1, w2, w3, w4);
    down(v + j, out + j + STEP, true, w0, w1, w2, w3, w4);
  }
}

/** Means down the columns of three planes, `plane` bytes from one to the next: three rows at `out`, and four rows further the next. */
export function ninePlanesPairDown(from: usize, plane: usize, out: usize, width: i32): void {
  const w0 = v128.load(common), w1 = v128.load(common, 16), w2 = v128.load(common, 32), w3 = v128.load(common, 48), w4 = v128.load(common, 64);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    down(from + j, out + j, false, w0, w1, w2, w3, w4);
    down(from + plane + j, out + j + STEP, false, w0, w1, w2, w3, w4);
    down(from + 2 * plane + j, out + j + 2 * STEP, false, w0, w1, w2, w3, w4);
  }
}

/** Means along the rows of four rows at `from`, or three with `three`, for `width` columns, and up to seven more: a row at `out` for each. */
export function nineAcross(from: usize, out: usize, width: i32, three: bool): void {
  const w0 = v128.load(common), w1 = v128.load(common, 16), w2 = v128.load(common, 32), w3 = v128.load(common, 48), w4 = v128.load(common, 64);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 32) {
    across(from + j, out + j, w0, w1, w2, w3, w4);
    across(from + j + STEP, out + j + STEP, w0, w1, w2, w3, w4);
    across(from + j + 2 * STEP, out + j + 2 * STEP, w0, w1, w2, w3, w4);
    if (!three) across(from + j + 3 * STEP, out + j + 3 * STEP, w0, w1, w2, w3, w4);
  }
}
