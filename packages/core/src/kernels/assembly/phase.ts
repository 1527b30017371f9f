import { fourier, fourierRoom, NUMBER } from "./fourier";
import { firstLanes, laneSum, signOf, size, widen } from "./simd";

// Agreement in phase of the waves of four wavelengths, one in each lane, in one direction: coefficients times filters become waves, columns first, which stay in memory, then row by row, each of which is summed over wavelengths while
// it is in the caches. Coefficients lie column by column. A wave is a complex number: its cosine and its sine.

/** Means of waves up to this count as it where something is divided by them. */
const LEAST: f32 = 1e-12;

/** Four numbers of four lanes as four lanes of four numbers: number `lane`. */
// @ts-ignore: decorator
@inline function lane(index: i32, a: v128, b: v128, c: v128, d: v128): v128 {
  if (index == 0) return i64x2.shuffle(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(c, d, 0, 4, 1, 5), 0, 2);
  if (index == 1) return i64x2.shuffle(i32x4.shuffle(a, b, 0, 4, 1, 5), i32x4.shuffle(c, d, 0, 4, 1, 5), 1, 3);
  if (index == 2) return i64x2.shuffle(i32x4.shuffle(a, b, 2, 6, 3, 7), i32x4.shuffle(c, d, 2, 6, 3, 7), 0, 2);
  return i64x2.shuffle(i32x4.shuffle(a, b, 2, 6, 3, 7), i32x4.shuffle(c, d, 2, 6, 3, 7), 1, 3);
}

/** Bytes from one row of waves to the next: an odd number of lines of the caches, of which others have different places. */
// @ts-ignore: decorator
@inline function pitch(w: i32): usize {
  return (<usize>(w + 5) * NUMBER >> 6 | 1) << 6;
}

/** Rows or columns in whole vectors. */
// @ts-ignore: decorator
@inline function padded(n: i32): i32 {
  return n + 3 & ~3;
}

/** Bytes of the counts by which a median is found: of 11 bits. */
const COUNTS: usize = 8192;

/** Bytes of a place that has the median amplitude: its row and column, its cosine and sine. */
const TIE: usize = 16;

/** Bytes of scratch for planes of this size. */
export function phaseScratch(h: i32, w: i32): usize {
  const room = fourierRoom(max(h, w), 2);
  return 2 * room + <usize>padded(h) * pitch(padded(w)) + (<usize>(h * w + 16) << 2) + max(COUNTS, <usize>(h * w) * TIE);
}

/**
 * The coefficients of two planes, less a number each, at once: as the real and the imaginary part of one, in which both are divided by their sizes, and 0 where that is 0. Writes planes of the real and the imaginary parts of each, `coefficients` bytes apart.
 */
export function spectra(x: usize, y: usize, lessX: f32, lessY: f32, sizeX: f32, sizeY: f32, h: i32, w: i32, planH: usize, planW: usize, out: usize, coefficients: usize, scratch: usize): void {
  const room = fourierRoom(max(h, w), 2), a = scratch, b = a + room, z = b + room;
  const column = <usize>padded(h) << 2, plane = <usize>padded(w) * column, row = <usize>w << 2;
  for (let j = 0; j < w; j += 4) {
    const meanX = f32x4.splat(lessX), meanY = f32x4.splat(lessY);
    const perX = f32x4.splat(sizeX > 0 ? 1 / sizeX : 0), perY = f32x4.splat(sizeY > 0 ? 1 / sizeY : 0);
    let from = <usize>j << 2;
    for (let i = 0, to = a; i < h; i++, to += NUMBER, from += row) {
      v128.store(to, f32x4.mul(f32x4.sub(v128.load(x + from), meanX), perX));
      v128.store(to, f32x4.mul(f32x4.sub(v128.load(y + from), meanY), perY), 16);
    }
    let at = fourier(a, b, planH, 1);
    for (let i = 0, to = z + <usize>j * column; i < h; i += 4, to += 16, at += 4 * NUMBER) {
      transpose(at, to, column);
      transpose(at + 16, to + plane, column);
    }
  }
  for (let i = 0; i < h; i += 4) {
    const first = z + (<usize>i << 2);
    for (let j = 0, to = a, from = first; j < w; j++, to += NUMBER, from += column) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from + plane), 16);
    }
    let at = fourier(a, b, planW, 1);
    for (let j = 0, to = first; j < w; j++, to += column, at += NUMBER) {
      v128.store(to, v128.load(at));
      v128.store(to + plane, v128.load(at, 16));
    }
  }
  const halfX: f32 = sizeX / 2, halfY: f32 = sizeY / 2;
  for (let j = 0; j < w; j++) {
    const own = z + <usize>j * column, opposite = z + <usize>(j == 0 ? 0 : w - j) * column;
    for (let i = 0; i < h; i++, out += 4) {
      const here = own + (<usize>i << 2), there = opposite + (<usize>(i == 0 ? 0 : h - i) << 2);
      const ar = load<f32>(here), ai = load<f32>(here + plane), br = load<f32>(there), bi = load<f32>(there + plane);
      store<f32>(out, (ar + br) * halfX);
      store<f32>(out + coefficients, (ai - bi) * halfX);
      store<f32>(out + 2 * coefficients, (ai + bi) * halfY);
      store<f32>(out + 3 * coefficients, (br - ar) * halfY);
    }
  }
}

