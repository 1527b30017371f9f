import { type Definition, type Images, type KernelPath, sides } from "../definitions/definition.ts";
import {
  type ImageOptions,
  type Levels,
  type LumaOptions,
  lumas,
  lumaThousandths,
} from "../definitions/image-options.ts";
import { choice } from "../definitions/options.ts";
import { totalWeight, weightedMean, weightedSum } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";

function luma<T>(o: Ops<T>, x: T, channels: keyof typeof lumas, dataRange: number): T {
  const { weights, offset, levels } = lumas[channels];
  const weighted = (image: T, weights: readonly number[]) => {
    const kernel = o.channels(x) === 1 ? [weights.reduce((sum, weight) => sum + weight, 0)] : weights;
    return o.conv2d(image, o.constant(kernel, [1, kernel.length, 1, 1]));
  };
  const y = o.add(weighted(x, weights), offset * dataRange);
  if (levels === undefined) return y;
  const thousandths = weighted(o.round(o.mul(x, 255 / dataRange)), lumaThousandths);
  const rounded = o.mul(toLevels(o, thousandths, levels), dataRange / 255);
  return o.add(y, o.stopGradient(o.sub(rounded, y)));
}

function toLevels<T>(o: Ops<T>, thousandths: T, { subtract, factor, divide, add, round }: Levels): T {
  const quotient = o.div(o.mul(o.sub(thousandths, subtract), factor), divide);
  const nearest = o.round(quotient);
  const whole = round === "down" ? o.sub(nearest, o.greater(nearest, quotient)) : nearest;
  return o.add(whole, add);
}

/** The images as the options say they are compared, with black at 0; a weight is cropped with them. */
export function prepare<T>(
  o: Ops<T>,
  images: Images<T>,
  { channels, crop, clamp, low, dataRange }: LumaOptions,
): Images<T> {
  const one = (x: T): T => {
    const inner = o.crop(x, crop);
    const fromBlack = low === 0 ? inner : o.sub(inner, low);
    const limited = clamp ? o.clamp(fromBlack, 0, dataRange) : fromBlack;
    return channels === "rgb" ? limited : luma(o, limited, channels, dataRange);
  };
  return {
    output: one(images.output),
    target: one(images.target),
    ...(images.weight === undefined ? {} : { weight: o.crop(images.weight, crop) }),
  };
}

/** The same in 8-bit levels, black at 0 and white at 255: the unit of the constants of most measures of quality. */
export function prepareLevels<T>(o: Ops<T>, images: Images<T>, options: ImageOptions): Images<T> {
  const prepared = prepare(o, images, options);
  const levels = (x: T) => o.mul(x, 255 / options.dataRange);
  return { ...prepared, output: levels(prepared.output), target: levels(prepared.target) };
}

/** Returns the reason why images of a shape cannot be prepared so, or are smaller than `window` afterwards. */
export function refuseImages(
  { channels, crop }: Pick<LumaOptions, "channels" | "crop">,
  [, c, h, w]: Shape,
  window: readonly [number, number] = [1, 1],
): string | undefined {
  if (channels !== "rgb" && c !== 1 && c !== 3) return `but channels=${channels} needs 1 or 3 channels`;
  const [height, width] = [h - 2 * crop, w - 2 * crop];
  if (height >= window[0] && width >= window[1]) return undefined;
  const cropped = crop > 0 ? `crop=${crop} leaves ${Math.max(height, 0)}x${Math.max(width, 0)}, and ` : "";
  return `but ${cropped}at least ${window.join("x")} pixels are needed`;
}

/** The conversion of an error to a score in {@link meanOfErrors}. */
interface Reduction {
  /** Sum over pixels and channels instead of mean. */
  sum?: boolean;
  /** A constant part of each error, left out of `error` and added to the score in full precision. */
  base?: number;
  /** The fused kernel of the mean of these errors, and what it is to be multiplied by. */
  kernel?: Pick<KernelPath, "kernel" | "spec">;
  scale?: number;
}

/** A loss that is a mean over pixels of an error [n, c, h, w]. */
export function meanOfErrors(
  options: ImageOptions,
  error: <T>(o: Ops<T>, images: Images<T>) => T,
  { sum = false, base = 0, kernel, scale }: Reduction = {},
): Definition {
  // Errors are of differences, in which black is nothing.
  const images = options.clamp ? options : { ...options, low: 0 };
  return {
    ...(kernel && !sum ? { kernel: { ...kernel, images, scale, weight: "of channels" } } : {}),
    unnormalised: sum,
    mapBorder: sum ? undefined : sides(options.crop),
    map: (o, images) => o.add(o.mean(error(o, prepare(o, images, options)), "c"), base),
    score: (o, images) => {
      const prepared = prepare(o, images, options);
      const errors = error(o, prepared);
      const { weight } = prepared;
      if (!sum) return o.add(weightedMean(o, errors, weight, "chw"), base);
      return o.add(weightedSum(o, errors, weight, "chw"), o.mul(totalWeight(o, errors, weight, "chw"), base));
    },
  };
}

/** The option of the losses that are sums or means of pixel errors. */
export const reductionOption = choice(
  ["mean", "sum"],
  "mean",
  "mean or sum over the pixels and channels of an image; a batch gives the mean over its images",
);
