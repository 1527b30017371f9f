import { imageOptions } from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import { meanOfErrors, reductionOption, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * The excess of values outside the range of images, [low, low + dataRange], a prior on the output alone: the mean of `d^2`, d the distance of each value from the range. What a
 * file format clips, an output should not need.
 *
 * `form=absolute` is the mean of `|d|`. Any number of channels, in squared units of the images, or their units. `low=-1,dataRange=2` is `range_loss` of CLIP-guided
 * diffusion. The gradient inside the range, its ends included, is 0. A weight makes the mean `sum(weight d^2) / sum(weight)`.
 *
 * @example
 * ```ts
 * import { range, Tensor } from "@reconloss/core";
 * await range().value(Tensor.from([0.5, 1.5], [1, 1, 1, 2])); // 0.125
 * ```
 */
export const range = defineLoss({
  name: "range",
  summary: "what lies outside the range of images: a prior, no target",
  formula: "mean d^2, d the distance of each value from [low, low + dataRange]",
  use: "Beside any loss, for networks without a last activation: values that a file would clip.",
  better: "lower",
  source: "range_loss of CLIP-guided diffusion (Crowson 2021)",
  needsTarget: false,
  options: {
    crop: imageOptions.crop,
    low: imageOptions.low,
    dataRange: imageOptions.dataRange,
    form: choice(["squared", "absolute"], "squared", "of each distance from the range: its square, or itself"),
    reduction: reductionOption,
  },
  refuse: (options, shape) => refuseImages({ ...options, channels: "rgb" }, shape),
  units: ({ form }) => ({ degree: form === "squared" ? 2 : 1 }),
  define: (options) =>
    meanOfErrors(
      { ...options, channels: "rgb", clamp: false },
      (o, { output }) => {
        const distance = o.sub(output, o.clamp(output, 0, options.dataRange));
        return options.form === "squared" ? o.square(distance) : o.abs(distance);
      },
      { sum: options.reduction === "sum" },
    ),
});
