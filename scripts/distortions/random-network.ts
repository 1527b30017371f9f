import type { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

const hidden = 6;

function inside(position: number, length: number): number {
  return Math.min(length - 1, Math.max(0, position));
}

/** A 3x3 convolution of planes, its taps `spread` apart, the border repeated. */
function convolve(
  planes: readonly Float32Array[],
  h: number,
  w: number,
  filters: readonly Float64Array[],
  spread: number,
) {
  const rows = [-spread, 0, spread].map((by) => Int32Array.from({ length: h }, (_, y) => w * inside(y + by, h)));
  const columns = [-spread, 0, spread].map((by) => Int32Array.from({ length: w }, (_, x) => inside(x + by, w)));
  return filters.map((filter) => {
    const result = new Float32Array(h * w);
    for (const [input, plane] of planes.entries()) {
      for (let tap = 0; tap < 9; tap++) {
        const weight = filter[9 * input + tap];
        const [row, column] = [rows[Math.floor(tap / 3)], columns[tap % 3]];
        for (let y = 0; y < h; y++) {
          for (let x = 0; x < w; x++) result[y * w + x] += weight * plane[row[y] + column[x]];
        }
      }
    }
    return result;
  });
}

/**
 * Adds to an image the output of a network of two random convolutions with a ReLU between them: textures of many kinds that follow what is there
 * (after Zhang et al. 2018, who distort images by networks, too). One half of the time what the first sees is multiplied by noise.
 *
 * @param image - [n, c, h, w] in [0, 1]
 * @param deviation - root mean square of what is added, in units of the image
 */
export function randomNetwork(image: Tensor, deviation: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const area = h * w;
  const [edges, noisy] = [random.uniform() < 0.5, random.uniform() < 0.5];
  const spreads = [random.pick([1, 1, 2, 3]), random.pick([1, 1, 2, 4])];
  const draw = (outputs: number, inputs: number) =>
    Array.from({ length: outputs }, () => new Float64Array(9 * inputs).map(() => random.normal()));
  const first = draw(hidden, c);
  if (edges) {
    // Filters without a sum see no flat areas.
    for (const filter of first) {
      const mean = filter.reduce((sum, weight) => sum + weight, 0) / filter.length;
      for (let k = 0; k < filter.length; k++) filter[k] -= mean;
    }
  }
  const second = draw(c, hidden);
  const result = new Float32Array(image.data.length);
  for (let index = 0; index < n; index++) {
    const planes = Array.from({ length: c }, (_, channel) => {
      const start = (index * c + channel) * area;
      return image.data.slice(start, start + area).map((value) => value - 0.5);
    });
    const seen = convolve(planes, h, w, first, spreads[0]).map((plane) =>
      plane.map((value) => Math.max(0, value) * (noisy ? random.normal() : 1)),
    );
    const added = convolve(seen, h, w, second, spreads[1]);
    let square = 0;
    for (const plane of added) {
      const mean = plane.reduce((sum, value) => sum + value, 0) / area;
      for (let at = 0; at < area; at++) {
        plane[at] -= mean;
        square += plane[at] ** 2;
      }
    }
    const scale = square === 0 ? 0 : deviation / Math.sqrt(square / (c * area));
    for (const [channel, plane] of added.entries()) {
      const start = (index * c + channel) * area;
      for (let at = 0; at < area; at++) {
        result[start + at] = Math.min(1, Math.max(0, image.data[start + at] + scale * plane[at]));
      }
    }
  }
  return new Tensor(result, image.shape);
}
