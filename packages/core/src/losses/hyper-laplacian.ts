import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { meanOfDifferences, paddedDifferences } from "./differences.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * The hyper-Laplacian prior of natural images, on the output alone: differences of neighbours to a power below 1, of which few large ones cost less than many small ones
 * (Levin et al. 2007; Krishnan, Fergus 2009: p from 0.5 to 0.8).
 *
 * - `anisotropic` (default): `mean (Dy^2 + eps^2)^(p/2) + mean (Dx^2 + eps^2)^(p/2)`, each over its own number of differences.
 * - `isotropic`: `mean (Dx^2 + Dy^2 + eps^2)^(p/2)` over all pixels, differences beyond the last row and column counting as 0.
 *
 * `p=1` is total variation with its tip rounded, `p=2` its `form=squared`. `eps` rounds the tip, where the slope would be infinite; it is in units of the images, the
 * value in their power p. Any number of channels; images must be at least 2x2. Weights are those of `tv`: of a difference's first pixel, or of a pixel.
 *
 * @example
 * ```ts
 * import { hyperLaplacian, Tensor } from "@reconloss/core";
 * const step = Tensor.from([0, 0, 0.25, 0.25], [1, 1, 2, 2]);
 * await hyperLaplacian({ p: 0.5, eps: 1e-6 }).value(step); // 0.501: every vertical difference is 0.25
 * ```
 */
export const hyperLaplacian = defineLoss({
  name: "hyper-laplacian",
  summary: "differences of neighbours to a power below 1: a prior, no target",
  formula: "mean (Dy^2 + eps^2)^(p / 2) + mean (Dx^2 + eps^2)^(p / 2)",
  use: "In place of `tv`, to denoise and deblur: few strong edges cost less than many weak ones.",
  better: "target",
  source: "Levin et al. 2007; Krishnan, Fergus 2009",
  needsTarget: false,
  options: {
    ...imageOptions,
    form: choice(
      ["anisotropic", "isotropic"],
      "anisotropic",
      "of Dx and Dy by themselves, or of the length of (Dx, Dy)",
    ),
    p: number(0.8, "the power", { above: 0, max: 2 }),
    eps: number(1e-3, "rounds the tip, in units of the images", { above: 0 }),
  },
  refuse: (options, shape) => refuseImages(options, shape, [2, 2]),
  units: ({ p }) => ({ degree: p, lengths: ["eps"] }),
  define: (options) => {
    const { form, p, eps } = options;
    const penalty = <T>(o: Ops<T>, squares: T) => o.power(o.add(squares, eps ** 2), p / 2);
    if (form === "anisotropic") return meanOfDifferences(options, (o, x) => penalty(o, o.square(x)));
    return meanOfErrors(options, (o, { output }) => {
      const { rows, columns } = paddedDifferences(o, output);
      return penalty(o, o.add(o.square(rows), o.square(columns)));
    });
  },
});
