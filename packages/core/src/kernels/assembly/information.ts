import { logarithm } from "./powers";
import { accumulate, firstLanes, laneSum, multiplyAdd, widen } from "./simd";
import { blurAcross, blurDown, blurPlanesDown, radius, rowBytes, rowBytesOf, setWindow, TILE } from "./window";

// Information about a target that an output and the target itself carry, window by window, with the gradient of the output's, in tiles of columns.
//
// Of d = output - target and the target y, five blurs are enough: of d, y, their squares and their product. The output's variance that the target does not explain is var d - cov(d, y)^2 / var y, where nothing cancels where the images
// agree. Both are centred on the mean of the tile.

/** The weights of the window that {@link informationConfigure} has set. */
let weights: usize = 0;
/** The variance of the eye's noise, and variances that are as good as none. */
let noise: f32 = 0;
let least: f32 = 0;

/** Sets the window (2 * radius + 1 float32 weights at `windowWeights`, symmetric, sum 1) and the variances of noise and of nothing. */
export function informationConfigure(windowWeights: usize, windowRadius: i32, ofNoise: f32, ofNothing: f32): void {
  setWindow(windowWeights, windowRadius);
  weights = windowWeights;
  noise = ofNoise;
  least = ofNothing;
}

/** Rows of blurred values: five down the columns, and five along the rows. */
const BLURRED: usize = 6;

/** Bytes of scratch for a strip of `rows` rows with this window radius. */
export function informationScratch(rows: i32, windowRadius: i32): i32 {
  return ((rows + 1 + 4 * windowRadius) * 2 + (rows + 1 + 2 * windowRadius) * 3 + 2 * <i32>BLURRED) * rowBytesOf(windowRadius);
}

let tileD: usize = 0;
let tileY: usize = 0;

/** Rows [r0, r1) and columns [c0, c1) of the difference and of the target, less their means from row `top` and column `left` on, where the values of the tile begin, with or without a gradient. */
function loadTile(x: usize, y: usize, first: i32, w: i32, r0: i32, r1: i32, c0: i32, c1: i32, top: i32, left: i32): void {
  // The centre only has to be near the mean: every eighth row is enough.
  let sumX = f64x2.splat(0), sumY = sumX, count: f64 = 0;
  for (let r = top; r < r1; r += 8) {
    const row = <usize>((r - first) * w) << 2;
    for (let j = left; j < c1; j += 4) {
      const lanes = firstLanes(c1 - j), at = row + (<usize>j << 2);
      sumX = f64x2.add(sumX, widen(v128.and(v128.load(x + at), lanes)));
      sumY = f64x2.add(sumY, widen(v128.and(v128.load(y + at), lanes)));
    }
    count += c1 - left;
  }
  const meanX = laneSum(sumX) / count, meanY = laneSum(sumY) / count;
  const centreD = f32x4.splat(<f32>(meanX - meanY)), centreY = f32x4.splat(<f32>meanY);
  for (let r = r0; r < r1; r++) {
    const row = <usize>((r - first) * w) << 2, to = <usize>(r - r0) * rowBytes;
    for (let j = c0; j < c1; j += 4) {
      const lanes = firstLanes(c1 - j), at = row + (<usize>j << 2), out = to + (<usize>(j - c0) << 2);
      const b = v128.load(y + at);
      v128.store(tileD + out, v128.and(f32x4.sub(f32x4.sub(v128.load(x + at), b), centreD), lanes));
      v128.store(tileY + out, v128.and(f32x4.sub(b, centreY), lanes));
    }
  }
}

/** Means down the columns of the product of u and v, in a row of `width` columns at `out`. */
function productDown(u: usize, v: usize, out: usize, width: i32): void {
  const bytes = rowBytes, r = radius, taps = weights;
  const span = <usize>(2 * r) * bytes, middle = <usize>r * bytes;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  for (let j: usize = 0, end = <usize>width << 2; j < end; j += 16) {
    let upper = j, lower = j + span;
    let sum = f32x4.mul(f32x4.mul(v128.load(u + j + middle), v128.load(v + j + middle)), middleWeight);
    for (let k = 0; k < r; k++) {
      const weight = v128.load32_splat(taps + (<usize>k << 2));
      const products = multiplyAdd(v128.load(u + upper), v128.load(v + upper), f32x4.mul(v128.load(u + lower), v128.load(v + lower)));
      sum = multiplyAdd(products, weight, sum);
      upper += bytes;
      lower -= bytes;
    }
    v128.store(out + j, sum);
  }
}

