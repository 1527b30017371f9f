import { accumulate, firstLanes, laneSum, multiplyAdd, widen } from "./simd";

// SSIM with a separable window over one plane, in tiles of columns, with gradient.
//
// With u = x + y and v = x - y, four blurs are enough: of u, v, u^2 and v^2. Twice the formula's terms are
//   mx^2 + my^2 = (mu^2 + mv^2) / 2     2 mx my = (mu^2 - mv^2) / 2     and the same for variances and covariance,
// so luminance = 1 - mv^2 / (...) and contrast-structure = 1 - var v / (...): nothing cancels where the images agree. u and v are
// centred on the mean of the tile, which keeps E[u^2] - E[u]^2 exact enough except where a tile holds both very dark and very bright areas. There
// the careful path takes over: it centres every window on its own middle and adds the variance within columns to that between columns.
//
// The plane is thought of as padded by `pad` on every side (0 when only whole windows count). Rows and columns are padded
// coordinates; map cell (i, j) has its window's first corner at padded (i, j).

// @ts-ignore: decorator
@inline const TILE: i32 = 256;

let window: usize = 0;
let radius: i32 = 0;
let pad: i32 = 0;
let reflect: bool = false;
let luminanceConstant: f32 = 0;
let contrastConstant: f32 = 0;
let covariance: f32 = 1;
/** Whether the score is the contrast-structure term alone. */
let contrastOnly: bool = false;
/** Whether a negative contrast-structure term counts as 0. */
let clamped: bool = false;

/** Sets the window (2 * radius + 1 float32 weights at `weights`, symmetric, sum 1) and the constants for the calls that follow. */
export function ssimConfigure(
  weights: usize, windowRadius: i32, padding: i32, isReflect: bool, c1: f32, c2: f32, covarianceFactor: f32,
  onlyContrast: bool, nonNegative: bool,
): void {
  window = weights;
  radius = windowRadius;
  pad = padding;
  reflect = isReflect;
  luminanceConstant = c1;
  contrastConstant = c2;
  covariance = covarianceFactor;
  contrastOnly = onlyContrast;
  clamped = nonNegative;
}

/** Floats from row to row of the tile buffers. */
// @ts-ignore: decorator
@inline function tileStride(): i32 {
  return (TILE + 4 * radius + 11) & ~3;
}

/** Bytes of scratch that {@link ssimStrip} needs for a strip of `rows` rows with this window radius. */
export function ssimScratch(rows: i32, windowRadius: i32): i32 {
  const stride = (TILE + 4 * windowRadius + 11) & ~3;
  return ((rows + 4 * windowRadius) * 2 + (rows + 2 * windowRadius) * 3 + 8) * stride * 4;
}

// The tile: u and v, the three derivative maps, and four rows of vertically blurred values.
let tileU: usize = 0;
let tileV: usize = 0;
let centreU: f32 = 0;
let centreV: f32 = 0;
let blurred: usize = 0;
/** Whether rounding in E[v^2] - E[v]^2 could show in this tile's score. */
let careful: bool = false;

// float32 is off by about 1e-7 v^2. Against C2, the least of the denominator, that stays below 5e-6 up to these ratios; u counts less, since its
// variance enters the denominator alone.
const CAREFUL_V: f32 = 50;
const CAREFUL_U: f32 = 2000;

/** The largest of four lanes. */
// @ts-ignore: decorator
@inline function largestLane(x: v128): f32 {
  return max(
    max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)),
    max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)),
  );
}

/** The row or column of the image that a padded one shows, or -1 for zero padding. */
// @ts-ignore: decorator
@inline function source(position: i32, size: i32): i32 {
  let at = position - pad;
  if (at >= 0 && at < size) return at;
  if (!reflect) return -1;
  return at < 0 ? -at : 2 * size - 2 - at;
}

