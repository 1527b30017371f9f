import { accumulate, firstLanes, highHalf, laneSum, multiplyAdd, signed, size, widen } from "./simd";

// Losses of first derivatives: those of the difference of two images, or the lengths of both images' gradients. A derivative is the difference of next neighbours but
// one, smoothed across its direction by weights (side, centre, side). Rows pass through rings of three, padded by one pixel at each end: images to derivatives, derivatives to errors
// and their slopes, slopes back by the adjoint of the derivatives.

/** The quantities that are compared, and the distance. */
const DERIVATIVES_L1: i32 = 0;
const DERIVATIVES_MSE: i32 = 1;
const LENGTHS_L1: i32 = 2;
const LENGTHS_MSE: i32 = 3;
const SIMILARITY: i32 = 4;

/** Rows of scratch memory: rings of output, target and slopes in both directions, the derivatives of the target, two rows beyond the border and sums that do not count. */
const SCRATCH_ROWS: usize = 17;

/** Bytes of a row between which sums are float32: rounding stays near 1e-7. */
const SEGMENT: usize = 1024;

let side: f32 = 0;
let centre: f32 = 0;
/** The factor of the border's pixel beyond the border: 1 or 0. */
let border: f32 = 0;
let epsilonSquared: f32 = 0;

export function derivativesConfigure(sideWeight: f32, centreWeight: f32, beyond: f32, epsilon: f32): void {
  side = sideWeight;
  centre = centreWeight;
  border = beyond;
  epsilonSquared = epsilon * epsilon;
}

/** The similarity's constant, how much of a product it loses, and the mean of what it is short of 1, in two parts. */
let constant: f32 = 0;
let masking: f32 = 0;
let mean: f32 = 0;
let meanRest: f32 = 0;

export function similarityConfigure(added: f32, lost: f32, high: f32, rest: f32): void {
  constant = added;
  masking = lost;
  mean = high;
  meanRest = rest;
}

// @ts-ignore: decorator
@inline function rowBytes(width: i32): usize {
  return ((<usize>width << 2) + 15 & ~15) + 64;
}

export function derivativesScratch(width: i32): usize {
  return SCRATCH_ROWS * rowBytes(width);
}

/** Row number `row` of a ring of three; 16 bytes before it are its own. */
// @ts-ignore: decorator
@inline function ringRow(ring: usize, row: i32, width: i32): usize {
  return ring + 16 + <usize>(row % 3) * rowBytes(width);
}

/** The pixels before and after a row: `factor` times its first and last. */
// @ts-ignore: decorator
@inline function pad(row: usize, width: i32, factor: f32): void {
  const end = row + (<usize>width << 2);
  store<f32>(row - 4, factor * load<f32>(row));
  store<f32>(end, factor * load<f32>(end - 4));
}

/** A row of x, less that of y unless that is 0, into a ring. */
function fill(x: usize, y: usize, out: usize, width: i32): void {
  const bytes = <usize>width << 2;
  if (y) {
    for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, f32x4.sub(v128.load(x + at), v128.load(y + at)));
  } else {
    for (let at: usize = 0; at < bytes; at += 16) v128.store(out + at, v128.load(x + at));
  }
  pad(out, width, border);
}

/** side (a + c) + centre b. */
// @ts-ignore: decorator
@inline function smooth(a: v128, b: v128, c: v128): v128 {
  return multiplyAdd(f32x4.add(a, c), f32x4.splat(side), f32x4.mul(b, f32x4.splat(centre)));
}

/** The differences of next neighbours but one along a row. Differences come first: those of numbers that are close are exact. */
// @ts-ignore: decorator
@inline function along(row: usize): v128 {
  return f32x4.sub(v128.load(row + 4), v128.load(row - 4));
}

/** The differences of two rows. */
// @ts-ignore: decorator
@inline function between(a: usize, c: usize): v128 {
  return f32x4.sub(v128.load(c), v128.load(a));
}

