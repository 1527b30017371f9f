import { imageOptions } from "../definitions/image-options.ts";
import { number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { edge as kernel } from "../kernels/edge.ts";
import { filterSeparable } from "./filters.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** Burt and Adelson's generating kernel (1983) with a = 0.4. */
const generating = [0.05, 0.25, 0.4, 0.25, 0.05];

/**
 * The difference of an image from a Gaussian pyramid of one level: it is filtered, every second pixel of every second row kept and the rest set to 0, filtered again at four times the
 * brightness, and subtracted.
 */
export function laplacian<T>(o: Ops<T>, x: T): T {
  const filtered = (image: T) => filterSeparable(o, image, { down: generating, across: generating }, "replicate");
  const smooth = filtered(x);
  const rows = o.slice(smooth, "h", 0, undefined, 2);
  const kept = o.mul(o.slice(rows, "w", 0, undefined, 2), 4);
  const spread = o.embed(o.embed(kept, rows, "w", 0, undefined, 2), smooth, "h", 0, undefined, 2);
  return o.sub(x, filtered(spread));
}

/**
 * Edge loss of deblurring networks: Charbonnier's error `sqrt(d^2 + eps^2)`, mean over pixels, of the Laplacians d of output and target, from one level of a Gaussian
 * pyramid (Jiang et al. 2020, MSPFN; Zamir et al. 2021, MPRNet, equation 3).
 *
 * Any number of channels and any size; in units of the images. Identical images give `eps`, and a gradient of 0. `eps` is in units of the images, default 1e-3. A
 * weight makes it `sum(weight error) / sum(weight)`, by the pixel of the Laplacian. Equals MPRNet's `EdgeLoss`; its training for deblurring minimises
 * `charbonnier + 0.05*edge`.
 *
 * @example
 * ```ts
 * import { edge, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.5)];
 * await edge().value(output, target); // 0.001
 * ```
 */
export const edge = defineLoss({
  name: "edge",
  summary: "Charbonnier's error of Laplacians: the edge loss of MPRNet",
  formula: "mean sqrt(L(x - y)^2 + eps^2); L a Laplacian",
  use: "Beside `charbonnier`, with a small weight, to deblur and derain: edges count again.",
  better: "lower",
  source: "Zamir et al. 2021 (MPRNet), eq. 3; MPRNet, EdgeLoss",
  options: { ...imageOptions, eps: number(1e-3, "the width of the rounded tip, in units of the images", { above: 0 }) },
  refuse: refuseImages,
  units: () => ({ degree: 1, lengths: ["eps"] }),
  define: (options) => {
    const { eps } = options;
    return meanOfErrors(
      options,
      (o, { output, target }) => {
        const squared = o.square(laplacian(o, o.sub(output, target)));
        return o.div(squared, o.add(o.sqrt(o.add(squared, eps ** 2)), eps));
      },
      { base: eps, kernel: { kernel, spec: { kind: "edge", epsilon: eps } } },
    );
  },
});
