import { colourImageOptions } from "../definitions/image-options.ts";
import { blockOptions, meanOfBlockErrors } from "./average.ts";
import { refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** Cb and Cr of ITU-R BT.601 in their limited range, for images in [0, 1]; what is added to both cancels in a difference. */
const chromaFromRgb = [
  [-37.797, -74.203, 112],
  [112, -93.786, -18.214],
].map((row) => row.map((weight) => weight / 255));

/**
 * Error of chroma: the mean absolute error of Cb and Cr (ITU-R BT.601, limited range) of output and target, averaged over blocks of size x size pixels. Brightness is free.
 *
 * Three channels; in units of the images, squared with `distance=mse`. Blocks lie side by side from the top left, and what is left over does not count. Identical images, and images that
 * differ by a grey, give 0 and a gradient of 0. The map has each block's value at its pixels. A weight makes it a weighted mean over blocks, each by the mean weight of its
 * pixels. Equals traiNNer's `ColorLoss(criterion="l1", scale=size)`; the luma alone is `l1(channels=y-bt601)`.
 *
 * @throws {ReconlossError} `shape` for images smaller than a block, or of other than 3 channels
 *
 * @example
 * ```ts
 * import { chroma, Tensor } from "@reconloss/core";
 * const [red, black] = [Tensor.from([1, 0, 0], [1, 3, 1, 1]), Tensor.full([1, 3, 1, 1], 0)];
 * await chroma({ size: 1 }).value(red, black); // 0.2937196
 * ```
 */
export const chroma = defineLoss({
  name: "chroma",
  summary: "absolute error of Cb and Cr, averaged over blocks of pixels",
  formula: "mean |A(x) - A(y)| of Cb and Cr; A averages over blocks",
  use: "With other terms, to hold colours while texture is left free, as in GAN super-resolution.",
  better: "lower",
  source: "traiNNer, ColorLoss; BasicSR, rgb2ycbcr_pt",
  options: {
    ...colourImageOptions,
    ...blockOptions,
  },
  refuse: (options, shape) =>
    shape[1] === 3
      ? refuseImages({ ...options, channels: "rgb" }, shape, [options.size, options.size])
      : "but chroma needs 3 channels",
  units: ({ distance }) => ({ degree: distance === "l1" ? 1 : 2 }),
  define: (options) =>
    meanOfBlockErrors({ ...options, channels: "rgb" }, (o, { output, target }) =>
      o.conv2d(o.sub(output, target), o.constant(chromaFromRgb.flat(), [2, 3, 1, 1])),
    ),
});
