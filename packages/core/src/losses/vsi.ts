import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { integer } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { downsampleFactor } from "../kernels/downsampling.ts";
import { averagedWeight } from "./averaging.ts";
import { colourPlanes, refuseColours } from "./colour-planes.ts";
import { gradientMagnitude } from "./gradient-magnitude.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { sdsp } from "./saliency.ts";
import { byPlaces, chromaDissimilarity, dissimilarity, joined, type Places, powerOf } from "./similarity.ts";

/** Lightness and two chromatic planes in opponent colours, as VSI has them. */
const lmn = [
  [0.06, 0.63, 0.27],
  [0.3, 0.04, -0.35],
  [0.34, -0.6, 0.17],
] as const;

/** Constants of the similarities: of saliencies, of gradients and of chromatic planes in squared 8-bit levels. */
const constants = { saliency: 1.27, gradient: 386, chroma: [130, 130] } as const;

/**
 * Visual saliency-induced index (Zhang, Shen, Li 2014): similarities of saliency (SDSP), of gradient magnitudes
 * (Scharr) to the power 0.4 and of two chromatic planes to the power 0.02, averaged with the larger
 * saliency of each place as weight. 1 for identical images, above 0; higher is better.
 *
 * The value is that of piq's `vsi`, which is that of the authors' `VSI.m` to 1e-4. Images are averaged down first by
 * round(min(h, w) / 256), continued with their borders. Constants are in squared 8-bit levels, whatever the range. A
 * grey image counts as three equal
 * channels. The map, of the size to which images were averaged, is the similarity of each place. A weight is averaged
 * with the images and multiplies the saliency.
 *
 * @throws {ReconlossError} `shape` for images of other than 1 or 3 channels
 * @example
 * ```ts
 * import { Tensor, vsi } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await vsi().value(grey, grey); // 1
 * ```
 */
export const vsi = defineLoss({
  name: "vsi",
  summary: "similarity of visual saliency, gradients and colours",
  formula: "sum m Sv Sg^0.4 Sc^0.02 / sum m; m the larger saliency",
  use: "To judge as people do, where attention goes to what is salient.",
  better: "higher",
  offset: 1,
  source: "Zhang, Shen, Li 2014, eq. 6 to 12; piq, the authors' VSI.m",
  options: {
    ...colourImageOptions,
    size: integer(256, "height and width at which saliency is computed", { min: 2 }),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape),
  define: (options) => {
    const compare = <T>(o: Ops<T>, images: Images<T>): Places<T> => {
      const { output, target, weight } = prepare(o, images, { ...options, channels: "rgb" });
      const [, , h, w] = o.dims(output) as readonly number[];
      const factor = downsampleFactor(h, w, "to even");
      const [before, after] = [factor >> 1, (factor - 1) >> 1];
      const padding = { top: before, left: before, bottom: after, right: after };
      const average = (x: T) => (factor === 1 ? x : o.avgPool(o.padWith(x, padding, "replicate"), factor));
      const [x, y] = [output, target].map((image) => {
        // In 8-bit levels after the differences of channels, which similarities near 0 need exactly.
        const planes = average(colourPlanes(o, image, lmn, 255 / options.dataRange));
        return {
          saliency: average(sdsp(o, o.mul(image, 1 / options.dataRange), options.size)),
          gradient: gradientMagnitude(o, o.channel(planes, 0), "scharr"),
          chroma: o.slice(planes, "c", 1),
        };
      });
      const saliencies = dissimilarity(o, x.saliency, y.saliency, constants.saliency);
      const gradients = powerOf(o, dissimilarity(o, x.gradient, y.gradient, constants.gradient), 0.4);
      const chroma = chromaDissimilarity(o, x.chroma, y.chroma, constants.chroma, 0.02, "complex");
      const difference = joined(o, joined(o, saliencies, gradients), chroma);
      const importance = o.maximum(x.saliency, y.saliency);
      return { difference, importance, ...(weight && { weight: averagedWeight(o, weight, average) }) };
    };
    return byPlaces(compare);
  },
});
