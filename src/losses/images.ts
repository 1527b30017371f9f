import type { Ops } from "../graph/ops.ts";
import type { KernelSpec } from "../kernels/index.ts";
import type { Shape } from "../tensor.ts";
import type { Definition, Images } from "./definition.ts";
import { type ImageOptions, lumas } from "./image-options.ts";
import { choice } from "./options.ts";

function luma<T>(o: Ops<T>, x: T, channels: keyof typeof lumas, dataRange: number): T {
  const { weights, offset } = lumas[channels];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const weighted = (image: T, scale: number) => {
    const kernel = o.channels(x) === 1 ? [total] : weights;
    return o.conv2d(
      image,
      o.constant(
        kernel.map((weight) => weight * scale),
        [1, kernel.length, 1, 1],
      ),
    );
  };
  const y = o.add(weighted(x, 1), offset * dataRange);
  if (channels !== "y-matlab") return y;
  // Thousandths of 8-bit values are whole numbers, so that halves are halves in float32 too.
  const thousandths = weighted(o.round(o.mul(x, 255 / dataRange)), 1000);
  const rounded = o.mul(o.round(o.div(thousandths, 1000)), dataRange / 255);
  return o.add(y, o.stopGradient(o.sub(rounded, y)));
}

/** The images as the options say they are compared; a weight is cropped with them. */
export function prepare<T>(
  o: Ops<T>,
  images: Images<T>,
  { channels, crop, clamp, dataRange }: ImageOptions,
): Images<T> {
  const one = (x: T): T => {
    const inner = o.crop(x, crop);
    const limited = clamp ? o.clamp(inner, 0, dataRange) : inner;
    return channels === "rgb" ? limited : luma(o, limited, channels, dataRange);
  };
  return {
    output: one(images.output),
    target: one(images.target),
    ...(images.weight === undefined ? {} : { weight: o.crop(images.weight, crop) }),
  };
}

/** Why images of a shape cannot be prepared so, or are smaller than `window` afterwards. */
export function refuseImages(
  { channels, crop }: Pick<ImageOptions, "channels" | "crop">,
  [, c, h, w]: Shape,
  window: readonly [number, number] = [1, 1],
): string | undefined {
  if (channels !== "rgb" && c !== 1 && c !== 3) return `but channels=${channels} needs 1 or 3 channels`;
  const [height, width] = [h - 2 * crop, w - 2 * crop];
  if (height >= window[0] && width >= window[1]) return undefined;
  const cropped = crop > 0 ? `crop=${crop} leaves ${Math.max(height, 0)}x${Math.max(width, 0)}, and ` : "";
  return `but ${cropped}at least ${window.join("x")} pixels are needed`;
}

/** How {@link meanOfErrors} turns an error into a score. */
interface Reduction {
  /** Sum over pixels and channels instead of mean. */
  sum?: boolean;
  /** A constant part of each error, left out of `error` and added to the score in full precision. */
  base?: number;
  /** The fused kernel of the mean of these errors, and what it is to be multiplied by. */
  kernel?: KernelSpec;
  scale?: number;
}

/** A loss that is a mean over pixels of an error [n, c, h, w]. */
export function meanOfErrors(
  options: ImageOptions,
  error: <T>(o: Ops<T>, images: Images<T>) => T,
  { sum = false, base = 0, kernel, scale }: Reduction = {},
): Definition {
  return {
    ...(kernel && !sum ? { kernel: { spec: kernel, images: options, scale } } : {}),
    weighable: true,
    map: (o, images) => o.add(o.mean(error(o, prepare(o, images, options)), "c"), base),
    score: (o, images) => {
      const prepared = prepare(o, images, options);
      const errors = error(o, prepared);
      const { weight } = prepared;
      if (weight === undefined) {
        return sum
          ? o.add(o.sum(errors, "chw"), o.mul(o.size(errors, "chw"), base))
          : o.add(o.mean(errors, "chw"), base);
      }
      const perPixel = o.mul(o.mean(errors, "c"), weight);
      const total = o.sum(weight, "hw");
      const mean = o.add(o.div(o.sum(perPixel, "hw"), total), base);
      return sum ? o.mul(mean, o.mul(total, o.size(errors, "c"))) : mean;
    },
  };
}

/** The option of the losses that are sums or means of pixel errors. */
export const reductionOption = choice(
  ["mean", "sum"],
  "mean",
  "mean or sum over the pixels and channels of an image; a batch gives the mean over its images",
);
