import type { AveragesSpec, Planes, PlanesSpec, SpreadingSpec } from "../types.ts";
import { readingStrips, type Span, type StripKernel } from "./strip.ts";

/** Samples of a channel that are in memory at a time, so that a band stays in a second-level cache. */
const bandSamples = 16384;

/** The zeros before an image, before its first square. */
const before = ({ factor, whole }: PlanesSpec) => (whole ? 0 : (factor - 1) >> 1);

/** Height and width in squares. */
function size({ factor, whole }: PlanesSpec, [, height, width]: Planes): readonly [height: number, width: number] {
  const count = (side: number) => (whole ? Math.floor(side / factor) : Math.ceil(side / factor));
  return [count(height), count(width)];
}

/** The image rows of rows of squares. */
function fineRows(spec: PlanesSpec, [, height]: Planes, [from, to]: Span): Span {
  return [Math.max(from * spec.factor - before(spec), 0), Math.min(to * spec.factor - before(spec), height)];
}

/** The same with those after the last rows that fill squares. */
function allRows(spec: PlanesSpec, planes: Planes, rows: Span): Span {
  const [first, end] = fineRows(spec, planes, rows);
  return [first, rows[1] === size(spec, planes)[0] ? planes[1] : end];
}

/** Rows of squares in bands that are in memory at a time. */
function bands({ factor }: PlanesSpec, [, , width]: Planes, [from, to]: Span): { rows: number; spans: Span[] } {
  const rows = Math.min(Math.max(1, Math.floor(bandSamples / (width * factor))), to - from);
  const spans = Array.from({ length: Math.ceil((to - from) / rows) }, (_, index): Span => {
    const start = from + index * rows;
    return [start, Math.min(start + rows, to)];
  });
  return { rows, spans };
}

/** Both directions go by rows of squares. */
const bySquares = {
  needsTarget: false,
  weight: 1,
  mapSize: size,
  strips: (spec: PlanesSpec, planes: Planes) =>
    readingStrips(size(spec, planes)[0], planes[0] * planes[2] * spec.factor),
  finish: () => Number.NaN,
};

/** Means over squares of each image's pixels, as planes of a linear colour space: those of the output, and then of the target, are the map. */
export const averages: StripKernel<AveragesSpec> = {
  ...bySquares,
  sourceRows: allRows,
  gradRows: () => [0, 0],
  mapRows: (_, __, strip) => strip,
  run: (kernels, spec, planes, strip, { output, target, map }) => {
    const [channels, , width] = planes;
    const { factor, rows } = spec;
    const { rows: band, spans } = bands(spec, planes, strip);
    const halfWidth = size(spec, planes)[1];
    // More rows of the last band, which fill no square, are read all the same: their extremes are noted.
    const stride = ((band + 1) * factor * width + 15) & ~3;
    const meansStride = (band * halfWidth + 15) & ~3;
    kernels.reset();
    const x = kernels.floats(channels * stride);
    const images = (target ? [output, target] : [output]).map((image) => {
      return { image, staging: kernels.staging(image, (band + 1) * factor * width) };
    });
    const means = factor === 1 ? x : kernels.floats(channels * meansStride);
    const apart = factor === 1 ? stride : meansStride;
    const out = kernels.floats(rows.length * meansStride);
    const weights = kernels.place(rows.flat());
    const scratch = kernels.bytes(kernels.run.planesScratch(width, halfWidth, factor));
    for (const [index, { image, staging }] of images.entries()) {
      for (const [from, to] of spans) {
        const [first, end] = allRows(spec, planes, [from, to]);
        kernels.read(image, [0, channels], first * width, end * width, x, stride, staging);
        for (let channel = 0; factor > 1 && channel < channels; channel++) {
          for (let row = from; row < to; row++) {
            const [top, bottom] = fineRows(spec, planes, [row, row + 1]);
            kernels.run.averageRows(
              x + 4 * (channel * stride + (top - first) * width),
              bottom - top,
              width,
              before(spec),
              factor,
              means + 4 * (channel * meansStride + (row - from) * halfWidth),
              halfWidth,
              scratch,
            );
          }
        }
        const pixels = (to - from) * halfWidth;
        kernels.run.toPlanes(means, channels === 1 ? 0 : 4 * apart, pixels, weights, rows.length, out, 4 * meansStride);
        for (let plane = 0; plane < rows.length; plane++) {
          const place = index * rows.length + plane;
          kernels.write(map!, place, from * halfWidth, to * halfWidth, out + 4 * plane * meansStride);
        }
      }
    }
    return new Float64Array();
  },
};

/** The weight of each plane in the gradient of each channel. */
function shares(channels: number, { factor, rows }: PlanesSpec): number[][] {
  const weights = rows.map(([whole, red, blue]) => (channels === 1 ? [whole] : [red, whole - red - blue, blue]));
  return Array.from({ length: channels }, (_, channel) => weights.map((row) => row[channel] / factor ** 2));
}

/** Gradients with respect to the planes of {@link averages}, its weights, taken back to those with respect to an image, of which nothing is read. */
export const spreading: StripKernel<SpreadingSpec> = {
  ...bySquares,
  sourceRows: () => [0, 0],
  gradRows: allRows,
  mapRows: () => [0, 0],
  weightRows: (_, __, strip) => strip,
  run: (kernels, spec, planes, strip, { weight, grad }) => {
    const [channels, , width] = planes;
    const { factor, rows } = spec;
    const { rows: band, spans } = bands(spec, planes, strip);
    const halfWidth = size(spec, planes)[1];
    const stride = (band * halfWidth + 15) & ~3;
    kernels.reset();
    const slopes = kernels.floats(rows.length * stride);
    const out = kernels.floats((band + 1) * factor * width);
    const weights = kernels.place(shares(channels, spec).flat());
    const scratch = kernels.bytes(kernels.run.planesScratch(width, halfWidth, factor));
    for (const [from, to] of spans) {
      const [first, last] = fineRows(spec, planes, [from, to]);
      const [, end] = allRows(spec, planes, [from, to]);
      for (let plane = 0; plane < rows.length; plane++) {
        kernels.readChannel(weight!, plane, from * halfWidth, to * halfWidth, slopes + 4 * plane * stride);
      }
      kernels.view(out + 4 * (last - first) * width, (end - last) * width).fill(0);
      for (let channel = 0; channel < channels; channel++) {
        for (let row = from; row < to; row++) {
          const [top, bottom] = fineRows(spec, planes, [row, row + 1]);
          kernels.run.fromPlanes(
            slopes + 4 * (row - from) * halfWidth,
            4 * stride,
            halfWidth,
            weights + 4 * channel * rows.length,
            rows.length,
            before(spec),
            factor,
            out + 4 * (top - first) * width,
            bottom - top,
            width,
            scratch,
          );
        }
        kernels.write(grad!, channel, first * width, end * width, out);
      }
    }
    return new Float64Array();
  },
};
