import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { bothAxes, choice, flag, list, parseList } from "../definitions/options.ts";
import { channelMean, channelShare, fittedWeight, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { msSsim as kernel } from "../kernels/ms-ssim.ts";
import { leastSide } from "../kernels/windows.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { positivePower } from "./powers.ts";
import { defaultSize, kernelWindow, regions, ssimMaps, ssimOptions, windowWeight } from "./ssim.ts";

/** The exponent of each scale, finest first (Wang, Simoncelli, Bovik 2003, section 3.2). */
export const msSsimWeights: readonly number[] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/** The treatment of odd sides before halving, as one implementation or another has it. */
const oddRules = ["zero", "replicate", "symmetric", "drop"] as const;

/** Half the size, by means over 2x2 pixels; `countIncludePad`: whether zeros beyond odd sides are pixels too. */
function halve<T>(o: Ops<T>, x: T, odd: (typeof oddRules)[number], countIncludePad = true): T {
  const [, , h, w] = o.dims(x) as readonly number[];
  const [rows, columns] = [h % 2, w % 2];
  if (odd === "zero") return o.avgPool(x, 2, { padding: [rows, columns], countIncludePad });
  const before = odd === "replicate" ? Math.max(rows, columns) : 0;
  const [bottom, right] = odd === "symmetric" ? [rows, columns] : [0, 0];
  return o.avgPool(o.padWith(x, { top: before, left: before, bottom, right }, "replicate"), 2);
}

/**
 * Multi-scale structural similarity (Wang, Simoncelli, Bovik 2003): the product of contrast-structure over five scales and of SSIM at the
 * coarsest, each to its exponent, per channel; then the mean over channels. 1 for identical images.
 *
 * | preset | odd sides before halving | otherwise | equals |
 * |---|---|---|---|
 * | `pytorch-msssim` (default) | continued with zeros at both ends | | pytorch_msssim `ms_ssim` |
 * | `piq` | first row and column again | | piq `multi_scale_ssim` |
 * | `msssim.m` | last row and column again | | Wang's `msssim.m` on grey images, where it has no negative mean |
 * | `tensorflow` | last row and column again | | TensorFlow `tf.image.ssim_multiscale` |
 * | `torchmetrics` | last row and column left out | product over scales of means over channels; coarsest SSIM everywhere, reflected at the border; window from `sigma` | torchmetrics, `normalize="relu"` (its default) or `"simple"` |
 * | `pyiqa` | continued with zeros at both ends | on `y-matlab`; negative contrast-structure counts as 0 in each window; product of means over channels | IQA-PyTorch `ms_ssim` |
 *
 * `weights` are the exponents, finest scale first, and there are as many scales as weights: `weights=0.3:0.3:0.4` has three. Negative means count as
 * 0. The gradient is finite everywhere, unlike the originals' at 0. Higher is better: in a weighted sum it enters as `1 - ms-ssim`.
 *
 * A weight is halved with the images, and at each scale a window's weight is that of its pixel, the middle one, as in `ssim`; channels count by the sums of
 * their weights.
 *
 * @throws {ReconlossError} `shape` for images whose shorter side is less than 16 (size - 1) + 1 pixels (161 with the default window; fewer with fewer
 * scales), below which a scale holds no window
 * @example
 * ```ts
 * import { msSsim, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 1, 176, 176], 0.5);
 * await msSsim().value(grey, grey); // 1
 * const small = Tensor.full([1, 1, 32, 32], 0.5);
 * await msSsim({ weights: "0.5:0.5" }).value(small, small); // 1
 * ```
 */
export const msSsim = defineLoss({
  name: "ms-ssim",
  summary: "structural similarity over five scales",
  formula: "product over scales j of cs_j^w_j, times l^w of the coarsest",
  use: "As `ssim`, at several viewing distances at once; of images with at least 161 pixels a side by default. In training, with `l1`.",
  better: "higher",
  offset: 1,
  source:
    "Wang, Simoncelli, Bovik 2003, eq. 7; pytorch_msssim, piq, msssim.m, TensorFlow, torchmetrics, pyiqa: the preset says which",
  options: {
    preset: choice(
      ["pytorch-msssim", "piq", "msssim.m", "tensorflow", "torchmetrics", "pyiqa"],
      "pytorch-msssim",
      "whose numbers come out",
    ),
    ...imageOptions,
    ...ssimOptions,
    weights: list(msSsimWeights.join(":"), "exponent of each scale, finest first", { above: 0 }),
    odd: choice(oddRules, "zero", "what odd sides are continued with before halving, or that they are cut"),
    region: choice(regions, "valid", "the coarsest scale: windows inside the image, or everywhere with this border"),
    normalize: choice(["relu", "simple"], "relu", "negative means count as 0, or every mean m as (m + 1) / 2"),
    product: choice(["channel", "image"], "channel", "over scales of each channel, or of the means over channels"),
    nonNegative: flag(false, "negative contrast-structure counts as 0 in each window"),
  },
  presets: {
    piq: { odd: "replicate" },
    "msssim.m": { odd: "symmetric" },
    tensorflow: { odd: "symmetric" },
    torchmetrics: { odd: "drop", region: "reflect", product: "image" },
    pyiqa: { channels: "y-matlab", nonNegative: true, product: "image" },
  },
  defaultsOf: (options) => defaultSize(options.preset, options),
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => {
    const { size, weights, odd, region } = options;
    const [height, width] = bothAxes(size).map((side) => leastSide(side, parseList(weights).length, odd, region));
    return refuseImages(options, shape, [height, width]);
  },
  define: (options) => {
    const { odd, region, normalize, product, nonNegative } = options;
    const weights = parseList(options.weights);
    const window = kernelWindow(options);
    const last = weights.length - 1;
    return {
      bySize: true,
      ...(window && {
        kernel: {
          kernel,
          spec: { kind: "ms-ssim", ...window, weights, odd, region, normalize, product, nonNegative },
          images: options,
        },
      }),
      score: <T>(o: Ops<T>, images: Images<T>): T => {
        const prepared = prepare(o, images, options);
        let { output, target } = prepared;
        let weight = prepared.weight && fittedWeight(o, prepared.weight, output);
        const share = weight && channelShare(o, weight);
        let total: T | undefined;
        for (const [scale, exponent] of weights.entries()) {
          const maps = ssimMaps(o, { output, target }, { ...options, region: scale === last ? region : "valid" });
          const map = scale === last ? maps.ssim : maps.cs;
          const places = weight && windowWeight(o, weight, options.size, scale === last ? region : "valid");
          const mean = product === "image" ? weightedMean(o, map, places, "chw") : channelMean(o, map, places, share);
          const base = normalize === "simple" ? o.mul(o.add(mean, 1), 0.5) : mean;
          const factor = positivePower(o, base, exponent);
          total = total === undefined ? factor : o.mul(total, factor);
          if (scale === last) break;
          [output, target] = [halve(o, output, odd), halve(o, target, odd)];
          weight &&= halve(o, weight, odd, false);
        }
        const channels = total as T;
        return o.mean(share === undefined || product === "image" ? channels : o.mul(channels, share), "c");
      },
    };
  },
});
