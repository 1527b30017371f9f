import { evenLanes, multiplyAdd, oddLanes } from "./simd";

// Means over squares of pixels and planes of a linear colour space, and taking gradients back from there.

/** Floats before and after a line that vectors may touch. */
const SLACK: i32 = 16;

/** Bytes of scratch for rows of this many floats that become, or come from, `means` means over `factor` of them. */
export function planesScratch(width: i32, means: i32, factor: i32): usize {
  return <usize>(max(width, (means + 3) * factor) + 2 * factor + 2 * SLACK) << 2;
}

/**
 * One row of `means` means over `factor` by `factor` floats, of the `count` rows of `width` floats from `rows` on, fewer than `factor` where others are zeros. There are `before` zeros before a row, and
 * zeros after it. Writes up to 3 floats more.
 */
export function averageRows(rows: usize, count: i32, width: i32, before: i32, factor: i32, out: usize, means: i32, scratch: usize): void {
  if (count == 4 && factor == 4) {
    averageFours(rows, width, before, out, means);
    return;
  }
  const bytes = <usize>width << 2;
  const line = scratch + (<usize>before << 2);
  memory.fill(scratch, 0, <usize>before << 2);
  for (let at: usize = 0; at < bytes; at += 16) {
    let sum = v128.load(rows + at), row = rows + at;
    for (let k = 1; k < count; k++) {
      row += bytes;
      sum = f32x4.add(sum, v128.load(row));
    }
    v128.store(line + at, sum);
  }
  memory.fill(line + bytes, 0, <usize>(max(means * factor - before - width, 0) + SLACK) << 2);
  let rest = factor, length = means * factor;
  for (; (rest & 1) == 0; rest >>= 1) {
    length >>= 1;
    for (let at: usize = 0, end = <usize>length << 2; at < end; at += 16) {
      const low = v128.load(scratch + 2 * at), high = v128.load(scratch + 2 * at, 16);
      v128.store(scratch + at, f32x4.add(evenLanes(low, high), oddLanes(low, high)));
    }
  }
  const share: f32 = 1 / <f32>(factor * factor);
  if (rest == 1) {
    const shares = f32x4.splat(share);
    for (let at: usize = 0, end = <usize>means << 2; at < end; at += 16) v128.store(out + at, f32x4.mul(v128.load(scratch + at), shares));
    return;
  }
  let at = scratch;
  for (let i = 0; i < means; i++) {
    let sum: f32 = 0;
    for (let k = 0; k < rest; k++, at += 4) sum += load<f32>(at);
    store<f32>(out + (<usize>i << 2), sum * share);
  }
}

/** The sums of vectors of four rows. */
// @ts-ignore: decorator
@inline function sumOfFour(row: usize, bytes: usize): v128 {
  const first = f32x4.add(v128.load(row), v128.load(row + bytes));
  return f32x4.add(f32x4.add(first, v128.load(row + 2 * bytes)), v128.load(row + 3 * bytes));
}

/** The sums of neighbours in eight floats. */
// @ts-ignore: decorator
@inline function sumOfPairs(low: v128, high: v128): v128 {
  return f32x4.add(evenLanes(low, high), oddLanes(low, high));
}

/** {@link averageRows} of four rows over squares of four, without a pass for each step: to the same bits. */
function averageFours(rows: usize, width: i32, before: i32, out: usize, means: i32): void {
  const bytes = <usize>width << 2, share: f32 = 1.0 / 16.0, shares = f32x4.splat(share), start = rows - (<usize>before << 2);
  for (let i = 0; i < means; i += 4) {
    const at = start + (<usize>i << 4);
    const left = sumOfPairs(sumOfFour(at, bytes), sumOfFour(at + 16, bytes)), right = sumOfPairs(sumOfFour(at + 32, bytes), sumOfFour(at + 48, bytes));
    v128.store(out + (<usize>i << 2), f32x4.mul(sumOfPairs(left, right), shares));
  }
  // Squares that reach beyond the row.
  for (let i = 0; i < means; i++) {
    const column = 4 * i - before;
    if (column >= 0 && column + 4 <= width) {
      // None between the first and the last.
      i = max(i, (width + before) / 4 - 1);
      continue;
    }
    let sum: f32 = 0;
    for (let pair = column; pair < column + 4; pair += 2) sum += columnOf(rows, pair, width) + columnOf(rows, pair + 1, width);
    store<f32>(out + (<usize>i << 2), sum * share);
  }
}

