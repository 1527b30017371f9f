import { imageOptions } from "../definitions/image-options.ts";
import { number } from "../definitions/options.ts";
import { pointwise } from "../kernels/pointwise.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * PSNR as a training loss, lower is better: `10 log10(mse / dataRange^2 + eps)` of each image, the mean over the batch; minus its PSNR in decibels.
 *
 * Identical images give `10 log10(eps)`, -80 dB with the default of 1e-8, and a gradient of 0. Any number of channels. A weight makes the squared error
 * `sum(weight error^2) / sum(weight)`, before it becomes decibels. The map is that of the squared error. In sums, `psnr` counts negatively by itself; this is for
 * those who want the number that NAFNet's trainings log.
 *
 * Equals NAFNet's `PSNRLoss` (Chen et al. 2022); its `toY=True` is `channels=y-bt601`, its `loss_weight` a weight in a sum.
 *
 * @example
 * ```ts
 * import { psnrLoss, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.4)];
 * await psnrLoss().value(output, target); // -20
 * ```
 */
export const psnrLoss = defineLoss({
  name: "psnr-loss",
  summary: "minus the peak signal-to-noise ratio, in dB: PSNR to be minimised",
  formula: "10 log10(mean (x - y)^2 / dataRange^2 + eps)",
  use: "To train for PSNR as NAFNet does: each image counts by the ratio of its errors, so that easy images keep mattering.",
  better: "lower",
  decimals: 2,
  source: "NAFNet, PSNRLoss",
  options: {
    ...imageOptions,
    eps: number(1e-8, "added to the mean squared error, for images in [0, 1]", { above: 0 }),
  },
  refuse: refuseImages,
  units: () => ({ degree: 0 }),
  define: (options) => ({
    ...meanOfErrors(options, (o, { output, target }) => o.square(o.div(o.sub(output, target), options.dataRange)), {
      kernel: { kernel: pointwise, spec: { kind: "mse" } },
      scale: 1 / options.dataRange ** 2,
    }),
    mapBorder: undefined,
    toReported: (o, meanSquare) => o.mul(o.log(o.add(meanSquare, options.eps)), 10 / Math.LN10),
  }),
});
