import type { Images, KernelPath } from "../definitions/definition.ts";
import { type ImageOptions, imageOptions, lumaChoices, lumas } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import { centred, rootOfMean, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { gmsd as kernel } from "../kernels/gmsd.ts";
import type { GmsdSpec } from "../kernels/types.ts";
import { averagedWeight, halveBy } from "./averaging.ts";
import { gradientMagnitude } from "./gradient-magnitude.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { dissimilarity } from "./similarity.ts";

/** The standard deviation of each image's places, with a gradient of 0 where it is 0. */
export function standardDeviation<T>(o: Ops<T>, x: T, weight: T | undefined, by: "population" | "sample"): T {
  const variance = weightedMean(o, o.square(centred(o, x, weight)), weight, "hw");
  if (by === "population") return rootOfMean(o, variance);
  const places = o.size(x, "hw");
  return rootOfMean(o, o.mul(variance, o.div(places, o.sub(places, 1))));
}

/** One less the similarity of the gradient magnitudes of two lumas in 8-bit levels (Prewitt). */
export function gradientDissimilarity<T>(o: Ops<T>, { output, target }: Images<T>, t: number, masking = 0): T {
  const [x, y] = [output, target].map((luma) => gradientMagnitude(o, luma, "prewitt"));
  return dissimilarity(o, x, y, t, masking);
}

/**
 * The kernel of deviations of lumas.
 *
 * @param luma - of images from 0 to 1
 * @param spec - with the constant in squared 8-bit levels
 */
export function deviationKernel(
  options: Omit<ImageOptions, "channels">,
  luma: GmsdSpec["luma"],
  spec: Omit<GmsdSpec, "kind" | "luma">,
): KernelPath {
  const { clamp, low, dataRange } = options;
  const levels = 255 / dataRange;
  const white = luma.weights.reduce((sum, weight) => sum + weight, 0);
  // What is limited has black at 0; else the luma's offset brings it there.
  const offset = 255 * luma.offset - (clamp ? 0 : low * white * levels);
  return {
    kernel,
    spec: { kind: "gmsd", ...spec, luma: { weights: luma.weights.map((weight) => weight * levels), offset } },
    images: { ...options, channels: "rgb", low: clamp ? low : 0 },
  };
}

/**
 * Gradient magnitude similarity deviation (Xue, Zhang, Mou, Bovik 2014): the standard deviation over places of `(2 m1 m2 + t) / (m1^2 + m2^2 + t)`, where m1 and m2 are the
 * lengths of the gradients (Prewitt) of output and target, of the luma at half the size. 0 for identical images, rarely above 0.35.
 *
 * | preset | luma | odd sides before halving | deviation | equals |
 * |---|---|---|---|---|
 * | `piq` (default) | 0.299 R + 0.587 G + 0.114 B | continued with zeros | divided by N | piq `gmsd` |
 * | `matlab` | the same; `channels=y-matlab` for 8-bit colour files | continued with zeros | divided by N - 1 | the authors' `GMSD.m` |
 * | `pyiqa` | rounded to 8 bits | last row and column left out | divided by N - 1 | IQA-PyTorch `gmsd` |
 *
 * `t` is in squared 8-bit levels whatever the range; piq's `t`, of images in [0, 1], is this by 255^2. The map has half the size and is one less the similarity, 0 where gradients are equal.
 * Gradients are 0 for identical images and where an area is flat, where the original's are NaN. A weight is halved with the images and weights mean and deviation.
 *
 * @throws {ReconlossError} `shape` for images smaller than 3x3 (4x4 where odd sides are cut), or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { gmsd, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await gmsd().value(grey, grey); // 0
 * ```
 */
export const gmsd = defineLoss({
  name: "gmsd",
  summary: "deviation of the similarity of gradient magnitudes",
  formula: "standard deviation over places of (2 mx my + t) / (mx^2 + my^2 + t); m lengths of gradients",
  use: "To judge compression, blur and noise, fast; edges alone count, so it is blind to hue and to a change of level.",
  better: "lower",
  source: "Xue, Zhang, Mou, Bovik 2014, eq. 3 to 6; piq, the authors' GMSD.m, IQA-PyTorch: the preset says which",
  options: {
    preset: choice(["piq", "matlab", "pyiqa"], "piq", "whose numbers come out"),
    ...imageOptions,
    channels: choice(lumaChoices, "y-yiq", "the luma"),
    t: number(170, "constant of the similarity, in squared 8-bit levels", { above: 0 }),
    odd: choice(["zero", "drop"], "zero", "what odd sides are continued with before halving, or that they are cut"),
    deviation: choice(["population", "sample"], "population", "divide by N or N - 1"),
  },
  presets: {
    matlab: { deviation: "sample" },
    pyiqa: { channels: "y-matlab", odd: "drop", deviation: "sample" },
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseImages(options, shape, options.odd === "drop" ? [4, 4] : [3, 3]),
  define: (options) => {
    const { t, odd, deviation } = options;
    const luma = lumas[options.channels];
    const scales = { weights: [0, 1], constant: t, masking: 0, odd, deviation };
    const places = <T>(o: Ops<T>, images: Images<T>): { map: T; weight?: T } => {
      const { output, target, weight } = prepareLevels(o, images, options);
      const half = (x: T) => halveBy(o, x, odd);
      const map = gradientDissimilarity(o, { output: half(output), target: half(target) }, t);
      return { map, weight: weight && averagedWeight(o, weight, half) };
    };
    return {
      ...(luma.levels ? {} : { kernel: deviationKernel(options, luma, scales) }),
      score: (o, images) => {
        const { map, weight } = places(o, images);
        return standardDeviation(o, map, weight, deviation);
      },
      map: (o, images) => places(o, images).map,
    };
  },
});
