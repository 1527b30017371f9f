import { imageOptions } from "../definitions/image-options.ts";
import { pointwise } from "../kernels/pointwise.ts";
import { meanOfErrors, reductionOption, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Mean squared error (L2), `mean (output - target)^2`.
 *
 * Any number of channels; in squared units of the images. Matches BasicSR's `MSELoss` (`reduction` mean, or sum per image).
 * A weight makes it `sum(weight error) / sum(weight)`, as BasicSR's does; with `reduction=sum` it only multiplies.
 *
 * @example
 * ```ts
 * import { mse, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.25)];
 * await mse().value(output, target); // 0.0625
 * ```
 */
export const mse = defineLoss({
  name: "mse",
  summary: "mean squared error (L2)",
  formula: "mean (x - y)^2",
  use: "Where PSNR is what counts. Large errors weigh most; what cannot be known is blurred.",
  better: "lower",
  decimals: 6,
  source: "BasicSR, MSELoss",
  options: { ...imageOptions, reduction: reductionOption },
  refuse: refuseImages,
  units: () => ({ degree: 2 }),
  define: (options) =>
    meanOfErrors(options, (o, { output, target }) => o.square(o.sub(output, target)), {
      sum: options.reduction === "sum",
      kernel: { kernel: pointwise, spec: { kind: "mse" } },
    }),
});
