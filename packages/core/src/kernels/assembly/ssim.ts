import { setFormula, scoreRow, setTile } from "./ssim-score";
import { firstLanes, laneSum, multiplyAdd, widen } from "./simd";
import {
  blurAcross, blurAcrossCarefully, blurDown, blurDownCarefully, blurPairDown, blurPlanesDown, blurPlanesPairDown, isCommon, radius, rowBytes,
  rowBytesOf, setWindow, TILE,
} from "./window";

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

let pad: i32 = 0;
/** The continuation beyond the border. */
let border: i32 = 0;
// @ts-ignore: decorator
@inline const ZERO: i32 = 0;
// @ts-ignore: decorator
@inline const REFLECT: i32 = 1;
/** C2, the least of the denominators that variances are in. */
let contrastConstant: f32 = 0;

/**
 * Sets the window (2 * radius + 1 float32 weights at `weights`, symmetric, sum 1), what lies beyond the border (0: zeros, 1: the image mirrored, its edge
 * once, 2: its edge again and again) and the constants for the calls that follow.
 */
export function ssimConfigure(
  weights: usize, windowRadius: i32, padding: i32, beyond: i32, c1: f32, c2: f32, covarianceFactor: f32,
  onlyContrast: bool, nonNegative: bool,
): void {
  setWindow(weights, windowRadius);
  setFormula(c1, c2, covarianceFactor, onlyContrast, nonNegative);
  pad = padding;
  border = beyond;
  contrastConstant = c2;
}

/** Rows of blurred values: a pair of fours down the columns, and four along the rows. */
// @ts-ignore: decorator
@inline const BLURRED_ROWS: i32 = 12;

/** Bytes of scratch that {@link ssimStrip} needs for a strip of `rows` rows with this window radius. */
export function ssimScratch(rows: i32, windowRadius: i32): i32 {
  // One row more than there is of u, v and the derivatives, since rows go in pairs.
  return ((rows + 1 + 4 * windowRadius) * 2 + (rows + 1 + 2 * windowRadius) * 3 + BLURRED_ROWS) * rowBytesOf(windowRadius);
}

// The tile: u and v, and the mean of each that is taken from it.
let tileU: usize = 0;
let tileV: usize = 0;
let centreU: f32 = 0;
let centreV: f32 = 0;
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
  if (border == ZERO) return -1;
  if (border == REFLECT) return at < 0 ? -at : 2 * size - 2 - at;
  return at < 0 ? 0 : size - 1;
}

/** Reads padded rows [r0, r1) and columns [c0, c1) of both images as centred sums and differences. */
function loadTile(x: usize, y: usize, first: i32, h: i32, w: i32, r0: i32, r1: i32, c0: i32, c1: i32): void {
  const left = max(c0 - pad, 0);
  const right = min(c1 - pad, w);
  // The centre only has to be near the mean: every eighth row is enough.
  let sumX = f32x4.splat(0), sumY = f32x4.splat(0);
  let count: i32 = 0;
  for (let r = r0; r < r1; r += 8) {
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
    const u = tileU + <usize>(r - r0) * rowBytes;
    const v = tileV + <usize>(r - r0) * rowBytes;
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
      let sum = f32x4.sub(f32x4.add(a, b), u0);
      let difference = f32x4.sub(f32x4.sub(a, b), v0);
      if (j + 4 > right) {
        // Lanes past the row's end hold whatever was in memory, which must not decide whether the tile is careful.
        const lanes = firstLanes(right - j);
        sum = v128.and(sum, lanes);
        difference = v128.and(difference, lanes);
      }
      largestU = f32x4.pmax(largestU, f32x4.mul(sum, sum));
      largestV = f32x4.pmax(largestV, f32x4.mul(difference, difference));
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
  if (pad > 0 && border == ZERO) {
    largestU = f32x4.pmax(largestU, f32x4.mul(u0, u0));
    largestV = f32x4.pmax(largestV, f32x4.mul(v0, v0));
  }
  const u2 = largestLane(largestU), v2 = largestLane(largestV);
  // Written so that NaN is careful too.
  careful = !(v2 <= CAREFUL_V * contrastConstant && u2 <= CAREFUL_U * contrastConstant);
}

/** One row of the gradient from the three blurred derivative rows at `means`, and the rows of u and v. */
function gradientRow(means: usize, u: usize, v: usize, grad: usize, width: i32, scale: f32): void {
  const bytes = rowBytes;
  const scales = f32x4.splat(scale), twice = f32x4.splat(2 * scale);
  const end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    const p = v128.load(means + bytes + j), q = v128.load(means + 2 * bytes + j);
    const through = multiplyAdd(v128.load(u + j), p, f32x4.mul(v128.load(v + j), q));
    const value = multiplyAdd(through, twice, f32x4.mul(v128.load(means + j), scales));
    if (j + 16 <= end) {
      v128.store(grad + j, value);
    } else {
      // The next row's first columns may be written already: only the lanes of this row go out.
      v128.store(means, value);
      memory.copy(grad + j, means, end - j);
    }
  }
}

