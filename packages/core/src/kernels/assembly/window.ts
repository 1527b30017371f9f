import { multiplyAdd } from "./simd";

// Means under a separable window, in tiles of columns: first down the columns, then along the rows. A row of a tile takes `rowBytes` bytes.
//
// Windows of 11 pixels are what nearly everybody uses. They have code of their own, which knows every offset beforehand, and takes two rows or two
// vectors at a time: of the 22 vectors that two windows cover, 12 or 9 are to be loaded.

/** Columns of a tile. */
// @ts-ignore: decorator
@inline export const TILE: i32 = 256;

/** The radius of the common window, and the bytes of a row for it. */
// @ts-ignore: decorator
@inline const COMMON_RADIUS: i32 = 5;
// @ts-ignore: decorator
@inline const STEP: usize = ((TILE + 4 * COMMON_RADIUS + 11) & ~3) << 2;

/** 2 * radius + 1 float32 weights, symmetric. */
let weights: usize = 0;
export let radius: i32 = 0;
/** From row to row of a tile: room for its columns, the window's reach on either side, twice where there is a gradient, and vectors that reach past the end. */
export let rowBytes: usize = 0;

/** The common window's weights from its end to its middle, each in four lanes. */
const common: usize = memory.data(16 * (COMMON_RADIUS + 1), 16);

/** The bytes of a row for a window. */
// @ts-ignore: decorator
@inline export function rowBytesOf(windowRadius: i32): i32 {
  return ((TILE + 4 * windowRadius + 11) & ~3) << 2;
}

/** Sets the window for the calls that follow. */
export function setWindow(windowWeights: usize, windowRadius: i32): void {
  weights = windowWeights;
  radius = windowRadius;
  rowBytes = rowBytesOf(windowRadius);
  if (!isCommon()) return;
  for (let k = 0; k <= radius; k++) v128.store(common + (<usize>k << 4), v128.load32_splat(weights + (<usize>k << 2)));
}

/** Whether rows go in pairs, by the functions that are named so. */
// @ts-ignore: decorator
@inline export function isCommon(): bool {
  return radius == COMMON_RADIUS;
}

/** The mean under the common window of eleven vectors, from one end to the other; w0: the weight of the ends, w5: of the middle. */
// @ts-ignore: decorator
@inline function commonMean(
  a: v128, b: v128, c: v128, d: v128, e: v128, f: v128, g: v128, h: v128, i: v128, j: v128, k: v128,
  w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128,
): v128 {
  let mean = f32x4.mul(f, w5);
  mean = multiplyAdd(f32x4.add(e, g), w4, mean);
  mean = multiplyAdd(f32x4.add(d, h), w3, mean);
  mean = multiplyAdd(f32x4.add(c, i), w2, mean);
  mean = multiplyAdd(f32x4.add(b, j), w1, mean);
  return multiplyAdd(f32x4.add(a, k), w0, mean);
}

/**
 * The common window down four columns, for the window that begins at `from` and the one a row below: means to `out` and four rows further, with
 * `squares` also means of squares, two rows further than either. A store keeps what comes after it from being loaded before it: compilers
 * would otherwise load everything first, and there are 16 registers.
 */
// @ts-ignore: decorator
@inline function commonDown(
  from: usize, out: usize, squares: bool, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128,
): void {
  let a = v128.load(from), b = v128.load(from, STEP), c = v128.load(from, 2 * STEP), d = v128.load(from, 3 * STEP);
  let e = v128.load(from, 4 * STEP), f = v128.load(from, 5 * STEP), g = v128.load(from, 6 * STEP), h = v128.load(from, 7 * STEP);
  let i = v128.load(from, 8 * STEP), j = v128.load(from, 9 * STEP), k = v128.load(from, 10 * STEP);
  v128.store(out, commonMean(a, b, c, d, e, f, g, h, i, j, k, w0, w1, w2, w3, w4, w5));
  let l = v128.load(from, 11 * STEP);
  v128.store(out, commonMean(b, c, d, e, f, g, h, i, j, k, l, w0, w1, w2, w3, w4, w5), 4 * STEP);
  if (!squares) return;
  a = f32x4.mul(a, a); b = f32x4.mul(b, b); c = f32x4.mul(c, c); d = f32x4.mul(d, d);
  e = f32x4.mul(e, e); f = f32x4.mul(f, f); g = f32x4.mul(g, g); h = f32x4.mul(h, h);
  i = f32x4.mul(i, i); j = f32x4.mul(j, j); k = f32x4.mul(k, k); l = f32x4.mul(l, l);
  v128.store(out, commonMean(a, b, c, d, e, f, g, h, i, j, k, w0, w1, w2, w3, w4, w5), 2 * STEP);
  v128.store(out, commonMean(b, c, d, e, f, g, h, i, j, k, l, w0, w1, w2, w3, w4, w5), 6 * STEP);
}

