import { ReconlossError } from "../errors.ts";
import { formatShape, Tensor } from "../tensor.ts";

/**
 * One image as files and canvases hold it: row-major, channels interleaved, 8 bits (0-255) or 16 bits (0-65535) a sample.
 * Channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha; alpha is straight, not premultiplied.
 */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray | Uint16Array;
  /** Pixels in a row. */
  width: number;
  /** Rows. */
  height: number;
  channels: 1 | 2 | 3 | 4;
}

/**
 * One image of floating point samples, otherwise as `Pixels`: 0 is black and 1 is white, and values may lie outside, as in PFM and
 * 32-bit TIFF files.
 */
export interface FloatPixels extends Omit<Pixels, "data"> {
  data: Float32Array;
}

/** `Pixels`, or anything alike that leaves `channels` to the length of the data: an `ImageData`, a canvas's raw RGBA. */
export type PixelSource = Omit<Pixels, "channels"> & { readonly channels?: number };

/** A colour in [0, 1]: red, green, blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** What becomes of transparency, which a tensor cannot hold. */
export interface AlphaOptions {
  /**
   * `"reject"`: an image with a transparent pixel is an error. `"composite"`: it is laid over `background`. Default: `"composite"`
   * when a background is given, else `"reject"`, because what a transparent pixel looks like, and so every score, depends on
   * a background that only the caller knows. Alpha that is opaque everywhere is removed in both.
   */
  alpha?: "reject" | "composite";
  /** The colour under transparent pixels, in [0, 1]; default white, [1, 1, 1]. */
  background?: Rgb;
}

/** How `toPixels` stores an image. */
export interface ToPixelsOptions {
  /** Bits a sample, 8 (default) or 16. */
  bitDepth?: 8 | 16;
  /** Which image of the batch, from 0; may be left out for a batch of one. */
  index?: number;
  /** Make RGBA with an opaque alpha, as `ImageData` wants it; default false. */
  rgba?: boolean;
}

/**
 * A tensor [1, 1 | 3, height, width] in [0, 1] from interleaved pixels: 8-bit samples are divided by 255, 16-bit ones by 65535.
 * Transparent pixels are composited on the stored (gamma-encoded) values, as browsers and Pillow do, without rounding: value x
 * alpha + background x (1 - alpha). Grey over a background that is not grey becomes RGB.
 *
 * @param pixels `Pixels`, an `ImageData`, or `{ data, width, height }` with any of 1 to 4 channels
 * @throws {ReconlossError} `invalid-argument` for data that is neither 8- nor 16-bit, or senseless options; `shape` when width, height and
 *   channels do not fit the data; `image` for a transparent pixel under `alpha: "reject"`
 *
 * @example
 * ```ts
 * import { fromPixels } from "reconloss/image";
 * const rgba = { data: new Uint8Array([255, 0, 0, 255, 0, 0, 255, 255]), width: 2, height: 1 };
 * const tensor = fromPixels(rgba); // 1x3x1x2
 * const overBlack = fromPixels({ ...rgba, data: new Uint8Array(8).fill(128) }, { background: [0, 0, 0] });
 * ```
 */
export function fromPixels(pixels: PixelSource, options: AlphaOptions = {}): Tensor {
  return pixelsToTensor("fromPixels", checkPixels("fromPixels", pixels), options);
}

/** `fromPixels` of what a decoder gave, under the name that its errors begin with; floating point is taken as it is. */
export function pixelsToTensor(caller: string, pixels: Pixels | FloatPixels, options: AlphaOptions): Tensor {
  const { data, width, height, channels } = pixels;
  const { alpha, background } = checkAlphaOptions(caller, options);
  const max = whiteOf(data);
  const area = width * height;
  const stored = channels > 2 ? 3 : 1;
  const transparent = channels % 2 === 0 ? firstBelow(data, channels, max) : -1;

  if (transparent < 0) {
    const planes = new Float32Array(stored * area);
    for (let c = 0; c < stored; c++) {
      for (let i = 0; i < area; i++) planes[c * area + i] = data[i * channels + c] / max;
    }
    return new Tensor(planes, [1, stored, height, width]);
  }

  if (alpha === "reject") {
    const at = `(${transparent % width}, ${Math.floor(transparent / width)})`;
    throw new ReconlossError(
      "image",
      `${caller}: pixel ${at} is transparent (alpha ${data[transparent * channels + channels - 1]} of ${max}); ` +
        `choose what is behind it: alpha "composite" with a background colour`,
    );
  }
  const made = background.every((level) => level === background[0]) ? stored : 3;
  const planes = new Float32Array(made * area);
  for (let c = 0; c < made; c++) {
    const source = Math.min(c, stored - 1);
    for (let i = 0; i < area; i++) {
      const opacity = data[i * channels + channels - 1] / max;
      planes[c * area + i] = (data[i * channels + source] / max) * opacity + background[c] * (1 - opacity);
    }
  }
  return new Tensor(planes, [1, made, height, width]);
}

