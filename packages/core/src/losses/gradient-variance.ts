import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { integer } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { blockMeans, overBlocks } from "./blocks.ts";
import { filterSeparable, sobelKernels } from "./filters.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The grey of the authors' code. */
const grey = [0.2989, 0.587, 0.114];

/** The unbiased variance of every block. */
function blockVariance<T>(o: Ops<T>, x: T, size: number): T {
  const centred = o.sub(x, overBlocks(o, blockMeans(o, x, size), x, size));
  return o.mul(blockMeans(o, o.square(centred), size), size ** 2 / (size ** 2 - 1));
}

/**
 * Gradient variance loss: the squared difference of the variances that Sobel's derivatives have within blocks of size x size pixels, mean over blocks, of the derivative across plus of the
 * one down. Blurred edges vary less (Abrahamyan et al. 2022).
 *
 * Of `0.2989 R + 0.587 G + 0.114 B`; a grey image counts as three equal channels. Of images in [0, 1] (divided by `dataRange`), without a unit. Blocks lie side by side from the top left, and what is left over
 * does not count. Identical images, and images that differ by a constant inside, give 0 and a gradient of 0. The map has each block's value at its pixels, 0 where there is none. A
 * weight makes it a weighted mean over blocks, each by the mean weight of its pixels. Equals the authors' `GradientVariance(patch_size=size)`.
 *
 * @throws {ReconlossError} `shape` for images smaller than a block, or of other than 1 or 3 channels
 *
 * @example
 * ```ts
 * import { gradientVariance, Tensor } from "@reconloss/core";
 * const image = Tensor.full([1, 3, 16, 16], 0.5);
 * await gradientVariance().value(image, image); // 0
 * ```
 */
export const gradientVariance = defineLoss({
  name: "gradient-variance",
  summary: "variances of Sobel derivatives within blocks against the target's",
  formula: "mean over blocks of (var Sx(x) - var Sx(y))^2 + (var Sy(x) - var Sy(y))^2",
  use: "Beside a pixel loss, in super-resolution: blurred edges vary less than sharp ones, wherever they lie in a block.",
  better: "lower",
  source: "Abrahamyan et al. 2022; lusinlu/gradient-variance-loss",
  options: {
    size: integer(8, "height and width of a block", { min: 2 }),
    ...colourImageOptions,
  },
  refuse: ({ size, ...options }, shape) =>
    shape[1] === 1 || shape[1] === 3
      ? refuseImages({ ...options, channels: "rgb" }, shape, [size, size])
      : "but a luma needs 1 or 3 channels",
  units: () => ({ degree: 0 }),
  define: ({ size, ...options }) => {
    const errors = <T>(o: Ops<T>, { output, target }: Images<T>): T => {
      const variances = (x: T) => {
        const weights = o.channels(x) === 1 ? [grey.reduce((sum, weight) => sum + weight, 0)] : grey;
        const luma = o.conv2d(o.div(x, options.dataRange), o.constant(weights, [1, weights.length, 1, 1]));
        return sobelKernels.map((kernel) => blockVariance(o, filterSeparable(o, luma, kernel, "zero"), size));
      };
      const [a, b] = [variances(output), variances(target)];
      const [across, down] = a.map((variance, i) => o.square(o.sub(variance, b[i])));
      return o.add(across, down);
    };
    const images = { ...options, channels: "rgb" } as const;
    return {
      score: (o, given) => {
        const prepared = prepare(o, given, images);
        const weight = prepared.weight && blockMeans(o, o.mean(prepared.weight, "c"), size);
        return weightedMean(o, errors(o, prepared), weight, "chw");
      },
      map: (o, given) => {
        const prepared = prepare(o, given, images);
        return overBlocks(o, errors(o, prepared), o.channel(prepared.output, 0), size);
      },
    };
  },
});
