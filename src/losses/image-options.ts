import { choice, flag, integer, number, type OptionsOf } from "./options.ts";

/**
 * What is compared of an image, the same for all pixel losses.
 *
 * - `rgb`: all channels as they are.
 * - `y-bt601`: luma of ITU-R BT.601 in its limited range, (65.481 R + 128.553 G + 24.966 B + 16) / 255, not rounded; the Y channel of
 *   super-resolution papers (BasicSR's `test_y_channel`, MATLAB's `rgb2ycbcr`).
 * - `y-yiq`: 0.299 R + 0.587 G + 0.114 B, not rounded (piq's `convert_to_greyscale`).
 * - `y-matlab`: the same luma rounded to 8 bits, halves to even, as MATLAB's `rgb2gray` gives (MATLAB's weights differ from the fifth digit on,
 *   which moves some pixels by one level). Its gradient is that of the luma before rounding.
 *
 * A grey image counts as a colour image with three equal channels.
 */
export const channelChoices = ["rgb", "y-bt601", "y-yiq", "y-matlab"] as const;

/** The options that all pixel losses share. */
export const imageOptions = {
  channels: choice(channelChoices, "rgb", "what is compared: all channels, or a luma"),
  crop: integer(0, "border of pixels left out on every side", { min: 0 }),
  clamp: flag(false, "limit both images to [0, dataRange] first"),
  dataRange: number(1, "distance between black and white", { above: 0 }),
};

/** Their values. */
export type ImageOptions = OptionsOf<typeof imageOptions>;

/** For each luma: weights of R, G, B, and offset, for images in [0, 1]. */
export const lumas = {
  "y-bt601": { weights: [65.481 / 255, 128.553 / 255, 24.966 / 255], offset: 16 / 255 },
  "y-yiq": { weights: [0.299, 0.587, 0.114], offset: 0 },
  "y-matlab": { weights: [0.299, 0.587, 0.114], offset: 0 },
};
