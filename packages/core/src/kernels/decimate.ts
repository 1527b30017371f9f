import type { Tensor } from "../tensor.ts";
import type { Kernels } from "./module.ts";
import { planarRows, type Rows } from "./rows.ts";
import { sharedPlanes } from "./shared-planes.ts";
import type { Planes } from "./types.ts";

/** Samples of one channel that are in memory at a time, so that a band stays in a second-level cache. */
const bandSamples = 32768;

/** The size of every second place of windows within an image. */
function decimated([, height, width]: Planes, taps: number): readonly [height: number, width: number] {
  return [Math.floor((height - taps) / 2) + 1, Math.floor((width - taps) / 2) + 1];
}

/** Every second place, in rows and columns, of means under a separable window. */
export function decimatePlanes(kernels: Kernels, source: Rows, planes: Planes, window: readonly number[]): Tensor {
  const [channels, , width] = planes;
  const taps = window.length;
  const [rows, columns] = decimated(planes, taps);
  const result = sharedPlanes([channels, rows, columns]);
  const written = planarRows(result.data, [channels, rows, columns]);
  const band = Math.max(1, Math.floor(bandSamples / (2 * width)));
  kernels.reset();
  const weights = kernels.place(window);
  const pixels = (2 * band + taps) * width;
  const x = kernels.floats(pixels);
  const staging = kernels.staging(source, pixels);
  const out = kernels.floats(band * columns);
  const scratch = kernels.bytes(kernels.run.decimateScratch(width));
  for (let channel = 0; channel < channels; channel++) {
    for (let from = 0; from < rows; from += band) {
      const to = Math.min(from + band, rows);
      const end = 2 * (to - 1) + taps;
      kernels.read(source, [channel, channel + 1], 2 * from * width, end * width, x, pixels, staging);
      for (let row = from; row < to; row++) {
        const [at, there] = [x + 8 * (row - from) * width, out + 4 * (row - from) * columns];
        kernels.run.decimateRow(at, width, weights, taps, there, columns, scratch);
      }
      kernels.write(written, channel, from * columns, to * columns, out);
    }
  }
  return result;
}

/** Adds to a gradient what the gradient with respect to {@link decimatePlanes} says of it. */
export function addDecimated(
  kernels: Kernels,
  grad: Float32Array,
  planes: Planes,
  window: readonly number[],
  ofMeans: Float32Array,
): void {
  const [channels, height, width] = planes;
  const taps = window.length;
  const [rows, columns] = decimated(planes, taps);
  const [own, coarse] = [planarRows(grad, planes), planarRows(ofMeans, [channels, rows, columns])];
  const band = Math.max(2, Math.floor(bandSamples / width));
  kernels.reset();
  const weights = kernels.place(window);
  const fine = kernels.floats(band * width);
  const slopes = kernels.floats((band / 2 + taps + 2) * columns);
  const scratch = kernels.bytes(kernels.run.decimateScratch(width));
  /** The rows of means that a row is a part of. */
  const above = (row: number) => Math.max(Math.ceil((row - taps + 1) / 2), 0);
  const below = (row: number) => Math.min(row >> 1, rows - 1) + 1;
  for (let channel = 0; channel < channels; channel++) {
    for (let from = 0; from < height; from += band) {
      const to = Math.min(from + band, height);
      const [first, end] = [above(from), below(to - 1)];
      kernels.readChannel(own, channel, from * width, to * width, fine);
      if (end > first) kernels.readChannel(coarse, channel, first * columns, end * columns, slopes);
      for (let row = from; row < to; row++) {
        const [top, bottom] = [above(row), below(row)];
        if (bottom <= top) continue;
        const [at, out] = [slopes + 4 * (top - first) * columns, fine + 4 * (row - from) * width];
        kernels.run.undecimateRow(at, bottom - top, columns, weights, taps, row - 2 * top, out, width, scratch);
      }
      kernels.write(own, channel, from * width, to * width, fine);
    }
  }
}
