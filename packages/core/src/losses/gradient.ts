import { type Images, sides } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, integer } from "../definitions/options.ts";
import { weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { difference, padDifferences } from "./differences.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

const axes = ["h", "w"] as const;

/**
 * Gradient loss: how far the differences between neighbouring pixels are from the target's. The mean over vertical ones plus the mean over horizontal ones, each over its own number.
 *
 * | `form` | error of the differences D to the next row or column |
 * |---|---|
 * | `signed` (default) | `abs(D output - D target)^alpha` |
 * | `magnitude` | `abs(abs(D output) - abs(D target))^alpha`: the gradient difference loss (GDL) of Mathieu, Couprie, LeCun 2016, equation 6 there a sum |
 *
 * `order=2` takes the differences of the differences, which a ramp has none of. Any number of channels; in units of the images to the power alpha. Images that differ by
 * a constant give 0. Images need more than `order` rows and columns. The weight of a difference is that of its first pixel, above or on the left, each direction divided
 * by its own sum: its place in the map.
 *
 * @example
 * ```ts
 * import { gradient, Tensor } from "@reconloss/core";
 * const output = Tensor.from([0, 0, 1, 1], [1, 1, 2, 2]); // dark above, bright below
 * const target = Tensor.from([1, 1, 0.5, 0.5], [1, 1, 2, 2]);
 * await gradient().value(output, target); // 1.5
 * await gradient({ form: "magnitude" }).value(output, target); // 0.5
 * ```
 */
export const gradient = defineLoss({
  name: "gradient",
  summary: "differences between neighbouring pixels against the target's; gradient difference loss",
  formula: "mean |Dy x - Dy y| + mean |Dx x - Dx y|",
  use: "Beside a pixel loss, for sharper edges (depth, video prediction); `form=magnitude` is the gradient difference loss.",
  better: "lower",
  source: "Mathieu, Couprie, LeCun 2016, eq. 6",
  options: {
    ...imageOptions,
    order: integer(1, "1: differences of neighbours, 2: differences of these", { min: 1, max: 2 }),
    form: choice(["signed", "magnitude"], "signed", "whether the sign of a difference counts"),
    alpha: integer(1, "the power of the errors", { min: 1, max: 2 }),
  },
  refuse: (options, shape) => refuseImages(options, shape, [options.order + 1, options.order + 1]),
  units: ({ alpha }) => ({ degree: alpha }),
  define: (options) => {
    const { order, form, alpha } = options;
    const errorAlong = <T>(o: Ops<T>, { output, target }: Images<T>, axis: "h" | "w"): T => {
      const along = (x: T) => difference(o, x, axis, order);
      const error =
        form === "signed"
          ? o.abs(along(o.sub(output, target)))
          : o.abs(o.sub(o.abs(along(output)), o.abs(along(target))));
      return alpha === 1 ? error : o.square(error);
    };
    return {
      score: (o, images) => {
        const prepared = prepare(o, images, options);
        const { weight } = prepared;
        const [rows, columns] = axes.map((axis) => {
          const first = weight && o.slice(weight, axis, 0, -order);
          return weightedMean(o, errorAlong(o, prepared, axis), first, "chw");
        });
        return o.add(rows, columns);
      },
      mapBorder: sides(options.crop),
      map: (o, images) => {
        const prepared = prepare(o, images, options);
        const [rows, columns] = axes.map((axis) => padDifferences(o, errorAlong(o, prepared, axis), axis, order));
        return o.mean(o.add(rows, columns), "c");
      },
    };
  },
});