/** Writes the first halves of four numbers, four lanes each, as four columns `column` bytes apart. */
// @ts-ignore: decorator
@inline function transpose(from: usize, to: usize, column: usize): void {
  const a = v128.load(from), b = v128.load(from + NUMBER), c = v128.load(from + 2 * NUMBER), d = v128.load(from + 3 * NUMBER);
  v128.store(to, lane(0, a, b, c, d));
  v128.store(to + column, lane(1, a, b, c, d));
  v128.store(to + 2 * column, lane(2, a, b, c, d));
  v128.store(to + 3 * column, lane(3, a, b, c, d));
}

/** The real part of the inverse transform of coefficients, not divided by their number. */
export function planeOf(re: usize, im: usize, h: i32, w: i32, planH: usize, planW: usize, out: usize, scratch: usize): void {
  const room = fourierRoom(max(h, w), 2), a = scratch, b = a + room, z = b + room;
  const column = <usize>padded(h) << 2, plane = <usize>padded(w) * column, own = <usize>h << 2;
  for (let i = 0; i < h; i += 4) {
    let from = <usize>i << 2;
    for (let j = 0, to = a; j < w; j++, to += NUMBER, from += own) {
      v128.store(to, v128.load(im + from));
      v128.store(to, v128.load(re + from), 16);
    }
    let at = fourier(a, b, planW, 1);
    for (let j = 0, to = z + (<usize>i << 2); j < w; j++, to += column, at += NUMBER) {
      v128.store(to, v128.load(at));
      v128.store(to + plane, v128.load(at, 16));
    }
  }
  for (let j = 0; j < w; j += 4) {
    for (let i = 0, to = a, from = z + <usize>j * column; i < h; i += 4, to += 4 * NUMBER, from += 16) {
      columns(from, column, to);
      columns(from + plane, column, to + 16);
    }
    let at = fourier(a, b, planH, 1) + 16, to = out + (<usize>j << 2);
    for (let i = 0; i < h; i++, to += <usize>w << 2, at += NUMBER) {
      if (j + 4 <= w) v128.store(to, v128.load(at));
      else for (let k: usize = 0; k < <usize>(w - j) << 2; k += 4) store<f32>(to + k, load<f32>(at + k));
    }
  }
}

/** Writes four floats of four columns as the first halves of four numbers. */
// @ts-ignore: decorator
@inline function columns(from: usize, column: usize, to: usize): void {
  const a = v128.load(from), b = v128.load(from + column), c = v128.load(from + 2 * column), d = v128.load(from + 3 * column);
  v128.store(to, lane(0, a, b, c, d));
  v128.store(to + NUMBER, lane(1, a, b, c, d));
  v128.store(to + 2 * NUMBER, lane(2, a, b, c, d));
  v128.store(to + 3 * NUMBER, lane(3, a, b, c, d));
}

/** One coefficient times the filters of four wavelengths, its parts exchanged. */
// @ts-ignore: decorator
@inline function filtered(re: usize, im: usize, spread: usize, radial: usize, to: usize): void {
  const filter = f32x4.mul(v128.load(radial), v128.load32_splat(spread));
  v128.store(to, f32x4.mul(filter, v128.load32_splat(im)));
  v128.store(to, f32x4.mul(filter, v128.load32_splat(re)), 16);
}

