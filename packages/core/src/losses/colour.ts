import { imageOptions } from "../definitions/image-options.ts";
import { integer, number } from "../definitions/options.ts";
import { filterSeparable } from "./filters.ts";
import { meanOfErrors, reductionOption, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The integral of the standard normal density between two points, by Simpson's rule. */
function normalBetween(from: number, to: number): number {
  const steps = 1024;
  const step = (to - from) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const times = i === 0 || i === steps ? 1 : i % 2 === 0 ? 2 : 4;
    sum += times * Math.exp(-((from + i * step) ** 2) / 2);
  }
  return (sum * step) / 3 / Math.sqrt(2 * Math.PI);
}

/**
 * The weights along each axis of DPED's `gauss_kernel(size, deviations)`: square roots of what a Gaussian has in `size` parts of so many deviations on each side, which is
 * a Gaussian about 1.4 times as wide.
 */
export function dpedWindow(size: number, deviations: number): number[] {
  const interval = (2 * deviations + 1) / size;
  const start = -deviations - interval / 2;
  const step = (2 * deviations + interval) / size;
  const roots = Array.from({ length: size }, (_, i) =>
    Math.sqrt(normalBetween(start + i * step, start + (i + 1) * step)),
  );
  const total = roots.reduce((sum, root) => sum + root, 0);
  return roots.map((root) => root / total);
}

/**
 * Colour loss of image enhancement (Ignatov et al. 2017, DPED, equation 1): half the squared error of blurred images, mean over pixels and channels. Colours and
 * brightness must agree, detail and small shifts are free.
 *
 * With `reduction=sum`, equals the colour loss of DPED's training code: its window of 21 x 21 pixels, zeros around the image; a batch gives the mean over its images. The paper's formula has another
 * width and does not sum to 1. Any number of channels and any size; in units of the images, squared. Identical
 * images give 0 and a gradient of 0. A weight makes it `sum(weight error) / sum(weight)`, by the pixel in the middle of the window; with `reduction=sum` it only multiplies.
 *
 * @example
 * ```ts
 * import { colour, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.from([0.75], [1, 1, 1, 1]), Tensor.from([0.25], [1, 1, 1, 1])];
 * await colour({ size: 1 }).value(output, target); // 0.125
 * ```
 */
export const colour = defineLoss({
  name: "colour",
  summary: "squared error of blurred images: the colour loss of DPED",
  formula: "mean (G (x - y))^2 / 2; G a wide Gaussian",
  use: "With other terms, where colours and brightness must agree and detail is left to them: enhancement of photographs (DPED).",
  better: "lower",
  source: "Ignatov et al. 2017 (DPED), eq. 1; aiff22/DPED",
  options: {
    ...imageOptions,
    size: integer(21, "height and width of the window that blurs, odd", { min: 1 }),
    deviations: number(3, "how many standard deviations of a Gaussian half the window takes in", { above: 0 }),
    reduction: reductionOption,
  },
  refuse: refuseImages,
  units: () => ({ degree: 2 }),
  define: (options) => {
    const window = dpedWindow(options.size, options.deviations);
    return meanOfErrors(
      options,
      (o, { output, target }) => {
        const blurred = filterSeparable(o, o.sub(output, target), { down: window, across: window }, "zero");
        return o.mul(o.square(blurred), 0.5);
      },
      { sum: options.reduction === "sum" },
    );
  },
});