/** The sum of a column of four rows; 0 beyond them. */
function columnOf(rows: usize, column: i32, width: i32): f32 {
  if (column < 0 || column >= width) return 0;
  const at = rows + (<usize>column << 2), bytes = <usize>width << 2;
  return load<f32>(at) + load<f32>(at + bytes) + load<f32>(at + 2 * bytes) + load<f32>(at + 3 * bytes);
}

/**
 * Planes of a linear colour space, `outStride` bytes apart, from `count` pixels of red, green and blue, `stride` bytes apart: each weighs green, and how much red and blue exceed it, by three floats at
 * `weights`. Where `stride` is 0, all three are the same. `out` may be where the channels are. Writes up to 3 floats more.
 */
export function toPlanes(channels: usize, stride: usize, count: i32, weights: usize, planes: i32, out: usize, outStride: usize): void {
  for (let at: usize = 0, end = <usize>count << 2; at < end; at += 16) {
    const green = v128.load(channels + stride + at);
    const red = f32x4.sub(v128.load(channels + at), green), blue = f32x4.sub(v128.load(channels + 2 * stride + at), green);
    let weight = weights, to = out + at;
    for (let plane = 0; plane < planes; plane++, weight += 12, to += outStride) {
      const mixed = multiplyAdd(red, v128.load32_splat(weight, 4), f32x4.mul(blue, v128.load32_splat(weight, 8)));
      v128.store(to, multiplyAdd(green, v128.load32_splat(weight), mixed));
    }
  }
}

/**
 * Takes a row of gradients by `planes` planes, `stride` bytes apart, back to `factor` rows of one channel, or `count` of them: each float is the sum of the planes' by the weights at `weights`, for a square. Rows are `width` floats, as in
 * {@link averageRows}.
 */
export function fromPlanes(
  grad: usize, stride: usize, means: i32, weights: usize, planes: i32, before: i32, factor: i32, out: usize, count: i32, width: i32, scratch: usize,
): void {
  for (let i = 0, to = scratch; i < means; i += 4) {
    let from = grad + (<usize>i << 2), sum = f32x4.mul(v128.load(from), v128.load32_splat(weights));
    for (let plane = 1; plane < planes; plane++) {
      from += stride;
      sum = multiplyAdd(v128.load(from), v128.load32_splat(weights + (<usize>plane << 2)), sum);
    }
    if (factor == 1) {
      v128.store(to, sum);
      to += 16;
    } else if (factor == 2) {
      v128.store(to, i32x4.shuffle(sum, sum, 0, 0, 1, 1));
      v128.store(to, i32x4.shuffle(sum, sum, 2, 2, 3, 3), 16);
      to += 32;
    } else {
      to = repeat(to, i32x4.shuffle(sum, sum, 0, 0, 0, 0), factor);
      to = repeat(to, i32x4.shuffle(sum, sum, 1, 1, 1, 1), factor);
      to = repeat(to, i32x4.shuffle(sum, sum, 2, 2, 2, 2), factor);
      to = repeat(to, i32x4.shuffle(sum, sum, 3, 3, 3, 3), factor);
    }
  }
  memory.fill(scratch + (<usize>(means * factor) << 2), 0, <usize>(factor + SLACK) << 2);
  for (let row = 0; row < count; row++) {
    memory.copy(out + (<usize>(row * width) << 2), scratch + (<usize>before << 2), <usize>width << 2);
  }
}

/** A number `count` times, and up to 3 times more; where the next one goes. */
// @ts-ignore: decorator
@inline function repeat(to: usize, number: v128, count: i32): usize {
  for (let k = 0; k < count; k += 4) v128.store(to + (<usize>k << 2), number);
  return to + (<usize>count << 2);
}
