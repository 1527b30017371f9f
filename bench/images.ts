import type { Pixels } from "../packages/core/src/kernels/index.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { randomSource } from "../test/random.ts";

/** The same pair of images in every form that a contender wants. */
export interface Pair {
  height: number;
  width: number;
  output: Tensor;
  target: Tensor;
  /** 8-bit RGB. */
  pixels: readonly [Pixels, Pixels];
  /** 8-bit RGBA, as canvas gives it. */
  rgba: readonly [Uint8ClampedArray, Uint8ClampedArray];
}

/** A photograph's stand-in, 8 bits: waves, edges and noise; the output is the target, a little darker and noisier. */
export function makePair(height: number, width: number): Pair {
  const random = randomSource(1);
  const count = height * width;
  const [x, y] = [new Uint8Array(3 * count), new Uint8Array(3 * count)];
  for (let i = 0, row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const edge = (row >> 6) % 2 === (column >> 6) % 2 ? 0.25 : 0;
      for (let channel = 0; channel < 3; channel++, i++) {
        const wave = 0.4 + 0.2 * Math.sin(0.03 * column + channel) + 0.1 * Math.cos(0.11 * row);
        const value = wave + edge + 0.04 * (random() - 0.5);
        y[i] = Math.round(255 * value);
        x[i] = Math.round(255 * (0.97 * value + 0.03 * (random() - 0.5)));
      }
    }
  }
  const planes = (pixels: Uint8Array) => {
    const data = new Float32Array(3 * count);
    for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) data[c * count + i] = pixels[3 * i + c] / 255;
    return new Tensor(data, [1, 3, height, width]);
  };
  const rgba = (pixels: Uint8Array) => {
    const data = new Uint8ClampedArray(4 * count).fill(255);
    for (let i = 0; i < count; i++) for (let c = 0; c < 3; c++) data[4 * i + c] = pixels[3 * i + c];
    return data;
  };
  return {
    height,
    width,
    output: planes(x),
    target: planes(y),
    pixels: [
      { data: x, height, width, channels: 3 },
      { data: y, height, width, channels: 3 },
    ],
    rgba: [rgba(x), rgba(y)],
  };
}
