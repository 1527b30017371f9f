import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, list, number, parseList } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { ssimMaps, ssimOptions } from "./ssim.ts";
import { makeWindow, windowMean } from "./windows.ts";

/** Contrast-structure of a channel at a scale, or its luminance; both counted from 0, the finest scale first. */
type Factor = readonly [map: "cs" | "luminance", channel: number, scale: number];

/** For each of the products whose mean is the similarity, its factors. */
function products(preset: "kornia" | "psyrocloud", channels: number, scales: number): Factor[][] {
  if (preset === "kornia") {
    return Array.from({ length: channels }, (_, channel) => [
      ["luminance", channel, scales - 1],
      ...Array.from({ length: scales }, (_, scale): Factor => ["cs", channel, scale]),
    ]);
  }
  // Three windows of each scale, in the order of scales, are shared out among the channels one after the other.
  const windows = Array.from({ length: 3 * scales }, (_, window) => {
    return [Math.floor((window * channels) / (3 * scales)), Math.floor(window / 3)] as const;
  });
  const all = windows.map(([channel, scale]): Factor => ["cs", channel, scale]);
  return [[...all, ...windows.slice(-3).map(([channel, scale]): Factor => ["luminance", channel, scale])]];
}

/**
 * Multi-scale structural similarity mixed with absolute errors under a Gaussian (Zhao, Gallo, Frosio, Kautz 2017, equation 9): at every pixel
 * `compensation (alpha (1 - S) + (1 - alpha) E / dataRange)`, then the mean over pixels; 0 for identical images.
 *
 * The scales are Gaussian windows of standard deviations `sigmas` on the image itself, 2 floor(2 sigma) + 1 pixels wide with the last sigma, zeros
 * beyond the border. S is the product of contrast-structure over the scales and of luminance at the last, E the absolute error under the last window.
 *
 * | preset | S | equals |
 * |---|---|---|
 * | `kornia` (default) | of each channel, then the mean over channels | kornia `MS_SSIMLoss` since its channels have all scales; PL4NN |
 * | `psyrocloud` | one product over channels: of 3 channels and 5 sigmas, the first has sigmas 1, 1, 1, 2, 2, the second 2, 3, 3, 3, 4, the third 4, 4, 5, 5, 5 and luminance three times | psyrocloud `MS_SSIM_L1_LOSS`, kornia `MS_SSIMLoss` before that |
 *
 * A weight makes the mean over pixels `sum(weight value) / sum(weight)`: windows count as the pixel in their middle does, as in `ssim`.
 *
 * @throws {ReconlossError} `shape` for other than 1 or 3 channels with `psyrocloud`
 * @example
 * ```ts
 * import { msSsimL1, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 24, 24], 0.5);
 * await msSsimL1().value(grey, grey); // 0
 * await msSsimL1({ alpha: 0.84, compensation: 1 }).valueAndGrad(Tensor.full([1, 3, 24, 24], 0.25), grey);
 * ```
 */
export const msSsimL1 = defineLoss({
  name: "ms-ssim-l1",
  summary: "structural similarity over five Gaussians, mixed with absolute errors",
  formula:
    "compensation (alpha (1 - S) + (1 - alpha) G |x - y| / dataRange), mean over pixels; S over Gaussians, G a Gaussian",
  use: "The mix of structure and absolute errors of Zhao et al. as one loss, for denoising, demosaicing and super-resolution.",
  better: "lower",
  source: "Zhao et al. 2017, eq. 9; kornia, MS_SSIMLoss; psyrocloud, MS_SSIM_L1_LOSS (preset=psyrocloud)",
  options: {
    preset: choice(["kornia", "psyrocloud"], "kornia", "whose numbers come out"),
    ...imageOptions,
    sigmas: list("0.5:1:2:4:8", "standard deviation of each scale's Gaussian, in pixels, coarsest last", { above: 0 }),
    k1: ssimOptions.k1,
    k2: ssimOptions.k2,
    alpha: number(0.025, "share of structural similarity; the rest is the absolute error's", { min: 0, max: 1 }),
    compensation: number(200, "what the loss is multiplied by", { above: 0 }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => {
    const channels = options.channels === "rgb" ? shape[1] : 1;
    if (options.preset === "psyrocloud" && channels !== 1 && channels !== 3) {
      return "but preset=psyrocloud needs 1 or 3 channels";
    }
    return refuseImages(options, shape);
  },
  define: (options) => {
    const { preset, k1, k2, alpha, compensation, dataRange } = options;
    const sigmas = parseList(options.sigmas);
    const coarsest = sigmas[sigmas.length - 1];
    const radius = Math.floor(2 * coarsest);
    const size = 2 * radius + 1;
    const places = <T>(o: Ops<T>, images: Images<T>): T => {
      const { output, target } = prepare(o, images, options);
      const maps = sigmas.map((sigma) =>
        ssimMaps(o, { output, target }, { window: "gaussian", size, sigma, k1, k2, dataRange, region: "zero" }),
      );
      const similar = products(preset, o.channels(output), sigmas.length).map((factors) =>
        factors
          .map(([map, channel, scale]) => o.channel(maps[scale][map], channel))
          .reduce((product, factor) => o.mul(product, factor)),
      );
      const similarity = o.mean(o.concat(similar), "c");
      const errors = o.pad(o.abs(o.sub(output, target)), radius);
      const window = makeWindow("gaussian", [size, size], [coarsest, coarsest]);
      const error = o.mean(windowMean(o, errors, window), "c");
      const structure = o.mul(o.sub(1, similarity), alpha * compensation);
      return o.add(structure, o.mul(error, ((1 - alpha) * compensation) / dataRange));
    };
    return {
      score: (o, images) => {
        const weight = images.weight && o.crop(images.weight, options.crop);
        return weightedMean(o, places(o, images), weight, "hw");
      },
      map: places,
    };
  },
});
