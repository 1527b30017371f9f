import { Tensor } from "../../packages/core/src/tensor.ts";

function inside(position: number, length: number): number {
  return Math.min(length - 1, Math.max(0, position));
}

/**
 * Everything finer than a wavelength cut off at once along both axes, so that edges ring (a sinc filter, as Wang et al. 2021, Real-ESRGAN, use it).
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param cutoff - in (0, 1]: the share of frequencies along an axis that stays; 1 changes nothing
 */
export function ringing(image: Tensor, cutoff: number): Tensor {
  const [n, c, h, w] = image.shape;
  const reach = Math.ceil(4 / cutoff);
  const sinc = Float64Array.from({ length: 2 * reach + 1 }, (_, index) => {
    const x = Math.PI * (index - reach);
    return x === 0 ? cutoff : Math.sin(cutoff * x) / x;
  });
  const sum = sinc.reduce((total, weight) => total + weight, 0);
  const along = (
    source: Float32Array,
    length: number,
    step: number,
    start: (line: number) => number,
    lines: number,
  ) => {
    const result = new Float32Array(source.length);
    for (let line = 0; line < lines; line++) {
      const first = start(line);
      for (let position = 0; position < length; position++) {
        let total = 0;
        for (let tap = 0; tap < sinc.length; tap++) {
          total += sinc[tap] * source[first + step * inside(position + tap - reach, length)];
        }
        result[first + step * position] = total / sum;
      }
    }
    return result;
  };
  const rows = along(image.data, w, 1, (line) => line * w, n * c * h);
  const both = along(rows, h, w, (line) => Math.floor(line / w) * h * w + (line % w), n * c * w);
  return new Tensor(
    both.map((value) => Math.min(1, Math.max(0, value))),
    image.shape,
  );
}

/** Sums over everything above and to the left, one row and one column larger than the plane. */
function sumsOf(value: (at: number) => number, h: number, w: number): Float64Array {
  const sums = new Float64Array((h + 1) * (w + 1));
  for (let y = 0; y < h; y++) {
    let row = 0;
    for (let x = 0; x < w; x++) {
      row += value(y * w + x);
      sums[(y + 1) * (w + 1) + x + 1] = sums[y * (w + 1) + x + 1] + row;
    }
  }
  return sums;
}

/**
 * Texture smoothed away between edges that stay, as strong denoisers do: every pixel the mean of that square at one of its corners whose brightness
 * varies least (Kuwahara et al. 1976).
 *
 * @param image - [n, 3, h, w]
 * @param reach - of the squares, in pixels; between whole numbers a mean of both results
 */
export function kuwahara(image: Tensor, reach: number): Tensor {
  const [n, c, h, w] = image.shape;
  const area = h * w;
  const result = new Float32Array(image.data.length);
  const below = Math.floor(reach);
  for (const [whole, share] of [
    [below, below + 1 - reach],
    [below + 1, reach - below],
  ]) {
    if (share === 0) continue;
    for (let index = 0; index < n; index++) {
      const start = index * c * area;
      const plane = (channel: number) => start + channel * area;
      const luma = (at: number) =>
        0.299 * image.data[plane(0) + at] + 0.587 * image.data[plane(1) + at] + 0.114 * image.data[plane(2) + at];
      const [first, second] = [sumsOf(luma, h, w), sumsOf((at) => luma(at) ** 2, h, w)];
      const channels = Array.from({ length: c }, (_, k) => sumsOf((at) => image.data[plane(k) + at], h, w));
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          let [least, a, b, d, e, size] = [Number.POSITIVE_INFINITY, 0, 0, 0, 0, 1];
          for (let corner = 0; corner < 4; corner++) {
            const [down, right] = [corner >> 1, corner & 1];
            const [top, left] = [Math.max(0, y - (down ? 0 : whole)), Math.max(0, x - (right ? 0 : whole))];
            const [bottom, end] = [Math.min(h, y + 1 + (down ? whole : 0)), Math.min(w, x + 1 + (right ? whole : 0))];
            const at = [bottom * (w + 1) + end, top * (w + 1) + end, bottom * (w + 1) + left, top * (w + 1) + left];
            const count = (bottom - top) * (end - left);
            const mean = (first[at[0]] - first[at[1]] - first[at[2]] + first[at[3]]) / count;
            const variance = (second[at[0]] - second[at[1]] - second[at[2]] + second[at[3]]) / count - mean * mean;
            if (variance < least)
              [least, a, b, d, e, size] = [variance, ...(at as [number, number, number, number]), count];
          }
          for (let k = 0; k < c; k++) {
            const sums = channels[k];
            result[plane(k) + y * w + x] += (share * (sums[a] - sums[b] - sums[d] + sums[e])) / size;
          }
        }
      }
    }
  }
  return new Tensor(
    result.map((value) => Math.min(1, Math.max(0, value))),
    image.shape,
  );
}
