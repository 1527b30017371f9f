import { Tensor } from "@reconloss/core";
import { planResize } from "@reconloss/core/internal";
import type { Pixels } from "../image/index.ts";

/** Weights are whole numbers of this (Resample.c's PRECISION_BITS for 8 bits a sample). */
const one = 2 ** 22;

/** Levels from 0 to 255, in planes. */
interface Levels {
  readonly data: Uint8Array;
  readonly planes: number;
  readonly height: number;
  readonly width: number;
}

/** The image in 8 bits a sample, as Pillow would hold it. */
function levelsOf(image: Pixels | Tensor): Levels {
  if (image instanceof Tensor) {
    const [n, planes, height, width] = image.shape;
    const data = Uint8Array.from(image.data, (value) => Math.round(Math.min(Math.max(value, 0), 1) * 255));
    return { data, planes: n * planes, height, width };
  }
  const { data: samples, channels, height, width } = image;
  const white = samples instanceof Uint16Array ? 65535 : 255;
  const area = height * width;
  const data = Uint8Array.from({ length: channels * area }, (_, i) =>
    Math.round((samples[(i % area) * channels + Math.floor(i / area)] * 255) / white),
  );
  return { data, planes: channels, height, width };
}

type Taps = ReturnType<typeof planResize>["across"];

/** Every row of `from` levels, `step` apart, weighted by whole numbers and rounded. */
function weighted(
  { first, weights, width }: Taps,
  rows: number,
  at: (row: number, position: number) => number,
  put: (row: number, position: number, level: number) => void,
): void {
  const whole = weights.map((weight) => Math.trunc(weight * one + (weight < 0 ? -0.5 : 0.5)));
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < first.length; i++) {
      let sum = one / 2;
      for (let k = 0; k < width; k++) {
        const weight = whole[i * width + k];
        if (weight !== 0) sum += weight * at(row, first[i] + k);
      }
      put(row, i, Math.min(Math.max(Math.floor(sum / one), 0), 255));
    }
  }
}

/**
 * An image resized as Pillow resizes 8-bit images by its bicubic filter: rows first, then columns, in whole numbers, rounded to 8 bits after each. Equal to Pillow's
 * `Image.resize(size, Image.BICUBIC)` to the bit; the resizer `clean` is the same filter in floating point.
 *
 * @returns [1, channels, height, width] in [0, 1]
 */
export function resizeAsPillow(image: Pixels | Tensor, size: readonly [height: number, width: number]): Tensor {
  const { data, planes, height: h, width: w } = levelsOf(image);
  const [height, width] = size;
  const { across, down } = planResize([h, w], size, "clean");
  const narrow = new Uint8Array(planes * h * width);
  weighted(
    across,
    planes * h,
    (row, x) => data[row * w + x],
    (row, x, level) => {
      narrow[row * width + x] = level;
    },
  );
  const result = new Float32Array(planes * height * width);
  weighted(
    down,
    planes * width,
    (line, y) => narrow[(Math.floor(line / width) * h + y) * width + (line % width)],
    (line, y, level) => {
      result[(Math.floor(line / width) * height + y) * width + (line % width)] = level / 255;
    },
  );
  return new Tensor(result, [1, planes, height, width]);
}