/** The transforms of columns, of coefficients times filters; `radial`: of the frequencies from 0 up, of four wavelengths each, column by column. */
function ofColumns(re: usize, im: usize, spread: usize, radial: usize, h: i32, w: i32, planH: usize, waves: usize, a: usize, b: usize): void {
  const quarter = <usize>((h >> 1) + 1) << 4, own = <usize>h << 2, row = pitch(padded(w));
  for (let j = 0; j < w; j += 2) {
    const batch = min(2, w - j);
    for (let k = 0; k < batch; k++) {
      const q = radial + <usize>min(j + k, w - j - k) * quarter;
      let at = <usize>(j + k) * own, to = a + <usize>k * NUMBER;
      for (let i = 0; i < h; i++, at += 4, to += <usize>batch * NUMBER) {
        filtered(re + at, im + at, spread + at, q + (<usize>min(i, h - i) << 4), to);
      }
    }
    let at = fourier(a, b, planH, batch), to = waves + <usize>j * NUMBER;
    if (batch == 2) {
      for (let i = 0; i < h; i++, at += 2 * NUMBER, to += row) {
        v128.store(to, v128.load(at));
        v128.store(to, v128.load(at, 16), 16);
        v128.store(to, v128.load(at, 32), 32);
        v128.store(to, v128.load(at, 48), 48);
      }
    } else {
      for (let i = 0; i < h; i++, at += NUMBER, to += row) {
        v128.store(to, v128.load(at));
        v128.store(to, v128.load(at, 16), 16);
      }
    }
  }
}

/** The sine of a wave of wavelength `index` at four places. */
// @ts-ignore: decorator
@inline function part(index: i32, at: usize): v128 {
  return lane(index, v128.load(at), v128.load(at + NUMBER), v128.load(at + 2 * NUMBER), v128.load(at + 3 * NUMBER));
}

// @ts-ignore: decorator
@inline function squares(x: v128, y: v128): v128 {
  return f32x4.add(f32x4.mul(x, x), f32x4.mul(y, y));
}

/** The amount by which a wave turns away from the mean of all. Not fused: of a single wave it is 0. */
// @ts-ignore: decorator
@inline function turn(c: v128, s: v128, cosine: v128, sine: v128): v128 {
  return f32x4.sub(f32x4.mul(c, sine), f32x4.mul(s, cosine));
}

/** One row of waves: what agrees, before noise, to `energy`, the sum of amplitudes to `amplitude`, the amplitudes of the shortest to `shortest`. */
function agreement(at: usize, w: i32, energy: usize, amplitude: usize, shortest: usize): void {
  const end = <usize>w << 2;
  for (let to: usize = 0; to < end; to += 16, at += 4 * NUMBER) {
    const s0 = part(0, at), s1 = part(1, at), s2 = part(2, at), s3 = part(3, at);
    const c0 = part(0, at + 16), c1 = part(1, at + 16), c2 = part(2, at + 16), c3 = part(3, at + 16);
    const cosine = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)), sine = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    const a0 = f32x4.sqrt(squares(c0, s0));
    v128.store(shortest + to, a0);
    const rest = f32x4.add(f32x4.sqrt(squares(c1, s1)), f32x4.add(f32x4.sqrt(squares(c2, s2)), f32x4.sqrt(squares(c3, s3))));
    v128.store(amplitude + to, f32x4.add(a0, rest));
    const mean = f32x4.sqrt(squares(cosine, sine));
    const across = f32x4.add(
      f32x4.add(size(turn(c0, s0, cosine, sine)), size(turn(c1, s1, cosine, sine))),
      f32x4.add(size(turn(c2, s2, cosine, sine)), size(turn(c3, s3, cosine, sine))),
    );
    v128.store(energy + to, f32x4.sub(mean, f32x4.div(across, f32x4.pmax(mean, f32x4.splat(LEAST)))));
  }
}

/** The float at place `k`, from 1, of `count` floats in order, none negative; by their bits, whose order is the same. */
function select(floats: usize, count: i32, k: i32, counts: usize): f32 {
  const end = floats + (<usize>count << 2);
  let found: u32 = 0, known = 0;
  while (known < 32) {
    const bits = min(11, 32 - known), shift = 32 - known - bits;
    memory.fill(counts, 0, <usize>1 << (bits + 2));
    for (let at = floats; at < end; at += 4) {
      const own = load<u32>(at);
      if (known > 0 && own >> (32 - known) != found) continue;
      const place = counts + (<usize>(own >> shift & (1 << bits) - 1) << 2);
      store<i32>(place, load<i32>(place) + 1);
    }
    let bucket: u32 = 0;
    for (; load<i32>(counts + (<usize>bucket << 2)) < k; bucket++) k -= load<i32>(counts + (<usize>bucket << 2));
    found = found << bits | bucket;
    known += bits;
  }
  return reinterpret<f32>(found);
}

