import { sides } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * The distance of pixels' colours from the mean colour of their image, a prior on the output alone: the mean over pixels of the Euclidean distance in RGB. It is `Sa_Loss` in Zero-DCE's
 * code, which that paper and training do not use; brightness counts in it as colour does.
 *
 * In units of the images. Images have 3 channels, or 1 for grey, which counts as three equal ones. The gradient at the mean colour itself is 0. A weight makes both means,
 * that of the colour and that of the distances, `sum(weight x) / sum(weight)`; of weights for each channel, a pixel's distance has the mean.
 *
 * @example
 * ```ts
 * import { saturation, Tensor } from "@reconloss/core";
 * const redAndBlack = Tensor.from([1, 0, 0, 0, 0, 0], [1, 3, 1, 2]);
 * await saturation().value(redAndBlack); // 0.5
 * ```
 */
export const saturation = defineLoss({
  name: "saturation",
  summary: "distance of colours from the image's mean colour: a prior, no target",
  formula: "mean |x - mean of x|, over the vectors of all channels",
  use: "To hold back colours that enhancement overdoes; brightness counts in it as colour does.",
  better: "target",
  source: "Sa_Loss of Zero-DCE's repository",
  needsTarget: false,
  options: {
    ...colourImageOptions,
  },
  refuse: (options, shape) =>
    shape[1] === 1 || shape[1] === 3
      ? refuseImages({ ...options, channels: "rgb" }, shape)
      : "but colours need 3 channels, or 1 for grey",
  units: () => ({ degree: 1 }),
  define: (options) => {
    const compared = { ...options, channels: "rgb" } as const;
    const distance = <T>(o: Ops<T>, x: T, weight: T | undefined) => {
      const squares = o.square(o.sub(x, weightedMean(o, x, weight, "hw")));
      return o.root(o.mul(o.mean(squares, "c"), 3));
    };
    return {
      mapBorder: sides(options.crop),
      score: (o, images) => {
        const { output, weight } = prepare(o, images, compared);
        return weightedMean(o, distance(o, output, weight), weight, "hw");
      },
      map: (o, images) => distance(o, prepare(o, images, compared).output, undefined),
    };
  },
});
