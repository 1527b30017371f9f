import { firstLanes, laneSum, widen } from "./simd";

// SSIM under square uniform windows of 8 pixels, every fourth down and across, of samples of 8 bits. Four blocks of 4x4 pixels make a window, and a block is in four windows: sums are whole numbers and are
// taken once of each block, as in x264 and ffmpeg's filter (libavfilter/vf_ssim.c).

/** Pixels of a block along an axis. */
// @ts-ignore: decorator
@inline const SIDE: i32 = 4;

/** Sums of four blocks side by side: of x, of y, of x^2 + y^2, of x y, each four whole numbers. */
// @ts-ignore: decorator
@inline const RECORD: usize = 64;

/** Bytes of a row of records for blocks of so many columns, and one more that vectors reach into. */
function rowBytes(width: i32): usize {
  return <usize>(((width >> 2) + 3) >> 2) * RECORD + RECORD;
}

/** Bytes that {@link ssimBlocks} needs for itself. */
export function ssimBlocksScratch(width: i32): usize {
  return 2 * rowBytes(width) + 2 * <usize>SIDE * (<usize>width + 16);
}

/** Adds neighbours: from the sums of eight pairs of columns to those of four blocks. */
// @ts-ignore: decorator
@inline function joined(low: v128, high: v128): v128 {
  return i32x4.add(i32x4.shuffle(low, high, 0, 2, 4, 6), i32x4.shuffle(low, high, 1, 3, 5, 7));
}

/** The sums of all blocks of four rows, `stride` bytes from one to the next. Blocks beyond the last whole one hold what lies there. */
function sumBlocks(x: usize, y: usize, stride: usize, width: i32, records: usize): void {
  const end = <usize>(width & ~3);
  for (let j: usize = 0; j < end; j += 16, records += RECORD) {
    let lowX = i16x8.splat(0), highX = lowX, lowY = lowX, highY = lowX;
    let lowSquares = i32x4.splat(0), highSquares = lowSquares, lowProducts = lowSquares, highProducts = lowSquares;
    for (let r: usize = 0, at = j; r < 4; r++, at += stride) {
      const a = v128.load8x8_u(x + at), b = v128.load8x8_u(x + at, 8), c = v128.load8x8_u(y + at), d = v128.load8x8_u(y + at, 8);
      lowX = i16x8.add(lowX, a);
      highX = i16x8.add(highX, b);
      lowY = i16x8.add(lowY, c);
      highY = i16x8.add(highY, d);
      lowSquares = i32x4.add(lowSquares, i32x4.add(i32x4.dot_i16x8_s(a, a), i32x4.dot_i16x8_s(c, c)));
      highSquares = i32x4.add(highSquares, i32x4.add(i32x4.dot_i16x8_s(b, b), i32x4.dot_i16x8_s(d, d)));
      lowProducts = i32x4.add(lowProducts, i32x4.dot_i16x8_s(a, c));
      highProducts = i32x4.add(highProducts, i32x4.dot_i16x8_s(b, d));
    }
    v128.store(records, joined(i32x4.extadd_pairwise_i16x8_u(lowX), i32x4.extadd_pairwise_i16x8_u(highX)));
    v128.store(records, joined(i32x4.extadd_pairwise_i16x8_u(lowY), i32x4.extadd_pairwise_i16x8_u(highY)), 16);
    v128.store(records, joined(lowSquares, highSquares), 32);
    v128.store(records, joined(lowProducts, highProducts), 48);
  }
}

/** The sums of windows of two rows of blocks and of two columns of them. */
// @ts-ignore: decorator
@inline function windows(above: usize, below: usize, place: usize): v128 {
  const here = i32x4.add(v128.load(above + place), v128.load(below + place));
  const next = i32x4.add(v128.load(above + place, RECORD), v128.load(below + place, RECORD));
  return i32x4.add(here, i32x4.shuffle(here, next, 1, 2, 3, 4));
}

/** The sum of the scores of `left` windows. Sums over 64 pixels of 255 at most: none of these whole numbers is beyond 2^30. */
function scoreWindows(above: usize, below: usize, left: i32, c1: f32, c2: f32): f64 {
  const first = f32x4.splat(c1), second = f32x4.splat(c2);
  let total = f32x4.splat(0);
  for (; left > 0; left -= 4, above += RECORD, below += RECORD) {
    const x = windows(above, below, 0), y = windows(above, below, 16);
    const product = i32x4.mul(x, y), squares = i32x4.add(i32x4.mul(x, x), i32x4.mul(y, y));
    const variances = i32x4.sub(i32x4.shl(windows(above, below, 32), 6), squares);
    const covariance = i32x4.sub(i32x4.shl(windows(above, below, 48), 6), product);
    const luminance = f32x4.add(f32x4.convert_i32x4_s(i32x4.shl(product, 1)), first);
    const structure = f32x4.add(f32x4.convert_i32x4_s(i32x4.shl(covariance, 1)), second);
    const power = f32x4.add(f32x4.convert_i32x4_s(squares), first);
    const spread = f32x4.add(f32x4.convert_i32x4_s(variances), second);
    const score = f32x4.mul(f32x4.div(luminance, power), f32x4.div(structure, spread));
    total = f32x4.add(total, v128.and(score, firstLanes(left)));
  }
  return laneSum(widen(total));
}

/** One channel of four rows of pixels as planes of `stride` bytes a row. */
function takeChannel(source: usize, step: i32, channel: i32, width: i32, to: usize, stride: usize): void {
  for (let r: i32 = 0; r < SIDE; r++, to += stride) {
    const row = source + <usize>(r * width * step + channel);
    for (let i: i32 = 0; i < width; i++) store<u8>(to + <usize>i, load<u8>(row + <usize>(i * step)));
  }
}

/**
 * The sum of the scores of `rows` rows of windows of one channel of interleaved pixels, of which `x` and `y` are the first. `c1`, `c2`: the constants, for sums over 64 pixels in place of means:
 * that of variances against 64 times the sum of squares less the squared sum. `scratch`: see {@link ssimBlocksScratch}. Reads up to 15 bytes beyond the end of each array.
 */
export function ssimBlocks(
  x: usize, stepX: i32, y: usize, stepY: i32, channel: i32, width: i32, rows: i32, c1: f32, c2: f32, scratch: usize,
): f64 {
  const bytes = rowBytes(width);
  const stride = <usize>width + 16;
  const ownX = scratch + 2 * bytes, ownY = ownX + <usize>SIDE * stride;
  let above = scratch, below = scratch + bytes;
  let total: f64 = 0;
  for (let row: i32 = 0; row <= rows; row++) {
    const atX = x + <usize>(row * SIDE * width * stepX), atY = y + <usize>(row * SIDE * width * stepY);
    if (stepX == 1 && stepY == 1) {
      sumBlocks(atX, atY, width, width, below);
    } else {
      takeChannel(atX, stepX, channel, width, ownX, stride);
      takeChannel(atY, stepY, channel, width, ownY, stride);
      sumBlocks(ownX, ownY, stride, width, below);
    }
    if (row > 0) total += scoreWindows(above, below, (width >> 2) - 1, c1, c2);
    const swapped = above;
    above = below;
    below = swapped;
  }
  return total;
}
