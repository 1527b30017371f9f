import { evenLanes, firstLanes, laneSum, multiplyAdd, oddLanes, widen } from "./simd";

// Charbonnier's error of the Laplacian of a difference: what it has beyond one level of a Gaussian pyramid. The filter of five taps along an axis is a matrix, since images are continued by their border; a pyramid goes
// down by its even rows and up by its even columns, and the gradient by those of its transpose. Rows pass through rings: of the difference, of the pyramid, of slopes, and of their pyramid.

/** The filter's weights: side, next and middle. */
const OUTER: f32 = 0.05;
const INNER: f32 = 0.25;
const MIDDLE: f32 = 0.4;

/** Bytes before and after a row that vectors may touch. */
const MARGIN: usize = 32;

/** Rows of a ring: a Laplacian needs its own row and four more of the difference, and three of the pyramid. */
const RING: i32 = 8;
const COARSE_RING: i32 = 4;

/** Rows above a strip whose slopes its gradient is made of, and as many below. */
const HALO: i32 = 4;

/** Bytes of a row between which sums are float32: rounding stays near 1e-7. */
const SEGMENT: usize = 1024;

// @ts-ignore: decorator
@inline function rowBytes(width: i32): usize {
  return ((<usize>width << 2) + 15 & ~15) + 2 * MARGIN;
}

/** Bytes of scratch for rows of this many floats. */
export function edgeScratch(width: i32): usize {
  return <usize>(2 * (RING + COARSE_RING) + 1) * rowBytes(width);
}

/** Row `row` of a ring of so many. */
// @ts-ignore: decorator
@inline function rowOf(ring: usize, row: i32, rows: i32, width: i32): usize {
  return ring + MARGIN + <usize>(row & rows - 1) * rowBytes(width);
}

/** The weight of pixel `p` in the filtered pixel `y` of `size`, or with `transposed` the other way round; 0 where there is no such pixel. */
function weightOf(y: i32, p: i32, size: i32, transposed: bool): f32 {
  if (p < 0 || p >= size) return 0;
  const to = transposed ? p : y, from = transposed ? y : p;
  let sum: f32 = 0;
  for (let k = -2; k <= 2; k++) {
    if (min(max(to + k, 0), size - 1) == from) sum += k == 0 ? MIDDLE : k == 1 || k == -1 ? INNER : OUTER;
  }
  return sum;
}

/** Row j of the pyramid, times 4, of rows in a ring. */
function coarseRow(ring: usize, j: i32, height: i32, width: i32, transposed: bool, out: usize, line: usize): void {
  const y = 2 * j, last = height - 1, bytes = <usize>width << 2;
  const a = rowOf(ring, max(y - 2, 0), RING, width), b = rowOf(ring, max(y - 1, 0), RING, width), c = rowOf(ring, y, RING, width);
  const d = rowOf(ring, min(y + 1, last), RING, width), e = rowOf(ring, min(y + 2, last), RING, width);
  const wa = f32x4.splat(4 * weightOf(y, y - 2, height, transposed)), wb = f32x4.splat(4 * weightOf(y, y - 1, height, transposed));
  const wc = f32x4.splat(4 * weightOf(y, y, height, transposed)), wd = f32x4.splat(4 * weightOf(y, y + 1, height, transposed));
  const we = f32x4.splat(4 * weightOf(y, y + 2, height, transposed));
  for (let at: usize = 0; at < bytes; at += 16) {
    let sum = f32x4.mul(v128.load(a + at), wa);
    sum = multiplyAdd(v128.load(b + at), wb, sum);
    sum = multiplyAdd(v128.load(c + at), wc, sum);
    sum = multiplyAdd(v128.load(d + at), wd, sum);
    v128.store(line + at, multiplyAdd(v128.load(e + at), we, sum));
  }
  // Beyond the border are its pixels, or nothing for the transpose.
  const first = load<f32>(line), end = load<f32>(line + bytes - 4);
  const before: f32 = transposed ? 0 : first, after: f32 = transposed ? 0 : end;
  store<f32>(line - 8, before);
  store<f32>(line - 4, before);
  store<f32>(line + bytes, after);
  store<f32>(line + bytes, after, 4);
  const outer = f32x4.splat(OUTER), inner = f32x4.splat(INNER), middle = f32x4.splat(MIDDLE);
  const coarse = (width + 1) >> 1;
  for (let i = 0; i < coarse; i += 4) {
    const at = line + (<usize>i << 3);
    const left = v128.load(at - 8), own = v128.load(at), next = v128.load(at + 8), right = v128.load(at + 16), far = v128.load(at + 24);
    const sides = f32x4.mul(f32x4.add(evenLanes(left, next), evenLanes(next, far)), outer);
    const beside = multiplyAdd(f32x4.add(oddLanes(left, next), oddLanes(own, right)), inner, sides);
    v128.store(out + (<usize>i << 2), multiplyAdd(evenLanes(own, right), middle, beside));
  }
  if (!transposed) return;
  // Border pixels are also what lies beyond them.
  const second: f32 = width > 1 ? load<f32>(line, 4) : 0, beforeEnd: f32 = width > 1 ? load<f32>(line + bytes - 8) : 0;
  store<f32>(out, load<f32>(out) + (INNER + OUTER) * first + OUTER * second);
  if (width & 1) {
    const to = out + (<usize>(coarse - 1) << 2);
    store<f32>(to, load<f32>(to) + (INNER + OUTER) * end + OUTER * beforeEnd);
  }
}

