import type { Definition, Images } from "../definitions/definition.ts";
import { type ImageOptions, imageOptions } from "../definitions/image-options.ts";
import { choice, integer } from "../definitions/options.ts";
import { fittedWeight, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { blockMeans, overBlocks } from "./blocks.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The options of errors of block means. */
export const blockOptions = {
  size: integer(4, "height and width of a block that is averaged", { min: 1 }),
  distance: choice(["l1", "mse"], "l1", "absolute or squared errors"),
};

/** The mean over blocks of an error of the means of a difference. */
export function meanOfBlockErrors(
  options: ImageOptions & { size: number; distance: "l1" | "mse" },
  difference: <T>(o: Ops<T>, images: Images<T>) => T,
): Definition {
  const { size, distance } = options;
  const errors = <T>(o: Ops<T>, prepared: Images<T>): T => {
    const means = blockMeans(o, difference(o, prepared), size);
    return distance === "l1" ? o.abs(means) : o.square(means);
  };
  return {
    score: (o, images) => {
      const prepared = prepare(o, images, options);
      const found = errors(o, prepared);
      const weight = prepared.weight && blockMeans(o, fittedWeight(o, prepared.weight, found), size);
      return weightedMean(o, found, weight, "chw");
    },
    map: (o, images) => {
      const prepared = prepare(o, images, options);
      return overBlocks(o, o.mean(errors(o, prepared), "c"), o.channel(prepared.output, 0), size);
    },
  };
}

/**
 * Error of local averages: the mean absolute error of output and target after both are averaged over blocks of size x size pixels. Colours and brightness must agree,
 * detail is free.
 *
 * Any number of channels; in units of the images, squared with `distance=mse`. Blocks lie side by side from the top left, and what is left over does not count. Identical images give 0 and a
 * gradient of 0. The map has each block's value at its pixels. A weight makes it a weighted mean over blocks, each by the mean weight of its pixels.
 * Equals traiNNer's `AverageLoss(criterion="l1", scale=size)`.
 *
 * @throws {ReconlossError} `shape` for images smaller than a block
 *
 * @example
 * ```ts
 * import { average, Tensor } from "@reconloss/core";
 * const checkers = Tensor.from([0, 1, 1, 0], [1, 1, 2, 2]);
 * await average({ size: 2 }).value(checkers, Tensor.full([1, 1, 2, 2], 0.25)); // 0.25
 * ```
 */
export const average = defineLoss({
  name: "average",
  summary: "absolute error of averages over blocks of pixels",
  formula: "mean |A(x) - A(y)|; A averages over blocks",
  use: "With other terms, to hold colour and brightness while texture is left free.",
  better: "lower",
  source: "traiNNer, AverageLoss",
  options: { ...imageOptions, ...blockOptions },
  refuse: (options, shape) => refuseImages(options, shape, [options.size, options.size]),
  units: ({ distance }) => ({ degree: distance === "l1" ? 1 : 2 }),
  define: (options) => meanOfBlockErrors(options, (o, { output, target }) => o.sub(output, target)),
});
