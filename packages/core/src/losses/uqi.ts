import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { bothAxes, choice } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { mapBorder, ssimMaps, ssimOptions, windowWeight } from "./ssim.ts";

/**
 * Universal image quality index (Wang, Bovik 2002), mean over all windows and channels: structural similarity without its constants, `4 mx my sxy / ((mx^2 + my^2)(sx^2 + sy^2))`.
 * 1 for identical images, in [-1, 1]; higher is better.
 *
 * | preset | window | equals |
 * |---|---|---|
 * | `torchmetrics` (default) | Gaussian 11, 1.5, inside the image | torchmetrics `universal_image_quality_index` |
 * | `wang` | uniform 8, inside the image | the authors' `img_qi.m`, on grey images |
 *
 * Where a factor is 0 / 0, of flat or black windows, it counts as 1, as in `img_qi.m`; torchmetrics leaves such windows to rounding. It is `ssim` with `k1=0,k2=0`. The map is the mean over channels, smaller than the
 * image by `size - 1`. A window's weight is that of its pixel, the middle one.
 *
 * @throws {ReconlossError} `shape` for images smaller than the window
 * @example
 * ```ts
 * import { uqi, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await uqi().value(grey, grey); // 1
 * ```
 */
export const uqi = defineLoss({
  name: "uqi",
  summary: "universal image quality index: structural similarity without constants",
  formula: "mean of 4 mx my sxy / ((mx^2 + my^2)(sx^2 + sy^2)) over windows",
  use: "For numbers of remote sensing and of older papers; elsewhere take `ssim`, which is steady in flat areas.",
  better: "higher",
  offset: 1,
  source: "Wang, Bovik 2002, eq. 2; torchmetrics, img_qi.m: the preset says which",
  options: {
    preset: choice(["torchmetrics", "wang"], "torchmetrics", "whose numbers come out"),
    ...imageOptions,
    window: ssimOptions.window,
    size: ssimOptions.size,
    sigma: ssimOptions.sigma,
  },
  presets: { wang: { window: "uniform", size: 8 } },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseImages(options, shape, bothAxes(options.size)),
  define: (options) => {
    const map = <T>(o: Ops<T>, images: Images<T>) =>
      ssimMaps(o, prepare(o, images, options), { ...options, k1: 0, k2: 0 }).ssim;
    return {
      mapBorder: mapBorder({ ...options, region: "valid" }),
      score: (o, images) => {
        const { weight } = prepare(o, images, options);
        return weightedMean(o, map(o, images), weight && windowWeight(o, weight, options.size, "valid"), "chw");
      },
      map: (o, images) => o.mean(map(o, images), "c"),
    };
  },
});