/**
 * Padded rows [g0, g1) of one plane. `x`, `y`: full rows of width w from image row `first` on, enough for the rows
 * and their halo. Adds the strip's sums of score and contrast-structure to the two float64 at `sums`; where `map` is not 0 adds score * mapScale to
 * the cells of its map rows; where `grad` is not 0 writes gradient * gradScale of the padded rows (row length w + 2 * pad).
 * `weights`, where not 0: what multiplies the score of each cell, from map row max(0, g0 - 2 * radius) on; then there is no map.
 */
export function ssimStrip(
  x: usize, y: usize, first: i32, h: i32, w: i32, g0: i32, g1: i32, sums: usize,
  map: usize, mapScale: f32, weights: usize, grad: usize, gradScale: f32, scratch: usize,
): void {
  const r2 = 2 * radius;
  const paddedWidth = w + 2 * pad;
  const mapHeight = h + 2 * pad - r2;
  const mapWidth = paddedWidth - r2;
  const bytes = rowBytes;
  const inputRows = g1 - g0 + 2 * r2 + 1;
  const plane = <usize>(g1 - g0 + r2 + 1) * bytes;
  tileU = scratch;
  tileV = tileU + <usize>inputRows * bytes;
  const derivatives = tileV + <usize>inputRows * bytes;
  const blurred = derivatives + 3 * plane;
  const means = blurred + 8 * bytes;
  const withGrad = grad != 0;
  const inPairs = isCommon();
  const r0 = withGrad ? max(0, g0 - r2) : g0;
  const r1 = min(g1, mapHeight);
  for (let t0: i32 = 0; t0 < paddedWidth; t0 += TILE) {
    const t1 = min(t0 + TILE, paddedWidth);
    const c0 = withGrad ? max(0, t0 - r2) : t0;
    const c1 = min(t1, mapWidth);
    if (withGrad && (r0 != g0 - r2 || r1 != g1 || c0 != t0 - r2 || c1 != t1)) memory.fill(derivatives, 0, 3 * plane);
    if (r1 > r0 && c1 > c0) {
      loadTile(x, y, first, h, w, r0, r1 + r2, c0, c1 + r2);
      setTile(centreU, centreV, mapScale);
      // Columns left of t0 belong to the tile before: their scores are needed for the gradient but already counted.
      const ahead = min(t0, c1) - c0;
      for (let i = r0; i < r1; i++) {
        const row = <usize>(i - r0) * bytes;
        if (careful) {
          blurDownCarefully(tileU + row, tileV + row, blurred, c1 - c0 + r2);
          blurAcrossCarefully(blurred, means, c1 - c0);
        } else {
          const isLower = inPairs && ((i - r0) & 1) == 1;
          if (!inPairs) blurDown(tileU + row, tileV + row, blurred, c1 - c0 + r2);
          else if (!isLower) blurPairDown(tileU + row, tileV + row, blurred, c1 - c0 + r2);
          blurAcross(isLower ? blurred + 4 * bytes : blurred, means, c1 - c0, false);
        }
        const isCounted = i >= g0;
        const to = withGrad ? derivatives + <usize>(i - g0 + r2) * bytes + (<usize>(c0 - t0 + r2) << 2) : 0;
        const weights0 = weights ? weights + (<usize>((i - max(0, g0 - r2)) * mapWidth + c0) << 2) : 0;
        if (ahead > 0) scoreRow(careful, means, ahead, 0, 0, weights0, to, plane);
        if (c1 > t0) {
          const shift = <usize>ahead << 2;
          const cells = isCounted && map ? map + (<usize>((i - g0) * mapWidth + t0) << 2) : 0;
          const counted = isCounted ? sums : 0;
          scoreRow(
            careful, means + shift, c1 - t0, counted, cells, weights ? weights0 + shift : 0, withGrad ? to + shift : 0, plane,
          );
        }
      }
    }
    for (let i = g0; withGrad && i < g1; i++) {
      const row = derivatives + <usize>(i - g0) * bytes;
      const isLower = inPairs && ((i - g0) & 1) == 1;
      if (!inPairs) blurPlanesDown(row, plane, blurred, t1 - t0 + r2);
      else if (!isLower) blurPlanesPairDown(row, plane, blurred, t1 - t0 + r2);
      blurAcross(isLower ? blurred + 4 * bytes : blurred, means, t1 - t0, true);
      const at = <usize>(i - r0) * bytes + (<usize>(t0 - c0) << 2);
      gradientRow(means, tileU + at, tileV + at, grad + (<usize>((i - g0) * paddedWidth + t0) << 2), t1 - t0, gradScale);
    }
  }
}

/**
 * Takes the gradient of padded rows [g0, g1) back to the image: cells beyond the border are added to those they repeat, the padding is cut off.
 * The image rows among them are left at the start of `grad`, w floats a row.
 */
export function ssimUnpad(grad: usize, g0: i32, g1: i32, h: i32, w: i32): void {
  if (pad == 0) return;
  const paddedWidth = w + 2 * pad;
  if (border != ZERO) {
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
    if (border != ZERO) {
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
