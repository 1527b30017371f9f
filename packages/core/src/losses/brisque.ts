import { opencvCubicMatrix } from "../cubic.ts";
import type { Definition, Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import { nothingOf, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";
import type { WeightFile } from "../weights/given.ts";
import { type BrisqueModel, featureCount, featureRanges, loadBrisqueModel } from "./brisque-model.ts";
import { prepare, refuseImages } from "./images.ts";
import { Lazy } from "./lazy.ts";
import { defineLoss } from "./loss.ts";
import { fitGaussians, normalised } from "./scene-statistics.ts";

/** The arguments of {@link brisque} in place of the published model. */
export interface BrisqueResources {
  /** The regression, or a file that holds it as OpenCV's does. Default: the published one. */
  model?: BrisqueModel | WeightFile;
}

/** Pixels that are closer to the mean of their surroundings, in levels of 8 bits, lie in flat areas: float32 rounds means by up to a fifth of that. */
const flat = 1e-4;

/** The directions of the neighbours that pixels are multiplied with. */
const neighbours = [
  [0, 1],
  [1, 0],
  [1, 1],
  [-1, 1],
] as const;

/** Half the size, as OpenCV's `INTER_CUBIC`. */
function halved<T>(o: Ops<T>, x: T): T {
  const [, , h, w] = o.dims(x) as Shape;
  const along = (size: number) => o.constant(opencvCubicMatrix(size, size >> 1), [1, 1, size >> 1, size]);
  return o.matmul(o.matmul(along(h), x), along(w), { transposeB: true });
}

/** Of each pixel the one so many rows and columns after it, 0 beyond the border. */
function moved<T>(o: Ops<T>, x: T, down: number, across: number): T {
  const one = (image: T, axis: "h" | "w", by: number) => {
    if (by === 0) return image;
    const sides = axis === "h" ? (["top", "bottom"] as const) : (["left", "right"] as const);
    const padded = o.pad(image, { top: 0, bottom: 0, left: 0, right: 0, [sides[by > 0 ? 1 : 0]]: Math.abs(by) });
    return by > 0 ? o.slice(padded, axis, by) : o.slice(padded, axis, 0, by);
  };
  return one(one(x, "h", down), "w", across);
}

/**
 * The features of images, [n, 36, 1, 1], and 1 where there are all of them.
 *
 * @param luma - [n, 1, h, w] in levels of 8 bits
 */
export function brisqueFeatures<T>(o: Ops<T>, luma: T, weight: T | undefined, step: number): { features: T; valid: T } {
  const scales = [
    { x: luma, weight },
    { x: halved(o, luma), weight: weight && o.avgPool(weight, 2) },
  ].map(({ x, weight }) => {
    const own = normalised(o, x, flat);
    const products = neighbours.map(([down, across]) => o.mul(own, moved(o, own, down, across)));
    const mean = (values: T) => weightedMean(o, values, weight, "hw");
    const fit = fitGaussians(o, o.concat([own, ...products]), mean, step);
    const [left, right] = [o.square(fit.left), o.square(fit.right)];
    const of = (values: T, index: number) => o.channel(values, index);
    return {
      features: [
        of(fit.alpha, 0),
        o.mul(o.add(of(left, 0), of(right, 0)), 0.5),
        ...products.flatMap((_, i) => [fit.alpha, fit.mean, left, right].map((values) => of(values, i + 1))),
      ],
      valid: fit.valid,
    };
  });
  const valid = o.concat(scales.map(({ valid }) => valid));
  return {
    features: o.concat(scales.flatMap(({ features }) => features)),
    valid: o.greater(o.sum(valid, "c"), 2 * (neighbours.length + 1) - 0.5),
  };
}

/** The regression of features [n, 36, 1, 1]. */
function regression<T>(o: Ops<T>, features: T, { vectors, coefficients, gamma, rho }: BrisqueModel): T {
  const spans = featureRanges.map(([least, greatest]) => (greatest - least) / 2);
  const middles = featureRanges.map(([least, greatest]) => (least + greatest) / 2);
  const each = (values: readonly number[]) => o.constant(values, [1, featureCount, 1, 1]);
  const scaled = o.div(o.sub(features, each(middles)), each(spans));
  const count = coefficients.length;
  const lengths = Array.from({ length: count }, (_, i) =>
    Array.from({ length: featureCount }, (_, k) => vectors[i * featureCount + k] ** 2).reduce((sum, x) => sum + x, 0),
  );
  const products = o.conv2d(scaled, o.constant(vectors, [count, featureCount, 1, 1]));
  const lengthsAndOwn = o.add(o.sum(o.square(scaled), "c"), o.constant(lengths, [1, count, 1, 1]));
  const distances = o.sub(lengthsAndOwn, o.mul(products, 2));
  const similarities = o.mul(o.exp(o.mul(distances, -gamma)), o.constant(coefficients, [1, count, 1, 1]));
  return o.sub(o.sum(similarities, "c"), rho);
}

/**
 * Blind/referenceless image spatial quality evaluator (Mittal, Moorthy, Bovik 2012), without a target: local statistics of an image, and what a regression that was trained on people's opinions of the LIVE
 * database makes of them. From 0 for the best to 100; lower is better.
 *
 * A luma of 0 to 255 is normalised by the mean and deviation of 7x7 Gaussian windows; asymmetric generalised Gaussians are fitted to all of it and to the products of neighbours, at two scales:
 * 36 features. The value is that of OpenCV's `QualityBRISQUE` with the model that comes with it, a file of 0.6 MB, or another of `resources`. The authors' MATLAB code and piq have other
 * models and another reduction to half the size: other numbers.
 *
 * OpenCV looks shapes up in steps of 0.001, rounds the luma to 8 bits, and so has no gradient. The gradient here is that before rounding; `shapes=smooth` leaves the first rounding out of the
 * value. Beyond 0 and 100 it is 0. An image without structure has no features; it counts as 100. In flat areas OpenCV
 * counts rounding errors as values of either sign, which moves JPEG files by some units; here they are 0. Elsewhere the two are within 0.1, which is OpenCV's float32.
 *
 * Images are in [0, 1], with 1 or 3 channels. A weight weights the moments, averaged down with the image. There is no map.
 *
 * @throws {ReconlossError} `shape` for images smaller than 2x2, or of other than 1 or 3 channels; `missing-weights` where the model is not on this machine and cannot be downloaded; `checkpoint` for a model that is
 * none
 * @example
 * ```ts
 * import { brisque } from "@reconloss/core";
 * brisque({ shapes: "smooth" }).spec; // "brisque(shapes=smooth)"
 * ```
 */
export const brisque = defineLoss({
  name: "brisque",
  summary: "quality by local statistics and people's opinions of images with such ones, no target",
  formula: "a support vector regression of 36 statistics of the image",
  use: "To judge noise, blur and compression of photographs without targets.",
  better: "lower",
  decimals: 2,
  source: "Mittal, Moorthy, Bovik 2012; OpenCV 4.6, QualityBRISQUE",
  needsTarget: false,
  options: {
    luma: choice(["y-pyiqa", "y-matlab", "y-yiq"], "y-pyiqa", "what is looked at"),
    crop: imageOptions.crop,
    shapes: choice(["table", "smooth"], "table", "shapes of distributions in steps of 0.001, or as they are"),
  },
  range: () => [0, 1],
  refuse: ({ crop, luma }, shape) => refuseImages({ channels: luma, crop }, shape, [2, 2]),
  define: ({ luma, crop, shapes }, resources: BrisqueResources = {}): Definition => {
    const model = new Lazy(() => loadBrisqueModel(resources.model));
    return {
      weights: resources.model === undefined ? ["brisque"] : [],
      prepare: () => model.prepare(),
      bySize: true,
      score: <T>(o: Ops<T>, images: Images<T>) => {
        const compared = { channels: luma, crop, clamp: false, low: 0, dataRange: 1 } as const;
        const { output, weight } = prepare(o, images, compared);
        const pixels = weight && o.mean(weight, "c");
        const { features, valid } = brisqueFeatures(o, o.mul(output, 255), pixels, shapes === "table" ? 0.001 : 0);
        const score = o.where(valid, o.clamp(regression(o, features, model.value), 0, 100), 100);
        return pixels === undefined ? score : o.add(score, nothingOf(o, weightedMean(o, pixels, pixels, "hw")));
      },
    };
  },
});
