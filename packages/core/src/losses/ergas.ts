import { imageOptions } from "../definitions/image-options.ts";
import { number } from "../definitions/options.ts";
import { channelMean, channelShare, nothingOf, weightedMean } from "../definitions/pixel-weights.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Relative dimensionless global error of synthesis, ERGAS (Wald 2000): `100 / ratio * sqrt(mean over channels of MSE / mean(target)^2)`, per image. 0 for identical images; lower is better.
 *
 * `ratio` is how many times finer the output's resolution is than that of the images it was made from (Wald's h / l is 1 / ratio). Any number of channels; without unit. Equals torchmetrics
 * `error_relative_global_dimensionless_synthesis`. A channel whose target has the mean 0 makes it infinite, unless output and target are equal there, with a gradient of 0. The gradient of identical
 * images is 0, where torchmetrics' is NaN. A weight concerns errors and means alike; channels count by the sums of their weights.
 *
 * @example
 * ```ts
 * import { ergas, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.5)];
 * await ergas({ ratio: 4 }).value(output, target); // 12.5
 * ```
 */
export const ergas = defineLoss({
  name: "ergas",
  summary: "root mean squared error relative to each channel's mean, for images of finer resolution",
  formula: "100 / ratio sqrt(mean over channels of MSE / mean(y)^2)",
  use: "For pansharpening and other fusion of images of different resolution; set `ratio`.",
  better: "lower",
  source: "Wald 2000; torchmetrics, error_relative_global_dimensionless_synthesis",
  options: {
    ...imageOptions,
    ratio: number(4, "how many times finer the resolution is than that of the source", { above: 0 }),
  },
  refuse: refuseImages,
  units: () => ({ degree: 0 }),
  define: (options) => ({
    score: (o, images) => {
      const { output, target, weight } = prepare(o, images, options);
      const share = weight && channelShare(o, weight);
      const scaled = o.div(target, options.dataRange);
      const square = o.square(o.sub(o.div(output, options.dataRange), scaled));
      const [error, mean] = [square, scaled].map((x) => channelMean(o, x, weight, share));
      const isSized = o.greater(o.abs(mean), 0);
      const without = o.where(o.greater(error, 0), Number.POSITIVE_INFINITY, 0);
      const relative = o.where(isSized, o.div(error, o.square(o.where(isSized, mean, 1))), without);
      const each = share === undefined ? relative : o.mul(relative, share);
      const score = o.mul(o.root(o.mean(each, "c")), 100 / options.ratio);
      return weight === undefined ? score : o.add(score, nothingOf(o, weightedMean(o, square, weight, "chw")));
    },
  }),
});
