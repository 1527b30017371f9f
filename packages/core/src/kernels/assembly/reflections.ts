import { accumulate, laneSum, multiplyAdd64 } from "./simd";

// Householder reflections I - tau v v^T on float64 matrices. Addresses and pitches are in bytes, sizes in elements.

/** Squares below this have lost digits; beside a matrix's largest element, about 1, their roots are nothing. */
const negligible: f64 = 1e-280;

/** The reflection that turns x into (beta, 0, ..., 0), as x then is: its v, with 1 as the first element, and tau, 0 where nothing is to clear. */
function reflect(x: usize, count: i32, v: usize): f64 {
  const end = x + (<usize>count << 3);
  const alpha = load<f64>(x);
  let squares: f64 = 0;
  for (let at = x + 8; at < end; at += 8) squares += load<f64>(at) * load<f64>(at);
  const isClear = squares < negligible;
  const beta = isClear ? alpha : -copysign<f64>(Math.sqrt(alpha * alpha + squares), alpha);
  const scale = isClear ? 0 : 1 / (alpha - beta);
  for (let at = x + 8, to = v + 8; at < end; at += 8, to += 8) {
    store<f64>(to, load<f64>(at) * scale);
    store<f64>(at, 0);
  }
  store<f64>(v, 1);
  store<f64>(x, beta);
  return isClear ? 0 : (beta - alpha) / beta;
}

/** x . y of vectors of even length. */
function dot(x: usize, y: usize, count: i32): f64 {
  let a = f64x2.splat(0), b = a;
  const end = x + (<usize>(count & ~3) << 3);
  // Two sums, as each addition waits for the one before.
  for (; x < end; x += 32, y += 32) {
    a = multiplyAdd64(v128.load(x), v128.load(y), a);
    b = multiplyAdd64(v128.load(x, 16), v128.load(y, 16), b);
  }
  if (count & 2) a = multiplyAdd64(v128.load(x), v128.load(y), a);
  return laneSum(f64x2.add(a, b));
}

/** target += factor x, for vectors of even length. */
function addScaled(target: usize, x: usize, factor: f64, count: i32): void {
  const factors = f64x2.splat(factor);
  const end = target + (<usize>count << 3);
  for (; target < end; target += 16, x += 16) v128.store(target, multiplyAdd64(factors, v128.load(x), v128.load(target)));
}

/**
 * Reflects rows of even length from the right, one reflection for each of the first `count`, so that row k is 0 beyond column `first` + k. The
 * vectors, in rows of the same length that were 0, and the taus go to their addresses.
 */
export function clearRows(rows: usize, height: i32, width: i32, first: i32, count: i32, vectors: usize, taus: usize): void {
  const pitch = <usize>width << 3;
  for (let k = 0; k < count; k++) {
    const row = rows + <usize>k * pitch, v = vectors + <usize>k * pitch;
    const from = <usize>(first + k) << 3;
    const tau = reflect(row + from, width - (first + k), v + from);
    store<f64>(taus + (<usize>k << 3), tau);
    // From an even column on, since v is 0 before its first.
    const even = from & ~15;
    const rest = width - <i32>(even >> 3);
    for (let other = row + pitch; other < rows + <usize>height * pitch; other += pitch) {
      addScaled(other + even, v + even, -tau * dot(other + even, v + even, rest), rest);
    }
  }
}

