import { imageOptions } from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import { meanOfDifferences, paddedDifferences } from "./differences.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * The variation of an illumination map, or of the curve parameters of an enhancer, from pixel to pixel, a prior on the output alone: the mean over pixels of the sum over
 * channels of `(|Dx| + |Dy|)^2` (Zero-DCE, Guo et al. 2020, equation 7, written for curve maps A). Differences beyond the last row and column count as 0.
 *
 * | preset | form | equals |
 * |---|---|---|
 * | `paper` (default) | sum-squared: `(abs(Dx) + abs(Dy))^2` over all pixels | the equation, as a mean over pixels |
 * | `zero-dce` | squares: `2 (mean Dy^2 + mean Dx^2)`, summed over channels | Zero-DCE's code, `L_TV`: the counts it divides by leave the channels out, and it doubles. It enters its sum with a weight of 200, on 24 channels |
 *
 * Any number of channels, in squared units of the images; `tv(form=squared)` is the second form as a plain mean. Images must be at least 2x2. Weights are those of `tv`:
 * of a pixel, or of a difference's first pixel.
 *
 * @example
 * ```ts
 * import { illuminationSmoothness, Tensor } from "@reconloss/core";
 * const step = Tensor.from([0, 0, 1, 1], [1, 1, 2, 2]); // dark above, bright below
 * await illuminationSmoothness().value(step); // 0.5: two of four pixels differ from the one below
 * await illuminationSmoothness({ preset: "zero-dce" }).value(step); // 2
 * ```
 */
export const illuminationSmoothness = defineLoss({
  name: "illumination-smoothness",
  summary: "squared steps of an illumination or curve map: a prior, no target",
  formula: "mean over pixels of sum over channels of (|Dx x| + |Dy x|)^2",
  use: "Of an illumination map or curve parameters, not of an image: neighbours are to be treated alike.",
  better: "target",
  source: "Guo et al. 2020 (Zero-DCE), equation 7; its repository's L_TV: the preset says which",
  needsTarget: false,
  options: {
    preset: choice(["paper", "zero-dce"], "paper", "whose numbers come out"),
    ...imageOptions,
    form: choice(["sum-squared", "squares"], "sum-squared", "(|Dx| + |Dy|)^2, or 2 (Dy^2 + Dx^2), each by its count"),
  },
  presets: { "zero-dce": { form: "squares" } },
  refuse: (options, shape) => refuseImages(options, shape, [2, 2]),
  units: () => ({ degree: 2 }),
  define: (options) =>
    options.form === "squares"
      ? meanOfDifferences(options, (o, x) => o.mul(o.square(x), 2 * o.channels(x)))
      : meanOfErrors(options, (o, { output }) => {
          const { rows, columns } = paddedDifferences(o, output);
          return o.mul(o.square(o.add(o.abs(rows), o.abs(columns))), o.channels(output));
        }),
});
