import { evenLanes, firstLanes, multiplyAdd, oddLanes } from "./simd";

// Every second place, in rows and columns, of means under a separable window, and taking gradients back from there.

/** Floats around rows that vectors and windows may touch. */
const SLACK: i32 = 32;

/** Bytes of scratch for rows of this width. */
export function decimateScratch(width: i32): usize {
  return <usize>(4 * (width + 2 * SLACK)) << 2;
}

/** One row of `means` means: of the `taps` rows of `width` floats from `rows` on. Writes up to 3 floats more. */
export function decimateRow(rows: usize, width: i32, weights: usize, taps: i32, out: usize, means: i32, scratch: usize): void {
  const bytes = <usize>width << 2;
  for (let at: usize = 0; at < bytes; at += 16) {
    let row = rows + at, sum = f32x4.mul(v128.load(row), v128.load32_splat(weights));
    for (let k = 1; k < taps; k++) {
      row += bytes;
      sum = multiplyAdd(v128.load(row), v128.load32_splat(weights + (<usize>k << 2)), sum);
    }
    v128.store(scratch + at, sum);
  }
  const evens = scratch + (<usize>(width + 2 * SLACK) << 2), odds = evens + (<usize>(width + 2 * SLACK) << 2);
  for (let at: usize = 0, end = (bytes + 1) >> 1; at < end; at += 16) {
    const low = v128.load(scratch + 2 * at), high = v128.load(scratch + 2 * at, 16);
    v128.store(evens + at, evenLanes(low, high));
    v128.store(odds + at, oddLanes(low, high));
  }
  for (let at: usize = 0, end = <usize>means << 2; at < end; at += 16) {
    let sum = f32x4.mul(v128.load(evens + at), v128.load32_splat(weights));
    for (let k = 1; k < taps; k++) {
      const from = ((k & 1) == 1 ? odds : evens) + at + (<usize>(k >> 1) << 2);
      sum = multiplyAdd(v128.load(from), v128.load32_splat(weights + (<usize>k << 2)), sum);
    }
    v128.store(out + at, sum);
  }
}

/**
 * Adds to one row of `width` floats the gradient that `count` rows of `means` means at `grad` say of it, the first of which has it as its row `tap`, the next as row `tap` - 2, and so on.
 */
export function undecimateRow(grad: usize, count: i32, means: i32, weights: usize, taps: i32, tap: i32, out: usize, width: i32, scratch: usize): void {
  const bytes = <usize>means << 2;
  memory.fill(scratch, 0, <usize>(width + 2 * SLACK) << 2);
  const line = scratch + (<usize>SLACK << 2);
  for (let at: usize = 0; at < bytes; at += 16) {
    let row = grad + at, sum = f32x4.splat(0);
    for (let i = 0; i < count; i++) {
      sum = multiplyAdd(v128.load(row), v128.load32_splat(weights + (<usize>(tap - 2 * i) << 2)), sum);
      row += bytes;
    }
    v128.store(line + at, v128.and(sum, firstLanes(<i32>((bytes - at) >> 2))));
  }
  for (let x = 0; x < width; x += 8) {
    const at = line + (<usize>x << 1);
    let even = f32x4.splat(0), odd = even;
    for (let k = 0; k < taps; k += 2) {
      const from = v128.load(at - (<usize>k << 1));
      even = multiplyAdd(from, v128.load32_splat(weights + (<usize>k << 2)), even);
      if (k + 1 < taps) odd = multiplyAdd(from, v128.load32_splat(weights + (<usize>(k + 1) << 2)), odd);
    }
    const to = out + (<usize>x << 2);
    addLanes(to, i32x4.shuffle(even, odd, 0, 4, 1, 5), width - x);
    if (x + 4 < width) addLanes(to + 16, i32x4.shuffle(even, odd, 2, 6, 3, 7), width - x - 4);
  }
}

// @ts-ignore: decorator
@inline function addLanes(address: usize, x: v128, count: i32): void {
  v128.store(address, f32x4.add(v128.load(address), v128.and(x, firstLanes(count))));
}
