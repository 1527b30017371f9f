import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { fittedWeight, nothingOf, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { pointwise } from "../kernels/pointwise.ts";
import { meanOfErrors, prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Peak signal-to-noise ratio in decibels, `10 log10(dataRange^2 / mse)`.
 *
 * `pooling` says over what the squared error is averaged before it becomes decibels, of which the mean is taken: `images`, as papers report a
 * folder (torchmetrics `dim=(1, 2, 3)`), `channels` of each image (`dim=(2, 3)`), or the whole `dataset`, here the batch (`dim=None`). Identical
 * images give `identical` (infinity unless said otherwise) and a gradient of 0; where PSNR is minimised, in a sum or a training, infinity counts as 100 dB. Images of a range [low, high] are
 * `psnr({ low, dataRange: high - low, clamp: true })`, as torchmetrics has it with `data_range=(low, high)`.
 * A weight makes the squared error `sum(weight error^2) / sum(weight)`, before it becomes decibels.
 *
 * | preset | equals |
 * |---|---|
 * | `skimage` (default) | scikit-image `peak_signal_noise_ratio`, MATLAB `psnr`, BasicSR `calculate_psnr` of all channels |
 * | `torchmetrics` | torchmetrics' default: `pooling=dataset` |
 * | `piq` | piq `psnr`, BasicSR `calculate_psnr_pt`: 1e-8 added to the error |
 * | `basicsr-y` | BasicSR `calculate_psnr(test_y_channel=True)`: `channels=y-bt601`; `crop` is its `crop_border` |
 * | `matlab-y` | `psnr` of MATLAB's `rgb2ycbcr` of 8-bit files: `channels=y-rgb2ycbcr` |
 *
 * @example
 * ```ts
 * import { psnr, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.5), Tensor.full([1, 3, 8, 8], 0.4)];
 * await psnr().value(output, target); // 20
 * ```
 */
export const psnr = defineLoss({
  name: "psnr",
  summary: "peak signal-to-noise ratio, in dB",
  formula: "10 log10(dataRange^2 / mean (x - y)^2)",
  use: "The number that restoration papers report. It says how large errors are, not how they look: compare it only with the same channels, crop and range.",
  better: "higher",
  decimals: 2,
  source: "scikit-image, BasicSR, torchmetrics, piq, MATLAB: the preset says which",
  options: {
    preset: choice(["skimage", "torchmetrics", "piq", "basicsr-y", "matlab-y"], "skimage", "whose numbers come out"),
    ...imageOptions,
    pooling: choice(
      ["images", "channels", "dataset"],
      "images",
      "what has one mean squared error each, and so decibels",
    ),
    identical: number(Number.POSITIVE_INFINITY, "the value of identical images, in dB"),
    eps: number(0, "added to the mean squared error, for images in [0, 1]", { min: 0 }),
  },
  presets: {
    torchmetrics: { pooling: "dataset" },
    piq: { eps: 1e-8 },
    "basicsr-y": { channels: "y-bt601" },
    "matlab-y": { channels: "y-rgb2ycbcr" },
  },
  refuse: refuseImages,
  units: () => ({ degree: 0 }),
  define: (options) => {
    const { dataRange, identical, eps, pooling } = options;
    const squares = <T>(o: Ops<T>, { output, target }: Images<T>) => o.square(o.div(o.sub(output, target), dataRange));
    const decibels = <T>(o: Ops<T>, meanSquare: T) => {
      const error = o.add(meanSquare, eps);
      const logarithm = o.mul(o.log(o.maximum(error, 1e-300)), -10 / Math.LN10);
      return o.where(o.greater(error, 0), logarithm, identical);
    };
    const pooled = meanOfErrors(options, squares, {
      kernel: { kernel: pointwise, spec: { kind: "mse" } },
      scale: 1 / dataRange ** 2,
    });
    const common = { mapsErrors: true, mapBorder: undefined, limit: 100 };
    if (pooling !== "channels")
      return { ...pooled, ...common, poolScores: pooling === "dataset", toReported: decibels };
    return {
      ...common,
      map: pooled.map,
      score: <T>(o: Ops<T>, images: Images<T>) => {
        const prepared = prepare(o, images, options);
        const errors = squares(o, prepared);
        const weight = prepared.weight && fittedWeight(o, prepared.weight, errors);
        const count = o.channels(errors);
        // One channel at a time: numbers of an image are float64 on every backend.
        const ofChannels = Array.from({ length: count }, (_, channel) => {
          const own = weight && o.channels(weight) > 1 ? o.channel(weight, channel) : weight;
          const mean = weightedMean(o, o.channel(errors, channel), own, "hw");
          return own === undefined ? decibels(o, mean) : o.add(decibels(o, mean), nothingOf(o, mean));
        });
        return o.div(
          ofChannels.reduce((sum, value) => o.add(sum, value)),
          count,
        );
      },
    };
  },
});
