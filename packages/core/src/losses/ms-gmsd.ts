import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { flag, list, number, parseList } from "../definitions/options.ts";
import { rootOfMean, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { averagedWeight, halveBy } from "./averaging.ts";
import { colourPlanes, refuseColours, yiq } from "./colour-planes.ts";
import { deviationKernel, gradientDissimilarity, standardDeviation } from "./gmsd.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * Gradient magnitude similarity deviation on several scales (Zhang, Sander, Bab-Hadiashar 2017): the root of the weighted sum of `gmsd^2` over scales, the finest at full size,
 * with the similarity masked, `((2 - alpha) m1 m2 + t) / (m1^2 + m2^2 - alpha m1 m2 + t)`. 0 for identical images. Equals piq `multi_scale_gmsd`.
 *
 * With `chromatic` it is MS-GMSDc: `g m + (1 - g) beta1 c` with m the above, c the root of the mean squared difference in I and Q of YIQ (added up), and
 * `g = 2 / (1 + beta2 exp(-beta3 m)) - 1`. As in piq, c is of the planes at the coarsest scale, where the paper has them at full size.
 *
 * `weights` are those of the scales, finest first, divided by their sum; there are as many scales as weights. `t` is in squared 8-bit levels, whatever the range. A grey image counts as three equal
 * channels. Gradients are 0 for identical images and where an area is flat, where piq's are NaN. A weight is halved with the images. There is no map: each scale has its own.
 *
 * @throws {ReconlossError} `shape` for images whose shorter side is at most 2^scales pixels (17 are enough for four), or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { msGmsd, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 32, 32], 0.5);
 * await msGmsd().value(grey, grey); // 0
 * ```
 */
export const msGmsd = defineLoss({
  name: "ms-gmsd",
  summary: "deviation of the similarity of gradient magnitudes over four scales, with or without colour",
  formula: "sqrt(sum over scales j of w_j gmsd_j^2)",
  use: "As `gmsd`, at several viewing distances; with `chromatic=true` colour counts too.",
  better: "lower",
  source: "Zhang, Sander, Bab-Hadiashar 2017, eq. 3 to 9; piq, multi_scale_gmsd",
  options: {
    ...colourImageOptions,
    weights: list("0.096:0.596:0.289:0.019", "weight of each scale, finest first", { min: 0 }),
    t: number(170, "constant of the similarity, in squared 8-bit levels", { above: 0 }),
    alpha: number(0.5, "masking: how much of the product of gradients the similarity loses", { min: 0, below: 2 }),
    chromatic: flag(false, "whether colour counts: MS-GMSDc"),
    beta1: number(0.01, "chromatic: weight of the difference in colour", { min: 0 }),
    beta2: number(0.32, "chromatic: how much colour counts where gradients are equal", { min: 0, max: 1 }),
    beta3: number(15, "chromatic: how fast that falls with the deviation", { min: 0 }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => {
    const side = 2 ** parseList(options.weights).length + 1;
    return refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape, [side, side]);
  },
  define: (options) => {
    const { t, alpha, chromatic, beta1, beta2, beta3 } = options;
    const weights = parseList(options.weights);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const half = <T>(o: Ops<T>, x: T) => halveBy(o, x, "zero");
    const kernel = deviationKernel(
      options,
      { weights: yiq.piq[0], offset: 0 },
      {
        weights: weights.map((share) => share / total),
        constant: t,
        masking: alpha,
        odd: "zero",
        deviation: "population",
      },
    );
    return {
      ...(chromatic || total === 0 ? {} : { kernel }),
      score: <T>(o: Ops<T>, images: Images<T>): T => {
        const prepared = prepareLevels(o, images, { ...options, channels: "rgb" });
        let { weight } = prepared;
        let [output, target] = [prepared.output, prepared.target].map((x) => colourPlanes(o, x, yiq.piq));
        const squares = weights.map((share, scale) => {
          if (scale > 0) {
            [output, target] = [half(o, output), half(o, target)];
            weight &&= averagedWeight(o, weight, (x) => half(o, x));
          }
          const lumas = { output: o.channel(output, 0), target: o.channel(target, 0) };
          const deviation = standardDeviation(o, gradientDissimilarity(o, lumas, t, alpha), weight, "population");
          return o.mul(o.square(deviation), share / total);
        });
        const score = rootOfMean(
          o,
          squares.reduce((sum, square) => o.add(sum, square)),
        );
        if (!chromatic) return score;
        const difference = o.slice(o.sub(output, target), "c", 1);
        const colour = o.root(weightedMean(o, o.sum(o.square(difference), "c"), weight, "hw"));
        const gamma = o.sub(o.div(2, o.add(o.mul(o.exp(o.mul(score, -beta3)), beta2), 1)), 1);
        return o.add(o.mul(gamma, score), o.mul(o.mul(o.sub(1, gamma), colour), beta1));
      },
    };
  },
});
