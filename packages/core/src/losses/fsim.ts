import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { choice, flag, integer } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { downsampleFactor } from "../kernels/downsampling.ts";
import { fsim as kernel } from "../kernels/fsim.ts";
import { mostScales } from "../kernels/strips/phase.ts";
import { averageBy, averagedWeight } from "./averaging.ts";
import { colourPlanes, planeWeights, refuseColours, yiq } from "./colour-planes.ts";
import { gradientMagnitude } from "./gradient-magnitude.ts";
import { prepareLevels, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";
import { makeFilters, phaseCongruency } from "./phase-congruency.ts";
import { byPlaces, chromaDissimilarity, dissimilarity, joined, type Places } from "./similarity.ts";

/** Constants of the similarities: of congruencies, of gradients and of I and Q in squared 8-bit levels; the exponent of the latter. */
const constants = { congruency: 0.85, gradient: 160, chroma: [200, 200], exponent: 0.03 } as const;

/**
 * Feature similarity (Zhang, Zhang, Mou, Zhang 2011): similarities of phase congruency and of gradient magnitudes (Scharr) of the luma, averaged with the larger congruency of each place as
 * weight. 1 for identical images, above 0; higher is better. With `chromatic` it is FSIMc, also named `fsimc`: the similarities of I and Q of YIQ, to the power 0.03, multiply the others.
 *
 * Images are averaged down first by round(min(h, w) / 256).
 *
 * | preset | YIQ | power of a negative similarity of colours | averaging | equals |
 * |---|---|---|---|---|
 * | `piq` (default) | four decimals | of its absolute value | of whole squares; halves to even | piq `fsim` |
 * | `matlab` | three decimals | the real part of a complex number | continued with zeros; halves up | the authors' `FeatureSIM.m` |
 *
 * Congruencies are ratios of sums of waves of `scales` wavelengths in `orientations` directions, less what noise has. Constants are in squared 8-bit levels, whatever the range. Grey images have no colour
 * to compare. The congruency of flat images counts as 1. The map, of the size to which images were averaged, is the similarity of each place. Gradients are finite where a gradient or a wave is
 * 0, where piq's are NaN. A weight is averaged with the images and multiplies the congruencies.
 *
 * @throws {ReconlossError} `shape` for images smaller than 2x2, or of other than 1 or 3 channels
 * @example
 * ```ts
 * import { fsim, Tensor } from "@reconloss/core";
 * const grey = Tensor.full([1, 3, 16, 16], 0.5);
 * await fsim().value(grey, grey); // 1
 * ```
 */
export const fsim = defineLoss({
  name: "fsim",
  summary: "similarity of phase congruency and gradients, with or without colour",
  formula: "sum m Spc Sg / sum m; m the larger phase congruency",
  use: "To judge as people do, by edges and features. Slower than `gmsd` or `haarpsi`; `fsimc` minds colours.",
  better: "higher",
  offset: 1,
  source: "Zhang, Zhang, Mou, Zhang 2011, eq. 3 to 9; piq, the authors' FeatureSIM.m: the preset says which",
  options: {
    preset: choice(["piq", "matlab"], "piq", "whose numbers come out"),
    ...colourImageOptions,
    chromatic: flag(false, "whether colour counts: FSIMc"),
    scales: integer(4, "number of wavelengths, from 6 pixels in octaves", { min: 1 }),
    orientations: integer(4, "number of directions of waves", { min: 1 }),
    yiq: choice(["piq", "matlab"], "piq", "decimals of YIQ: four or three"),
    negative: choice(["absolute", "complex"], "absolute", "power of a negative similarity of colours"),
    averaging: choice(["whole", "zero"], "whole", "squares at the borders left out, or filled with zeros"),
  },
  presets: { matlab: { yiq: "matlab", negative: "complex", averaging: "zero" } },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) => refuseColours(shape[1]) ?? refuseImages({ ...options, channels: "rgb" }, shape, [2, 2]),
  define: (options) => {
    const { chromatic, negative, averaging } = options;

    const compare = <T>(o: Ops<T>, images: Images<T>): Places<T> => {
      const { output, target, weight } = prepareLevels(o, images, { ...options, channels: "rgb" });
      const [, , h, w] = o.dims(output) as readonly number[];
      const factor = downsampleFactor(h, w, averaging === "whole" ? "to even" : "up");
      const average = (x: T) =>
        averaging === "zero" ? averageBy(o, x, factor) : factor === 1 ? x : o.avgPool(x, factor);
      const [averagedOutput, averagedTarget] = [output, target].map(average);
      const [, , rows, columns] = o.dims(averagedOutput) as readonly number[];
      const filters = makeFilters(rows, columns, options);
      const [x, y] = [averagedOutput, averagedTarget].map((image) => {
        const planes = colourPlanes(o, image, yiq[options.yiq]);
        const luma = o.channel(planes, 0);
        return {
          congruency: phaseCongruency(o, luma, filters),
          gradient: gradientMagnitude(o, luma, "scharr"),
          chroma: o.slice(planes, "c", 1),
        };
      });
      const congruencies = dissimilarity(o, x.congruency, y.congruency, constants.congruency);
      const gradients = dissimilarity(o, x.gradient, y.gradient, constants.gradient);
      const lumas = joined(o, congruencies, gradients);
      const difference = chromatic
        ? joined(o, lumas, chromaDissimilarity(o, x.chroma, y.chroma, constants.chroma, constants.exponent, negative))
        : lumas;
      const importance = o.maximum(x.congruency, y.congruency);
      return { difference, importance, ...(weight && { weight: averagedWeight(o, weight, average) }) };
    };

    const spec = {
      kind: "fsim",
      rows: planeWeights(chromatic ? yiq[options.yiq] : yiq[options.yiq].slice(0, 1), 255 / options.dataRange),
      whole: averaging === "whole",
      halves: averaging === "whole" ? "to even" : "up",
      scales: options.scales,
      orientations: options.orientations,
      congruency: constants.congruency,
      gradient: constants.gradient,
      ...(chromatic ? { colours: { constants: constants.chroma, exponent: constants.exponent, negative } } : {}),
    } as const;

    return {
      ...(options.scales <= mostScales
        ? { kernel: { kernel, spec, images: { ...options, channels: "rgb" } as const } }
        : {}),
      ...byPlaces(compare),
    };
  },
});