/**
 * One image of a tensor [n, 1 | 3, h, w] as interleaved pixels. Values are clamped to [0, 1], scaled and rounded half up. 8-bit data is a
 * `Uint8ClampedArray`, so that `new ImageData(pixels.data, pixels.width)` takes it with `rgba: true`.
 *
 * @throws {ReconlossError} `shape` for other channel counts; `non-finite` for NaN or infinity; `invalid-argument` for an index outside the
 *   batch, no index in a batch of several, or another bit depth
 *
 * @example
 * ```ts
 * import { toPixels } from "reconloss/image";
 * import { Tensor } from "reconloss";
 * const grey = toPixels(Tensor.full([1, 1, 4, 6], 0.5)); // 6 wide, 4 high, 1 channel, all 128
 * const deep = toPixels(Tensor.full([2, 3, 4, 6], 1), { bitDepth: 16, index: 1 });
 * ```
 */
export function toPixels(tensor: Tensor, options: ToPixelsOptions = {}): Pixels {
  return tensorToPixels("toPixels", tensor, options);
}

/** `toPixels` under the name that its errors begin with. */
export function tensorToPixels(caller: string, tensor: Tensor, options: ToPixelsOptions): Pixels {
  const { bitDepth = 8, rgba = false } = options;
  const [n, c, height, width] = tensor.shape;
  if (bitDepth !== 8 && bitDepth !== 16) {
    throw new ReconlossError("invalid-argument", `${caller}: bitDepth must be 8 or 16, got ${bitDepth}`);
  }
  if (c !== 1 && c !== 3) {
    throw new ReconlossError("shape", `${caller}: tensor must have 1 or 3 channels, got ${formatShape(tensor.shape)}`);
  }
  const index = options.index ?? (n === 1 ? 0 : Number.NaN);
  if (!Number.isInteger(index) || index < 0 || index >= n) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: index must name one image of the batch ${formatShape(tensor.shape)}, got ${options.index}`,
    );
  }

  const area = height * width;
  const channels = rgba ? 4 : c;
  const max = bitDepth === 8 ? 255 : 65535;
  const data = bitDepth === 8 ? new Uint8ClampedArray(channels * area) : new Uint16Array(channels * area);
  if (rgba) data.fill(max);
  for (let k = 0; k < (rgba ? 3 : c); k++) {
    const plane = (index * c + Math.min(k, c - 1)) * area;
    for (let i = 0; i < area; i++) {
      const value = tensor.data[plane + i];
      if (!Number.isFinite(value)) {
        throw new ReconlossError(
          "non-finite",
          `${caller}: tensor ${formatShape(tensor.shape)} holds ${value} at element ${plane + i}`,
        );
      }
      data[i * channels + k] = Math.round(Math.min(1, Math.max(0, value)) * max);
    }
  }
  return { data, width, height, channels };
}

/** The largest sample, which is white. */
export function whiteOf(data: (Pixels | FloatPixels)["data"]): number {
  if (data instanceof Float32Array) return 1;
  return data instanceof Uint16Array ? 65535 : 255;
}

/** Whether samples are floating point. */
export function isFloating(pixels: Pixels | FloatPixels): pixels is FloatPixels {
  return pixels.data instanceof Float32Array;
}

/**
 * Refuses values outside [0, 1], for what is defined on pixels in this range only.
 *
 * @param name - what the error calls the image
 * @throws {ReconlossError} `image`
 */
export function refuseOutside(name: string, { data }: FloatPixels): void {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low >= 0 && high <= 1) return;
  const range = `from ${low.toPrecision(4)} to ${high.toPrecision(4)}`;
  throw new ReconlossError("image", `${name} holds values ${range}; they must be in [0, 1] here`);
}

function checkPixels(caller: string, pixels: PixelSource): Pixels {
  const { data, width, height } = pixels;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray || data instanceof Uint16Array)) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: pixels.data must be a Uint8Array, Uint8ClampedArray or Uint16Array`,
    );
  }
  const sized = [width, height].every((size) => Number.isInteger(size) && size > 0);
  const channels = pixels.channels ?? data.length / (width * height);
  if (!sized || !isChannelCount(channels) || data.length !== width * height * channels) {
    throw new ReconlossError(
      "shape",
      `${caller}: ${data.length} samples do not make ${width}x${height} pixels of ${pixels.channels ?? "1 to 4"} channels`,
    );
  }
  return { data, width, height, channels };
}

function isChannelCount(channels: number): channels is Pixels["channels"] {
  return [1, 2, 3, 4].includes(channels);
}

/** The options with their defaults, checked; under the name that errors begin with. */
export function checkAlphaOptions(caller: string, options: AlphaOptions): Required<AlphaOptions> {
  const { background = [1, 1, 1], alpha = options.background ? "composite" : "reject" } = options;
  if (alpha !== "reject" && alpha !== "composite") {
    throw new ReconlossError("invalid-argument", `${caller}: alpha must be "reject" or "composite", got "${alpha}"`);
  }
  if (background.length !== 3 || !background.every((level) => level >= 0 && level <= 1)) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: background must be [red, green, blue] in [0, 1], got [${background.join(", ")}]`,
    );
  }
  return { alpha, background };
}

/** The first pixel whose last channel is below `max`, or -1. */
function firstBelow(data: (Pixels | FloatPixels)["data"], channels: number, max: number): number {
  for (let i = channels - 1; i < data.length; i += channels) if (data[i] < max) return (i - channels + 1) / channels;
  return -1;
}