/**
 * Writes what agrees in phase in one direction, and the sum of amplitudes, to `energy` and `amplitude`; returns the median of the amplitudes of the shortest waves, `threshold` times which is noise. Writes up to 3 floats more.
 */
export function phase(
  re: usize, im: usize, spread: usize, radial: usize, h: i32, w: i32, planH: usize, planW: usize, threshold: f32, energy: usize, amplitude: usize, scratch: usize,
): f32 {
  const room = fourierRoom(max(h, w), 2), a = scratch, b = a + room, waves = b + room;
  const row = pitch(padded(w)), shortest = waves + <usize>padded(h) * row, bytes = <usize>w << 2;
  ofColumns(re, im, spread, radial, h, w, planH, waves, a, b);
  for (let i = 0; i < h; i++) {
    const at = <usize>i * bytes;
    agreement(fourier(waves + <usize>i * row, a, planW, 1), w, energy + at, amplitude + at, shortest + at);
  }
  const median = select(shortest, h * w, (h * w + 1) >> 1, shortest + (<usize>(h * w + 16) << 2));
  const noise = f32x4.splat(median * threshold);
  for (let at: usize = 0, end = <usize>h * bytes; at < end; at += 16) {
    v128.store(energy + at, f32x4.pmax(f32x4.sub(v128.load(energy + at), noise), f32x4.splat(0)));
  }
  return median;
}

/** One over a length; 0 for that of nothing. */
// @ts-ignore: decorator
@inline function inverse(length: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), length), f32x4.gt(length, f32x4.splat(0)));
}

/** The slope by a cosine, or by a sine: by the sum over wavelengths, by the amplitude, and by how much the wave turns away. */
// @ts-ignore: decorator
@inline function slope(ofMean: v128, x: v128, perAmplitude: v128, turned: v128, by: v128): v128 {
  return f32x4.add(f32x4.add(ofMean, f32x4.mul(x, perAmplitude)), f32x4.mul(turned, by));
}

/** The slope by how much a wave turns away, with its sign. */
// @ts-ignore: decorator
@inline function turned(c: v128, s: v128, cosine: v128, sine: v128, scale: v128): v128 {
  const x = turn(c, s, cosine, sine);
  return v128.andnot(v128.xor(signOf(x), scale), f32x4.eq(x, f32x4.splat(0)));
}

/** Keeps the places of a vector whose shortest wave has the median amplitude; returns where the next ones go. */
function keepTies(isTie: v128, row: i32, column: i32, c: v128, s: v128, perAmplitude: v128, to: usize): usize {
  const cosine = f32x4.mul(c, perAmplitude), sine = f32x4.mul(s, perAmplitude);
  v128.store(to, lane(0, i32x4.splat(row), i32x4.splat(column), cosine, sine));
  if (i32x4.extract_lane(isTie, 0)) to += TIE;
  v128.store(to, lane(1, i32x4.splat(row), i32x4(0, column + 1, 0, 0), cosine, sine));
  if (i32x4.extract_lane(isTie, 1)) to += TIE;
  v128.store(to, lane(2, i32x4.splat(row), i32x4(0, 0, column + 2, 0), cosine, sine));
  if (i32x4.extract_lane(isTie, 2)) to += TIE;
  v128.store(to, lane(3, i32x4.splat(row), i32x4(0, 0, 0, column + 3), cosine, sine));
  return i32x4.extract_lane(isTie, 3) ? to + TIE : to;
}