// @ts-ignore: decorator
@inline function subtractAt(row: usize, x: i32, value: f32): void {
  const at = row + (<usize>x << 2);
  store<f32>(at, load<f32>(at) - value);
}

/** The row `base`, of number y, less what the pyramid, whose first row in the ring is `first`, enlarges to. */
function subtractCoarse(base: usize, ring: usize, first: i32, y: i32, height: i32, width: i32, transposed: bool, out: usize, line: usize): void {
  const j = y >> 1, coarse = (width + 1) >> 1, end = line + (<usize>coarse << 2);
  const a = rowOf(ring, max(j - 1, first), COARSE_RING, width), b = rowOf(ring, j, COARSE_RING, width);
  const c = rowOf(ring, min(j + 1, (height - 1) >> 1), COARSE_RING, width);
  const wa = f32x4.splat(weightOf(y, 2 * j - 2, height, transposed)), wb = f32x4.splat(weightOf(y, 2 * j, height, transposed));
  const wc = f32x4.splat(weightOf(y, 2 * j + 2, height, transposed));
  for (let at: usize = 0, stop = <usize>coarse << 2; at < stop; at += 16) {
    v128.store(line + at, multiplyAdd(v128.load(a + at), wa, multiplyAdd(v128.load(b + at), wb, f32x4.mul(v128.load(c + at), wc))));
  }
  const begin = load<f32>(line), last = load<f32>(end - 4), odd = (width & 1) != 0;
  store<f32>(line - 4, transposed ? 0 : begin);
  store<f32>(end, transposed || !odd ? 0 : last);
  const outer = f32x4.splat(OUTER), inner = f32x4.splat(INNER), middle = f32x4.splat(MIDDLE);
  for (let x = 0; x < width; x += 8) {
    const at = line + (<usize>x << 1), to = out + (<usize>x << 2), from = base + (<usize>x << 2);
    const own = v128.load(at), right = v128.load(at + 4);
    const even = multiplyAdd(f32x4.add(v128.load(at - 4), right), outer, f32x4.mul(own, middle)), between = f32x4.mul(f32x4.add(own, right), inner);
    v128.store(to, f32x4.sub(v128.load(from), i32x4.shuffle(even, between, 0, 4, 1, 5)));
    if (x + 4 < width) v128.store(to + 16, f32x4.sub(v128.load(from + 16), i32x4.shuffle(even, between, 2, 6, 3, 7)));
  }
  // What the border's pixels, continued, add to it and to its neighbour; in the transpose, to the border alone.
  subtractAt(out, 0, (transposed ? INNER + OUTER : INNER) * begin);
  if (transposed) {
    subtractAt(out, width - 1, (odd ? INNER + OUTER : OUTER) * last);
    return;
  }
  if (width > 1) subtractAt(out, 1, OUTER * begin);
  if (!odd) return;
  subtractAt(out, width - 1, INNER * last);
  if (width > 1) subtractAt(out, width - 2, OUTER * last);
}

/** The sum of what the errors of a row exceed epsilon by. Slopes replace the row, with weights where there are some; errors times mapScale are added to `map`. */
// @ts-ignore: decorator
@inline function errors(withMap: bool, weighted: bool, row: usize, width: i32, epsilon: f32, gradScale: f32, map: usize, mapScale: f32, weights: usize): f64 {
  const end = <usize>width << 2;
  const eps = f32x4.splat(epsilon), squaredEps = f32x4.splat(epsilon * epsilon), scale = f32x4.splat(gradScale), cellScale = f32x4.splat(mapScale);
  let total: f64 = 0;
  for (let at: usize = 0; at < end; ) {
    let sum = f32x4.splat(0);
    for (const stop = min(at + SEGMENT, end); at < stop; at += 16) {
      // As in pointwise.ts: what the root exceeds epsilon by, and one division for it and the slope.
      const d = v128.load(row + at), squared = f32x4.mul(d, d);
      const root = f32x4.sqrt(f32x4.add(squared, squaredEps)), both = f32x4.add(root, eps);
      const inverse = f32x4.div(f32x4.splat(1), f32x4.mul(root, both));
      let error = f32x4.mul(f32x4.mul(squared, root), inverse), slope = f32x4.mul(f32x4.mul(f32x4.mul(d, scale), both), inverse);
      if (weighted) {
        const weight = v128.load(weights + at);
        error = f32x4.mul(error, weight);
        slope = f32x4.mul(slope, weight);
      }
      v128.store(row + at, slope);
      error = v128.and(error, firstLanes(<i32>((end - at) >> 2)));
      sum = f32x4.add(sum, error);
      if (withMap) v128.store(map + at, multiplyAdd(error, cellScale, v128.load(map + at)));
    }
    total += laneSum(widen(sum));
  }
  return total;
}

