import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, integer, number } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { patchesAsPixels, patchMeans } from "./patches.ts";

/**
 * The distance of the brightness of patches from a well-exposed level, a prior on the output alone: the mean over patches of `|Y - level|` (Zero-DCE, Guo et al. 2020,
 * equation 5), Y a patch's mean over pixels and channels. Patches lie side by side; rows and columns beyond the last whole one are left out.
 *
 * | preset | form | equals |
 * |---|---|---|
 * | `paper` (default) | absolute: `abs(Y - level)` | the equation |
 * | `zero-dce` | squared: `(Y - level)^2` | Zero-DCE's code, `L_exp(16, 0.6)`, which enters its sum with a weight of 10 |
 *
 * `level` is a share of the range, so the value is in units of the images, or their square. Any number of channels; images must have a whole patch. The weight of a
 * patch is the mean over its pixels; the map gives every pixel its patch's value, and 0 beyond the last whole one.
 *
 * @example
 * ```ts
 * import { exposure, Tensor } from "@reconloss/core";
 * await exposure().value(Tensor.full([1, 3, 32, 32], 0.1)); // 0.5
 * await exposure({ preset: "zero-dce" }).value(Tensor.full([1, 3, 32, 32], 0.1)); // 0.25
 * ```
 */
export const exposure = defineLoss({
  name: "exposure",
  summary: "distance of local brightness from a well-exposed level: a prior, no target",
  formula: "mean over patches of |Y - level|; Y the patch's mean",
  use: "To enhance low light without targets, beside the other losses of Zero-DCE.",
  better: "target",
  source: "Guo et al. 2020 (Zero-DCE), equation 5; its repository's L_exp: the preset says which",
  needsTarget: false,
  options: {
    preset: choice(["paper", "zero-dce"], "paper", "whose numbers come out"),
    ...imageOptions,
    patch: integer(16, "side of a patch, in pixels", { min: 1 }),
    level: number(0.6, "the wanted brightness: 0 is black, 1 white", { min: 0, max: 1 }),
    form: choice(["absolute", "squared"], "absolute", "|Y - level|, or (Y - level)^2"),
  },
  presets: { "zero-dce": { form: "squared" } },
  refuse: (options, shape) => refuseImages(options, shape, [options.patch, options.patch]),
  units: ({ form }) => ({ degree: form === "squared" ? 2 : 1 }),
  define: (options) => {
    const { patch, level, form, dataRange } = options;
    const means = <T>(o: Ops<T>, images: Images<T>) => patchMeans(o, images, options, patch, level * dataRange);
    const error = <T>(o: Ops<T>, { output }: Images<T>) => (form === "squared" ? o.square(output) : o.abs(output));
    return {
      score: (o, images) => {
        const distances = means(o, images);
        return weightedMean(o, error(o, distances), distances.weight, "chw");
      },
      map: (o, images) => {
        const { weight: _, ...unweighted } = images;
        return patchesAsPixels(o, error(o, means(o, unweighted)), images, options, patch);
      },
    };
  },
});