/** Reads padded rows [r0, r1) and columns [c0, c1) of both images as centred sums and differences. */
function loadTile(x: usize, y: usize, first: i32, h: i32, w: i32, r0: i32, r1: i32, c0: i32, c1: i32): void {
  const stride = tileStride();
  const left = max(c0 - pad, 0);
  const right = min(c1 - pad, w);
  // The centre only has to be near the mean: every fourth row is enough.
  let sumX = f32x4.splat(0), sumY = f32x4.splat(0);
  let count: i32 = 0;
  for (let r = r0; r < r1; r += 4) {
    const s = source(r, h);
    if (s < 0) continue;
    const row = <usize>((s - first) * w) << 2;
    for (let j = left; j + 4 <= right; j += 4) {
      sumX = f32x4.add(sumX, v128.load(x + row + (<usize>j << 2)));
      sumY = f32x4.add(sumY, v128.load(y + row + (<usize>j << 2)));
      count += 4;
    }
  }
  if (count > 0) {
    const meanX = laneSum(widen(sumX)) / count;
    const meanY = laneSum(widen(sumY)) / count;
    centreU = <f32>(meanX + meanY);
    centreV = <f32>(meanX - meanY);
  } else {
    const row = <usize>((max(source(r0, h), first) - first) * w + left) << 2;
    centreU = load<f32>(x + row) + load<f32>(y + row);
    centreV = load<f32>(x + row) - load<f32>(y + row);
  }
  const u0 = f32x4.splat(centreU), v0 = f32x4.splat(centreV);
  let largestU = f32x4.splat(0), largestV = f32x4.splat(0);
  for (let r = r0; r < r1; r++) {
    const u = tileU + (<usize>((r - r0) * stride) << 2);
    const v = tileV + (<usize>((r - r0) * stride) << 2);
    const s = source(r, h);
    if (s < 0) {
      for (let j = 0; j < c1 - c0; j += 4) {
        v128.store(u + (<usize>j << 2), f32x4.neg(u0));
        v128.store(v + (<usize>j << 2), f32x4.neg(v0));
      }
      continue;
    }
    const rowX = x + (<usize>((s - first) * w) << 2);
    const rowY = y + (<usize>((s - first) * w) << 2);
    for (let j = left; j < right; j += 4) {
      const a = v128.load(rowX + (<usize>j << 2)), b = v128.load(rowY + (<usize>j << 2));
      const at = <usize>(j + pad - c0) << 2;
      const sum = f32x4.sub(f32x4.add(a, b), u0);
      const difference = f32x4.sub(f32x4.sub(a, b), v0);
      // Lanes past the row's end may make a tile careful without need, never careless.
      largestU = f32x4.pmax(largestU, f32x4.abs(sum));
      largestV = f32x4.pmax(largestV, f32x4.abs(difference));
      v128.store(u + at, sum);
      v128.store(v + at, difference);
    }
    for (let j = c0; j < c1; j++) {
      if (j == left + pad) j = right + pad;
      if (j >= c1) break;
      const column = source(j, w);
      const a: f32 = column < 0 ? 0 : load<f32>(rowX + (<usize>column << 2));
      const b: f32 = column < 0 ? 0 : load<f32>(rowY + (<usize>column << 2));
      store<f32>(u + (<usize>(j - c0) << 2), a + b - centreU);
      store<f32>(v + (<usize>(j - c0) << 2), a - b - centreV);
    }
  }
  if (pad > 0 && !reflect) {
    largestU = f32x4.pmax(largestU, f32x4.abs(u0));
    largestV = f32x4.pmax(largestV, f32x4.abs(v0));
  }
  const u2 = largestLane(f32x4.mul(largestU, largestU)), v2 = largestLane(f32x4.mul(largestV, largestV));
  // Written so that NaN is careful too.
  careful = !(v2 <= CAREFUL_V * contrastConstant && u2 <= CAREFUL_U * contrastConstant);
}

