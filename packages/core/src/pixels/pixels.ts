import { checkArguments, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { formatShape, Tensor } from "../tensor.ts";
import { type Backdrop, type Background, backdropOf } from "./background.ts";
import type { DecodeNote } from "./notes.ts";

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

/** The treatment of transparency, for which an image of three channels has no place. */
export interface AlphaOptions {
  /**
   * - `"reject"`: an image with a transparent pixel is an error, because what such a pixel looks like, and so every score, depends on a background
   *   that only the caller knows.
   * - `"composite"`: it is laid over `background`.
   * - `"compare"`: alpha becomes one more plane, behind the colours times alpha: [1, 4, h, w] of RGB, [1, 2, h, w] of grey. Two images have the same
   *   planes where they look the same over every background; colours under fully transparent pixels do not count.
   *
   * Default: `"composite"` when a background is given, else `"reject"`. Alpha that is opaque everywhere is removed in all three.
   */
  alpha?: "reject" | "composite" | "compare";
  /** The background of transparent pixels, a colour or `"checker"`; default white. Only of `"composite"`. */
  background?: Background;
}

/** The options by which `toPixels` stores an image. */
export interface ToPixelsOptions {
  /** Bits a sample, 8 (default) or 16. */
  bitDepth?: 8 | 16;
  /** The image's index in the batch, from 0; may be left out for a batch of one. */
  index?: number;
  /** Make RGBA with an opaque alpha, as `ImageData` wants it; default false. */
  rgba?: boolean;
}

/**
 * A tensor [1, 1 | 3, height, width] in [0, 1] from interleaved pixels, or with a plane of alpha more under `alpha: "compare"`: 8-bit samples are
 * divided by 255, 16-bit ones by 65535. Transparent pixels are composited on the stored (gamma-encoded) values, as browsers and Pillow do, without
 * rounding: value x alpha + background x (1 - alpha). Grey over a background that is not grey becomes RGB.
 *
 * @param pixels `Pixels`, an `ImageData`, or `{ data, width, height }` with any of 1 to 4 channels
 * @throws {ReconlossError} `invalid-argument` for data that is neither 8- nor 16-bit, or senseless options; `shape` when width, height and
 *   channels do not fit the data; `image` for a transparent pixel under `alpha: "reject"`
 *
 * @example
 * ```ts
 * import { fromPixels } from "@reconloss/core/pixels";
 * const rgba = { data: new Uint8Array([255, 0, 0, 255, 0, 0, 255, 255]), width: 2, height: 1 };
 * const tensor = fromPixels(rgba); // 1x3x1x2
 * const half = { ...rgba, data: new Uint8Array(8).fill(128) };
 * const overGrey = fromPixels(half, { background: "#808080" }); // 1x3x1x2
 * const withAlpha = fromPixels(half, { alpha: "compare" }); // 1x4x1x2
 * ```
 */
export function fromPixels(pixels: PixelSource, options: AlphaOptions = {}): Tensor {
  checkArguments("fromPixels", { pixels: [pixels, "object"], options: [options, "object?"] });
  return pixelsToTensor("fromPixels", checkPixels("fromPixels: pixels", pixels), options, { canCompare: true });
}

/** The treatment of transparent pixels. */
export interface TransparencyContext {
  /** Is told what became of them. */
  note?: (note: DecodeNote) => void;
  /** Whether an error may advise to compare alpha, which needs pairs; default false. */
  canCompare?: boolean;
  /** The advice of an error in place of options that its caller cannot be given. */
  remedy?: string;
}

/** `fromPixels` of what a decoder gave, under the name that its errors begin with; floating point is taken as it is. */
export function pixelsToTensor(
  caller: string,
  pixels: Pixels | FloatPixels,
  options: AlphaOptions,
  { note = () => {}, canCompare = false, remedy }: TransparencyContext = {},
): Tensor {
  const { data, width, height, channels } = pixels;
  const { alpha, background, backdrop } = checkAlphaOptions(caller, options);
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
    const choose = `choose what is behind it: alpha "composite" with a background${canCompare ? ', or alpha "compare"' : ""}`;
    const level = data[transparent * channels + channels - 1];
    throw new ReconlossError(
      "image",
      `${caller}: pixel ${at} is transparent (alpha ${level} of ${max}); ${remedy ?? choose}`,
    );
  }
  if (alpha === "compare") {
    note({ kind: "alpha-compared", text: "has transparent pixels, whose alpha was compared as a plane of its own" });
  } else {
    const name = typeof background === "string" ? background : `[${background.join(", ")}]`;
    note({ kind: "composited", text: `has transparent pixels, which were laid over ${name}` });
  }
  // Premultiplied colours are those over black.
  const under: Backdrop = alpha === "compare" ? { isGrey: true, at: () => 0 } : backdrop;
  const made = under.isGrey ? stored : 3;
  const planes = new Float32Array((alpha === "compare" ? made + 1 : made) * area);
  for (let i = 0; i < area; i++) {
    const opacity = data[i * channels + channels - 1] / max;
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let c = 0; c < made; c++) {
      const value = data[i * channels + Math.min(c, stored - 1)] / max;
      planes[c * area + i] = value * opacity + under.at(c, x, y) * (1 - opacity);
    }
    if (alpha === "compare") planes[made * area + i] = opacity;
  }
  return new Tensor(planes, [1, planes.length / area, height, width]);
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
 * import { toPixels } from "@reconloss/core/pixels";
 * import { Tensor } from "@reconloss/core";
 * const grey = toPixels(Tensor.full([1, 1, 4, 6], 0.5)); // 6 wide, 4 high, 1 channel, all 128
 * const deep = toPixels(Tensor.full([2, 3, 4, 6], 1), { bitDepth: 16, index: 1 });
 * ```
 */
export function toPixels(tensor: Tensor, options: ToPixelsOptions = {}): Pixels {
  checkArguments("toPixels", { tensor: [tensor, "tensor"], options: [options, "object?"] });
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

/** Whether a pixel is not fully opaque. */
export function hasTransparency({ data, channels }: Pixels | FloatPixels): boolean {
  return channels % 2 === 0 && firstBelow(data, channels, whiteOf(data)) >= 0;
}

/** Pixels with their channels, checked; `name` is what errors call them. */
export function checkPixels(name: string, pixels: PixelSource): Pixels {
  const { data, width, height } = pixels;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray || data instanceof Uint16Array)) {
    throw new ReconlossError(
      "invalid-argument",
      `${name}.data must be a Uint8Array, Uint8ClampedArray or Uint16Array, got ${described(data)}`,
    );
  }
  const sized = [width, height].every((size) => Number.isInteger(size) && size > 0);
  const channels = pixels.channels ?? data.length / (width * height);
  if (!sized || !isChannelCount(channels) || data.length !== width * height * channels) {
    throw new ReconlossError(
      "shape",
      `${name}: ${data.length} samples do not make ${width}x${height} pixels of ${pixels.channels ?? "1 to 4"} channels`,
    );
  }
  return { data, width, height, channels };
}

/** Whether pixels can have so many channels. */
export function isChannelCount(channels: number): channels is Pixels["channels"] {
  return [1, 2, 3, 4].includes(channels);
}

const alphaModes: readonly string[] = ["reject", "composite", "compare"];

/** The options with their defaults, checked; under the name that errors begin with. */
export function checkAlphaOptions(
  caller: string,
  options: AlphaOptions,
): Required<AlphaOptions> & { backdrop: Backdrop } {
  const { background = "white", alpha = options.background ? "composite" : "reject" } = options;
  if (!alphaModes.includes(alpha)) {
    const known = '"reject", "composite" or "compare"';
    throw new ReconlossError("invalid-argument", `${caller}: alpha must be ${known}, got "${alpha}"`);
  }
  return { alpha, background, backdrop: backdropOf(caller, background) };
}

/** The first pixel whose last channel is below `max`, or -1. */
function firstBelow(data: (Pixels | FloatPixels)["data"], channels: number, max: number): number {
  // RGBA of 8 bits, as screenshots are: a word is a pixel, and alpha its highest byte.
  if (channels === 4 && data.BYTES_PER_ELEMENT === 1 && data.byteOffset % 4 === 0 && isLittleEndian) {
    const words = new Int32Array(data.buffer, data.byteOffset, data.length / 4);
    // Where pixels in a row are opaque, the highest byte of what their words have in common is full.
    for (let from = 0; from < words.length; from += rowOfWords) {
      const end = Math.min(from + rowOfWords, words.length);
      let common = -1;
      for (let i = from; i < end; i++) common &= words[i];
      if (common >>> 24 === 255) continue;
      for (let i = from; i < end; i++) if (words[i] >>> 24 !== 255) return i;
    }
    return -1;
  }
  for (let i = channels - 1; i < data.length; i += channels) if (data[i] < max) return (i - channels + 1) / channels;
  return -1;
}

/** Pixels that are looked at before it is asked whether one of them is transparent. */
const rowOfWords = 4096;

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