/** Means along one row at `from`, for `width` columns. */
function rowAcross(from: usize, out: usize, width: i32): void {
  const r = radius, taps = weights;
  const middleWeight = v128.load32_splat(taps + (<usize>r << 2));
  for (let j: usize = 0, end = <usize>width << 2; j < end; j += 16) {
    let left = from + j;
    const middle = left + (<usize>r << 2);
    let right = middle + (<usize>r << 2);
    let sum = f32x4.mul(v128.load(middle), middleWeight);
    for (let k = 0; k < r; k++) {
      sum = multiplyAdd(f32x4.add(v128.load(left), v128.load(right)), v128.load32_splat(taps + (<usize>k << 2)), sum);
      left += 4;
      right -= 4;
    }
    v128.store(out + j, sum);
  }
}

/** Adds the information of a row of windows to `sums`: the output's, then the target's. With `withGrad` derivatives of the output's go to three planes, `plane` bytes apart, from `derivatives` on. */
// @ts-ignore: decorator
@inline function informationRow(withGrad: bool, means: usize, width: i32, sums: usize, derivatives: usize, plane: usize): void {
  const bytes = rowBytes, end = <usize>width << 2;
  const zero = f32x4.splat(0), one = f32x4.splat(1), nothing = f32x4.splat(least), ofNoise = f32x4.splat(noise), perNoise = f32x4.splat(1 / noise);
  let outputs = f64x2.splat(0), targets = outputs;
  for (let at: usize = 0; at < end; at += 16) {
    const lanes = firstLanes(<i32>((end - at) >> 2)), mean = means + at;
    const md = v128.load(mean), my = v128.load(mean + bytes);
    const dd = f32x4.pmax(f32x4.sub(v128.load(mean + 2 * bytes), f32x4.mul(md, md)), zero);
    const yy = f32x4.pmax(f32x4.sub(v128.load(mean + 3 * bytes), f32x4.mul(my, my)), zero);
    const dy = f32x4.sub(v128.load(mean + 4 * bytes), f32x4.mul(md, my));
    const xy = f32x4.add(yy, dy), twice = f32x4.add(dy, dy), xx = f32x4.add(f32x4.add(dd, twice), yy);
    // Where either is flat or they go against each other, the target tells nothing of the output.
    const isInformative = v128.and(v128.and(v128.and(f32x4.gt(yy, nothing), f32x4.gt(xx, nothing)), f32x4.gt(xy, zero)), lanes);
    const perY = f32x4.div(one, f32x4.add(yy, nothing));
    const gain = f32x4.mul(xy, perY), beyond = f32x4.mul(f32x4.sub(dy, nothing), perY);
    const explained = f32x4.sub(f32x4.mul(f32x4.mul(dy, dy), perY), f32x4.mul(f32x4.mul(f32x4.add(yy, twice), nothing), perY));
    const unexplained = f32x4.sub(dd, explained);
    const perRest = f32x4.div(one, f32x4.add(f32x4.pmax(unexplained, nothing), ofNoise));
    const signal = v128.and(f32x4.mul(f32x4.mul(f32x4.mul(gain, gain), yy), perRest), isInformative);
    outputs = f64x2.add(outputs, widen(logarithm(signal)));
    targets = f64x2.add(targets, widen(v128.and(logarithm(f32x4.mul(yy, perNoise)), lanes)));
    if (withGrad) {
      const perSum = f32x4.div(perRest, f32x4.add(signal, one)), doubled = f32x4.add(perSum, perSum);
      const byGain = f32x4.mul(f32x4.mul(gain, yy), perY);
      const isRest = v128.and(signal, f32x4.gt(unexplained, nothing));
      const bySquare = f32x4.neg(f32x4.mul(doubled, isRest));
      const byProduct = v128.and(f32x4.mul(doubled, multiplyAdd(beyond, isRest, byGain)), isInformative);
      const to = derivatives + at, direct = f32x4.neg(multiplyAdd(md, bySquare, f32x4.mul(my, byProduct)));
      v128.store(to, v128.and(direct, isInformative));
      v128.store(to + plane, v128.and(bySquare, isInformative));
      v128.store(to + 2 * plane, byProduct);
    }
  }
  accumulate(sums, laneSum(outputs));
  accumulate(sums + 8, laneSum(targets));
}

