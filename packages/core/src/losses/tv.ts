import { sides } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { weightedMean, weightedSum } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { variation as kernel } from "../kernels/variation.ts";
import { differences, differenceWeights, paddedDifferences } from "./differences.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Total variation, a prior on the output alone: how much each pixel differs from its neighbours below and to the right.
 *
 * - `anisotropic` (default): `mean |Dy I| + mean |Dx I|`, each over its own number of differences; `reduction=sum` gives `|Dx I|_1 + |Dy I|_1`
 *   of each image, `reduction=channel-sum` the mean of its channels' sums.
 * - `isotropic`: `sqrt(Dx^2 + Dy^2 + eps^2)` over all pixels, differences beyond the last row and column counting as 0 (Rudin, Osher, Fatemi 1992, with
 *   `eps` rounding the tip).
 * - `squared`: `mean Dy^2 + mean Dx^2`.
 * - `l2-norm`: the square root of `squared`, one for each image. With `reduction=sum`, the Euclidean length of all differences.
 *
 * A preset names whose number comes out; a batch gives the mean over its images:
 *
 * | preset | form | reduction | equals |
 * |---|---|---|---|
 * | `basicsr` (default) | anisotropic | mean | BasicSR `WeightedTVLoss`; kornia `reduction="mean"`, averaged over channels |
 * | `torchmetrics` | anisotropic | sum | torchmetrics `total_variation(reduction="mean")`, TensorFlow `tf.image.total_variation`; their sums over a batch are n times that |
 * | `kornia` | anisotropic | channel-sum | kornia `total_variation`, averaged over images and channels |
 * | `piq` | l2-norm | sum | piq `total_variation` (`norm_type="l2"`) |
 * | `piq-l1` | anisotropic | sum | piq `norm_type="l1"` |
 * | `piq-l2-squared` | squared | sum | piq `norm_type="l2_squared"` |
 *
 * The weight of a difference is that of its first pixel, above or on the left, each direction divided by its own sum (BasicSR's `WeightedTVLoss`): the
 * pixel's place in the map. The map has the output's size, and is that of `squared` for `l2-norm`; the gradient at equal neighbours is 0. Images must be at least 2x2.
 *
 * @example
 * ```ts
 * import { tv, Tensor } from "@reconloss/core";
 * const step = Tensor.from([0, 0, 1, 1], [1, 1, 2, 2]); // dark above, bright below
 * await tv().value(step); // 1: every vertical difference is 1, every horizontal one 0
 * ```
 */
export const tv = defineLoss({
  name: "tv",
  summary: "total variation of the output: a prior, no target",
  formula: "mean |Dy x| + mean |Dx x|",
  use: "With a loss of pairs, against noise; as a judge of noise left. Too much of it makes flat patches.",
  better: "target",
  source: "Rudin, Osher, Fatemi 1992; BasicSR, torchmetrics, TensorFlow, kornia, piq: the preset says which",
  needsTarget: false,
  options: {
    preset: choice(
      ["basicsr", "torchmetrics", "kornia", "piq", "piq-l1", "piq-l2-squared"],
      "basicsr",
      "whose numbers come out",
    ),
    ...imageOptions,
    form: choice(
      ["anisotropic", "isotropic", "squared", "l2-norm"],
      "anisotropic",
      "|Dx| + |Dy|; the length of (Dx, Dy); Dx^2 + Dy^2; the root of an image's Dx^2 + Dy^2",
    ),
    eps: number(1e-6, "isotropic: rounds the tip, in units of the images", { above: 0 }),
    reduction: choice(
      ["mean", "sum", "channel-sum"],
      "mean",
      "mean or sum over the pixels and channels of an image, or the mean of its channels' sums; a batch gives the mean over its images",
    ),
  },
  presets: {
    torchmetrics: { reduction: "sum" },
    kornia: { reduction: "channel-sum" },
    piq: { form: "l2-norm", reduction: "sum" },
    "piq-l1": { reduction: "sum" },
    "piq-l2-squared": { form: "squared", reduction: "sum" },
  },
  refuse: (options, shape) => refuseImages(options, shape, [2, 2]),
  units: ({ form }) => {
    if (form === "isotropic") return { degree: 1, lengths: ["eps"] };
    return { degree: form === "squared" ? 2 : 1, mapDegree: form === "anisotropic" ? 1 : 2 };
  },
  define: (options) => {
    const { eps, reduction } = options;
    const isNorm = options.form === "l2-norm";
    const form = options.form === "l2-norm" ? "squared" : options.form;
    const reduce = <T>(o: Ops<T>, x: T, weight: T | undefined) => {
      if (reduction === "mean") return weightedMean(o, x, weight, "chw");
      return reduction === "sum" ? weightedSum(o, x, weight, "chw") : o.mean(weightedSum(o, x, weight, "hw"), "c");
    };
    const length = <T>(o: Ops<T>, x: T) => {
      const { rows, columns } = paddedDifferences(o, x);
      return o.sqrt(o.add(o.add(o.square(rows), o.square(columns)), eps ** 2));
    };
    const size = <T>(o: Ops<T>, x: T) => (form === "squared" ? o.square(x) : o.abs(x));
    return {
      unnormalised: reduction !== "mean",
      kernel: { kernel, spec: { kind: "tv", form, reduction, epsilon: eps }, images: options, withoutMap: true },
      score: (o, images) => {
        const { output, weight } = prepare(o, images, options);
        if (form === "isotropic") return reduce(o, length(o, output), weight);
        const { rows, columns } = differences(o, output);
        const weights = differenceWeights(o, weight);
        return o.add(reduce(o, size(o, rows), weights.rows), reduce(o, size(o, columns), weights.columns));
      },
      ...(isNorm ? { toReported: <T>(o: Ops<T>, score: T) => o.root(score) } : {}),
      mapBorder: isNorm || reduction !== "mean" ? undefined : sides(options.crop),
      map: (o, images) => {
        const { output } = prepare(o, images, options);
        if (form === "isotropic") return o.mean(length(o, output), "c");
        const { rows, columns } = paddedDifferences(o, output);
        return o.mean(o.add(size(o, rows), size(o, columns)), "c");
      },
    };
  },
});
