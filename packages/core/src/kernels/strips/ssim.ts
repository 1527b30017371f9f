import type { Planes, SsimSpec } from "../types.ts";
import { channelReader } from "./channel-reader.ts";
import { evenStrips, type StripKernel } from "./strip.ts";

/** The continuation beyond the border, as `ssimConfigure` takes it. */
const borders = { valid: 0, zero: 0, reflect: 1, replicate: 2 };

/** Map rows of one strip: tall enough that the halo costs little, low enough for the caches. */
const stripRows = 96;

/**
 * The window's weights along one axis, sum 1, rounded to float32 so that the rounded weights still add up to 1: what rounding takes is
 * given back to the middle weight.
 */
function windowWeights(window: SsimSpec["window"]): Float32Array {
  const radius = (window.size - 1) / 2;
  const weights = Float64Array.from({ length: window.size }, (_, i) =>
    window.shape === "gaussian" ? Math.exp(-((i - radius) ** 2) / (2 * window.sigma ** 2)) : 1,
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const rounded = Float32Array.from(weights, (weight) => weight / total);
  rounded[radius] += 1 - rounded.reduce((sum, weight) => sum + weight, 0);
  return rounded;
}

/** The factor of a window's variance. A window of one pixel has none: 0 keeps its rounding out of the gradient. */
function covarianceFactor({ window, covariance }: SsimSpec): number {
  const area = window.size ** 2;
  if (area === 1) return 0;
  return covariance === "sample" ? area / (area - 1) : 1;
}

/** Window radius, padding, and the size of the map. */
function geometry({ window, region }: SsimSpec, [, height, width]: Planes) {
  const radius = (window.size - 1) / 2;
  const pad = region === "valid" ? 0 : radius;
  return { radius, pad, mapHeight: height + 2 * (pad - radius), mapWidth: width + 2 * (pad - radius) };
}

/**
 * SSIM of one image. Strips are rows of the padded image; a strip owns the map row whose window starts at its row. Its sums are, per channel, those
 * of the score and of the contrast-structure term.
 */
export const ssim: StripKernel<SsimSpec> = {
  needsTarget: true,
  weight: 16,
  inPlace: true,
  mapSize: (spec, planes) => {
    const { mapHeight, mapWidth } = geometry(spec, planes);
    return [mapHeight, mapWidth];
  },
  strips: (spec, planes) => {
    const { radius, pad } = geometry(spec, planes);
    // Rows beyond the border and those that they repeat belong to one strip.
    return evenStrips(planes[1] + 2 * pad, Math.max(stripRows, 4 * radius), 2 * pad + 1);
  },
  sourceRows: (spec, planes, [from, to]) => {
    const { radius, pad } = geometry(spec, planes);
    const height = planes[1];
    const lower = Math.max(from - 2 * radius, 0);
    const upper = Math.min(to + 2 * radius, height + 2 * pad);
    // Padding above mirrors rows down to pad - lower, padding below rows up from 2 * height - 1 - upper + pad.
    const first = Math.min(lower - pad, 2 * height - 1 - upper + pad);
    const end = Math.max(upper - pad, pad - lower + 1);
    return [Math.max(first, 0), Math.min(end, height)];
  },
  gradRows: (spec, planes, [from, to]) => {
    const { pad } = geometry(spec, planes);
    return [Math.max(from - pad, 0), Math.min(Math.max(to - pad, 0), planes[1])];
  },
  mapRows: (spec, planes, [from, to]) => {
    const { mapHeight } = geometry(spec, planes);
    return [Math.min(from, mapHeight), Math.min(to, mapHeight)];
  },
  weightRows: (spec, planes, [from, to]) => {
    const { radius, mapHeight } = geometry(spec, planes);
    return [Math.max(from - 2 * radius, 0), Math.min(to, mapHeight)];
  },
  run: (kernels, spec, planes, strip, { output, target, grad, map, weight }) => {
    const [channels, height, width] = planes;
    const { radius, pad, mapHeight, mapWidth } = geometry(spec, planes);
    const [from, to] = strip;
    const [first, end] = ssim.sourceRows(spec, planes, strip);
    const [mapFrom, mapTo] = ssim.mapRows(spec, planes, strip);
    const [weightFrom, weightTo] = ssim.weightRows!(spec, planes, strip);
    const [gradFrom, gradTo] = ssim.gradRows(spec, planes, strip);
    const pixels = (end - first) * width;

    kernels.reset();
    const window = kernels.place(windowWeights(spec.window));
    const sums = kernels.bytes(16 * channels);
    const [readOutput, readTarget] = [output, target!].map((rows) => channelReader(kernels, rows, pixels));
    const cells = map ? kernels.floats((mapTo - mapFrom) * mapWidth) : 0;
    const weightCells = weight ? kernels.floats((weightTo - weightFrom) * mapWidth) : 0;
    // Padded rows are longer than the image's, and go to their place when they are cut.
    const staged = grad && (pad > 0 || grad.address === undefined);
    const gradient = staged ? kernels.floats((to - from) * (width + 2 * pad)) : 0;
    const scratch = kernels.bytes(kernels.run.ssimScratch(to - from, radius));

    kernels.view64(sums, 2 * channels).fill(0);
    if (map) kernels.view(cells, (mapTo - mapFrom) * mapWidth).fill(0);
    kernels.run.ssimConfigure(
      window,
      radius,
      pad,
      borders[spec.region],
      (spec.k1 * spec.dataRange) ** 2,
      (spec.k2 * spec.dataRange) ** 2,
      covarianceFactor(spec),
      spec.term === "contrast",
      spec.nonNegative === true,
    );
    for (let channel = 0; channel < channels; channel++) {
      if (weight) kernels.readChannel(weight, channel, weightFrom * mapWidth, weightTo * mapWidth, weightCells);
      const slopes = grad && !staged ? kernels.target(grad, channel, from * width, 0) : gradient;
      kernels.run.ssimStrip(
        readOutput(channel, first * width, end * width),
        readTarget(channel, first * width, end * width),
        first,
        height,
        width,
        from,
        to,
        sums + 16 * channel,
        cells,
        1 / channels,
        weightCells,
        slopes,
        1 / (channels * mapHeight * mapWidth),
        scratch,
      );
      if (grad) {
        kernels.run.ssimUnpad(slopes, from, to, height, width);
        kernels.write(grad, channel, gradFrom * width, gradTo * width, slopes);
      }
    }
    if (map) kernels.write(map, 0, mapFrom * mapWidth, mapTo * mapWidth, cells);
    return kernels.view64(sums, 2 * channels).slice();
  },
  finish: (spec, planes, sums) => {
    const { mapHeight, mapWidth } = geometry(spec, planes);
    const offset = spec.term === "contrast" ? 1 : 0;
    let total = 0;
    for (let channel = 0; channel < planes[0]; channel++) total += sums[2 * channel + offset];
    return total / (planes[0] * mapHeight * mapWidth);
  },
};