/** The slopes by the waves of one row, in their place; adds the slope by what agrees to `sum`, and keeps places with the median amplitude at `ties`; returns where the next ones go. */
function slopesOfRow(at: usize, row: i32, w: i32, byEnergy: usize, byAmplitude: usize, noise: f32, median: f32, sum: usize, ties: usize): usize {
  const end = <usize>w << 2;
  let total = f64x2.splat(0);
  for (let to: usize = 0; to < end; to += 16, at += 4 * NUMBER) {
    const s0 = part(0, at), s1 = part(1, at), s2 = part(2, at), s3 = part(3, at);
    const c0 = part(0, at + 16), c1 = part(1, at + 16), c2 = part(2, at + 16), c3 = part(3, at + 16);
    const cosine = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3)), sine = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    const a0 = f32x4.sqrt(squares(c0, s0)), a1 = f32x4.sqrt(squares(c1, s1)), a2 = f32x4.sqrt(squares(c2, s2)), a3 = f32x4.sqrt(squares(c3, s3));
    const mean = f32x4.sqrt(squares(cosine, sine));
    const across = f32x4.add(
      f32x4.add(size(turn(c0, s0, cosine, sine)), size(turn(c1, s1, cosine, sine))),
      f32x4.add(size(turn(c2, s2, cosine, sine)), size(turn(c3, s3, cosine, sine))),
    );
    const largest = f32x4.pmax(mean, f32x4.splat(LEAST)), ratio = f32x4.div(across, largest);
    const lanes = firstLanes(<i32>((end - to) >> 2));
    const isAbove = v128.and(f32x4.gt(f32x4.sub(mean, ratio), f32x4.splat(noise)), lanes);
    const along = v128.and(v128.load(byEnergy + to), isAbove), amplitude = v128.load(byAmplitude + to);
    total = f64x2.add(total, widen(along));
    const per = f32x4.div(f32x4.splat(1), largest);
    const byAcross = f32x4.neg(f32x4.mul(along, per));
    const isLarger = f32x4.gt(mean, f32x4.splat(LEAST));
    const byMean = f32x4.mul(f32x4.add(along, v128.and(f32x4.mul(f32x4.mul(along, ratio), per), isLarger)), inverse(mean));
    const t0 = turned(c0, s0, cosine, sine, byAcross), t1 = turned(c1, s1, cosine, sine, byAcross);
    const t2 = turned(c2, s2, cosine, sine, byAcross), t3 = turned(c3, s3, cosine, sine, byAcross);
    const sumS = f32x4.add(f32x4.add(f32x4.mul(t0, s0), f32x4.mul(t1, s1)), f32x4.add(f32x4.mul(t2, s2), f32x4.mul(t3, s3)));
    const sumC = f32x4.add(f32x4.add(f32x4.mul(t0, c0), f32x4.mul(t1, c1)), f32x4.add(f32x4.mul(t2, c2), f32x4.mul(t3, c3)));
    const byCosine = f32x4.sub(f32x4.mul(cosine, byMean), sumS), bySine = f32x4.add(f32x4.mul(sine, byMean), sumC);
    const per0 = inverse(a0);
    const isTie = v128.and(v128.and(f32x4.eq(a0, f32x4.splat(median)), f32x4.gt(a0, f32x4.splat(0))), lanes);
    if (v128.any_true(isTie)) ties = keepTies(isTie, row, <i32>(to >> 2), c0, s0, per0, ties);
    const p0 = f32x4.mul(amplitude, per0), p1 = f32x4.mul(amplitude, inverse(a1)), p2 = f32x4.mul(amplitude, inverse(a2)), p3 = f32x4.mul(amplitude, inverse(a3));
    const less = f32x4.neg(cosine);
    const x0 = slope(byCosine, c0, p0, t0, sine), x1 = slope(byCosine, c1, p1, t1, sine), x2 = slope(byCosine, c2, p2, t2, sine), x3 = slope(byCosine, c3, p3, t3, sine);
    v128.store(at, lane(0, x0, x1, x2, x3));
    v128.store(at + NUMBER, lane(1, x0, x1, x2, x3));
    v128.store(at + 2 * NUMBER, lane(2, x0, x1, x2, x3));
    v128.store(at + 3 * NUMBER, lane(3, x0, x1, x2, x3));
    const y0 = slope(bySine, s0, p0, t0, less), y1 = slope(bySine, s1, p1, t1, less), y2 = slope(bySine, s2, p2, t2, less), y3 = slope(bySine, s3, p3, t3, less);
    v128.store(at + 16, lane(0, y0, y1, y2, y3));
    v128.store(at + NUMBER + 16, lane(1, y0, y1, y2, y3));
    v128.store(at + 2 * NUMBER + 16, lane(2, y0, y1, y2, y3));
    v128.store(at + 3 * NUMBER + 16, lane(3, y0, y1, y2, y3));
  }
  store<f64>(sum, load<f64>(sum) + laneSum(total));
  return ties;
}

/** Transforms a row in its place. */
function transformRow(row: usize, w: i32, planW: usize, a: usize): void {
  const at = fourier(row, a, planW, 1);
  if (at != row) memory.copy(row, at, <usize>w * NUMBER);
}

