import { ReconlossError } from "../../packages/core/src/errors.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { cosineTransform } from "./cosine-transform.ts";

/** ITU-T T.81, annex K: the tables for brightness and colour, row by row. */
const tables = [
  [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
    87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
  ],
  [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99,
  ],
] as const;

const transform = cosineTransform(8);

/** Every 8x8 block of a plane (whose sides are multiples of 8, and whose values lie around 0) to whole multiples of the table and back. */
function quantise(plane: Float64Array, width: number, table: Float64Array): void {
  const block = new Float64Array(64);
  for (let top = 0; top < plane.length / width; top += 8) {
    for (let left = 0; left < width; left += 8) {
      const start = top * width + left;
      for (let i = 0; i < 64; i++) block[i] = plane[start + (i >> 3) * width + (i & 7)];
      transform(block, false);
      for (let i = 0; i < 64; i++) block[i] = Math.round(block[i] / table[i]) * table[i];
      transform(block, true);
      for (let i = 0; i < 64; i++) plane[start + (i >> 3) * width + (i & 7)] = block[i];
    }
  }
}

/** The tables at a quality, as libjpeg scales them. */
function tableAt(quality: number, table: readonly number[]): Float64Array {
  const scale = quality < 50 ? 50 / quality : 2 - quality / 50;
  return Float64Array.from(table, (value) => Math.min(255, Math.max(1, Math.floor(value * scale + 0.5))));
}

/** Means of 2x2 pixels, whole numbers. */
function halved(plane: Float64Array, width: number): Float64Array {
  const half = width / 2;
  return Float64Array.from({ length: plane.length / 4 }, (_, index) => {
    const at = 2 * Math.floor(index / half) * width + 2 * (index % half);
    // Halves go down and up in turn, as in libjpeg.
    const sum = plane[at] + plane[at + 1] + plane[at + width] + plane[at + width + 1];
    return Math.floor((sum + 1 + ((index % half) % 2)) / 4);
  });
}

/**
 * Compresses an image as JPEG does at a quality, without the file: 8x8 cosine transform of Y, Cb and Cr, colour at half the resolution, values rounded to
 * the standard tables (ITU-T T.81, annex K) scaled by quality as libjpeg does. Entropy coding, which changes nothing, is left out, so that it is quick.
 * A grey image has no colour planes.
 *
 * @param image - [n, 1 or 3, h, w] in [0, 1]
 * @param quality - in [1, 100]
 * @throws {ReconlossError} `invalid-argument` for another quality; `shape` for other than 1 or 3 channels
 */
export function jpeg(image: Tensor, quality: number): Tensor {
  const [n, channels, h, w] = image.shape;
  if (!(quality >= 1 && quality <= 100)) {
    throw new ReconlossError("invalid-argument", `jpeg: quality must be from 1 to 100, got ${quality}`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new ReconlossError("shape", `jpeg: images have ${channels} channels, but 1 or 3 are needed`);
  }
  const [bright, colour] = tables.map((table) => tableAt(quality, table));
  // With colour, blocks of the half planes are 16 pixels wide; pixels beyond the border repeat the last.
  const unit = channels === 1 ? 8 : 16;
  const [rows, columns] = [Math.ceil(h / unit) * unit, Math.ceil(w / unit) * unit];
  const result = new Float32Array(image.data.length);
  const planes = [0, 1, 2].slice(0, channels).map(() => new Float64Array(rows * columns));
  for (let index = 0; index < n; index++) {
    const first = index * channels * h * w;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const at = first + Math.min(y, h - 1) * w + Math.min(x, w - 1);
        const to = y * columns + x;
        if (channels === 1) {
          planes[0][to] = Math.round(255 * image.data[at]) - 128;
          continue;
        }
        const r = 255 * image.data[at];
        const g = 255 * image.data[at + h * w];
        const b = 255 * image.data[at + 2 * h * w];
        const luma = 0.299 * r + 0.587 * g + 0.114 * b;
        planes[0][to] = Math.round(luma) - 128;
        planes[1][to] = Math.round((b - luma) / 1.772);
        planes[2][to] = Math.round((r - luma) / 1.402);
      }
    }
    quantise(planes[0], columns, bright);
    const halves = planes.slice(1).map((plane) => halved(plane, columns));
    for (const half of halves) quantise(half, columns / 2, colour);
    const level = (value: number) => Math.min(255, Math.max(0, Math.round(value))) / 255;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const at = first + y * w + x;
        const luma = planes[0][y * columns + x] + 128;
        if (channels === 1) {
          result[at] = level(luma);
          continue;
        }
        const blue = enlarged(halves[0], rows / 2, columns / 2, y, x);
        const red = enlarged(halves[1], rows / 2, columns / 2, y, x);
        result[at] = level(luma + 1.402 * red);
        result[at + h * w] = level(luma - 0.344136 * blue - 0.714136 * red);
        result[at + 2 * h * w] = level(luma + 1.772 * blue);
      }
    }
  }
  return new Tensor(result, image.shape);
}

/** A pixel of a plane of half the size: 3/4 of the nearest value and 1/4 of the next along either axis, as libjpeg's decoder weighs them. */
function enlarged(half: Float64Array, rows: number, columns: number, y: number, x: number): number {
  const nearY = y >> 1;
  const nearX = x >> 1;
  const nextY = Math.min(rows - 1, Math.max(0, nearY + (y & 1 ? 1 : -1)));
  const nextX = Math.min(columns - 1, Math.max(0, nearX + (x & 1 ? 1 : -1)));
  const near = 3 * half[nearY * columns + nearX] + half[nearY * columns + nextX];
  const next = 3 * half[nextY * columns + nearX] + half[nextY * columns + nextX];
  return (3 * near + next) / 16;
}
