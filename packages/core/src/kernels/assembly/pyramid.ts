import { inspect } from "./inspect";
import { evenLanes, multiplyAdd, oddLanes } from "./simd";

// Halving images by means over 2x2 pixels, and taking gradients back up.

/** Floats of each plane that {@link mix} looks at before it mixes them: three planes of them fit a first-level cache. */
const NOTED: i32 = 2048;

/**
 * Mixes the first `count` floats of three planes, `stride` bytes apart, into the first: red, green and blue times these, and `offset`. Where `note` is not 0, widens the extremes at it to theirs first. Writes up to 3 floats more.
 */
export function mix(planes: usize, stride: usize, count: i32, red: f32, green: f32, blue: f32, offset: f32, note: usize): void {
  const r = f32x4.splat(red), g = f32x4.splat(green), b = f32x4.splat(blue), more = f32x4.splat(offset);
  // Pieces that a first-level cache keeps: if there are negative floats, they are looked at again, before they are overwritten.
  for (let from = 0; from < count; from += NOTED) {
    const floats = min(count - from, NOTED), start = planes + (<usize>from << 2), end = start + (<usize>floats << 2);
    if (note) {
      inspect(start, floats, note);
      if (stride) {
        inspect(start + stride, floats, note);
        inspect(start + 2 * stride, floats, note);
      }
    }
    for (let at = start; at < end; at += 16) {
      const mixed = multiplyAdd(v128.load(at), r, multiplyAdd(v128.load(at + stride), g, f32x4.mul(v128.load(at + 2 * stride), b)));
      v128.store(at, f32x4.add(mixed, more));
    }
  }
}

/**
 * One row of means over 2x2 pixels. `a`, `b`: two rows of floats (`a` may be 0: a row of zeros), `first`: 0, or -1 where the first mean takes in a
 * column left of the image, which is 0 or, with `replicate`, the first column again; `last`: where not 0, the last mean is of the last column alone, times this. Writes
 * `width` floats and up to 3 more.
 */
export function halve(a: usize, b: usize, first: i32, replicate: bool, last: f32, out: usize, width: i32): void {
  const quarter = f32x4.splat(0.25);
  let j: i32 = 0;
  if (first < 0) {
    const column = load<f32>(b) + (a ? load<f32>(a) : 0);
    store<f32>(out, (replicate ? 2 * column : column) * 0.25);
    j = 1;
  }
  for (; j < width; j += 4) {
    const at = <usize>(2 * j + first) << 2;
    let low = v128.load(b + at), high = v128.load(b + at + 16);
    if (a) {
      low = f32x4.add(low, v128.load(a + at));
      high = f32x4.add(high, v128.load(a + at + 16));
    }
    v128.store(out + (<usize>j << 2), f32x4.mul(f32x4.add(evenLanes(low, high), oddLanes(low, high)), quarter));
  }
  if (last) {
    const at = <usize>(2 * (width - 1) + first) << 2;
    const column = load<f32>(b + at) + (a ? load<f32>(a + at) : 0);
    store<f32>(out + (<usize>(width - 1) << 2), column * last);
  }
}

/**
 * One row of a gradient: grad = scale * grad + share * coarse, where each number of the coarse row (`width` of them) goes to two columns. `first`,
 * `replicate`, `last` as in {@link halve}; `columns`: length of the row. `coarse` may be 0: only scale.
 */
export function unhalve(
  grad: usize, columns: i32, scale: f32, coarse: usize, width: i32, share: f32, first: i32, replicate: bool, last: bool,
): void {
  const scales = f32x4.splat(scale), shares = f32x4.splat(share);
  let x: i32 = 0;
  if (!coarse) {
    for (; x + 4 <= columns; x += 4) {
      const at = grad + (<usize>x << 2);
      v128.store(at, f32x4.mul(v128.load(at), scales));
    }
  } else if (first < 0) {
    store<f32>(grad, load<f32>(grad) * scale + load<f32>(coarse) * (replicate ? 2 * share : share));
    x = 1;
  }
  const reached = coarse ? min(columns, 2 * width + first) : 0;
  for (; x + 4 <= reached; x += 4) {
    const at = grad + (<usize>x << 2);
    const up = v128.load64_zero(coarse + (<usize>((x - first) >> 1) << 2));
    const pairs = i32x4.shuffle(up, up, 0, 0, 1, 1);
    v128.store(at, f32x4.add(f32x4.mul(v128.load(at), scales), f32x4.mul(pairs, shares)));
  }
  for (; x < columns; x++) {
    const at = grad + (<usize>x << 2);
    const up: f32 = x < reached ? load<f32>(coarse + (<usize>((x - first) >> 1) << 2)) : 0;
    store<f32>(at, load<f32>(at) * scale + up * share);
  }
  if (last && coarse) {
    const at = grad + (<usize>(columns - 1) << 2);
    store<f32>(at, load<f32>(at) + load<f32>(coarse + (<usize>(width - 1) << 2)) * share);
  }
}
