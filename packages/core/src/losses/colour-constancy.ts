import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import { nothingOf, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { prepare, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/**
 * The distance of the mean colour of each image from grey, a prior on the output alone: `(R - G)^2 + (R - B)^2 + (G - B)^2` of the channels' means (Zero-DCE, Guo et al. 2020,
 * equation 6), after the grey-world assumption.
 *
 * | preset | form | equals |
 * |---|---|---|
 * | `paper` (default) | squares: the sum above | the equation |
 * | `zero-dce` | root: `sqrt((R - G)^4 + (R - B)^4 + (G - B)^4)` | Zero-DCE's code, `L_color`, which squares twice and takes a root; it enters its sum with a weight of 5 |
 *
 * In squared units of the images, 0 for a grey mean, with a gradient of 0 there (the code's is NaN). Images have 3 channels, or 1 for grey, whose value is 0. A weight
 * makes the means `sum(weight x) / sum(weight)`, of each channel by its own where it has one. There is no map: a mean has no place.
 *
 * @example
 * ```ts
 * import { colourConstancy, Tensor } from "@reconloss/core";
 * const orange = Tensor.from([1, 0.5, 0], [1, 3, 1, 1]);
 * await colourConstancy().value(orange); // 1.5
 * ```
 */
export const colourConstancy = defineLoss({
  name: "colour-constancy",
  summary: "distance of the mean colour from grey: a prior, no target",
  formula: "(R - G)^2 + (R - B)^2 + (G - B)^2, of the channels' means",
  use: "To enhance without targets: against colour casts. Wrong of scenes that have one colour.",
  better: "target",
  source: "Guo et al. 2020 (Zero-DCE), equation 6; its repository's L_color: the preset says which",
  needsTarget: false,
  options: {
    preset: choice(["paper", "zero-dce"], "paper", "whose numbers come out"),
    form: choice(["squares", "root"], "squares", "sum of squared differences, or root of the sum of their squares"),
    ...colourImageOptions,
  },
  presets: { "zero-dce": { form: "root" } },
  refuse: (options, shape) =>
    shape[1] === 1 || shape[1] === 3
      ? refuseImages({ ...options, channels: "rgb" }, shape)
      : "but colours need 3 channels, or 1 for grey",
  units: () => ({ degree: 2 }),
  define: (options) => ({
    score: <T>(o: Ops<T>, images: Images<T>) => {
      const { output, weight } = prepare(o, images, { ...options, channels: "rgb" });
      // Channel by channel, so that each mean is one number of an image, which backends keep in float64.
      const mean = (index: number) => {
        const own = weight && (o.channels(weight) === 1 ? weight : o.channel(weight, index));
        return weightedMean(o, o.channel(output, index), own, "hw");
      };
      const means = o.channels(output) === 1 ? [0, 0, 0].map(mean) : [0, 1, 2].map(mean);
      const squares = [
        [0, 1],
        [0, 2],
        [1, 2],
      ].map(([a, b]) => o.square(o.sub(means[a], means[b])));
      const sum = (terms: T[]) => terms.reduce((total, term) => o.add(total, term));
      if (options.form === "squares") return sum(squares);
      const fourth = sum(squares.map((x) => o.square(x)));
      return o.add(o.root(fourth), nothingOf(o, fourth));
    },
  }),
});
