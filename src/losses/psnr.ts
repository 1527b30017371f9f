import { imageOptions } from "./image-options.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { choice, number } from "./options.ts";

/**
 * Peak signal-to-noise ratio in decibels, `10 log10(dataRange^2 / mse)`.
 *
 * `pooling=images` gives the mean of the images' decibels, as papers report a folder; `pooling=dataset` takes one mean squared error
 * over the batch first, as torchmetrics does. Identical images give `identical` (infinity unless said otherwise) and a gradient of 0.
 * Matches scikit-image's `peak_signal_noise_ratio`; BasicSR's `calculate_psnr` with `crop` and `channels=y-bt601`; piq's `psnr` with `eps=1e-8`.
 *
 * @example
 * ```ts
 * import { psnr, Tensor } from "reconloss";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.4)];
 * await psnr().value(output, target); // 20
 * ```
 */
export const psnr = defineLoss({
  name: "psnr",
  summary: "peak signal-to-noise ratio, in dB",
  better: "higher",
  source:
    "scikit-image, peak_signal_noise_ratio; BasicSR, calculate_psnr (channels, crop); torchmetrics (pooling=dataset)",
  options: {
    ...imageOptions,
    pooling: choice(["images", "dataset"], "images", "mean of decibels, or decibels of the mean squared error"),
    identical: number(Number.POSITIVE_INFINITY, "the value of identical images, in dB"),
    eps: number(0, "added to the mean squared error, for images in [0, 1]", { min: 0 }),
  },
  refuse: refuseImages,
  define: (options) => {
    const { dataRange, identical, eps, pooling } = options;
    return {
      ...meanOfErrors(options, (o, { output, target }) => o.square(o.div(o.sub(output, target), dataRange)), {
        kernel: { kind: "mse" },
        scale: 1 / dataRange ** 2,
      }),
      poolScores: pooling === "dataset",
      say: (o, score) => {
        const error = o.add(score, eps);
        const decibels = o.mul(o.log(o.maximum(error, 1e-300)), -10 / Math.LN10);
        return o.where(o.greater(error, 0), decibels, identical);
      },
    };
  },
});