/** The derivatives of the row b between the rows a and c. */
function derivatives(a: usize, b: usize, c: usize, across: usize, down: usize, width: i32): void {
  const end = b + (<usize>width << 2);
  for (; b < end; a += 16, b += 16, c += 16, across += 16, down += 16) {
    const upLeft = v128.load(a - 4), upRight = v128.load(a + 4), lowLeft = v128.load(c - 4), lowRight = v128.load(c + 4);
    v128.store(across, smooth(f32x4.sub(upRight, upLeft), along(b), f32x4.sub(lowRight, lowLeft)));
    v128.store(down, smooth(f32x4.sub(lowLeft, upLeft), between(a, c), f32x4.sub(lowRight, upRight)));
  }
}

/** The gradient of the row b between the rows a and c of slopes across, downA and downC of slopes down: the adjoint of {@link derivatives}. */
function gradient(a: usize, b: usize, c: usize, downA: usize, downC: usize, out: usize, width: i32): void {
  const end = b + (<usize>width << 2);
  for (; b < end; a += 16, b += 16, c += 16, downA += 16, downC += 16, out += 16) {
    const across = smooth(along(a), along(b), along(c));
    const down = smooth(between(downC - 4, downA - 4), between(downC, downA), between(downC + 4, downA + 4));
    v128.store(out, f32x4.sub(down, across));
  }
}

/** Less than any length but 0: what 0 is divided by in its place. */
const LEAST_LENGTH: f32 = 1e-30;

/** Lengths of less, in 8-bit levels, are the rounding of lumas, whose direction counts less and less. */
const LEAST_DIRECTION: f32 = 1e-4;

// @ts-ignore: decorator
@inline function length(x: v128, y: v128): v128 {
  return f32x4.sqrt(multiplyAdd(x, x, multiplyAdd(y, y, f32x4.splat(epsilonSquared))));
}

/** By how much the length of (x, y) exceeds that of (targetX, targetY), given both: of squares that are subtracted as products nothing is lost where they are close. */
// @ts-ignore: decorator
@inline function excess(x: v128, y: v128, targetX: v128, targetY: v128, lengths: v128): v128 {
  const across = f32x4.mul(f32x4.sub(x, targetX), f32x4.add(x, targetX));
  return f32x4.div(multiplyAdd(f32x4.sub(y, targetY), f32x4.add(y, targetY), across), f32x4.max(lengths, f32x4.splat(LEAST_LENGTH)));
}

/** The opposite of a padded row. */
function negate(row: usize, out: usize, width: i32): void {
  const end = (<usize>width << 2) + 4;
  for (let at: usize = 0; at < end + 16; at += 16) v128.store(out + at - 16, f32x4.neg(v128.load(row + at - 16)));
}

