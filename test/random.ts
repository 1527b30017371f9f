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
