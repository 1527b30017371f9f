import type { Images, KernelPath } from "../definitions/definition.ts";
import { channelChoices, type ImageOptions, imageOptions, lumas } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { fittedWeight, nothingOf, weightedMean, weightedSum } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { vif as kernel } from "../kernels/vif.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { windowWeight } from "./ssim.ts";
import { makeWindow, type Window, windowCovariance, windowMean } from "./windows.ts";

/** Pixels of the Gaussian window of each scale, of standard deviation a fifth of that. */
const sides = [17, 9, 5, 3];

/** The least shorter side that leaves the coarsest scale a window. */
const leastSide = 41;

/** Variances below this, in squared 8-bit levels, are those of flat windows. */
const eps = 1e-8;

const windows = sides.map((side) => makeWindow("gaussian", [side, side], [side / 5, side / 5]));

/** Every second row and column. */
function everySecond<T>(o: Ops<T>, x: T): T {
  return o.slice(o.slice(x, "h", 0, undefined, 2), "w", 0, undefined, 2);
}

/** The information about the target that output and target carry at one scale, of each window, [n, c, h, w]. */
function information<T>(o: Ops<T>, output: T, target: T, window: Window, noise: number): { output: T; target: T } {
  const [x, y] = [output, target].map((plane) => {
    // Covariances do not depend on the level of an image, and are most exact around 0.
    const values = o.sub(plane, o.stopGradient(o.mean(plane, "hw")));
    return [values, windowMean(o, values, window)] as const;
  });
  const [xx, yy] = [x, y].map((pair) => o.relu(windowCovariance(o, pair, pair, window)));
  const xy = windowCovariance(o, x, y, window);
  // Where either is flat or they go against each other, the target tells nothing of the output.
  const isInformative = o.mul(o.mul(o.greater(yy, eps), o.greater(xx, eps)), o.greater(xy, 0));
  const gain = o.where(isInformative, o.div(xy, o.add(yy, eps)), 0);
  const rest = o.maximum(o.sub(xx, o.mul(gain, xy)), eps);
  const signal = o.div(o.mul(o.square(gain), yy), o.add(rest, noise));
  return { output: o.log(o.add(signal, 1)), target: o.log(o.add(o.div(yy, noise), 1)) };
}

/** The kernel of the images in their own units; of variances alone, so that black may be anywhere. */
function kernelPath(options: ImageOptions & { sigmaNSq: number }): KernelPath {
  const { channels, clamp, low, dataRange, sigmaNSq } = options;
  const luma = channels === "rgb" ? undefined : lumas[channels];
  const perLevel = dataRange / 255;
  const spec = {
    kind: "vif",
    windows: windows.map(({ rows }) => Array.from(rows)),
    noise: sigmaNSq * perLevel ** 2,
    least: eps * perLevel ** 2,
  } as const;
  // Rounded lumas are those of the images as they are staged.
  if (luma === undefined || luma.levels) return { kernel, spec, images: options };
  const images = { ...options, channels: "rgb", low: clamp ? low : 0 } as const;
  return { kernel, spec: { ...spec, luma: { weights: luma.weights, offset: 0 } }, images };
}

/**
 * Visual information fidelity in the pixel domain (Sheikh, Bovik 2006): how much of the information that the eye gets from the target it can get from the output, summed over the windows of
 * four scales, `sum log(1 + g^2 s / (v + sigmaNSq)) / sum log(1 + s / sigmaNSq)`, where s is the target's variance in a window, and g and v the gain and the variance left over that explain the output's.
 * 1 for identical images, above 1 where contrast was raised; higher is better. Not symmetric.
 *
 * | preset | what is compared | equals |
 * |---|---|---|
 * | `piq` (default) | the luma 0.299 R + 0.587 G + 0.114 B | piq `vif_p`; the authors' `vifp_mscale.m` on that luma |
 * | `torchmetrics` | each channel by itself; the mean of their values | torchmetrics `visual_information_fidelity` of images in [0, 255] |
 *
 * `sigmaNSq` is in squared 8-bit levels whatever the range: torchmetrics scales nothing, so what it gives of images in [0, 1] is `sigmaNSq=130050` here. A flat target, whose information is 0, gives 1
 * as in piq, where torchmetrics gives NaN. There is no map: the value is a quotient of sums. A window's weight is that of its pixel, the middle one, at each scale.
 *
 * @throws {ReconlossError} `shape` for images smaller than 41x41
 * @example
 * ```ts
 * import { vif, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 48, 48], 0.5);
 * await vif().value(grey, grey); // 1
 * ```
 */
export const vif = defineLoss({
  name: "vif",
  summary: "visual information fidelity, in the pixel domain",
  formula: "sum log(1 + g^2 s / (v + sigmaNSq)) / sum log(1 + s / sigmaNSq)",
  use: "To judge how much of the target's information is left, or gained by contrast. Not symmetric, and almost blind to colour.",
  better: "higher",
  offset: 1,
  source:
    "Sheikh, Bovik 2006, eq. 15, in the pixel domain of the authors' vifp_mscale.m; piq, torchmetrics: the preset says which",
  options: {
    preset: choice(["piq", "torchmetrics"], "piq", "whose numbers come out"),
    ...imageOptions,
    channels: choice(channelChoices, "y-yiq", "what is compared: a luma, or each channel by itself"),
    sigmaNSq: number(2, "variance of the eye's noise, in squared 8-bit levels", { above: 0 }),
  },
  presets: { torchmetrics: { channels: "rgb" } },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseImages(options, shape, [leastSide, leastSide]),
  define: (options) => ({
    kernel: kernelPath(options),
    score: <T>(o: Ops<T>, images: Images<T>): T => {
      const prepared = prepareLevels(o, images, options);
      let { output, target } = prepared;
      let weight = prepared.weight && fittedWeight(o, prepared.weight, output);
      const sums: { output: T; target: T; nothing?: T }[] = [];
      for (const [scale, side] of sides.entries()) {
        const window = windows[scale];
        if (scale > 0) {
          [output, target] = [output, target].map((x) => everySecond(o, windowMean(o, x, window)));
          weight &&= everySecond(o, windowWeight(o, weight, side, "valid"));
        }
        const contents = information(o, output, target, window, options.sigmaNSq);
        const places = weight && windowWeight(o, weight, side, "valid");
        sums.push({
          output: weightedSum(o, contents.output, places, "hw"),
          target: weightedSum(o, contents.target, places, "hw"),
          ...(places && { nothing: nothingOf(o, weightedMean(o, contents.target, places, "chw")) }),
        });
      }
      const total = (part: "output" | "target") =>
        o.add(
          sums.map((sum) => sum[part]).reduce((sum, x) => o.add(sum, x)),
          eps,
        );
      const score = o.mean(o.div(total("output"), total("target")), "c");
      const [{ nothing }] = sums;
      return nothing === undefined ? score : o.add(score, nothing);
    },
  }),
});