/** Four floats from `shift` places on in eight. */
// @ts-ignore: decorator
@inline export function between(left: v128, right: v128, shift: i32): v128 {
  if (shift == 1) return i32x4.shuffle(left, right, 1, 2, 3, 4);
  if (shift == 2) return i32x4.shuffle(left, right, 2, 3, 4, 5);
  return i32x4.shuffle(left, right, 3, 4, 5, 6);
}

/** The common window along a row, for eight columns. Half of the vectors are loaded, half put together from those: processors do both at the same time. */
// @ts-ignore: decorator
@inline function commonAcross(
  from: usize, out: usize, w0: v128, w1: v128, w2: v128, w3: v128, w4: v128, w5: v128,
): void {
  const a = v128.load(from), e = v128.load(from, 16), i = v128.load(from, 32);
  const b = between(a, e, 1), c = between(a, e, 2), d = between(a, e, 3);
  const f = between(e, i, 1), g = between(e, i, 2), h = between(e, i, 3);
  const j = v128.load(from, 36), k = v128.load(from, 40);
  v128.store(out, commonMean(a, b, c, d, e, f, g, h, i, j, k, w0, w1, w2, w3, w4, w5));
  const l = v128.load(from, 44), m = v128.load(from, 48), n = v128.load(from, 52), o = v128.load(from, 56);
  v128.store(out, commonMean(e, f, g, h, i, j, k, l, m, n, o, w0, w1, w2, w3, w4, w5), 16);
}

/**
 * Means down the columns of u, v, u^2 and v^2, in four rows of `width` columns at `out`, from the 2 * radius + 1 rows that start at u and v; four rows
 * further, those of the window a row below. Common window only.
 */
export function blurPairDown(u: usize, v: usize, out: usize, width: i32): void {
  const w0 = v128.load(common), w1 = v128.load(common, 16), w2 = v128.load(common, 32);
  const w3 = v128.load(common, 48), w4 = v128.load(common, 64), w5 = v128.load(common, 80);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    commonDown(u + j, out + j, true, w0, w1, w2, w3, w4, w5);
    commonDown(v + j, out + j + STEP, true, w0, w1, w2, w3, w4, w5);
  }
}

/** Means down the columns of three planes, `plane` bytes from one to the next: three rows at `out`, and four rows further the next. Common window only. */
export function blurPlanesPairDown(from: usize, plane: usize, out: usize, width: i32): void {
  const w0 = v128.load(common), w1 = v128.load(common, 16), w2 = v128.load(common, 32);
  const w3 = v128.load(common, 48), w4 = v128.load(common, 64), w5 = v128.load(common, 80);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    commonDown(from + j, out + j, false, w0, w1, w2, w3, w4, w5);
    commonDown(from + plane + j, out + j + STEP, false, w0, w1, w2, w3, w4, w5);
    commonDown(from + 2 * plane + j, out + j + 2 * STEP, false, w0, w1, w2, w3, w4, w5);
  }
}