function values(means: usize, width: i32, sums: usize): void {
  informationRow(false, means, width, sums, 0, 0);
}

function slopes(means: usize, width: i32, sums: usize, derivatives: usize, plane: usize): void {
  informationRow(true, means, width, sums, derivatives, plane);
}

/** One row of the gradient from the three blurred derivative rows at `means`, and the rows of d and y. */
function gradientRow(means: usize, d: usize, y: usize, grad: usize, width: i32): void {
  const bytes = rowBytes, end = <usize>width << 2;
  for (let j: usize = 0; j < end; j += 16) {
    const through = multiplyAdd(v128.load(d + j), v128.load(means + bytes + j), f32x4.mul(v128.load(y + j), v128.load(means + 2 * bytes + j)));
    const value = f32x4.add(through, v128.load(means + j));
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
 * Rows [g0, g1) of one plane of h x w. `x`, `y`: rows from `first` on, at least to g1 + 2 * radius where there are such rows, and with a gradient from g0 - 2 * radius. Adds the information of the windows that begin in these rows to the two float64 at
 * `sums`: the output's and the target's; where `grad` is not 0 writes the gradient of the output's. Touches up to 3 floats beyond the end of `x` and `y`.
 */
export function informationStrip(x: usize, y: usize, first: i32, h: i32, w: i32, g0: i32, g1: i32, sums: usize, grad: usize, scratch: usize): void {
  const r2 = 2 * radius, mapHeight = h - r2, mapWidth = w - r2, bytes = rowBytes;
  const inputRows = g1 - g0 + 2 * r2 + 1;
  const plane = <usize>(g1 - g0 + r2 + 1) * bytes;
  tileD = scratch;
  tileY = tileD + <usize>inputRows * bytes;
  const derivatives = tileY + <usize>inputRows * bytes;
  const blurred = derivatives + 3 * plane, means = blurred + BLURRED * bytes;
  const withGrad = grad != 0;
  const r0 = withGrad ? max(0, g0 - r2) : g0, r1 = min(g1, mapHeight);
  // Sums that do not count.
  const nobody = means + (BLURRED - 1) * bytes;
  store<f64>(nobody, 0);
  store<f64>(nobody + 8, 0);
  for (let t0: i32 = 0; t0 < w; t0 += TILE) {
    const t1 = min(t0 + TILE, w);
    const c0 = withGrad ? max(0, t0 - r2) : t0, c1 = min(t1, mapWidth);
    if (withGrad) memory.fill(derivatives, 0, 3 * plane);
    if (r1 > r0 && c1 > c0) {
      loadTile(x, y, first, w, r0, r1 + r2, c0, c1 + r2, g0, t0);
      // Columns left of t0 belong to the tile before: their derivatives are needed, but they are counted already.
      const ahead = min(t0, c1) - c0;
      for (let i = r0; i < r1; i++) {
        const row = <usize>(i - r0) * bytes;
        blurDown(tileD + row, tileY + row, blurred, c1 - c0 + r2);
        productDown(tileD + row, tileY + row, blurred + 4 * bytes, c1 - c0 + r2);
        blurAcross(blurred, means, c1 - c0, false);
        rowAcross(blurred + 4 * bytes, means + 4 * bytes, c1 - c0);
        if (!withGrad) {
          values(means, c1 - c0, sums);
          continue;
        }
        const to = derivatives + <usize>(i - g0 + r2) * bytes + (<usize>(c0 - t0 + r2) << 2);
        const shift = <usize>ahead << 2;
        if (ahead > 0) slopes(means, ahead, nobody, to, plane);
        if (c1 > t0) slopes(means + shift, c1 - t0, i >= g0 ? sums : nobody, to + shift, plane);
      }
    }
    for (let i = g0; withGrad && i < g1; i++) {
      blurPlanesDown(derivatives + <usize>(i - g0) * bytes, plane, blurred, t1 - t0 + r2);
      blurAcross(blurred, means, t1 - t0, true);
      const at = <usize>(i - r0) * bytes + (<usize>(t0 - c0) << 2);
      gradientRow(means, tileD + at, tileY + at, grad + (<usize>((i - g0) * w + t0) << 2), t1 - t0);
    }
  }
}
