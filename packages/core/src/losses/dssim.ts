import { deriveLoss } from "./loss.ts";
import { ssim } from "./ssim.ts";

/**
 * Structural dissimilarity, `(1 - ssim) / 2` (kornia's `SSIMLoss`; Loza et al. 2006): 0 for identical images, lower is better.
 *
 * It takes the options of {@link ssim}, presets included; so is its map, `(1 - map) / 2`.
 *
 * @example
 * ```ts
 * import { dssim, Tensor } from "@reconloss/core";
 * const image = Tensor.full([1, 3, 16, 16], 0.5);
 * await dssim({ preset: "skimage" }).value(image, image); // 0
 * ```
 */
export const dssim = deriveLoss(ssim, {
  name: "dssim",
  summary: "structural dissimilarity, (1 - ssim) / 2",
  formula: "(1 - ssim) / 2",
  use: "Where a distance is wanted, 0 for identical images, in place of a similarity.",
  better: "lower",
  source: "Loza et al. 2006; kornia, SSIMLoss; SSIM as ssim has it",
  derive: ({ kernel, map, toReported, ...definition }) => ({
    ...definition,
    kernel: kernel && { ...kernel, withoutMap: true },
    map: map && ((o, images) => o.mul(o.sub(1, map(o, images)), 0.5)),
    toReported: (o, score) => o.mul(o.sub(1, toReported?.(o, score) ?? score), 0.5),
  }),
});