/** The sum of errors of columns [at, end) (bytes) of a row; slopes replace the derivatives `across` and `down`. `masked`: the last four columns or fewer. */
// @ts-ignore: decorator
@inline function segment(
  kind: i32, masked: bool, across: usize, down: usize, targetAcross: usize, targetDown: usize, at: usize, end: usize,
  gradScale: f32, map: usize, mapScale: f32, weights: usize,
): f64 {
  const lanes = firstLanes(<i32>((end - at) >> 2));
  const squares = kind == DERIVATIVES_MSE || kind == LENGTHS_MSE;
  const scale = f32x4.splat(squares ? 2 * gradScale : gradScale), cellScale = f32x4.splat(mapScale);
  let sum = f32x4.splat(0);
  for (; at < end; at += 16) {
    const x = v128.load(across + at), y = v128.load(down + at);
    let error: v128, slopeX: v128, slopeY: v128;
    if (kind == DERIVATIVES_L1) {
      const sizeX = size(x), sizeY = size(y);
      error = f32x4.add(sizeX, sizeY);
      slopeX = signed(x, sizeX, scale);
      slopeY = signed(y, sizeY, scale);
    } else if (kind == DERIVATIVES_MSE) {
      error = multiplyAdd(x, x, f32x4.mul(y, y));
      slopeX = f32x4.mul(x, scale);
      slopeY = f32x4.mul(y, scale);
    } else {
      const targetX = v128.load(targetAcross + at), targetY = v128.load(targetDown + at);
      const own = length(x, y);
      const difference = excess(x, y, targetX, targetY, f32x4.add(own, length(targetX, targetY)));
      error = kind == LENGTHS_MSE ? f32x4.mul(difference, difference) : size(difference);
      const slope = f32x4.div(kind == LENGTHS_MSE ? f32x4.mul(difference, scale) : signed(difference, error, scale), f32x4.max(own, f32x4.splat(LEAST_LENGTH)));
      slopeX = f32x4.mul(x, slope);
      slopeY = f32x4.mul(y, slope);
    }
    if (weights) {
      const weight = v128.load(weights + at);
      error = f32x4.mul(error, weight);
      slopeX = f32x4.mul(slopeX, weight);
      slopeY = f32x4.mul(slopeY, weight);
    }
    v128.store(across + at, slopeX);
    v128.store(down + at, slopeY);
    if (masked) error = v128.and(error, lanes);
    sum = f32x4.add(sum, error);
    if (map) v128.store(map + at, multiplyAdd(error, cellScale, v128.load(map + at)));
  }
  return laneSum(widen(sum));
}

// @ts-ignore: decorator
@inline function errors(
  kind: i32, across: usize, down: usize, targetAcross: usize, targetDown: usize, width: i32,
  gradScale: f32, map: usize, mapScale: f32, weights: usize,
): f64 {
  const whole = <usize>((width - 1) & ~3) << 2;
  let sum: f64 = 0;
  for (let at: usize = 0; at < whole; at += SEGMENT) {
    sum += segment(kind, false, across, down, targetAcross, targetDown, at, min(at + SEGMENT, whole), gradScale, map, mapScale, weights);
  }
  sum += segment(kind, true, across, down, targetAcross, targetDown, whole, <usize>width << 2, gradScale, map, mapScale, weights);
  // The adjoint of what continues images beyond their border.
  pad(across, width, -border);
  pad(down, width, border);
  return sum;
}

/**
 * Adds what the similarities of lengths along a row are short of 1, and their squares, to `sums`, in float64, since a variance is what is left of them. With `withGrad` slopes
 * replace the derivatives, times gradScale and by how much the place exceeds the mean.
 */
// @ts-ignore: decorator
@inline function similarities(
  withGrad: bool, across: usize, down: usize, targetAcross: usize, targetDown: usize, width: i32, gradScale: f32, map: usize, sums: usize,
): void {
  const end = <usize>width << 2;
  const least = f32x4.splat(LEAST_DIRECTION), lost = f32x4.splat(masking), scale = f32x4.splat(gradScale);
  let sum = f64x2.splat(0), squares = sum;
  for (let at: usize = 0; at < end; at += 16) {
    const x = v128.load(across + at), y = v128.load(down + at);
    const targetX = v128.load(targetAcross + at), targetY = v128.load(targetDown + at);
    const own = length(x, y), other = length(targetX, targetY);
    const difference = excess(x, y, targetX, targetY, f32x4.add(own, other));
    const divisor = f32x4.add(f32x4.sub(multiplyAdd(own, own, f32x4.mul(other, other)), f32x4.mul(f32x4.mul(own, other), lost)), f32x4.splat(constant));
    const short = v128.and(f32x4.div(f32x4.mul(difference, difference), divisor), firstLanes(<i32>((end - at) >> 2)));
    const low = f64x2.promote_low_f32x4(short), high = f64x2.promote_low_f32x4(highHalf(short));
    sum = f64x2.add(sum, f64x2.add(low, high));
    squares = f64x2.add(squares, f64x2.add(f64x2.mul(low, low), f64x2.mul(high, high)));
    // What is beyond the end of the row is the next row's, which comes later.
    if (map) v128.store(map + at, short);
    if (withGrad) {
      const above = f32x4.sub(f32x4.sub(short, f32x4.splat(mean)), f32x4.splat(meanRest));
      const twice = f32x4.sub(f32x4.add(own, own), f32x4.mul(other, lost));
      const slope = f32x4.mul(f32x4.sub(f32x4.add(difference, difference), f32x4.mul(short, twice)), f32x4.mul(above, scale));
      const perLength = f32x4.div(slope, f32x4.mul(divisor, f32x4.max(own, least)));
      v128.store(across + at, f32x4.mul(x, perLength));
      v128.store(down + at, f32x4.mul(y, perLength));
    }
  }
  accumulate(sums, laneSum(sum));
  accumulate(sums + 8, laneSum(squares));
  if (withGrad) {
    pad(across, width, -border);
    pad(down, width, border);
  }
}

