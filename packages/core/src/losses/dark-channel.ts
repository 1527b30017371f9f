import { colourImageOptions } from "../definitions/image-options.ts";
import { choice, integer } from "../definitions/options.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The least of the channels at every pixel; its gradient goes to equal channels in equal parts. */
function leastChannel<T>(o: Ops<T>, x: T): T {
  const all = Array.from({ length: o.channels(x) }, (_, index) => o.channel(x, index));
  const least = o.stopGradient(all.reduce((a, b) => o.minimum(a, b)));
  const isLeast = o.stopGradient(o.sub(1, o.greater(x, least)));
  const slope = o.div(o.sum(o.mul(isLeast, x), "c"), o.sum(isLeast, "c"));
  return o.add(least, o.sub(slope, o.stopGradient(slope)));
}

/** The least value of the window around every pixel, of what lies inside the image; its gradient goes to the first in row order among equals. */
function leastNear<T>(o: Ops<T>, x: T, window: number): T {
  const around = (window - 1) / 2;
  const inRows = o.maxPool(o.neg(x), [1, window], { stride: 1, padding: [0, around] });
  return o.neg(o.maxPool(inRows, [window, 1], { stride: 1, padding: [around, 0] }));
}

/**
 * The distance of the dark channel from black, a prior on the output alone: the mean over pixels of `|D|`, D the least value of all channels in the window around a pixel (He,
 * Sun, Tang 2009). Haze and blur raise it: as a loss it is Pan et al. 2016's prior, with the norm L1 instead of their count of non-zeros.
 *
 * `extreme=bright` is the bright channel: the mean of `|1 - B|`, B the largest value (Yan et al. 2017), 1 for white. `bright-channel` is another name for it.
 *
 * In units of the images; any number of channels. A window that reaches beyond the image has only what lies inside. The gradient goes to the pixel that is the least, the first in row
 * order among equals, in equal parts to equal channels, as PyTorch's `amin` and `max_pool2d` have it. The weight of a window is that of its middle; of weights for each
 * channel, a pixel has the mean.
 *
 * @throws {ReconlossError} `invalid-argument` for a window of an even side, which has no middle
 * @example
 * ```ts
 * import { darkChannel, Tensor } from "@reconloss/core";
 * await darkChannel().value(Tensor.from([1, 0.5, 0.25], [1, 3, 1, 1])); // 0.25
 * await darkChannel({ extreme: "bright" }).value(Tensor.from([0.75, 0.5, 0.25], [1, 3, 1, 1])); // 0.25
 * ```
 */
export const darkChannel = defineLoss({
  name: "dark-channel",
  summary: "the least value near each pixel, or the distance of the largest from white: a prior, no target",
  formula: "mean |least value of all channels in the window around a pixel|",
  use: "To dehaze and deblur without targets: haze and blur raise the darkest values.",
  better: "target",
  source: "He, Sun, Tang 2009; Pan et al. 2016; Yan et al. 2017 (bright channel)",
  needsTarget: false,
  options: {
    ...colourImageOptions,
    window: integer(15, "side of the window, odd", { min: 1 }),
    extreme: choice(["dark", "bright"], "dark", "the least value against black, or the largest against white"),
  },
  refuse: (options, shape) => refuseImages({ ...options, channels: "rgb" }, shape),
  units: () => ({ degree: 1 }),
  define: (options) => {
    const { window, extreme, dataRange } = options;
    if (window % 2 === 0) {
      throw new ReconlossError("invalid-argument", `dark-channel: window must be odd, got ${window}`);
    }
    return meanOfErrors({ ...options, channels: "rgb" }, (o, { output }) => {
      const fromBlack = extreme === "dark" ? output : o.sub(dataRange, output);
      return o.abs(leastNear(o, leastChannel(o, fromBlack), window));
    });
  },
});
