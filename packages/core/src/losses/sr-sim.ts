import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { flag, integer, number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { downsampleFactor } from "../kernels/downsampling.ts";
import { averageBy, averagedWeight } from "./averaging.ts";
import { colourPlanes, refuseColours, yiq } from "./colour-planes.ts";
import { gradientMagnitude } from "./gradient-magnitude.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { byPlaces, chromaDissimilarity, dissimilarity, joined, type Places, powerOf } from "./similarity.ts";
import { reduction, spectralResidual } from "./spectral-residual.ts";

/** Constants of the similarities: of saliencies, of gradients and of I and Q in squared 8-bit levels. */
const constants = { saliency: 0.4, gradient: 225, chroma: [200, 200] } as const;

/**
 * Spectral residual based similarity (Zhang, Li 2012): similarities of spectral residual saliency and, to the power 0.5, of gradient magnitudes (Scharr) of the luma, averaged with the larger saliency of each
 * place as weight. 1 for identical images, above 0; higher is better. With `chromatic` it is SR-SIMc: the similarities of I and Q of YIQ, to the power 0.03, multiply the others.
 *
 * Images are averaged down first by round(min(h, w) / 256), continued with zeros.
 *
 * The value is that of piq's `srsim` and of the authors' `SR_SIM.m`. piq stretches the saliency of a batch together; here each image has the value that it has alone. Constants are in squared 8-bit levels, whatever the range. Grey images have no colour to compare. The map, of the size to
 * which images were averaged, is the similarity of each place. Gradients are finite where a gradient is 0, where piq's are NaN. A weight is averaged with the images and multiplies the saliency.
 *
 * @throws {ReconlossError} `shape` for images whose sides are less than 4 times `size` (40), or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { srSim, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 40, 40], 0.5);
 * await srSim().value(grey, grey); // 1
 * ```
 */
export const srSim = defineLoss({
  name: "sr-sim",
  summary: "similarity of spectral residual saliency and gradients, with or without colour",
  formula: "sum m Sv Sg^0.5 / sum m; m the larger saliency",
  use: "As `fsim`, at a fraction of its cost: saliency stands for phase congruency.",
  better: "higher",
  offset: 1,
  source: "Zhang, Li 2012, eq. 1 to 7; piq, the authors' SR_SIM.m",
  options: {
    ...colourImageOptions,
    chromatic: flag(false, "whether colour counts: SR-SIMc"),
    size: integer(10, "size of the Gaussian that blurs the saliency, in pixels of a quarter of the size", { min: 1 }),
    sigma: number(3.8, "its deviation", { above: 0 }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => {
    const least = reduction * Math.max(options.size, 3);
    return refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape, [least, least]);
  },
  define: (options) => {
    const compare = <T>(o: Ops<T>, images: Images<T>): Places<T> => {
      const { output, target, weight } = prepareLevels(o, images, { ...options, channels: "rgb" });
      const [, , h, w] = o.dims(output) as readonly number[];
      const average = (x: T) => averageBy(o, x, downsampleFactor(h, w, "to even"));
      const [x, y] = [output, target].map((image) => {
        const planes = colourPlanes(o, average(image), yiq.piq);
        const luma = o.channel(planes, 0);
        return {
          saliency: spectralResidual(o, luma, options),
          gradient: gradientMagnitude(o, luma, "scharr"),
          chroma: o.slice(planes, "c", 1),
        };
      });
      const saliencies = dissimilarity(o, x.saliency, y.saliency, constants.saliency);
      const gradients = powerOf(o, dissimilarity(o, x.gradient, y.gradient, constants.gradient), 0.5);
      const lumas = joined(o, saliencies, gradients);
      const difference = options.chromatic
        ? joined(o, lumas, chromaDissimilarity(o, x.chroma, y.chroma, constants.chroma, 0.03, "absolute"))
        : lumas;
      const importance = o.maximum(x.saliency, y.saliency);
      return { difference, importance, ...(weight && { weight: averagedWeight(o, weight, average) }) };
    };
    return byPlaces(compare);
  },
});
