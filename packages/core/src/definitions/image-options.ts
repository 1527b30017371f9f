import { choice, flag, integer, number, type OptionsOf } from "./options.ts";

/**
 * The part of an image that is compared, chosen by the same options in all pixel losses.
 *
 * - `rgb`: all channels as they are.
 * - `y-bt601`: luma of ITU-R BT.601 in its limited range, (65.481 R + 128.553 G + 24.966 B + 16) / 255, not rounded (BasicSR's `test_y_channel`;
 *   MATLAB's `rgb2ycbcr` of floating-point images).
 * - `y-rgb2ycbcr`: the same luma of 8-bit images, rounded to 8 bits, halves up, as MATLAB's `rgb2ycbcr` gives for files: the Y channel of the
 *   super-resolution papers that were evaluated in MATLAB.
 * - `y-yiq`: 0.299 R + 0.587 G + 0.114 B, not rounded (piq's `convert_to_greyscale`).
 * - `y-matlab`: the same luma rounded to 8 bits, halves to even, as MATLAB's `rgb2gray` gives (MATLAB's weights differ from the fifth digit on,
 *   which moves some pixels by one level).
 *
 * A luma rounded to 8 bits has the gradient of the luma before rounding; images of more than 8 bits are rounded to 8 first. A grey image counts as a colour image with three equal channels.
 */
export const channelChoices = ["rgb", "y-bt601", "y-rgb2ycbcr", "y-yiq", "y-matlab"] as const;

/** The options that all pixel losses share. */
export const imageOptions = {
  channels: choice(channelChoices, "rgb", "what is compared: all channels, or a luma"),
  crop: integer(0, "border of pixels left out on every side", { min: 0 }),
  clamp: flag(false, "limit both images to [low, low + dataRange] first"),
  low: number(0, "the value of black"),
  dataRange: number(1, "distance between black and white", { above: 0 }),
};

/** The lumas among the choices. */
export const lumaChoices = ["y-yiq", "y-matlab", "y-bt601", "y-rgb2ycbcr"] as const;

/** The options of losses that are defined in a colour space of their own. */
export const { channels: _, ...colourImageOptions } = imageOptions;

/** Their values. */
export type ImageOptions = OptionsOf<typeof imageOptions>;

/**
 * The rounding of a luma of 8-bit levels R, G, B to a level: `add + factor (T - subtract) / divide`, rounded, with T = 299 R + 587 G + 114 B. All of it but the quotient is
 * whole numbers that float32 holds exactly, and quotients are further from the next half or whole number than float32 rounds them.
 */
export interface Levels {
  subtract: number;
  factor: number;
  divide: number;
  add: number;
  round: "half to even" | "down";
}

/** A luma of images in [0, 1]: weights of R, G, B, an offset, and how it is rounded. */
export interface Luma {
  weights: readonly number[];
  offset: number;
  levels?: Levels;
}

const limitedRange = { weights: [65.481 / 255, 128.553 / 255, 24.966 / 255], offset: 16 / 255 };
const fullRange = { weights: [0.299, 0.587, 0.114], offset: 0 };

/** The lumas by name: those of the option, and one that a single loss looks at. */
export const lumas: Readonly<Record<Exclude<(typeof channelChoices)[number], "rgb"> | "y-pyiqa", Luma>> = {
  "y-bt601": limitedRange,
  // 16 + 219 T / 255000 + 1/2, rounded down: 73 T / 85000 is counted from its middle, 109.5.
  "y-rgb2ycbcr": { ...limitedRange, levels: { subtract: 127500, factor: 73, divide: 85000, add: 126, round: "down" } },
  "y-yiq": fullRange,
  "y-matlab": { ...fullRange, levels: { subtract: 0, factor: 1, divide: 1000, add: 0, round: "half to even" } },
  // 299, 587 and 114 thousandths in float32 are too large together, which takes halves up.
  "y-pyiqa": { ...fullRange, levels: { subtract: -500, factor: 1, divide: 1000, add: 0, round: "down" } },
};

/** The values of {@link ImageOptions} where any luma may be compared. */
export type LumaOptions = Omit<ImageOptions, "channels"> & { channels: "rgb" | keyof typeof lumas };

/** The weights of {@link Levels}' T. */
export const lumaThousandths = [299, 587, 114];
