import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, integer } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { patchesAsPixels, patchMeans } from "./patches.ts";

/**
 * The change of contrast between neighbouring patches against the image that the output was made from, which is given as the target: the mean over patches of the sum
 * over their four neighbours of `(|Y - Y'| - |I - I'|)^2` (Zero-DCE, Guo et al. 2020, equation 4), Y and I the patches' means over pixels and channels.
 *
 * | preset | form | border | equals |
 * |---|---|---|---|
 * | `paper` (default) | absolute: contrasts without their signs | inside: only neighbours inside the image | the equation |
 * | `zero-dce` | signed: `((Y - Y') - (I - I'))^2` | zero: patches beyond the border are black | Zero-DCE's code, `L_spa` |
 *
 * In squared units of the images; any number of channels. Rows and columns beyond the last whole patch are left out; there must be two patches each way, one with
 * `border=zero`. The weight of a patch is the mean over its pixels; the map gives every pixel its patch's value, and 0 beyond the last whole one.
 *
 * @example
 * ```ts
 * import { spatialConsistency, Tensor } from "@reconloss/core";
 * const input = Tensor.from(Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 0 : 0.25)), [1, 1, 8, 8]);
 * const output = new Tensor(input.data.map((x) => 2 * x), input.shape); // twice the contrast
 * await spatialConsistency().value(output, input); // 0.0625
 * ```
 */
export const spatialConsistency = defineLoss({
  name: "spatial-consistency",
  summary: "change of the contrast between neighbouring patches of the input image, given as target",
  formula: "mean over patches of sum over neighbours of (|Y - Y'| - |I - I'|)^2; Y, I means of output and input",
  use: "To enhance without targets: contrasts between neighbouring patches of the input are to stay. The target is the input.",
  better: "lower",
  source: "Guo et al. 2020 (Zero-DCE), equation 4; its repository's L_spa: the preset says which",
  options: {
    preset: choice(["paper", "zero-dce"], "paper", "whose numbers come out"),
    ...imageOptions,
    patch: integer(4, "side of a patch, in pixels", { min: 1 }),
    form: choice(["absolute", "signed"], "absolute", "contrasts without their signs, or with them"),
    border: choice(["inside", "zero"], "inside", "neighbours beyond the border: left out, or black"),
  },
  presets: { "zero-dce": { form: "signed", border: "zero" } },
  refuse: (options, shape) => {
    const side = options.border === "inside" ? 2 * options.patch : options.patch;
    return refuseImages(options, shape, [side, side]);
  },
  units: () => ({ degree: 2 }),
  define: (options) => {
    const { patch, form, border } = options;
    const error = <T>(o: Ops<T>, { output, target }: Images<T>) => {
      const contrast = (x: T, neighbour: (x: T) => T) => {
        const difference = o.sub(x, neighbour(x));
        return form === "signed" ? difference : o.abs(difference);
      };
      const terms = neighbours(o).map((neighbour) => {
        const change = o.square(o.sub(contrast(output, neighbour), contrast(target, neighbour)));
        return border === "zero" ? change : o.mul(change, neighbour(o.expand(o.scalar(1), output)));
      });
      return terms.reduce((sum, term) => o.add(sum, term));
    };
    return {
      score: (o, images) => {
        const means = patchMeans(o, images, options, patch);
        return weightedMean(o, error(o, means), means.weight, "chw");
      },
      map: (o, images) => {
        const { weight: _, ...unweighted } = images;
        return patchesAsPixels(o, error(o, patchMeans(o, unweighted, options, patch)), images, options, patch);
      },
    };
  },
});

/** The neighbours of every place on each of the four sides, 0 beyond the border. */
function neighbours<T>(o: Ops<T>): ((x: T) => T)[] {
  const none = { top: 0, bottom: 0, left: 0, right: 0 };
  return [
    (x) => o.slice(o.pad(x, { ...none, left: 1 }), "w", 0, -1),
    (x) => o.slice(o.pad(x, { ...none, right: 1 }), "w", 1),
    (x) => o.slice(o.pad(x, { ...none, top: 1 }), "h", 0, -1),
    (x) => o.slice(o.pad(x, { ...none, bottom: 1 }), "h", 1),
  ];
}
