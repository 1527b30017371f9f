import { multiplyAdd } from "./simd";

/** Four samples as float32: 8-bit, 16-bit or float32 ones. */
// @ts-ignore: decorator
@inline function loadSamples<T>(address: usize): v128 {
  if (isFloat<T>()) return v128.load(address);
  if (sizeof<T>() == 2) return f32x4.convert_i32x4_u(v128.load_ext<u16>(address));
  const pairs = i16x8.extend_low_i8x16_u(v128.load32_zero(address));
  return f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(pairs));
}

function addRows<T>(source: usize, length: i32, weights: usize, taps: i32, sums: usize): void {
  const pitch = <usize>length * sizeof<T>();
  for (let i = 0; i < length; i += 16) {
    let a = f32x4.splat(0), b = a, c = a, d = a;
    let at = source + <usize>i * sizeof<T>();
    for (let k = 0; k < taps; k++) {
      const weight = v128.load32_splat(weights + (<usize>k << 2));
      a = multiplyAdd(weight, loadSamples<T>(at), a);
      b = multiplyAdd(weight, loadSamples<T>(at + 4 * sizeof<T>()), b);
      c = multiplyAdd(weight, loadSamples<T>(at + 8 * sizeof<T>()), c);
      d = multiplyAdd(weight, loadSamples<T>(at + 12 * sizeof<T>()), d);
      at += pitch;
    }
    const to = sums + (<usize>i << 2);
    v128.store(to, a);
    v128.store(to, b, 16);
    v128.store(to, c, 32);
    v128.store(to, d, 48);
  }
}

/**
 * The weighted sum of `taps` consecutive rows of `length` samples, which are 1 or 2 bytes wide, or float32 where `bytes` is 4. Reads up to
 * 15 samples and writes up to 15 floats beyond the end.
 */
export function resizeDown(bytes: i32, source: usize, length: i32, weights: usize, taps: i32, sums: usize): void {
  if (bytes == 1) addRows<u8>(source, length, weights, taps, sums);
  else if (bytes == 2) addRows<u16>(source, length, weights, taps, sums);
  else addRows<f32>(source, length, weights, taps, sums);
}

/**
 * One float32 row of pixels `step` samples apart, of which the first 1 or 3 are read, to `width` pixels, planes `stride` floats apart, divided by `white` and limited to [low, high].
 * Pixel i is made of the `taps` pixels from first[i] on. The lanes are the channels of a pixel, so reads go up to 3 floats beyond the end.
 */
export function resizeAcross(
  row: usize, step: i32, channels: i32, first: usize, weights: usize, taps: i32, width: i32, white: f32, low: f32, high: f32, out: usize, stride: i32,
): void {
  const apart = <usize>step << 2;
  const least = f32x4.splat(low), greatest = f32x4.splat(high), divisor = f32x4.splat(white);
  const green = <usize>stride << 2, blue = green << 1;
  let weight = weights;
  for (let i = 0; i < width; i++) {
    let at = row + <usize>load<i32>(first + (<usize>i << 2)) * apart;
    let a = f32x4.splat(0), b = a;
    let k = 1;
    // Two sums, as each addition waits for the one before.
    for (; k < taps; k += 2) {
      a = multiplyAdd(v128.load32_splat(weight), v128.load(at), a);
      b = multiplyAdd(v128.load32_splat(weight, 4), v128.load(at + apart), b);
      at += apart << 1;
      weight += 8;
    }
    if (k == taps) {
      a = multiplyAdd(v128.load32_splat(weight), v128.load(at), a);
      weight += 4;
    }
    const value = f32x4.min(f32x4.max(f32x4.div(f32x4.add(a, b), divisor), least), greatest);
    const to = out + (<usize>i << 2);
    v128.store_lane<f32>(to, value, 0);
    if (channels == 3) {
      v128.store_lane<f32>(to + green, value, 1);
      v128.store_lane<f32>(to + blue, value, 2);
    }
  }
}
