import type { HalvingSpec, Planes, UnhalvingSpec } from "../types.ts";
import { readMixed } from "./mixing.ts";
import { readingStrips, type Span, type StripKernel } from "./strip.ts";

/** The step from one scale to the next: the rows above and columns left of the image (0 or 1), and the next size. */
interface Halving {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function layout(odd: HalvingSpec["odd"], [, height, width]: Planes): Halving {
  const [oddRows, oddColumns] = [height % 2, width % 2];
  const both = Math.max(oddRows, oddColumns);
  const [top, left] = odd === "zero" ? [oddRows, oddColumns] : odd === "replicate" ? [both, both] : [0, 0];
  const [bottom, right] = odd === "symmetric" || odd === "zero after" ? [oddRows, oddColumns] : [0, 0];
  return { top, left, height: (height + top + bottom) >> 1, width: (width + left + right) >> 1 };
}

/** Height and width after halving. */
export function halfSize(odd: HalvingSpec["odd"], planes: Planes): readonly [height: number, width: number] {
  const { height, width } = layout(odd, planes);
  return [height, width];
}

/** The weight of the last column in the last mean along a row, where that is of this column alone; else 0. */
function lastShare(odd: HalvingSpec["odd"], width: number): number {
  if (width % 2 === 0) return 0;
  return { symmetric: 0.5, "zero after": 0.25, zero: 0, replicate: 0, drop: 0 }[odd];
}

/** Rows of the finer image that are in memory at a time, so that a band stays in a second-level cache. */
function bandHeight(width: number): number {
  return Math.max(2, Math.floor(32768 / width) & ~1);
}

/** Half the size, by means over 2x2 pixels: the channels of the output, and then of the target, are the map. */
export const halving: StripKernel<HalvingSpec> = {
  needsTarget: false,
  weight: 1,
  mapSize: ({ odd }, planes) => halfSize(odd, planes),
  strips: ({ odd }, planes) => readingStrips(layout(odd, planes).height, 2 * planes[0] * planes[2]),
  sourceRows: ({ odd }, planes, [from, to]) => {
    const { top, height } = layout(odd, planes);
    // A last row that is left out is read all the same: its extremes are noted.
    return [Math.max(2 * from - top, 0), to === height ? planes[1] : 2 * to - top];
  },
  gradRows: () => [0, 0],
  mapRows: (_, __, strip) => strip,
  run: (kernels, spec, planes, strip, { output, target, map }) => {
    const { odd, mixing, dataRange } = spec;
    const [channels, height, width] = planes;
    const half = layout(odd, planes);
    const kept = mixing ? 1 : channels;
    const band = bandHeight(width);
    const stride = ((band + 1) * width + 15) & ~3;
    kernels.reset();
    const x = kernels.floats(channels * stride);
    const images = (target ? [output, target] : [output]).map((image) => {
      return { image, staging: kernels.staging(image, (band + 1) * width) };
    });
    const out = kernels.floats((band / 2) * half.width);
    for (const [index, source] of images.entries()) {
      for (let from = strip[0]; from < strip[1]; from += band / 2) {
        const to = Math.min(from + band / 2, strip[1]);
        const [first, end] = halving.sourceRows(spec, planes, [from, to]);
        if (mixing) readMixed(kernels, source, first * width, end * width, x, stride, mixing);
        else kernels.read(source.image, [0, channels], first * width, end * width, x, stride, source.staging);
        const samples = (channels - 1) * stride + (end - first) * width;
        if (dataRange) kernels.run.linearLight(x, samples, 1 / dataRange);
        for (let channel = 0; channel < kept; channel++) {
          const at = (row: number) => x + (channel * stride + (row - first) * width) * 4;
          for (let row = from; row < to; row++) {
            const upper = 2 * row - half.top;
            const lower = upper + 1 < height ? upper + 1 : odd === "symmetric" ? upper : -1;
            // A row of zeros is that above.
            const pair = lower < 0 ? [-1, upper] : [upper < 0 && odd === "replicate" ? 0 : upper, lower];
            kernels.run.halve(
              pair[0] < 0 ? 0 : at(pair[0]),
              at(pair[1]),
              -half.left,
              odd === "replicate",
              lastShare(odd, width),
              out + (row - from) * half.width * 4,
              half.width,
            );
          }
          kernels.write(map!, index * kept + channel, from * half.width, to * half.width, out);
        }
      }
    }
    return new Float64Array();
  },
  finish: () => Number.NaN,
};

/** The rows of halves that rows of an image are a part of. */
function rowsAbove({ top, height }: Halving, [from, to]: Span): Span {
  return [Math.min((from + top) >> 1, height), Math.min(((to - 1 + top) >> 1) + 1, height)];
}

/** The gradient of an image from what it has of its own, the target, and that of its halves, the weights; nothing is read of the image. */
export const unhalving: StripKernel<UnhalvingSpec> = {
  needsTarget: false,
  weight: 1,
  mapSize: ({ odd }, planes) => halfSize(odd, planes),
  strips: (_, [channels, height, width]) => readingStrips(height, channels * width),
  sourceRows: () => [0, 0],
  targetRows: (_, __, strip) => strip,
  gradRows: (_, __, strip) => strip,
  mapRows: () => [0, 0],
  weightRows: ({ odd }, planes, strip) => rowsAbove(layout(odd, planes), strip),
  run: (kernels, { odd, scales, shares }, planes, strip, { target: own, weight: coarse, grad }) => {
    const [channels, height, width] = planes;
    const half = layout(odd, planes);
    const [replicate, symmetric] = [odd === "replicate", odd === "symmetric"];
    const band = Math.min(bandHeight(width), strip[1] - strip[0]);
    kernels.reset();
    const fine = kernels.floats(band * width);
    const up = coarse ? kernels.floats((Math.ceil(band / 2) + 1) * half.width) : 0;
    if (own === undefined) kernels.view(fine, band * width).fill(0);
    for (let channel = 0; channel < channels; channel++) {
      for (let from = strip[0]; from < strip[1]; from += band) {
        const to = Math.min(from + band, strip[1]);
        if (own) kernels.readChannel(own, channel, from * width, to * width, fine);
        const [firstUp, endUp] = rowsAbove(half, [from, to]);
        if (coarse) kernels.readChannel(coarse, channel, firstUp * half.width, endUp * half.width, up);
        for (let row = from; row < to; row++) {
          const upRow = (row + half.top) >> 1;
          const first = replicate && half.top === 1 && row === 0;
          const last = symmetric && height % 2 === 1 && row === height - 1;
          kernels.run.unhalve(
            fine + (row - from) * width * 4,
            width,
            own ? scales[channel] : 0,
            coarse && upRow < half.height ? up + (upRow - firstUp) * half.width * 4 : 0,
            half.width,
            (first || last ? 0.5 : 0.25) * (shares?.[channel] ?? 1),
            -half.left,
            replicate,
            symmetric && width % 2 === 1,
          );
        }
        kernels.write(grad!, channel, from * width, to * width, fine);
      }
    }
    return new Float64Array();
  },
  finish: () => Number.NaN,
};