// A function for each case: within one, the compiler would choose among them in the innermost loop.

function derivativesL1(across: usize, down: usize, tx: usize, ty: usize, width: i32, gradScale: f32, map: usize, mapScale: f32, weights: usize): f64 {
  return errors(DERIVATIVES_L1, across, down, tx, ty, width, gradScale, map, mapScale, weights);
}

function derivativesMse(across: usize, down: usize, tx: usize, ty: usize, width: i32, gradScale: f32, map: usize, mapScale: f32, weights: usize): f64 {
  return errors(DERIVATIVES_MSE, across, down, tx, ty, width, gradScale, map, mapScale, weights);
}

function lengthsL1(across: usize, down: usize, tx: usize, ty: usize, width: i32, gradScale: f32, map: usize, mapScale: f32, weights: usize): f64 {
  return errors(LENGTHS_L1, across, down, tx, ty, width, gradScale, map, mapScale, weights);
}

function lengthsMse(across: usize, down: usize, tx: usize, ty: usize, width: i32, gradScale: f32, map: usize, mapScale: f32, weights: usize): f64 {
  return errors(LENGTHS_MSE, across, down, tx, ty, width, gradScale, map, mapScale, weights);
}

function similaritiesValue(across: usize, down: usize, tx: usize, ty: usize, width: i32, gradScale: f32, map: usize, sums: usize): void {
  similarities(false, across, down, tx, ty, width, gradScale, map, sums);
}

function similaritiesGrad(across: usize, down: usize, tx: usize, ty: usize, width: i32, gradScale: f32, map: usize, sums: usize): void {
  similarities(true, across, down, tx, ty, width, gradScale, map, sums);
}

/**
 * Adds the errors of rows [from, to) of one plane to `sums`, and for similarities their squares to the number after it. `x`, `y`: output and target from row `first` on, at least from - 2 to to + 2 where there are such rows. Adds
 * error * mapScale to `map` and writes the gradient times gradScale to `grad`, both from row `from` on, where these are not 0. `weights`, where not 0, multiply errors and
 * their gradient, from row max(from - 1, 0) on; then there is no map. Touches up to 3 floats beyond the end of each array.
 */