/** As {@link blurPairDown} for one row, with any window. */
export function blurDown(u: usize, v: usize, out: usize, width: i32): void {
  const bytes = rowBytes;
  const taps = weights;
  const r = radius;
  const span = <usize>(2 * r) * bytes;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let upper = u + j, upperV = v + j;
    let lower = upper + span, lowerV = upperV + span;
    let a = v128.load(upper + <usize>r * bytes), b = v128.load(upperV + <usize>r * bytes);
    let meanU = f32x4.mul(a, middleWeight), meanV = f32x4.mul(b, middleWeight);
    let squareU = f32x4.mul(a, meanU), squareV = f32x4.mul(b, meanV);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      a = v128.load(upper);
      b = v128.load(lower);
      meanU = multiplyAdd(f32x4.add(a, b), weight, meanU);
      squareU = multiplyAdd(multiplyAdd(a, a, f32x4.mul(b, b)), weight, squareU);
      a = v128.load(upperV);
      b = v128.load(lowerV);
      meanV = multiplyAdd(f32x4.add(a, b), weight, meanV);
      squareV = multiplyAdd(multiplyAdd(a, a, f32x4.mul(b, b)), weight, squareV);
      upper += bytes; upperV += bytes;
      lower -= bytes; lowerV -= bytes;
    }
    v128.store(out + j, meanU);
    v128.store(out + bytes + j, meanV);
    v128.store(out + 2 * bytes + j, squareU);
    v128.store(out + 3 * bytes + j, squareV);
  }
}

/** As {@link blurPlanesPairDown} for one row, with any window. */
export function blurPlanesDown(from: usize, plane: usize, out: usize, width: i32): void {
  const bytes = rowBytes;
  const taps = weights;
  const r = radius;
  const span = <usize>(2 * r) * bytes;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let upper = from + j;
    let lower = upper + span;
    const middle = upper + <usize>r * bytes;
    let a = f32x4.mul(v128.load(middle), middleWeight);
    let b = f32x4.mul(v128.load(middle + plane), middleWeight);
    let c = f32x4.mul(v128.load(middle + 2 * plane), middleWeight);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      a = multiplyAdd(f32x4.add(v128.load(upper), v128.load(lower)), weight, a);
      b = multiplyAdd(f32x4.add(v128.load(upper + plane), v128.load(lower + plane)), weight, b);
      c = multiplyAdd(f32x4.add(v128.load(upper + 2 * plane), v128.load(lower + 2 * plane)), weight, c);
      upper += bytes;
      lower -= bytes;
    }
    v128.store(out + j, a);
    v128.store(out + bytes + j, b);
    v128.store(out + 2 * bytes + j, c);
  }
}

/**
 * Means along the rows of four rows at `from`, or three with `three`, for `width` columns, and up to seven more: a row at `out` for each. Any
 * window.
 */
export function blurAcross(from: usize, out: usize, width: i32, three: bool): void {
  if (isCommon()) blurAcrossCommon(from, out, width, three);
  else blurAcrossAny(from, out, width, three);
}

function blurAcrossCommon(from: usize, out: usize, width: i32, three: bool): void {
  const w0 = v128.load(common), w1 = v128.load(common, 16), w2 = v128.load(common, 32);
  const w3 = v128.load(common, 48), w4 = v128.load(common, 64), w5 = v128.load(common, 80);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 32) {
    commonAcross(from + j, out + j, w0, w1, w2, w3, w4, w5);
    commonAcross(from + j + STEP, out + j + STEP, w0, w1, w2, w3, w4, w5);
    commonAcross(from + j + 2 * STEP, out + j + 2 * STEP, w0, w1, w2, w3, w4, w5);
    if (!three) commonAcross(from + j + 3 * STEP, out + j + 3 * STEP, w0, w1, w2, w3, w4, w5);
  }
}

function blurAcrossAny(from: usize, out: usize, width: i32, three: bool): void {
  const bytes = rowBytes;
  const taps = weights;
  const r = radius;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const end = <usize>width << 2;
  // The fourth of three rows is a row like any other, which nobody looks at.
  for (let j: usize = 0; j < end; j += 16) {
    let left = from + j;
    const middle = left + (<usize>r << 2);
    let right = middle + (<usize>r << 2);
    let a = f32x4.mul(v128.load(middle), middleWeight);
    let b = f32x4.mul(v128.load(middle + bytes), middleWeight);
    let c = f32x4.mul(v128.load(middle + 2 * bytes), middleWeight);
    let d = f32x4.mul(v128.load(middle + 3 * bytes), middleWeight);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      a = multiplyAdd(f32x4.add(v128.load(left), v128.load(right)), weight, a);
      b = multiplyAdd(f32x4.add(v128.load(left + bytes), v128.load(right + bytes)), weight, b);
      c = multiplyAdd(f32x4.add(v128.load(left + 2 * bytes), v128.load(right + 2 * bytes)), weight, c);
      d = multiplyAdd(f32x4.add(v128.load(left + 3 * bytes), v128.load(right + 3 * bytes)), weight, d);
      left += 4;
      right -= 4;
    }
    v128.store(out + j, a);
    v128.store(out + bytes + j, b);
    v128.store(out + 2 * bytes + j, c);
    v128.store(out + 3 * bytes + j, d);
  }
}