/** Blurs u, v, u^2, v^2 down the columns: one row of `width` columns, from the 2 * radius + 1 rows that start at u and v. */
function blurDown(u: usize, v: usize, width: i32): void {
  const bytes = <usize>tileStride() << 2;
  const taps = window;
  const r = radius;
  const out = blurred;
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

/**
 * As {@link blurDown}, on the careful path: means, and in place of E[u^2] and E[v^2] the variances within each column, from differences to the
 * column's middle.
 */
function blurDownCarefully(u: usize, v: usize, width: i32): void {
  const bytes = <usize>tileStride() << 2;
  const taps = window;
  const r = radius;
  const out = blurred;
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

/** One row of map cells from the vertically blurred rows: sums of score and contrast-structure, map, derivatives. */
// @ts-ignore: decorator
@inline function scoreRow(
  from: usize, width: i32, sums: usize, map: usize, mapScale: f32, derivatives: usize, plane: usize, withGrad: bool, isCareful: bool,
): void {
  const bytes = <usize>tileStride() << 2;
  const taps = window;
  const r = radius;
  const zero = f32x4.splat(0), one = f32x4.splat(1), half = f32x4.splat(0.5), two = f32x4.splat(2);
  const k1 = f32x4.splat(luminanceConstant), k2 = f32x4.splat(contrastConstant);
  const halfFactor = f32x4.splat(0.5 * covariance), factor = f32x4.splat(covariance);
  const u0 = f32x4.splat(centreU), v0 = f32x4.splat(centreV);
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const clamp = clamped, isContrast = contrastOnly;
  let scoreSum = f64x2.splat(0), contrastSum = f64x2.splat(0);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let left = from + j;
    const middle = left + (<usize>r << 2);
    let right = middle + (<usize>r << 2);
    let meanU: v128, meanV: v128, varianceU: v128, varianceV: v128;
    if (isCareful) {
      const middleU = v128.load(middle), middleV = v128.load(middle + bytes);
      meanU = f32x4.splat(0);
      meanV = f32x4.splat(0);
      varianceU = f32x4.mul(v128.load(middle + 2 * bytes), middleWeight);
      varianceV = f32x4.mul(v128.load(middle + 3 * bytes), middleWeight);
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
      varianceU = f32x4.mul(f32x4.sub(varianceU, f32x4.mul(meanU, meanU)), halfFactor);
      varianceV = f32x4.sub(varianceV, f32x4.mul(meanV, meanV));
      meanU = f32x4.add(meanU, middleU);
      meanV = f32x4.add(meanV, middleV);
    } else {
      meanU = f32x4.mul(v128.load(middle), middleWeight);
      meanV = f32x4.mul(v128.load(middle + bytes), middleWeight);
      let squareU = f32x4.mul(v128.load(middle + 2 * bytes), middleWeight);
      let squareV = f32x4.mul(v128.load(middle + 3 * bytes), middleWeight);
      for (let k: i32 = 0; k < r; k++) {
        const weight = v128.load32_splat(taps + (<usize>k << 2));
        meanU = multiplyAdd(f32x4.add(v128.load(left), v128.load(right)), weight, meanU);
        meanV = multiplyAdd(f32x4.add(v128.load(left + bytes), v128.load(right + bytes)), weight, meanV);
        squareU = multiplyAdd(f32x4.add(v128.load(left + 2 * bytes), v128.load(right + 2 * bytes)), weight, squareU);
        squareV = multiplyAdd(f32x4.add(v128.load(left + 3 * bytes), v128.load(right + 3 * bytes)), weight, squareV);
        left += 4;
        right -= 4;
      }
      varianceU = f32x4.mul(f32x4.sub(squareU, f32x4.mul(meanU, meanU)), halfFactor);
      varianceV = f32x4.sub(squareV, f32x4.mul(meanV, meanV));
    }
    const mu = f32x4.add(meanU, u0), mv = f32x4.add(meanV, v0);
    const mv2 = f32x4.mul(mv, mv);
    const inverse1 = f32x4.div(one, multiplyAdd(half, multiplyAdd(mu, mu, mv2), k1));
    const inverse2 = f32x4.div(one, f32x4.add(multiplyAdd(varianceV, halfFactor, varianceU), k2));
    const loss1 = f32x4.mul(mv2, inverse1);
    const loss2 = f32x4.mul(f32x4.mul(varianceV, factor), inverse2);
    const luminance = isContrast ? one : f32x4.sub(one, loss1);
    let contrast = f32x4.sub(one, loss2);
    const positive = f32x4.gt(contrast, zero);
    if (clamp) contrast = v128.and(contrast, positive);
    let score = f32x4.mul(luminance, contrast);
    const lanes = firstLanes(<i32>((end - j) >> 2));
    if (withGrad) {
      // p and q: d score / d E[u^2] and E[v^2]; a: d score / d (blurred u and v), which x enters with the same sign.
      let g = f32x4.mul(f32x4.mul(luminance, inverse2), factor);
      if (clamp) g = v128.and(g, positive);
      // Lanes past the end may hold anything, NaN included: they are cleared last.
      const p = v128.and(f32x4.mul(f32x4.mul(half, loss2), g), lanes);
      const q = v128.and(f32x4.sub(p, g), lanes);
      let a = f32x4.mul(two, multiplyAdd(meanU, p, f32x4.mul(meanV, q)));
      if (isContrast) {
        a = f32x4.neg(a);
      } else {
        const t = f32x4.mul(contrast, inverse1);
        const direct = f32x4.mul(t, f32x4.sub(f32x4.mul(loss1, f32x4.add(mu, mv)), f32x4.mul(two, mv)));
        a = f32x4.sub(direct, a);
      }
      v128.store(derivatives + j, v128.and(a, lanes));
      v128.store(derivatives + plane + j, p);
      v128.store(derivatives + 2 * plane + j, q);
    }
    score = v128.and(score, lanes);
    if (map) v128.store(map + j, multiplyAdd(score, f32x4.splat(mapScale), v128.load(map + j)));
    scoreSum = f64x2.add(scoreSum, widen(score));
    contrastSum = f64x2.add(contrastSum, widen(v128.and(contrast, lanes)));
  }
  if (sums) {
    accumulate(sums, laneSum(scoreSum));
    accumulate(sums + 8, laneSum(contrastSum));
  }
}

function scoreRowValue(from: usize, width: i32, sums: usize, map: usize, mapScale: f32): void {
  if (careful) scoreRow(from, width, sums, map, mapScale, 0, 0, false, true);
  else scoreRow(from, width, sums, map, mapScale, 0, 0, false, false);
}

function scoreRowGrad(from: usize, width: i32, sums: usize, map: usize, mapScale: f32, derivatives: usize, plane: usize): void {
  if (careful) scoreRow(from, width, sums, map, mapScale, derivatives, plane, true, true);
  else scoreRow(from, width, sums, map, mapScale, derivatives, plane, true, false);
}

/** Blurs the three derivative maps down the columns. */
function blurDerivativesDown(from: usize, plane: usize, width: i32): void {
  const bytes = <usize>tileStride() << 2;
  const taps = window;
  const r = radius;
  const out = blurred;
  const span = <usize>(2 * r) * bytes;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let upper = from + j;
    let lower = upper + span;
    const middle = upper + <usize>r * bytes;
    let a = f32x4.mul(v128.load(middle), middleWeight);
    let p = f32x4.mul(v128.load(middle + plane), middleWeight);
    let q = f32x4.mul(v128.load(middle + 2 * plane), middleWeight);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      a = multiplyAdd(f32x4.add(v128.load(upper), v128.load(lower)), weight, a);
      p = multiplyAdd(f32x4.add(v128.load(upper + plane), v128.load(lower + plane)), weight, p);
      q = multiplyAdd(f32x4.add(v128.load(upper + 2 * plane), v128.load(lower + 2 * plane)), weight, q);
      upper += bytes;
      lower -= bytes;
    }
    v128.store(out + j, a);
    v128.store(out + bytes + j, p);
    v128.store(out + 2 * bytes + j, q);
  }
}

