import { constant } from "./simd";

// Interleaved 8- and 16-bit pixels to float32 planes in [0, 1].

/**
 * Whole numbers divided by 255 (`bits` 8) or 65535 (16), rounded as a division in float64 and then float32 does: x / 2^bits is exact, and what is missing of it is so small that the sum alone rounds. So
 * it is for every number of so many bits, and three times as fast as dividing.
 */
// @ts-ignore: decorator
@inline export function divideByWhite(samples: v128, bits: i32): v128 {
  const x = f32x4.convert_i32x4_s(samples);
  const power = bits == 8 ? 1.0 / 256 : 1.0 / 65536;
  const missing = bits == 8 ? 1.0 / 255 - 1.0 / 256 : 1.0 / 65535 - 1.0 / 65536;
  return f32x4.add(f32x4.mul(x, constant(power)), f32x4.mul(x, constant(missing)));
}

// @ts-ignore: decorator
@inline function put(planes: usize, position: i32, samples: v128, bits: i32): void {
  v128.store(planes + (<usize>position << 2), divideByWhite(samples, bits));
}

/**
 * The first `channels` of the 8-bit samples of each pixel, divided by 255. `step`: samples from pixel to pixel; `stride`: floats from plane to plane. Reads up
 * to 15 bytes and writes up to 3 floats beyond the end of each array, so planes must be filled in rising order.
 */
export function unpack8(source: usize, step: i32, planes: usize, channels: i32, pixels: i32, stride: i32): void {
  if (step > 4) {
    for (let channel = 0; channel < channels; channel++) {
      for (let i = 0; i < pixels; i++) {
        const value = <f32>load<u8>(source + <usize>(i * step + channel)) / 255;
        store<f32>(planes + (<usize>(channel * stride + i) << 2), value);
      }
    }
    return;
  }
  for (let channel = 0; channel < channels; channel++) {
    const pick = picking(step, channel);
    for (let i = 0; i < pixels; i += 4) {
      put(planes, channel * stride + i, i8x16.swizzle(v128.load(source + <usize>(i * step)), pick), 8);
    }
  }
}

/** The indices by which swizzling has a channel of four pixels as whole numbers: the sample's byte, then three bytes of zero (an index out of range picks zero). */
// @ts-ignore: decorator
@inline export function picking(step: i32, channel: i32): v128 {
  const first = v128.or(i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(step)), i32x4.splat(0x80808000));
  return i32x4.add(first, i32x4.splat(channel));
}

/** 16-bit samples, divided by 65535; otherwise as {@link unpack8}. */
export function unpack16(source: usize, step: i32, planes: usize, channels: i32, pixels: i32, stride: i32): void {
  if (step > 4) {
    for (let channel = 0; channel < channels; channel++) {
      for (let i = 0; i < pixels; i++) {
        const value = <f32>load<u16>(source + (<usize>(i * step + channel) << 1)) / 65535;
        store<f32>(planes + (<usize>(channel * stride + i) << 2), value);
      }
    }
    return;
  }
  const none: i32 = 0x80808080;
  const second = step * 0x202 + 0x80800100;
  for (let channel = 0; channel < channels; channel++) {
    const offset = channel * 0x202;
    const low = i32x4(<i32>(0x80800100 + offset), <i32>(second + offset), none, none);
    const high = i32x4(none, none, <i32>(0x80800100 + offset), <i32>(second + offset));
    for (let i = 0; i < pixels; i += 4) {
      const at = source + (<usize>(i * step) << 1);
      const a = i8x16.swizzle(v128.load(at), low);
      const b = i8x16.swizzle(v128.load(at + (<usize>step << 2)), high);
      put(planes, channel * stride + i, v128.or(a, b), 16);
    }
  }
}
