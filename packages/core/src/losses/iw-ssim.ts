import type { Images } from "../definitions/definition.ts";
import { imageOptions, lumaChoices } from "../definitions/image-options.ts";
import { choice, flag, integer, list, number, parseList } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { leastSide } from "../kernels/windows.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { informationContent, targetBlocks } from "./information-content.ts";
import { halvedWeight, laplacianPyramid } from "./laplacian-pyramid.ts";
import { defineLoss } from "./loss.ts";
import { msSsimWeights } from "./ms-ssim.ts";
import { positivePower } from "./powers.ts";
import { meanByImportance } from "./similarity.ts";
import { ssimMaps, windowWeight } from "./ssim.ts";

/**
 * Information content weighted structural similarity (Wang, Li 2011): `ms-ssim` over the bands of a Laplacian pyramid of the luma, where each window counts by the information that its block
 * carries, and so where the target is structured or the output distorted. 1 for identical images, above 0; higher is better.
 *
 * The value is that of piq's `information_weighted_ssim`, which is that of the authors' `iwssim.m`. Contrast-structure of all bands but the last, which is the image blurred and has SSIM and no
 * weights of its own, is averaged by information: that of Gaussian scale mixtures of 3x3 blocks, with the pixel of the next band that is their parent (`parents`). The `weights` are the exponents, finest
 * first, divided by their sum, and there are as many scales as weights.
 *
 * Constants are in 8-bit levels, whatever the range. A target without structure, whose covariance piq cannot invert, has no information of its own. There is no map, since each scale has one. A window's
 * weight is that of its pixel, the middle one, halved with the images; it multiplies the information.
 *
 * @throws {ReconlossError} `shape` for images whose shorter side is less than 16 (size - 1) + 1 pixels (161 with the default window; fewer with fewer scales), or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { iwSsim, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 48, 48], 0.5);
 * await iwSsim({ weights: "0.3:0.3:0.4" }).value(grey, grey); // 1
 * ```
 */
export const iwSsim = defineLoss({
  name: "iw-ssim",
  summary: "structural similarity over five scales, weighted by information",
  formula: "product over scales j of (sum w cs_j / sum w)^beta_j; w information",
  use: "As `ms-ssim`, where what carries most information is to count most. Slower; of grey images or the luma.",
  better: "higher",
  offset: 1,
  source: "Wang, Li 2011, eq. 28 to 33; piq, the authors' iwssim.m",
  options: {
    ...imageOptions,
    channels: choice(lumaChoices, "y-yiq", "the luma"),
    size: integer(11, "size of the Gaussian window, in pixels", { min: 3 }),
    sigma: number(1.5, "standard deviation of the Gaussian window, in pixels", { above: 0 }),
    k1: number(0.01, "C1 = (k1 255)^2", { min: 0 }),
    k2: number(0.03, "C2 = (k2 255)^2", { min: 0 }),
    weights: list(msSsimWeights.join(":"), "exponent of each scale, finest first, divided by their sum", { above: 0 }),
    parents: flag(true, "whether blocks have parents in the next band"),
    sigmaNSq: number(0.4, "variance of the eye's noise, in squared 8-bit levels", { above: 0 }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => {
    const least = leastSide(options.size, parseList(options.weights).length, "symmetric");
    return refuseImages(options, shape, [least, least]);
  },
  define: (options) => {
    const { size, parents, sigmaNSq } = options;
    const weights = parseList(options.weights);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const window = { ...options, window: "gaussian", dataRange: 255 } as const;
    return {
      bySize: true,
      score: <T>(o: Ops<T>, images: Images<T>): T => {
        const { output, target, weight } = prepareLevels(o, images, options);
        const [x, y] = [output, target].map((luma) => laplacianPyramid(o, luma, weights.length));
        const blocks = weights.length === 1 ? [] : targetBlocks(o, y.slice(0, -1), parents);
        let pixels = weight && o.mean(weight, "c");
        const scores = weights.map((exponent, scale) => {
          const [band, isLast] = [[x[scale], y[scale]] as const, scale === blocks.length];
          const { cs, ssim } = ssimMaps(o, { output: band[0], target: band[1] }, window);
          const similarities = isLast ? ssim : cs;
          const importance = isLast
            ? o.expand(o.scalar(1), similarities)
            : windowWeight(o, informationContent(o, band, blocks[scale], sigmaNSq), size - 2, "valid");
          const own = pixels && windowWeight(o, pixels, size, "valid");
          pixels &&= isLast ? undefined : halvedWeight(o, pixels);
          const similarity = meanByImportance(o, similarities, { importance, ...(own && { weight: own }) }, 1);
          return positivePower(o, o.abs(similarity), exponent / total);
        });
        return scores.reduce((product, score) => o.mul(product, score));
      },
    };
  },
});
