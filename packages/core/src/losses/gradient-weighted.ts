import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { filterImage, filterSeparable, sobelKernels } from "./filters.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** Sobel's kernels turned by 45 degrees, as CDC's code has them before it replaces them. */
const diagonalKernels = [
  [
    [-2, -1, 0],
    [-1, 0, 1],
    [0, 1, 2],
  ],
  [
    [0, -1, -2],
    [1, 0, -1],
    [2, 1, 0],
  ],
];

/**
 * Gradient-weighted loss (GW): absolute errors, weighted by how far Sobel's derivatives of output and target are apart (Wei et al. 2020, component divide-and-conquer, CDC):
 * `mean((1 + 4 abs(Dx d)) (1 + 4 abs(Dy d)) abs(d))`, d = output - target.
 *
 * The weights carry a gradient, as in CDC's code. Derivatives are not normalised, of images in [0, 1] (divided by `dataRange`), with zeros around them.
 *
 * | preset | equals |
 * |---|---|
 * | `cdc` (default) | CDC's `GW_loss`: each channel by its own derivatives |
 * | `cdc-corner` | CDC's `Adaptive_GW_loss(corner=True)`, neosr `gw_loss`: four directions of the mean over channels. As their code is written, the diagonal kernels are copies of the upright ones, so that these factors come twice |
 * | `cdc-flat` | the same with `corner=False`: the largest of the derivatives alone, `1 + 4 max` |
 *
 * `directions=diagonal` takes the kernels of 45 and 135 degrees that the name of the option promises. Any number of channels and any size; in units of the images. Identical images give 0 and
 * a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`.
 *
 * @example
 * ```ts
 * import { gradientWeighted, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.from([0.5], [1, 1, 1, 1]), Tensor.from([0.25], [1, 1, 1, 1])];
 * await gradientWeighted().value(output, target); // 0.25: a pixel alone has no derivatives
 * ```
 */
export const gradientWeighted = defineLoss({
  name: "gradient-weighted",
  summary: "absolute errors, more where derivatives differ: the GW loss",
  formula: "mean (1 + 4 |Dx d|)(1 + 4 |Dy d|) |d|, d = x - y",
  use: "In place of `l1`, in real-world super-resolution: errors at edges that are off count more.",
  better: "lower",
  source: "Wei et al. 2020 (CDC); CDC, GW_loss and Adaptive_GW_loss",
  options: {
    preset: choice(["cdc", "cdc-corner", "cdc-flat"], "cdc", "whose numbers come out"),
    ...imageOptions,
    of: choice(["channels", "mean"], "channels", "whose derivatives: each channel's, or those of the channels' mean"),
    directions: choice(
      ["upright", "repeated", "diagonal"],
      "upright",
      "across and down; these twice; these and the two diagonals",
    ),
    combine: choice(["product", "maximum"], "product", "how the directions make one weight"),
    strength: number(4, "how much a derivative adds to the weight", { min: 0 }),
  },
  presets: {
    "cdc-corner": { of: "mean", directions: "repeated" },
    "cdc-flat": { of: "mean", directions: "repeated", combine: "maximum" },
  },
  refuse: refuseImages,
  units: () => ({ degree: 1 }),
  define: (options) => {
    const { of, directions, combine, strength, dataRange } = options;
    const derivatives = <T>(o: Ops<T>, x: T): T[] => {
      const upright = sobelKernels.map((kernel) => filterSeparable(o, x, kernel, "zero"));
      if (directions === "upright") return upright;
      if (directions === "repeated") return [...upright, ...upright];
      return [...upright, ...diagonalKernels.map((kernel) => filterImage(o, x, kernel, "zero"))];
    };
    return meanOfErrors(options, (o, { output, target }) => {
      const difference = o.sub(output, target);
      const relative = o.div(difference, dataRange);
      const sizes = derivatives(o, of === "mean" ? o.mean(relative, "c") : relative).map((x) => o.abs(x));
      const weight = (x: typeof difference) => o.add(o.mul(x, strength), 1);
      const combined =
        combine === "product"
          ? sizes.map(weight).reduce((product, x) => o.mul(product, x))
          : weight(sizes.reduce((largest, x) => o.maximum(largest, x)));
      return o.mul(combined, o.abs(difference));
    });
  },
});
