import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import { nothingOf } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { meanOfErrors, prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The greatest value of each image, [n, 1, 1, 1], where height and width are known. */
function greatest<T>(o: Ops<T>, x: T): T {
  const [, channels, height, width] = o.dims(x) as readonly number[];
  const planes = o.maxPool(x, [height, width]);
  const each = Array.from({ length: channels }, (_, channel) => o.channel(planes, channel));
  return each.reduce((most, value) => o.maximum(most, value));
}

/**
 * Root mean squared error of each image, divided by a size of its target: the root of its mean square (`euclidean`), its greatest value less its least
 * (`min-max`), or its mean. A batch gives the mean over its images.
 *
 * A weight concerns errors and target alike, but `min-max` takes the whole target. Any number of channels; without unit. Matches scikit-image's `normalized_root_mse`. Identical images give 0 and a gradient of 0, also where the
 * target's size is 0; other images then give infinity, with a gradient of 0. The map is that of the squared error.
 *
 * @example
 * ```ts
 * import { nrmse, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.full([1, 3, 8, 8], 0.75), Tensor.full([1, 3, 8, 8], 0.5)];
 * await nrmse().value(output, target); // 0.5
 * ```
 */
export const nrmse = defineLoss({
  name: "nrmse",
  summary: "root mean squared error, divided by a size of the target",
  formula: "sqrt(mean (x - y)^2) / sqrt(mean y^2), per image",
  use: "To judge images of different brightness or unit side by side, as in microscopy and medical imaging.",
  better: "lower",
  source: "scikit-image, normalized_root_mse",
  options: {
    normalization: choice(
      ["euclidean", "min-max", "mean"],
      "euclidean",
      "what it is divided by: the target's root mean square, its greatest value less its least, or its mean",
    ),
    ...imageOptions,
  },
  refuse: refuseImages,
  units: () => ({ degree: 0 }),
  define: (options) => {
    const { dataRange, normalization } = options;
    const scaled = <T>(o: Ops<T>, x: T) => o.div(x, dataRange);
    const errors = meanOfErrors(options, (o, { output, target }) => o.square(scaled(o, o.sub(output, target))));
    const squares = meanOfErrors(options, (o, { target }) => o.square(scaled(o, target)));
    const values = meanOfErrors(options, (o, { target }) => scaled(o, target));
    const size = <T>(o: Ops<T>, images: Images<T>): T => {
      if (normalization === "euclidean") return o.root(squares.score(o, images));
      if (normalization === "mean") return values.score(o, images);
      const target = scaled(o, prepare(o, images, options).target);
      return o.add(greatest(o, target), greatest(o, o.neg(target)));
    };
    return {
      map: errors.map,
      // The greatest value of an image is taken by a window of its size.
      bySize: normalization === "min-max",
      score: (o, images) => {
        const square = errors.score(o, images);
        const error = o.root(square);
        const divisor = size(o, images);
        const isSized = o.greater(o.abs(divisor), 0);
        const without = o.where(o.greater(error, 0), Number.POSITIVE_INFINITY, 0);
        const quotient = o.where(isSized, o.div(error, o.where(isSized, divisor, 1)), without);
        return images.weight === undefined ? quotient : o.add(quotient, nothingOf(o, square));
      },
    };
  },
});