/** One row of the gradient from the vertically blurred derivative rows. */
function gradientRow(u: usize, v: usize, grad: usize, width: i32, scale: f32): void {
  const bytes = <usize>tileStride() << 2;
  const taps = window;
  const r = radius;
  const two = f32x4.splat(2);
  const lanes = f32x4.splat(scale);
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    let left = blurred + j;
    const middle = left + (<usize>r << 2);
    let right = middle + (<usize>r << 2);
    let a = f32x4.mul(v128.load(middle), middleWeight);
    let p = f32x4.mul(v128.load(middle + bytes), middleWeight);
    let q = f32x4.mul(v128.load(middle + 2 * bytes), middleWeight);
    for (let k: i32 = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      a = multiplyAdd(f32x4.add(v128.load(left), v128.load(right)), weight, a);
      p = multiplyAdd(f32x4.add(v128.load(left + bytes), v128.load(right + bytes)), weight, p);
      q = multiplyAdd(f32x4.add(v128.load(left + 2 * bytes), v128.load(right + 2 * bytes)), weight, q);
      left += 4;
      right -= 4;
    }
    const through = multiplyAdd(v128.load(u + j), p, f32x4.mul(v128.load(v + j), q));
    const value = f32x4.mul(multiplyAdd(two, through, a), lanes);
    if (j + 16 <= end) {
      v128.store(grad + j, value);
    } else {
      // The next row's first columns are written already: only the lanes of this row go out.
      v128.store(blurred, value);
      memory.copy(grad + j, blurred, end - j);
    }
  }
}

/**
 * Padded rows [g0, g1) of one plane. `x`, `y`: full rows of width w from image row `first` on, enough for the rows
 * and their halo. Adds the strip's sums of score and contrast-structure to the two float64 at `sums`; where `map` is not 0 adds score * mapScale to
 * the cells of its map rows; where `grad` is not 0 writes gradient * gradScale of the padded rows (row length w + 2 * pad).
 */