export function derivativesStrip(
  kind: i32, x: usize, y: usize, first: i32, height: i32, width: i32, from: i32, to: i32, sums: usize, map: usize, mapScale: f32, weights: usize, grad: usize, gradScale: f32, scratch: usize,
): void {
  const bytes = <usize>width << 2;
  const ring: usize = 3 * rowBytes(width);
  const lengths = kind >= LENGTHS_L1;
  const xs = scratch, ys = scratch + ring, across = ys + ring, down = across + ring;
  const targetAcross = down + ring + 16, targetDown = targetAcross + rowBytes(width), beyond = targetDown + rowBytes(width), zeros = beyond + rowBytes(width);
  const last = height - 1;
  const begin = grad ? max(from - 1, 0) : from, end = grad ? min(to + 1, height) : to;
  const weightsFrom = max(from - 1, 0);
  const uncounted = zeros + rowBytes(width);
  memory.fill(zeros - 16, 0, rowBytes(width));
  let filled = max(begin - 1, 0);
  for (let row = begin; row < end; row++) {
    for (; filled <= min(row + 1, last); filled++) {
      const at = <usize>(filled - first) * bytes;
      fill(x + at, lengths ? 0 : y + at, ringRow(xs, filled, width), width);
      if (lengths) fill(y + at, 0, ringRow(ys, filled, width), width);
    }
    const rowAcross = ringRow(across, row, width), rowDown = ringRow(down, row, width);
    derivatives(neighbour(xs, row, -1, last, zeros, width), ringRow(xs, row, width), neighbour(xs, row, 1, last, zeros, width), rowAcross, rowDown, width);
    if (lengths) {
      derivatives(neighbour(ys, row, -1, last, zeros, width), ringRow(ys, row, width), neighbour(ys, row, 1, last, zeros, width), targetAcross, targetDown, width);
    }
    const scored = row >= from && row < to;
    const cells = map && scored ? map + <usize>(row - from) * bytes : 0;
    const rowWeights = weights ? weights + <usize>(row - weightsFrom) * bytes : 0;
    let errorsOfRow: f64 = 0;
    if (kind == DERIVATIVES_L1) errorsOfRow = derivativesL1(rowAcross, rowDown, 0, 0, width, gradScale, cells, mapScale, rowWeights);
    else if (kind == DERIVATIVES_MSE) errorsOfRow = derivativesMse(rowAcross, rowDown, 0, 0, width, gradScale, cells, mapScale, rowWeights);
    else if (kind == LENGTHS_L1) errorsOfRow = lengthsL1(rowAcross, rowDown, targetAcross, targetDown, width, gradScale, cells, mapScale, rowWeights);
    else if (kind == LENGTHS_MSE) errorsOfRow = lengthsMse(rowAcross, rowDown, targetAcross, targetDown, width, gradScale, cells, mapScale, rowWeights);
    else if (grad) similaritiesGrad(rowAcross, rowDown, targetAcross, targetDown, width, gradScale, cells, scored ? sums : uncounted);
    else similaritiesValue(rowAcross, rowDown, targetAcross, targetDown, width, gradScale, cells, scored ? sums : uncounted);
    if (scored) accumulate(sums, errorsOfRow);
    if (grad && row > from) writeGradient(across, down, row - 1, last, beyond, zeros, grad + <usize>(row - 1 - from) * bytes, width);
  }
  if (grad && to == height) writeGradient(across, down, last, last, beyond, zeros, grad + <usize>(last - from) * bytes, width);
}

/** The row above (by -1) or below (by 1) in a ring; beyond the border the border's row again, or zeros. */
// @ts-ignore: decorator
@inline function neighbour(ring: usize, row: i32, by: i32, last: i32, zeros: usize, width: i32): usize {
  const other = row + by;
  if (other >= 0 && other <= last) return ringRow(ring, other, width);
  return border ? ringRow(ring, row, width) : zeros;
}

/** The gradient of a row from the slopes of its neighbours. Beyond the border are, as the adjoint has it, those of the border row, with the opposite sign in `down`. */
function writeGradient(across: usize, down: usize, row: i32, last: i32, beyond: usize, zeros: usize, out: usize, width: i32): void {
  let other = zeros;
  if (border && (row == 0 || row == last)) {
    negate(ringRow(down, row, width), beyond, width);
    other = beyond;
  }
  const downA = row > 0 ? ringRow(down, row - 1, width) : other, downC = row < last ? ringRow(down, row + 1, width) : other;
  const a = neighbour(across, row, -1, last, zeros, width), c = neighbour(across, row, 1, last, zeros, width);
  gradient(a, ringRow(across, row, width), c, downA, downC, out, width);
}
