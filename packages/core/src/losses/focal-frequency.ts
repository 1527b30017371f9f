import type { Definition } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { flag, integer, number } from "../definitions/options.ts";
import { batchMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { formatShape, type Shape, Tensor } from "../tensor.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { power, sumOverSpectrum, weightedImages } from "./spectrum.ts";

/** The arguments of {@link focalFrequency} besides its options. */
export interface FocalFrequencyResources {
  /** The weight of every coefficient of the full spectrum, not negative, [1, 1 or c, h, w] of the patches' size, the mean in the first row and column. */
  matrix?: Tensor;
}

/** Parts of an image, `factor` down and `factor` across, as channels: [n, c * factor^2, h / factor, w / factor]. */
function patches<T>(o: Ops<T>, x: T, factor: number): T {
  if (factor === 1) return x;
  const [, , h, w] = o.dims(x) as Shape;
  const part = (image: T, axis: "h" | "w", index: number, size: number) =>
    o.slice(image, axis, index * size, (index + 1) * size);
  const indices = Array.from({ length: factor }, (_, index) => index);
  return o.concat(
    indices.flatMap((row) => {
      const rows = part(x, "h", row, h / factor);
      return indices.map((column) => part(rows, "w", column, w / factor));
    }),
  );
}

/** The weights of a full spectrum added up at conjugates, for the columns that `Ops.fft` gives. */
function folded({ data, shape: [, c, h, w] }: Tensor): { data: Float64Array; shape: Shape } {
  const half = Math.floor(w / 2) + 1;
  const result = Float64Array.from({ length: c * h * half }, (_, i) => {
    const [plane, row, column] = [Math.floor(i / (h * half)), Math.floor(i / half) % h, i % half];
    const at = (y: number, x: number) => data[(plane * h + y) * w + x];
    const conjugate = (w - column) % w;
    return at(row, column) + (conjugate === column ? 0 : at((h - row) % h, conjugate));
  });
  return { data: result, shape: [1, c, h, half] };
}

function checkMatrix(matrix: Tensor | undefined): void {
  if (matrix === undefined) return;
  const refuse = (problem: string) => new ReconlossError("invalid-argument", `focal-frequency: matrix ${problem}`);
  if (!(matrix instanceof Tensor)) throw refuse(`must be a Tensor, got ${typeof matrix}`);
  const position = matrix.data.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
  if (position >= 0)
    throw refuse(`must be finite and not negative, but element ${position} is ${matrix.data[position]}`);
}

/**
 * Focal frequency loss (Jiang et al. 2021): the mean over the full spectrum of `m |F(output) - F(target)|^2`, with F the 2-D Fourier transform of each channel divided by the
 * root of the number of pixels. The weight `m = |F(output) - F(target)|^alpha`, divided by its largest value in each image and channel, makes coefficients count by how far they are
 * off; no gradient goes through it.
 *
 * The numbers are those of the authors' package, `focal_frequency_loss`, whose options have these names:
 *
 * | option | there | what it does |
 * |---|---|---|
 * | `alpha` (1) | `alpha` | the exponent; 0 leaves the mean squared error |
 * | `patchFactor` (1) | `patch_factor` | images are cut into as many parts down and across, each transformed by itself |
 * | `averageSpectrum` (no) | `ave_spectrum` | the mean of the batch's spectra is compared: one number for all images |
 * | `logMatrix` (no) | `log_matrix` | log(1 + m) in place of m; m of images in [0, 1], whatever their range |
 * | `batchMatrix` (no) | `batch_matrix` | divided by the largest value of the batch |
 *
 * `focalFrequency(options, { matrix })` gives the weights of the coefficients themselves in place of m (the package's third argument). Equal to the mean squared error or less; identical
 * images give 0 and a gradient of 0. A pixel weight multiplies both images before the transform, divided by its mean. There is no map.
 *
 * @throws {ReconlossError} `shape` for sizes that `patchFactor` does not divide or `matrix` does not fit
 * @example
 * ```ts
 * import { focalFrequency, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 1, 8, 8], 0.75), Tensor.full([1, 1, 8, 8], 0.25)];
 * await focalFrequency().value(output, target); // 0.25: the error is one coefficient, which has all the weight
 * ```
 */
export const focalFrequency = defineLoss({
  name: "focal-frequency",
  summary: "squared difference of Fourier coefficients, weighted by how far each is off",
  formula: "mean m |F(x) - F(y)|^2, m = |F(x) - F(y)|^alpha / its largest",
  use: "With a pixel loss, for networks that miss some frequencies: those that are furthest off count most.",
  better: "lower",
  decimals: 6,
  source:
    "Jiang et al. 2021, Focal Frequency Loss for Image Reconstruction and Synthesis, eq. 8; EndlessSora/focal-frequency-loss",
  options: {
    ...imageOptions,
    alpha: number(1, "the exponent of the weights; 0 weights all coefficients the same", { min: 0 }),
    patchFactor: integer(1, "parts down and across into which images are cut first", { min: 1 }),
    averageSpectrum: flag(false, "compare the means of the batch's spectra"),
    logMatrix: flag(false, "weights of log(1 + m)"),
    batchMatrix: flag(false, "divide weights by the largest of the batch, not of each image and channel"),
  },
  refuse: (options, shape) => {
    const { patchFactor: factor, crop } = options;
    const refusal = refuseImages(options, shape, [factor, factor]);
    const [h, w] = [shape[2] - 2 * crop, shape[3] - 2 * crop];
    if (refusal !== undefined || (h % factor === 0 && w % factor === 0)) return refusal;
    return `but patchFactor=${factor} does not divide ${h}x${w}`;
  },
  units: () => ({ degree: 2 }),
  define: (options, { matrix }: FocalFrequencyResources = {}): Definition => {
    checkMatrix(matrix);
    const { alpha, patchFactor, averageSpectrum, logMatrix, batchMatrix, dataRange, crop } = options;
    const given = matrix && folded(matrix);
    const focus = <T>(o: Ops<T>, squared: T, share: T | undefined): T => {
      const modulus = o.root(squared);
      const raised = alpha === 1 ? modulus : o.power(modulus, alpha);
      // The 1 of log(1 + m) is a modulus of images in [0, 1].
      const weights = logMatrix ? o.log1p(o.mul(raised, dataRange ** -alpha)) : raised;
      const counted = share === undefined || averageSpectrum ? weights : o.mul(weights, o.greater(share, 0));
      const largest = o.max(batchMatrix ? counted : weights, batchMatrix ? "nchw" : "hw");
      const isAny = o.greater(largest, 0);
      return o.stopGradient(o.where(isAny, o.div(weights, o.where(isAny, largest, 1)), 0));
    };
    return {
      bySize: patchFactor > 1,
      refuse: ([, c, h, w]) => {
        if (matrix === undefined) return undefined;
        const [mn, mc, mh, mw] = matrix.shape;
        const [height, width] = [h, w].map((size) => (size - 2 * crop) / patchFactor);
        const channels = (options.channels === "rgb" ? c : 1) * patchFactor ** 2;
        if (mn === 1 && (mc === 1 || mc === channels) && mh === height && mw === width) return undefined;
        const fitting = [...new Set([1, channels])].map((count) => formatShape([1, count, height, width]));
        return `but the matrix is ${formatShape(matrix.shape)}, not ${fitting.join(" or ")}`;
      },
      score: (o, images) => {
        const prepared = prepare(o, images, options);
        const { output, target } = weightedImages(o, prepared);
        const each = o.sub(output, target);
        const difference = patches(o, averageSpectrum ? batchMean(o, each, images.share) : each, patchFactor);
        const pixels = o.size(difference, "hw");
        const squared = o.div(power(o, o.fft(difference)), pixels);
        const sum = given
          ? o.sum(o.mul(squared, o.constant(given.data, given.shape)), "chw")
          : sumOverSpectrum(o, o.mul(squared, focus(o, squared, images.share)), difference);
        const score = o.div(sum, o.size(difference, "chw"));
        if (!averageSpectrum) return score;
        const onePixel = o.slice(o.slice(o.channel(output, 0), "h", 0, 1), "w", 0, 1);
        return o.expand(score, onePixel);
      },
    };
  },
});