/** Reflects a block on the diagonal, of which the upper triangle is kept, from both sides. w is scratch. */
function reflectDiagonal(block: usize, pitch: usize, width: i32, v: usize, tau: f64, w: usize): void {
  const size = <usize>width << 3;
  memory.fill(w, 0, size);
  // w = block v, two rows at a time; each element serves its own place and its mirror image.
  let row = block;
  for (let i: usize = 0; i < size; i += 16, row += pitch << 1) {
    const below = row + pitch;
    const v0 = load<f64>(v + i), v1 = load<f64>(v + i, 8);
    const corner = load<f64>(row + i, 8);
    const factor0 = f64x2.splat(v0), factor1 = f64x2.splat(v1);
    let sum0 = f64x2.splat(0), sum1 = sum0;
    for (let j = i + 16; j < size; j += 16) {
      const a = v128.load(row + j), b = v128.load(below + j), x = v128.load(v + j);
      sum0 = multiplyAdd64(a, x, sum0);
      sum1 = multiplyAdd64(b, x, sum1);
      v128.store(w + j, multiplyAdd64(a, factor0, multiplyAdd64(b, factor1, v128.load(w + j))));
    }
    accumulate(w + i, load<f64>(row + i) * v0 + corner * v1 + laneSum(sum0));
    accumulate(w + i + 8, corner * v0 + load<f64>(below + i, 8) * v1 + laneSum(sum1));
  }
  // The block less v w^T + w v^T, with w = tau (w - tau (w . v) v / 2).
  const half = f64x2.splat(-0.5 * tau * dot(w, v, width)), taus = f64x2.splat(tau);
  for (let i: usize = 0; i < size; i += 16) {
    v128.store(w + i, f64x2.mul(taus, multiplyAdd64(half, v128.load(v + i), v128.load(w + i))));
  }
  row = block;
  for (let i: usize = 0; i < size; i += 16, row += pitch << 1) {
    const below = row + pitch;
    const v0 = f64x2.splat(-load<f64>(v + i)), v1 = f64x2.splat(-load<f64>(v + i, 8));
    const w0 = f64x2.splat(-load<f64>(w + i)), w1 = f64x2.splat(-load<f64>(w + i, 8));
    // The second row begins one element later.
    const saved = load<f64>(below + i);
    for (let j = i; j < size; j += 16) {
      const x = v128.load(v + j), y = v128.load(w + j);
      v128.store(row + j, multiplyAdd64(v0, y, multiplyAdd64(w0, x, v128.load(row + j))));
      v128.store(below + j, multiplyAdd64(v1, y, multiplyAdd64(w1, x, v128.load(below + j))));
    }
    store<f64>(below + i, saved);
  }
}

/**
 * Reflects a block from the left, then from the right by the reflection that clears its first row, whose vector goes to `next`. w is scratch.
 *
 * @returns tau of that reflection
 */
function reflectBlock(block: usize, pitch: usize, width: i32, v: usize, tau: f64, w: usize, next: usize): f64 {
  const size = <usize>width << 3;
  // w = tau block^T v, two rows at a time.
  memory.fill(w, 0, size);
  let row = block;
  for (let i: usize = 0; i < size; i += 16, row += pitch << 1) {
    const below = row + pitch;
    const factor0 = f64x2.splat(tau * load<f64>(v + i)), factor1 = f64x2.splat(tau * load<f64>(v + i, 8));
    for (let j: usize = 0; j < size; j += 16) {
      const sum = multiplyAdd64(v128.load(row + j), factor0, v128.load(w + j));
      v128.store(w + j, multiplyAdd64(v128.load(below + j), factor1, sum));
    }
  }
  // The first row alone; then each other row less v w^T, and less tau (row . next) next.
  addScaled(block, w, -1, width);
  const nextTau = reflect(block, width, next);
  const product = dot(w, next, width);
  row = block + pitch;
  for (let i: usize = 8; i < size; i += 8, row += pitch) {
    const vi = load<f64>(v + i);
    const factor = f64x2.splat(-nextTau * (dot(row, next, width) - vi * product)), minusV = f64x2.splat(-vi);
    for (let j: usize = 0; j < size; j += 16) {
      const sum = multiplyAdd64(minusV, v128.load(w + j), v128.load(row + j));
      v128.store(row + j, multiplyAdd64(factor, v128.load(next + j), sum));
    }
  }
  return nextTau;
}

/**
 * Makes a symmetric band matrix tridiagonal: see `chaseBulges` outside. Element (i, j), with j from i up to i + 2 width - 1, is number
 * (2 width - 1) i + j; `width` is even, and as many rows of zeros follow the matrix. `scratch` has room for 3 width elements.
 */
export function chaseBulges(band: usize, size: i32, width: i32, scratch: usize): void {
  const pitch = <usize>(2 * width - 1) << 3;
  const length = <usize>width << 3;
  let v = scratch, next = scratch + length;
  const w = next + length;
  for (let row = 0; row < size - 2; row++) {
    let diagonal = band + <usize>(row + 1) * (pitch + 8);
    let tau = reflect(diagonal - pitch, width, v);
    for (let first = row + 1; first < size; first += width) {
      reflectDiagonal(diagonal, pitch, width, v, tau, w);
      tau = reflectBlock(diagonal + length, pitch, width, v, tau, w, next);
      const used = v;
      v = next;
      next = used;
      diagonal += <usize>width * (pitch + 8);
    }
  }
}
