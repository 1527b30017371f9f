import type { Images } from "../definitions/definition.ts";
import { colourImageOptions } from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { meanOfErrors, refuseImages } from "./images.ts";
import { defineLoss } from "./loss.ts";

/** The vector of each pixel's channels divided by its length; 0 where that is 0. */
function direction<T>(o: Ops<T>, x: T): T {
  const length = o.root(o.sum(o.square(x), "c"));
  const hasOne = o.greater(length, 0);
  return o.where(hasOne, o.div(x, o.where(hasOne, length, 1)), 0);
}

/** The angle between two vectors at each pixel, in radians: twice that whose tangent is |u - v| / |u + v| (Kahan), exact for small angles, where the arc cosine is not. */
function angle<T>(o: Ops<T>, { output, target }: Images<T>): T {
  const [u, v] = [direction(o, output), direction(o, target)];
  const length = (x: T) => o.root(o.sum(o.square(x), "c"));
  return o.mul(o.atan2(length(o.sub(u, v)), length(o.add(u, v))), 2);
}

/**
 * Spectral angle mapper (Kruse et al. 1993): the angle between the spectra, the vectors of all channels, of output and target, mean over pixels; blind to brightness. Two channels or more.
 * 0 for identical images, at most pi, and pi / 2 for images without negative values; in radians, or degrees.
 *
 * Equals torchmetrics `spectral_angle_mapper` where no pixel is black: there the mean of torchmetrics is NaN, while here a black pixel is at a right angle to any other, and at no angle
 * to a black one. The gradient is 0 where spectra are equal, where torchmetrics' is NaN. A weight makes the mean `sum(weight angle) / sum(weight)`.
 *
 * @throws {ReconlossError} `shape` for images of one channel
 * @example
 * ```ts
 * import { sam, Tensor } from "@reconloss/core";
 * const [red, green] = [Tensor.from([1, 0, 0], [1, 3, 1, 1]), Tensor.from([0, 1, 0], [1, 3, 1, 1])];
 * await sam({ unit: "degrees" }).value(red, green); // 90
 * ```
 */
export const sam = defineLoss({
  name: "sam",
  summary: "angle between spectra, the vectors of all channels",
  formula: "mean acos(x.y / (|x| |y|)), over the vectors of all channels",
  use: "For spectral images: whether materials agree. Blind to brightness, so report it beside `ergas` or `psnr`.",
  better: "lower",
  source: "Kruse et al. 1993; torchmetrics, spectral_angle_mapper",
  options: {
    ...colourImageOptions,
    unit: choice(["radians", "degrees"], "radians", "unit of the angle"),
  },
  units: () => ({ degree: 0 }),
  refuse: (options, shape) =>
    shape[1] < 2 ? "but spectra need 2 channels or more" : refuseImages({ ...options, channels: "rgb" }, shape),
  define: (options) => {
    const unit = options.unit === "degrees" ? 180 / Math.PI : 1;
    // The unit of the images does not matter to directions, but to the squares of dark pixels.
    const scaled = <T>(o: Ops<T>, x: T) => o.div(x, options.dataRange);
    return meanOfErrors({ ...options, channels: "rgb" }, (o, { output, target }) =>
      o.mul(angle(o, { output: scaled(o, output), target: scaled(o, target) }), unit),
    );
  },
});
