import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { meanOfDifferences } from "./differences.ts";
import { refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * The share of neighbours that differ, a prior on the output alone: the share of vertical differences that are not 0 plus that of horizontal ones (L0 gradient, Xu et al. 2011), in a
 * form that has a gradient.
 *
 * - `quadratic` (default): a difference d counts `min(d^2 / eps^2, 1)` (Xu, Zheng, Jia 2013).
 * - `gaussian`: `1 - exp(-d^2 / (2 eps^2))` (smoothed L0, Mohimani et al. 2009).
 *
 * Both tend to the count as `eps` tends to 0; under `quadratic` differences above `eps` have no gradient, so `eps` starts large and is made smaller as a training goes on.
 * Between 0 and 2, without a unit; `eps` is in units of the images. Each direction is divided by its own number of differences, and each channel counts by itself. Images
 * must be at least 2x2. The weight of a difference is that of its first pixel, as in `tv`.
 *
 * @example
 * ```ts
 * import { l0Gradient, Tensor } from "@reconloss/core";
 * const step = Tensor.from([0, 0, 1, 1], [1, 1, 2, 2]); // dark above, bright below
 * await l0Gradient().value(step); // 1: every vertical difference counts, no horizontal one does
 * ```
 */
export const l0Gradient = defineLoss({
  name: "l0-gradient",
  summary: "share of neighbours that differ, smoothed: a prior, no target",
  formula: "mean min(Dy^2 / eps^2, 1) + mean min(Dx^2 / eps^2, 1)",
  use: "For smoothing that keeps edges, and text or drawings: it counts edges, whatever their height. Start with a large `eps`.",
  better: "target",
  source: "Xu, Lu, Xu, Jia 2011; Xu, Zheng, Jia 2013 (quadratic); Mohimani, Babaie-Zadeh, Jutten 2009 (gaussian)",
  needsTarget: false,
  options: {
    ...imageOptions,
    form: choice(["quadratic", "gaussian"], "quadratic", "min(d^2 / eps^2, 1), or 1 - exp(-d^2 / (2 eps^2))"),
    eps: number(0.1, "from which size on a difference counts, in units of the images", { above: 0 }),
  },
  refuse: (options, shape) => refuseImages(options, shape, [2, 2]),
  units: () => ({ degree: 0, lengths: ["eps"] }),
  define: (options) => {
    const { form, eps } = options;
    return meanOfDifferences(options, (o, x) => {
      const square = o.square(o.div(x, eps));
      return form === "quadratic" ? o.clamp(square, 0, 1) : o.sub(1, o.exp(o.mul(square, -0.5)));
    });
  },
});