function plainErrors(row: usize, width: i32, epsilon: f32, gradScale: f32): f64 {
  return errors(false, false, row, width, epsilon, gradScale, 0, 0, 0);
}

function mappedErrors(row: usize, width: i32, epsilon: f32, gradScale: f32, map: usize, mapScale: f32): f64 {
  return errors(true, false, row, width, epsilon, gradScale, map, mapScale, 0);
}

function weightedErrors(row: usize, width: i32, epsilon: f32, gradScale: f32, weights: usize): f64 {
  return errors(false, true, row, width, epsilon, gradScale, 0, 0, weights);
}

/**
 * The sum over rows [from, to) of one plane of what errors exceed epsilon by. `x`, `y`: output and target from row `first` on, at least from - 8 to to + 8 where there are such rows. Adds errors times mapScale to `map`
 * and writes the gradient times gradScale to `grad`, both from row `from` on, where these are not 0. `weights`, where not 0, multiply errors and their gradient, from row max(from - 4, 0) on; then there is no map. Touches
 * up to 3 floats beyond the end of each array.
 */
export function edgeStrip(
  x: usize, y: usize, first: i32, height: i32, width: i32, from: i32, to: i32, epsilon: f32, map: usize, mapScale: f32, weights: usize, grad: usize, gradScale: f32, scratch: usize,
): f64 {
  const bytes = <usize>width << 2, pitch = rowBytes(width), last = height - 1, lastCoarse = last >> 1;
  const line = scratch + MARGIN;
  const differences = scratch + pitch, coarse = differences + <usize>RING * pitch;
  const slopes = coarse + <usize>COARSE_RING * pitch, coarseSlopes = slopes + <usize>RING * pitch;
  const begin = grad ? max(from - HALO, 0) : from, weightsFrom = max(from - HALO, 0);
  const low = max((begin - 1) >> 1, 0), gradLow = max((from - 1) >> 1, 0);
  let filled = max(2 * low - 2, 0), coarseFilled = low, slopesFilled = begin, coarseSlopesFilled = gradLow;
  let sum: f64 = 0;
  for (let row = from; row < to; row++) {
    // A row of the gradient is made of three rows of the slopes' pyramid, each made when as many slopes are there as it needs.
    const above = min((row >> 1) + 1, lastCoarse);
    for (;;) {
      const wanted = grad ? min(2 * min(coarseSlopesFilled, above) + 2, last) : row;
      for (; slopesFilled <= wanted; slopesFilled++) {
        for (const next = min((slopesFilled >> 1) + 1, lastCoarse); coarseFilled <= next; coarseFilled++) {
          for (const below = min(2 * coarseFilled + 2, last); filled <= below; filled++) {
            const at = <usize>(filled - first) * bytes, out = rowOf(differences, filled, RING, width);
            for (let column: usize = 0; column < bytes; column += 16) v128.store(out + column, f32x4.sub(v128.load(x + at + column), v128.load(y + at + column)));
          }
          coarseRow(differences, coarseFilled, height, width, false, rowOf(coarse, coarseFilled, COARSE_RING, width), line);
        }
        const out = rowOf(slopes, slopesFilled, RING, width);
        subtractCoarse(rowOf(differences, slopesFilled, RING, width), coarse, low, slopesFilled, height, width, false, out, line);
        const scored = slopesFilled >= from && slopesFilled < to;
        let ofRow: f64;
        if (weights) ofRow = weightedErrors(out, width, epsilon, gradScale, weights + <usize>(slopesFilled - weightsFrom) * bytes);
        else if (map && scored) ofRow = mappedErrors(out, width, epsilon, gradScale, map + <usize>(slopesFilled - from) * bytes, mapScale);
        else ofRow = plainErrors(out, width, epsilon, gradScale);
        if (scored) sum += ofRow;
      }
      if (!grad || coarseSlopesFilled > above) break;
      coarseRow(slopes, coarseSlopesFilled, height, width, true, rowOf(coarseSlopes, coarseSlopesFilled, COARSE_RING, width), line);
      coarseSlopesFilled++;
    }
    if (!grad) continue;
    subtractCoarse(rowOf(slopes, row, RING, width), coarseSlopes, gradLow, row, height, width, true, grad + <usize>(row - from) * bytes, line);
  }
  return sum;
}
