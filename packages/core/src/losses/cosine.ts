import type { Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, number } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** A colour as a vector of length 1, shorter where its length is below eps, and by how much the square of that length is short of 1. */
function direction<T>(o: Ops<T>, colour: T, eps: number): { unit: T; shortOfOne: T } {
  const length = o.root(o.sum(o.square(colour), "c"));
  const unit = o.div(colour, o.maximum(length, eps));
  return { unit, shortOfOne: o.where(o.greater(length, eps), 0, o.sub(1, o.sum(o.square(unit), "c"))) };
}

/**
 * 1 - cos and 1 + cos of two colours, each [n, 1, h, w]: half the squared length of their directions' difference and sum, which unlike the cosine in float32 tells small
 * angles apart.
 */
function cosineDistances<T>(o: Ops<T>, { output, target }: Images<T>, eps: number): [toEqual: T, toOpposite: T] {
  const [a, b] = [direction(o, output, eps), direction(o, target, eps)];
  const short = o.add(a.shortOfOne, b.shortOfOne);
  const half = (vector: T) => o.mul(o.add(o.sum(o.square(vector), "c"), short), 0.5);
  return [half(o.sub(a.unit, b.unit)), half(o.add(a.unit, b.unit))];
}

/**
 * Angular colour error, mean over pixels: how far the directions of two colours are apart, whatever their brightness.
 *
 * | `form` | what | range |
 * |---|---|---|
 * | `distance` (default) | `1 - cos` of the angle between the colours as vectors | [0, 2], [0, 1] where no value is negative |
 * | `degrees` | the angle itself, in degrees: the angular error of colour constancy | [0, 180] |
 *
 * Two or more channels. A colour shorter than `eps` is divided by `eps` instead of its length: black has no direction, and its cosine with anything, black
 * too, is 0, the angle 90 degrees. There the gradient is as steep as 1 / eps; train with an eps of 0.01 where outputs get black. The angle has a tip at equal colours, where
 * the gradient is 0. `margin` keeps the cosine away from -1 and 1, as implementations by arc cosine do: with 1e-7, equal colours are 0.0256 degrees apart.
 * A weight makes it `sum(weight error) / sum(weight)`; of weights for each channel, a pixel has the mean.
 *
 * Equals `(1 - cosine_similarity(output, target, dim=1, eps=eps)).mean()` of PyTorch.
 *
 * @example
 * ```ts
 * import { cosine, Tensor } from "@reconloss/core";
 * const [red, yellow] = [Tensor.from([0.5, 0, 0], [1, 3, 1, 1]), Tensor.from([1, 1, 0], [1, 3, 1, 1])];
 * await cosine().value(red, yellow); // 0.2928932: 1 - cos 45°
 * await cosine({ form: "degrees" }).value(red, yellow); // 45
 * ```
 */
export const cosine = defineLoss({
  name: "cosine",
  summary: "angle between colours: 1 - cos, or degrees",
  formula: "mean 1 - x.y / (|x| |y|), over the vectors of all channels",
  use: "Where hue must agree and brightness may differ: white balance, low light. In a sum, since it is blind to brightness.",
  better: "lower",
  source: "PyTorch, cosine_similarity; the angular error of colour constancy",
  options: {
    form: choice(["distance", "degrees"], "distance", "1 - cos of the angle, or the angle in degrees"),
    crop: imageOptions.crop,
    low: imageOptions.low,
    dataRange: imageOptions.dataRange,
    eps: number(1e-8, "the least length that a colour is divided by, in units of the images", { above: 0 }),
    margin: number(0, "degrees: how far the cosine is kept from -1 and 1", { min: 0, below: 1 }),
  },
  refuse: (options, shape) =>
    shape[1] < 2 ? "but an angle needs 2 or more channels" : refuseImages({ ...options, channels: "rgb" }, shape),
  units: () => ({ degree: 0, lengths: ["eps"] }),
  define: (options) => {
    const { form, eps, margin } = options;
    const images = { ...options, channels: "rgb", clamp: false } as const;
    return meanOfErrors(images, (o, prepared) => {
      const distances = cosineDistances(o, prepared, eps);
      if (form === "distance") return distances[0];
      const [toEqual, toOpposite] = distances.map((x) => o.root(margin === 0 ? x : o.clamp(x, margin, 2 - margin)));
      return o.mul(o.atan2(toEqual, toOpposite), 360 / Math.PI);
    });
  },
});
