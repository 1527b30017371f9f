import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { pointwise } from "../kernels/pointwise.ts";
import { meanOfErrors, reductionOption, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Charbonnier loss, `mean sqrt((output - target)^2 + eps^2)`: absolute error with a rounded tip.
 *
 * `eps` is in units of the images, default 1e-3 (Lai et al. 2017, LapSRN, equation 2, after Charbonnier et al. 1994). BasicSR's
 * `CharbonnierLoss(eps)` puts its number inside the root unsquared: its `eps=1e-12` is `eps=1e-6` here.
 * A weight makes it `sum(weight error) / sum(weight)`, as BasicSR's does; with `reduction=sum` it only multiplies.
 *
 * @example
 * ```ts
 * import { charbonnier, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 1, 4, 4], 0.5);
 * await charbonnier({ eps: 1e-3 }).value(grey, grey); // 0.001
 * ```
 */
export const charbonnier = defineLoss({
  name: "charbonnier",
  summary: "absolute error, smooth at zero: sqrt(d^2 + eps^2)",
  formula: "mean sqrt((x - y)^2 + eps^2)",
  use: "As `l1`, with a slope that is smooth at 0: the usual choice of super-resolution and video restoration.",
  better: "lower",
  source: "Charbonnier et al. 1994; Lai et al. 2017 (LapSRN), eq. 2; BasicSR, CharbonnierLoss(eps=eps^2)",
  options: {
    ...imageOptions,
    eps: number(1e-3, "the width of the rounded tip, in units of the images", { above: 0 }),
    reduction: reductionOption,
  },
  refuse: refuseImages,
  units: () => ({ degree: 1, lengths: ["eps"] }),
  define: (options) => {
    const { eps } = options;
    // What the root exceeds eps by, d^2 / (root + eps), has no rounding error of the size of eps.
    const excess = <T>(o: Ops<T>, { output, target }: Images<T>) => {
      const squared = o.square(o.sub(output, target));
      return o.div(squared, o.add(o.sqrt(o.add(squared, eps ** 2)), eps));
    };
    return meanOfErrors(options, excess, {
      sum: options.reduction === "sum",
      base: eps,
      kernel: { kernel: pointwise, spec: { kind: "charbonnier", epsilon: eps } },
    });
  },
});
