import { elementCount, type Shape, Tensor } from "../packages/core/src/tensor.ts";

/** Reproducible uniform numbers in [0, 1): mulberry32. */
export function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A tensor of reproducible uniform numbers in [low, high). */
export function randomTensor(shape: Shape, seed: number, low = 0, high = 1): Tensor {
  const random = randomSource(seed);
  return Tensor.from(
    Array.from({ length: elementCount(shape) }, () => low + (high - low) * random()),
    shape,
  );
}

/** Interleaved random pixels with opaque alpha, and the planes that they mean. */
export function randomPixels(
  Samples: Uint8ArrayConstructor | Uint8ClampedArrayConstructor | Uint16ArrayConstructor,
  channels: number,
  height: number,
  width: number,
  seed: number,
) {
  const white = Samples === Uint16Array ? 65535 : 255;
  const area = height * width;
  const levels = randomTensor([1, channels, height, width], seed).data.map((value) => Math.round(value * white));
  const data = new Samples((channels + 1) * area).fill(white);
  for (let i = 0; i < levels.length; i++) data[(i % area) * (channels + 1) + Math.floor(i / area)] = levels[i];
  return {
    pixels: { data, width, height },
    planes: new Tensor(
      levels.map((level) => level / white),
      [1, channels, height, width],
    ),
  };
}