/**
 * As {@link blurDown}, with care: means, and in place of means of squares the variances within each column, from differences to the
 * column's middle.
 */
export function blurDownCarefully(u: usize, v: usize, out: usize, width: i32): void {
  const bytes = rowBytes;
  const taps = weights;
  const r = radius;
  const span = <usize>(2 * r) * bytes;
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let upper = u + j, upperV = v + j;
    let lower = upper + span, lowerV = upperV + span;
    const middleU = v128.load(upper + <usize>r * bytes), middleV = v128.load(upperV + <usize>r * bytes);
    let meanU = f32x4.splat(0), meanV = f32x4.splat(0), squareU = f32x4.splat(0), squareV = f32x4.splat(0);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      let a = f32x4.sub(v128.load(upper), middleU);
      let b = f32x4.sub(v128.load(lower), middleU);
      meanU = multiplyAdd(f32x4.add(a, b), weight, meanU);
      squareU = multiplyAdd(multiplyAdd(a, a, f32x4.mul(b, b)), weight, squareU);
      a = f32x4.sub(v128.load(upperV), middleV);
      b = f32x4.sub(v128.load(lowerV), middleV);
      meanV = multiplyAdd(f32x4.add(a, b), weight, meanV);
      squareV = multiplyAdd(multiplyAdd(a, a, f32x4.mul(b, b)), weight, squareV);
      upper += bytes; upperV += bytes;
      lower -= bytes; lowerV -= bytes;
    }
    v128.store(out + j, f32x4.add(middleU, meanU));
    v128.store(out + bytes + j, f32x4.add(middleV, meanV));
    v128.store(out + 2 * bytes + j, f32x4.sub(squareU, f32x4.mul(meanU, meanU)));
    v128.store(out + 3 * bytes + j, f32x4.sub(squareV, f32x4.mul(meanV, meanV)));
  }
}

/** As {@link blurAcross} of four rows, after {@link blurDownCarefully}: means, and the variances of whole windows. */
export function blurAcrossCarefully(from: usize, out: usize, width: i32): void {
  const bytes = rowBytes;
  const taps = weights;
  const r = radius;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let left = from + j;
    const middle = left + (<usize>r << 2);
    let right = middle + (<usize>r << 2);
    const middleU = v128.load(middle), middleV = v128.load(middle + bytes);
    let meanU = f32x4.splat(0), meanV = f32x4.splat(0);
    let varianceU = f32x4.mul(v128.load(middle + 2 * bytes), middleWeight);
    let varianceV = f32x4.mul(v128.load(middle + 3 * bytes), middleWeight);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      let a = f32x4.sub(v128.load(left), middleU);
      let b = f32x4.sub(v128.load(right), middleU);
      meanU = multiplyAdd(f32x4.add(a, b), weight, meanU);
      const within = f32x4.add(v128.load(left + 2 * bytes), v128.load(right + 2 * bytes));
      varianceU = multiplyAdd(f32x4.add(multiplyAdd(a, a, f32x4.mul(b, b)), within), weight, varianceU);
      a = f32x4.sub(v128.load(left + bytes), middleV);
      b = f32x4.sub(v128.load(right + bytes), middleV);
      meanV = multiplyAdd(f32x4.add(a, b), weight, meanV);
      const withinV = f32x4.add(v128.load(left + 3 * bytes), v128.load(right + 3 * bytes));
      varianceV = multiplyAdd(f32x4.add(multiplyAdd(a, a, f32x4.mul(b, b)), withinV), weight, varianceV);
      left += 4;
      right -= 4;
    }
    v128.store(out + j, f32x4.add(meanU, middleU));
    v128.store(out + bytes + j, f32x4.add(meanV, middleV));
    v128.store(out + 2 * bytes + j, f32x4.sub(varianceU, f32x4.mul(meanU, meanU)));
    v128.store(out + 3 * bytes + j, f32x4.sub(varianceV, f32x4.mul(meanV, meanV)));
  }
}
