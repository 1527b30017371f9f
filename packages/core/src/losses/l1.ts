import { imageOptions } from "../definitions/image-options.ts";
import { pointwise } from "../kernels/pointwise.ts";
import { meanOfErrors, reductionOption, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Mean absolute error, `mean |output - target|`. Its gradient where the two are equal is 0.
 *
 * Any number of channels; in units of the images. Matches BasicSR's `L1Loss` (`reduction` mean, or sum per image).
 * A weight makes it `sum(weight error) / sum(weight)`, as BasicSR's does; with `reduction=sum` it only multiplies.
 *
 * @example
 * ```ts
 * import { l1, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.25)];
 * const { value, grad } = await l1().valueAndGrad(output, target); // value 0.25, every grad 1 / 192
 * ```
 */
export const l1 = defineLoss({
  name: "l1",
  summary: "mean absolute error",
  formula: "mean |x - y|",
  use: "The usual loss of image restoration: robust where some targets are faulty, and less blurred than `mse`. Still the middle of all that could have been there, so fine texture is lost.",
  better: "lower",
  source: "BasicSR, L1Loss",
  options: { ...imageOptions, reduction: reductionOption },
  refuse: refuseImages,
  units: () => ({ degree: 1 }),
  define: (options) =>
    meanOfErrors(options, (o, { output, target }) => o.abs(o.sub(output, target)), {
      sum: options.reduction === "sum",
      kernel: { kernel: pointwise, spec: { kind: "l1" } },
    }),
});
