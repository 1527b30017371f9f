import { Tensor } from "../tensor.ts";
import type { Kernels } from "./module.ts";
import { planarRows, type Rows, type WritableRows } from "./rows.ts";
import type { Planes, PlanesSpec } from "./types.ts";

/** Samples of a channel that are in memory at a time, so that a band stays in a second-level cache. */
const bandSamples = 16384;

/** The place of squares on an image: so many zeros before it, and so many squares. */
function layout([, height, width]: Planes, factor: number) {
  return { before: (factor - 1) >> 1, height: Math.ceil(height / factor), width: Math.ceil(width / factor) };
}

/** The image rows of the rows of squares [row, end). */
function fineRows(row: number, end: number, factor: number, before: number, height: number): [number, number] {
  return [Math.max(row * factor - before, 0), Math.min(end * factor - before, height)];
}

/** Means over squares of an image's pixels, as planes of a linear colour space. */
export function averagePlanes(kernels: Kernels, source: Rows, planes: Planes, { factor, rows }: PlanesSpec): Tensor {
  const [channels, height, width] = planes;
  const half = layout(planes, factor);
  const result = new Float32Array(rows.length * half.height * half.width);
  const written = planarRows(result, [rows.length, half.height, half.width]);
  const band = Math.max(1, Math.floor(bandSamples / (width * factor)));
  // More rows of the last band, which fill no square, are read all the same: their extremes are noted.
  const stride = ((band + 1) * factor * width + 15) & ~3;
  const meansStride = (band * half.width + 15) & ~3;
  kernels.reset();
  const x = kernels.floats(channels * stride);
  const staging = kernels.staging(source, (band + 1) * factor * width);
  const means = factor === 1 ? x : kernels.floats(channels * meansStride);
  const apart = factor === 1 ? stride : meansStride;
  const out = kernels.floats(rows.length * meansStride);
  const weights = kernels.floats(3 * rows.length);
  const scratch = kernels.bytes(kernels.run.planesScratch(width, half.width, factor));
  kernels.view(weights, 3 * rows.length).set(rows.flat());
  for (let from = 0; from < half.height; from += band) {
    const to = Math.min(from + band, half.height);
    const [first, last] = fineRows(from, to, factor, half.before, height);
    const end = to === half.height ? height : last;
    kernels.read(source, [0, channels], first * width, end * width, x, stride, staging);
    for (let channel = 0; factor > 1 && channel < channels; channel++) {
      for (let row = from; row < to; row++) {
        const [top, bottom] = fineRows(row, row + 1, factor, half.before, height);
        kernels.run.averageRows(
          x + 4 * (channel * stride + (top - first) * width),
          bottom - top,
          width,
          half.before,
          factor,
          means + 4 * (channel * meansStride + (row - from) * half.width),
          half.width,
          scratch,
        );
      }
    }
    const pixels = (to - from) * half.width;
    kernels.run.toPlanes(means, channels === 1 ? 0 : 4 * apart, pixels, weights, rows.length, out, 4 * meansStride);
    kernels.writePlanes(written, from * half.width, to * half.width, out, meansStride);
  }
  return new Tensor(result, [1, rows.length, half.height, half.width]);
}

/** The weight of each plane in the gradient of each channel. */
function shares(channels: number, { factor, rows }: PlanesSpec): number[][] {
  const weights = rows.map(([whole, red, blue]) => (channels === 1 ? [whole] : [red, whole - red - blue, blue]));
  return Array.from({ length: channels }, (_, channel) => weights.map((row) => row[channel] / factor ** 2));
}

/** Takes gradients with respect to the planes of {@link averagePlanes} back to those with respect to an image. */
export function spreadPlanes(
  kernels: Kernels,
  grad: WritableRows,
  planes: Planes,
  spec: PlanesSpec,
  ofPlanes: Float32Array,
): void {
  const [channels, height, width] = planes;
  const { factor, rows } = spec;
  const half = layout(planes, factor);
  const source = planarRows(ofPlanes, [rows.length, half.height, half.width]);
  const band = Math.max(1, Math.floor(bandSamples / (width * factor)));
  const stride = (band * half.width + 15) & ~3;
  kernels.reset();
  const slopes = kernels.floats(rows.length * stride);
  const out = kernels.floats((band + 1) * factor * width);
  const weights = kernels.floats(rows.length * channels);
  const scratch = kernels.bytes(kernels.run.planesScratch(width, half.width, factor));
  kernels.view(weights, rows.length * channels).set(shares(channels, spec).flat());
  for (let from = 0; from < half.height; from += band) {
    const to = Math.min(from + band, half.height);
    const [first, last] = fineRows(from, to, factor, half.before, height);
    const end = to === half.height ? height : last;
    for (let plane = 0; plane < rows.length; plane++) {
      kernels.readChannel(source, plane, from * half.width, to * half.width, slopes + 4 * plane * stride);
    }
    kernels.view(out + 4 * (last - first) * width, (end - last) * width).fill(0);
    for (let channel = 0; channel < channels; channel++) {
      for (let row = from; row < to; row++) {
        const [top, bottom] = fineRows(row, row + 1, factor, half.before, height);
        kernels.run.fromPlanes(
          slopes + 4 * (row - from) * half.width,
          4 * stride,
          half.width,
          weights + 4 * channel * rows.length,
          rows.length,
          half.before,
          factor,
          out + 4 * (top - first) * width,
          bottom - top,
          width,
          scratch,
        );
      }
      kernels.write(grad, channel, first * width, end * width, out);
    }
  }
}
