import type { KernelImage, Pixels } from "../kernels/index.ts";
import { type ImageBatch, levelValues, PreparedImage, tensorOf } from "../pixels/prepared-image.ts";
import { elementCount, Tensor } from "../tensor.ts";
import { type ImageOptions, type Levels, lumas, lumaThousandths } from "./image-options.ts";

/** Whether images are compared as they are. */
export function isPlain({ channels, crop, clamp, low }: ImageOptions): boolean {
  return channels === "rgb" && crop === 0 && !clamp && low === 0;
}

/** The weight of each channel in what is compared: a row for each compared channel. */
function mixing({ channels }: ImageOptions, count: number): number[][] {
  if (channels === "rgb") {
    return Array.from({ length: count }, (_, i) => Array.from({ length: count }, (_, j) => (i === j ? 1 : 0)));
  }
  return [weightsFor(lumas[channels].weights, count)];
}

function weightsFor(weights: readonly number[], count: number): number[] {
  return count === 1 ? [weights.reduce((sum, weight) => sum + weight, 0)] : [...weights];
}

/** The rows of pixels that cropping leaves: where each begins in a plane, and its length. */
function innerRows(crop: number, height: number, width: number) {
  const rows = Array.from({ length: height - 2 * crop }, (_, row) => (row + crop) * width + crop);
  return { rows, length: width - 2 * crop };
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function toLevel(thousandths: number, { subtract, factor, divide, add, round }: Levels): number {
  const quotient = (factor * (thousandths - subtract)) / divide;
  return add + (round === "down" ? Math.floor(quotient) : roundHalfToEven(quotient));
}

/** {@link prepare} of a batch without a backend: the images as they are compared, in arrays; of a prepared image once for all losses with the same options. */
export function stageImages(x: Tensor, options: ImageOptions): Tensor;
export function stageImages(x: ImageBatch, options: ImageOptions): KernelImage;
export function stageImages(x: ImageBatch, options: ImageOptions): KernelImage {
  if (!(x instanceof PreparedImage)) return isPlain(options) ? x : stageTensor(x, options);
  if (isPlain(options)) return x.pixels ?? x.tensor;
  const { channels, crop, clamp, low, dataRange } = options;
  const key = `as compared ${[channels, crop, clamp, low, dataRange]}`;
  return x.once(key, () => (x.pixels ? stagePixels(x.pixels, options) : stageTensor(x.tensor, options)));
}

/** Pixels as they are compared: their values are in [0, 1], where black is 0, white 1 and nothing is left to limit. */
function stagePixels(pixels: Pixels, options: ImageOptions): KernelImage {
  const { data, width, channels, step = channels } = pixels;
  const { rows, length } = innerRows(options.crop, pixels.height, width);
  if (options.channels === "rgb") {
    const cropped = new (data.constructor as typeof Uint8Array)(rows.length * length * step);
    for (const [y, row] of rows.entries()) {
      cropped.set(data.subarray(row * step, (row + length) * step), y * length * step);
    }
    return { data: cropped, width: length, height: rows.length, channels, step };
  }
  const { offset, levels, weights } = lumas[options.channels];
  const perLevel = 1 / 255;
  // What each level of a channel adds: the products of {@link stageTensor}, to the same bits.
  const values = levelValues(data);
  const [red, green, blue] = weightsFor(levels ? lumaThousandths : weights, channels).map((weight) =>
    Float64Array.from(values, (value) => weight * (levels ? roundHalfToEven(value / perLevel) : value)),
  );
  const staged = new Float32Array(rows.length * length);
  let position = 0;
  for (const row of rows) {
    for (let at = row * step; at < (row + length) * step; at += step) {
      const sum = channels === 1 ? red[data[at]] : red[data[at]] + green[data[at + 1]] + blue[data[at + 2]];
      staged[position++] = levels ? toLevel(sum, levels) * perLevel : sum + offset;
    }
  }
  return new Tensor(staged, [1, 1, rows.length, length]);
}

function stageTensor(x: Tensor, options: ImageOptions): Tensor {
  const { channels, crop, clamp, low, dataRange } = options;
  const [n, c, h, w] = x.shape;
  const { offset = 0, levels } = channels === "rgb" ? {} : lumas[channels];
  const mix = levels ? [weightsFor(lumaThousandths, c)] : mixing(options, c);
  const shift = offset * dataRange;
  const { rows, length } = innerRows(crop, h, w);
  const shape = [n, mix.length, rows.length, length] as const;
  const staged = new Float32Array(n * mix.length * rows.length * length);
  const perLevel = dataRange / 255;
  let position = 0;
  for (let image = 0; image < n; image++) {
    for (const weights of mix) {
      for (const row of rows) {
        for (let column = 0; column < length; column++) {
          let sum = 0;
          for (let channel = 0; channel < c; channel++) {
            if (weights[channel] === 0) continue;
            let value = x.data[(image * c + channel) * h * w + row + column] - low;
            if (clamp) value = Math.min(Math.max(value, 0), dataRange);
            sum += weights[channel] * (levels ? roundHalfToEven(value / perLevel) : value);
          }
          staged[position++] = levels ? toLevel(sum, levels) * perLevel : sum + shift;
        }
      }
    }
  }
  return new Tensor(staged, shape);
}

/** The adjoint of {@link stageImages}: the gradient with respect to x, in `into` if given, from that with respect to what is compared of it. */
export function stageGradient(gradient: Tensor, x: ImageBatch, options: ImageOptions, into?: Tensor): Tensor {
  if (isPlain(options)) return gradient;
  const { crop, low, dataRange } = options;
  const [n, c, h, w] = x.shape;
  // Values of pixels are within every range that they are taken in.
  const limited = options.clamp && !(x instanceof PreparedImage && x.pixels) ? tensorOf(x).data : undefined;
  const mix = mixing(options, c);
  const { rows, length } = innerRows(crop, h, w);
  const result = into?.data.fill(0) ?? new Float32Array(elementCount(x.shape));
  let position = 0;
  for (let image = 0; image < n; image++) {
    for (const weights of mix) {
      for (const row of rows) {
        for (let column = 0; column < length; column++) {
          const g = gradient.data[position++];
          for (let channel = 0; channel < c; channel++) {
            const place = (image * c + channel) * h * w + row + column;
            if (weights[channel] === 0) continue;
            const value = limited ? limited[place] - low : 0;
            if (value < 0 || value > dataRange) continue;
            result[place] = weights[channel] * g;
          }
        }
      }
    }
  }
  return into ?? new Tensor(result, x.shape);
}

/**
 * A weight as kernels take it: without a border, averaged over channels where fewer are compared, and divided by the mean of each image.
 *
 * @param channels - of what is compared
 */
export function stageWeight({ data, shape: [n, c, h, w] }: Tensor, channels: number, border: number): Tensor {
  const { rows, length } = innerRows(border, h, w);
  const kept = Math.min(c, channels);
  const plane = rows.length * length;
  const staged = new Float32Array(n * kept * plane);
  for (let image = 0; image < n; image++) {
    const own = staged.subarray(image * kept * plane, (image + 1) * kept * plane);
    for (let channel = 0; channel < c; channel++) {
      const from = (image * c + channel) * h * w;
      const to = (channel % kept) * plane;
      for (const [index, row] of rows.entries()) {
        addTo(own.subarray(to + index * length), data.subarray(from + row, from + row + length));
      }
    }
    let sum = 0;
    for (let i = 0; i < own.length; i++) sum += own[i];
    const factor = own.length / sum;
    for (let i = 0; i < own.length; i++) own[i] *= factor;
  }
  return new Tensor(staged, [n, kept, rows.length, length]);
}

function addTo(sum: Float32Array, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) sum[i] += values[i];
}