/** Sums over wavelengths of the transforms of columns times filters. */
function backToColumns(waves: usize, spread: usize, radial: usize, h: i32, w: i32, planH: usize, re: usize, im: usize, a: usize, b: usize): void {
  const quarter = <usize>((h >> 1) + 1) << 4, own = <usize>h << 2, row = pitch(padded(w));
  for (let j = 0; j < w; j += 2) {
    const batch = min(2, w - j), next = <usize>batch * NUMBER;
    let from = waves + <usize>j * NUMBER, to = a;
    for (let i = 0; i < h; i++, from += row, to += next) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      if (batch == 1) continue;
      v128.store(to, v128.load(from, 32), 32);
      v128.store(to, v128.load(from, 48), 48);
    }
    const result = fourier(a, b, planH, batch);
    for (let k = 0; k < batch; k++) {
      const q = radial + <usize>min(j + k, w - j - k) * quarter;
      let at = result + <usize>k * NUMBER, place = <usize>(j + k) * own;
      for (let i = 0; i < h; i += 4, at += 4 * next, place += 16) {
        const spreads = v128.load(spread + place);
        const f0 = filterOf(q, i, h), f1 = filterOf(q, i + 1, h), f2 = filterOf(q, i + 2, h), f3 = filterOf(q, i + 3, h);
        v128.store(re + place, f32x4.mul(summed(at, next, f0, f1, f2, f3), spreads));
        v128.store(im + place, f32x4.mul(summed(at + 16, next, f0, f1, f2, f3), spreads));
      }
    }
  }
}

/** The filters of four wavelengths at row `i`, or at none. */
// @ts-ignore: decorator
@inline function filterOf(quarter: usize, i: i32, h: i32): v128 {
  return v128.load(quarter + (<usize>max(min(i, h - i), 0) << 4));
}

/** The sums over lanes of four numbers times filters. */
// @ts-ignore: decorator
@inline function summed(at: usize, next: usize, f0: v128, f1: v128, f2: v128, f3: v128): v128 {
  const a = f32x4.mul(v128.load(at), f0), b = f32x4.mul(v128.load(at + next), f1), c = f32x4.mul(v128.load(at + 2 * next), f2), d = f32x4.mul(v128.load(at + 3 * next), f3);
  return f32x4.add(f32x4.add(lane(0, a, b, c, d), lane(1, a, b, c, d)), f32x4.add(lane(2, a, b, c, d), lane(3, a, b, c, d)));
}

/**
 * The coefficients of the slopes by a plane of which {@link phase} has the waves, given those by what agrees and by amplitudes: to `outRe` and `outIm`. `median`: what {@link phase} returned. `re` and `im` may be where the result goes.
 * Writes up to 3 floats more.
 */
export function phaseSlopes(
  re: usize, im: usize, spread: usize, radial: usize, h: i32, w: i32, planH: usize, planW: usize, threshold: f32, median: f32, byEnergy: usize, byAmplitude: usize, outRe: usize, outIm: usize, scratch: usize,
): void {
  const room = fourierRoom(max(h, w), 2), a = scratch, b = a + room, waves = b + room;
  const row = pitch(padded(w)), sum = waves + <usize>padded(h) * row, ties = sum + 64, bytes = <usize>w << 2;
  ofColumns(re, im, spread, radial, h, w, planH, waves, a, b);
  const noise = median * threshold;
  store<f64>(sum, 0);
  let end = ties;
  for (let i = 0; i < h; i++) {
    const own = waves + <usize>i * row, at = fourier(own, a, planW, 1), place = <usize>i * bytes, before = end;
    end = slopesOfRow(at, i, w, byEnergy + place, byAmplitude + place, noise, median, sum, end);
    // Rows with the median wait for the slope by it, which all rows are a part of.
    if (end > before) { if (at != own) memory.copy(own, at, <usize>w * NUMBER); }
    else if (at == own) transformRow(own, w, planW, a);
    else {
      const result = fourier(at, own, planW, 1);
      if (result != own) memory.copy(own, result, <usize>w * NUMBER);
    }
  }
  const count = <i32>((end - ties) / TIE);
  const byMedian = count > 0 ? <f32>(-load<f64>(sum) * <f64>threshold / <f64>count) : 0;
  for (let tie = ties; tie < end; tie += TIE) {
    const i = load<i32>(tie), own = waves + <usize>i * row, at = own + <usize>load<i32>(tie, 4) * NUMBER;
    store<f32>(at, load<f32>(at) + byMedian * load<f32>(tie, 8));
    store<f32>(at + 16, load<f32>(at + 16) + byMedian * load<f32>(tie, 12));
    if (tie + TIE == end || load<i32>(tie + TIE) != i) transformRow(own, w, planW, a);
  }
  backToColumns(waves, spread, radial, h, w, planH, outRe, outIm, a, b);
}
