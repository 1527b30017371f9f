import { imageOptions } from "../definitions/image-options.ts";
import { pointwise } from "../kernels/pointwise.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Root mean squared error of each image, `sqrt(mean (output - target)^2)`; a batch gives the mean over its images.
 *
 * Any number of channels; in units of the images. The root of the mean over a whole set, as torchmetrics' `MeanSquaredError(squared=False)` has it,
 * is another number. Identical images give 0 and a gradient of 0. The map is that of the squared error.
 * A weight makes the mean `sum(weight error^2) / sum(weight)`.
 *
 * @example
 * ```ts
 * import { rmse, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.25)];
 * await rmse().value(output, target); // 0.25
 * ```
 */
export const rmse = defineLoss({
  name: "rmse",
  summary: "root mean squared error, per image",
  formula: "sqrt(mean (x - y)^2), per image",
  use: "To judge in the unit of the images. To train, `mse` is smoother: the slope of a root does not fall with the error.",
  better: "lower",
  source: "the root of scikit-image's mean_squared_error",
  options: imageOptions,
  refuse: refuseImages,
  units: () => ({ degree: 1, mapDegree: 2 }),
  define: (options) => ({
    ...meanOfErrors(options, (o, { output, target }) => o.square(o.sub(output, target)), {
      kernel: { kernel: pointwise, spec: { kind: "mse" } },
    }),
    mapBorder: undefined,
    toReported: (o, score) => o.root(score),
  }),
});