export function ssimStrip(
  x: usize, y: usize, first: i32, h: i32, w: i32, g0: i32, g1: i32, sums: usize,
  map: usize, mapScale: f32, grad: usize, gradScale: f32, scratch: usize,
): void {
  const r2 = 2 * radius;
  const paddedWidth = w + 2 * pad;
  const mapHeight = h + 2 * pad - r2;
  const mapWidth = paddedWidth - r2;
  const stride = tileStride();
  const bytes = <usize>stride << 2;
  const inputRows = g1 - g0 + 2 * r2;
  const plane = <usize>(g1 - g0 + r2) * bytes;
  tileU = scratch;
  tileV = tileU + <usize>inputRows * bytes;
  const derivatives = tileV + <usize>inputRows * bytes;
  blurred = derivatives + 3 * plane;
  const withGrad = grad != 0;
  const r0 = withGrad ? max(0, g0 - r2) : g0;
  const r1 = min(g1, mapHeight);
  for (let t0: i32 = 0; t0 < paddedWidth; t0 += TILE) {
    const t1 = min(t0 + TILE, paddedWidth);
    const c0 = withGrad ? max(0, t0 - r2) : t0;
    const c1 = min(t1, mapWidth);
    if (withGrad && (r0 != g0 - r2 || r1 != g1 || c0 != t0 - r2 || c1 != t1)) memory.fill(derivatives, 0, 3 * plane);
    if (r1 <= r0 || c1 <= c0) {
      if (!withGrad) continue;
    } else {
      loadTile(x, y, first, h, w, r0, r1 + r2, c0, c1 + r2);
      // Columns left of t0 belong to the tile before: their scores are needed for the gradient but already counted.
      const ahead = t0 - c0;
      for (let i = r0; i < r1; i++) {
        const row = <usize>(i - r0) * bytes;
        if (careful) blurDownCarefully(tileU + row, tileV + row, c1 - c0 + r2);
        else blurDown(tileU + row, tileV + row, c1 - c0 + r2);
        if (withGrad) {
          const to = derivatives + <usize>(i - g0 + r2) * bytes + (<usize>(c0 - t0 + r2) << 2);
          const counted = i >= g0;
          if (ahead > 0) scoreRowGrad(blurred, min(ahead, c1 - c0), 0, 0, 0, to, plane);
          if (c1 > t0) {
            const shift = <usize>ahead << 2;
            scoreRowGrad(
              blurred + shift, c1 - t0, counted ? sums : 0, counted && map ? map + (<usize>((i - g0) * mapWidth + t0) << 2) : 0, mapScale, to + shift, plane,
            );
          }
        } else {
          scoreRowValue(blurred, c1 - c0, sums, map ? map + (<usize>((i - g0) * mapWidth + t0) << 2) : 0, mapScale);
        }
      }
    }
    if (withGrad) {
      for (let i = g0; i < g1; i++) {
        blurDerivativesDown(derivatives + <usize>(i - g0) * bytes, plane, t1 - t0 + r2);
        const at = <usize>(i - r0) * bytes + (<usize>(t0 - c0) << 2);
        gradientRow(tileU + at, tileV + at, grad + (<usize>((i - g0) * paddedWidth + t0) << 2), t1 - t0, gradScale);
      }
    }
  }
}

/**
 * Takes the gradient of padded rows [g0, g1) back to the image: mirrored cells are added to the cells they mirror, the padding is cut off.
 * The image rows among them are left at the start of `grad`, w floats a row.
 */
export function ssimUnpad(grad: usize, g0: i32, g1: i32, h: i32, w: i32): void {
  if (pad == 0) return;
  const paddedWidth = w + 2 * pad;
  if (reflect) {
    for (let i = g0; i < g1; i++) {
      const s = source(i, h);
      if (s == i - pad) continue;
      const from = grad + (<usize>((i - g0) * paddedWidth) << 2);
      const to = grad + (<usize>((s + pad - g0) * paddedWidth) << 2);
      for (let j = 0; j < paddedWidth; j++) {
        const at = <usize>j << 2;
        store<f32>(to + at, load<f32>(to + at) + load<f32>(from + at));
      }
    }
  }
  let to = grad;
  for (let i = max(g0, pad); i < min(g1, h + pad); i++) {
    const from = grad + (<usize>((i - g0) * paddedWidth) << 2);
    if (reflect) {
      for (let j = 0; j < paddedWidth; j++) {
        const s = source(j, w);
        if (s == j - pad) {
          j = w + pad - 1;
          continue;
        }
        const at = from + (<usize>(s + pad) << 2);
        store<f32>(at, load<f32>(at) + load<f32>(from + (<usize>j << 2)));
      }
    }
    memory.copy(to, from + (<usize>pad << 2), <usize>w << 2);
    to += <usize>w << 2;
  }
}
