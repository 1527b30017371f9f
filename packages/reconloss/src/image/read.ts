import { extname } from "node:path";
import { type PreparedImage, ReconlossError, type Tensor } from "@reconloss/core";
import {
  checkAlphaOptions,
  checkArguments,
  hasTransparency,
  isFloating,
  preparePixels,
  whiteOf,
} from "@reconloss/core/internal";
import type { AlphaOptions, DecodeNote, Pixels } from "@reconloss/core/pixels";
import { readFileBytes } from "../files.ts";
import type { DecodeContext, DecodedPixels } from "./decoder.ts";
import { formatOf, readableNames, unreadFormatOf } from "./formats.ts";
import { defaultLimitPixels } from "./limit.ts";
import { asPillow } from "./pillow.ts";

/** An encoded image: the path of a file, or its bytes, such as what was downloaded or read before. */
export type ImageSource = string | Uint8Array;

/** The options of decoding a file. */
export interface ReadPixelsOptions {
  /**
   * The most pixels (width x height) an image may have, looked at before it is decoded, so that a small hostile file cannot fill the memory.
   * Default: as many as let six images, three pairs, fit into three quarters of this machine's memory, and at most 16383 x 16383.
   */
  limitPixels?: number;
  /**
   * `"stored"` (default): all that the file holds. `"pillow"`: what Pillow's `Image.open(path).convert("RGB")` makes of it, for numbers that were
   * published of such files: 8 bits, no rotation by EXIF, CMYK without a profile, 16-bit grey cut off at 255, the high byte of 16-bit colour, and alpha
   * dropped, so that the colours stored under transparent pixels show.
   */
  decode?: "stored" | "pillow";
  /** The name in errors of an image that is given as bytes; default: "the image". */
  name?: string;
}

/** The options of reading a file as a tensor. */
export interface ReadImageOptions extends ReadPixelsOptions, AlphaOptions {}

/** The options that change the pixels of a file on their way to a tensor. */
export type PixelOptions = Pick<ReadImageOptions, "decode" | keyof AlphaOptions>;

/** These options alone, of an object that has others too. */
export function pixelOptionsOf({ decode, alpha, background }: PixelOptions): PixelOptions {
  return { decode, alpha, background };
}

/**
 * Decode an image: PNG, JPEG, WebP, AVIF, TIFF (its first page), GIF (its first frame), BMP, PNM (PBM, PGM, PPM), PFM, or an array of
 * NumPy's (NPY: [h, w], [h, w, c] or [c, h, w]), known by content, not by extension. The samples are those stored: 8 or 16 bits, grey or RGB, with alpha where the file has it; floating point (PFM, TIFF, NPY) is for
 * `decodePixels` and `readImage`. Palettes are expanded, the EXIF orientation is applied, and 10- and 12-bit AVIF fills the 16-bit range. An embedded ICC profile
 * of an RGB or grey image is ignored, as in Pillow, OpenCV and so in published scores; CMYK, which has no RGB values of its own, is converted
 * to sRGB by its profile or a generic one. WebP and AVIF store grey as RGB.
 *
 * @param source the path of a file, or the bytes of one: read once, they can be hashed and decoded
 * @throws {ReconlossError} `image` when the file is missing, a folder, a pipe or a device, empty, no image, of a kind that is not read
 *   (HEIC, JPEG XL, JPEG 2000, OpenEXR ...), damaged, cut short, larger than `limitPixels`, or of a sample format that is not read (floating point, 32-bit integers, Lab);
 *   `missing-dependency` without sharp
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { readPixels, writeImage } from "reconloss/image";
 * const path = join(await mkdtemp(join(tmpdir(), "reconloss-")), "red.png");
 * await writeImage(path, Tensor.from([1, 0, 0], [1, 3, 1, 1]));
 * const { data, width, height, channels } = await readPixels(path); // [255, 0, 0], 1, 1, 3
 * ```
 */
export async function readPixels(source: ImageSource, options: ReadPixelsOptions = {}): Promise<Pixels> {
  checkArguments("readPixels", { options: [options, "object?"] });
  const { pixels } = await decode("readPixels", source, options);
  if (!isFloating(pixels)) return pixels;
  const name = nameOf(source, options);
  throw new ReconlossError("image", `${name} contains floating-point samples; use decodePixels or readImage`);
}

/**
 * Decode an image as `readPixels` does, floating point too, and say what should be known of how it was read.
 *
 * @returns the pixels, and a note for each thing that a reader of the numbers should know: bytes that were ignored, values outside [0, 1]
 * @throws {ReconlossError} as `readPixels`, but floating point is read; `image` where it holds NaN or infinity
 *
 * @example
 * ```ts
 * import { decodePixels } from "reconloss/image";
 * // 1 pixel wide and high, grey, of the value 2.
 * const pfm = Uint8Array.from([...new TextEncoder().encode("Pf\n1 1\n1\n"), 0x40, 0, 0, 0]);
 * const { pixels, notes } = await decodePixels(pfm);
 * pixels.data[0]; // 2
 * notes[0].kind; // "outside-range"
 * ```
 */
export function decodePixels(
  source: ImageSource,
  options: ReadPixelsOptions = {},
): Promise<{ pixels: DecodedPixels; notes: readonly DecodeNote[] }> {
  checkArguments("decodePixels", { options: [options, "object?"] });
  return decode("decodePixels", source, options);
}

/**
 * Read an image as a tensor [1, 1 | 3, height, width] in [0, 1], or as it is stored where that is floating point: `decodePixels`, then
 * `fromPixels`. Grey files have one channel.
 *
 * @throws {ReconlossError} as `decodePixels`, and `image` for transparent pixels under `alpha: "reject"`
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { readImage, writeImage } from "reconloss/image";
 * const path = join(await mkdtemp(join(tmpdir(), "reconloss-")), "red.png");
 * await writeImage(path, Tensor.from([1, 0, 0], [1, 3, 1, 1]));
 * const image = await readImage(path, { background: [1, 1, 1] }); // 1x3x1x1
 * ```
 */
export async function readImage(source: ImageSource, options: ReadImageOptions = {}): Promise<Tensor> {
  checkArguments("readImage", { options: [options, "object?"] });
  return (await decodePrepared("readImage", source, options)).image.tensor;
}

/**
 * Read an image as `readImage` does, and say what should be known of how it was read.
 *
 * @returns the tensor, and notes as of `decodePixels`
 * @throws {ReconlossError} as `readImage`
 *
 * @example
 * ```ts
 * import { decodeImage } from "reconloss/image";
 * const pgm = new TextEncoder().encode("P2 2 1 100\n0 50");
 * const { image, notes } = await decodeImage(pgm); // 1x1x1x2; no notes
 * ```
 */
export async function decodeImage(
  source: ImageSource,
  options: ReadImageOptions = {},
): Promise<{ image: Tensor; notes: readonly DecodeNote[] }> {
  checkArguments("decodeImage", { options: [options, "object?"] });
  const { image, notes } = await decodePrepared("decodeImage", source, options);
  return { image: image.tensor, notes };
}

/** Reads an image as `decodeImage` does, with its samples as they were decoded; under the name that errors begin with. */
export async function decodePrepared(
  caller: string,
  source: ImageSource,
  options: ReadImageOptions,
): Promise<{ image: PreparedImage; pixels: DecodedPixels; notes: readonly DecodeNote[] }> {
  checkPixelOptions(caller, options);
  const { pixels, notes } = await decode(caller, source, options);
  const image = preparePixels(`cannot read ${nameOf(source, options)}`, pixels, options, {
    note: (note) => notes.push(note),
    canCompare: true,
  });
  return { image, pixels, notes };
}

/** Reads an image with its alpha apart: colours as they are stored, under transparent pixels too; no alpha where it has none, or is opaque. */
export async function decodeSeparated(
  caller: string,
  source: ImageSource,
  { name }: Pick<ReadPixelsOptions, "name"> = {},
): Promise<{ image: PreparedImage; alpha?: Float32Array; notes: readonly DecodeNote[] }> {
  const { pixels, notes } = await decode(caller, source, name === undefined ? {} : { name });
  const { data, width, height, channels } = pixels;
  if (!hasTransparency(pixels)) return { image: preparePixels(caller, pixels, {}), notes };
  const colours = channels > 2 ? 3 : 1;
  const stored = new (data.constructor as Uint8ArrayConstructor)(colours * width * height) as typeof data;
  const alpha = new Float32Array(width * height);
  for (let i = 0; i < alpha.length; i++) {
    for (let c = 0; c < colours; c++) stored[i * colours + c] = data[i * channels + c];
    alpha[i] = data[i * channels + channels - 1] / whiteOf(data);
  }
  const opaque = { data: stored, width, height, channels: colours } as DecodedPixels;
  return { image: preparePixels(caller, opaque, {}), alpha, notes };
}

/** The name of an image in errors; never its bytes. */
function nameOf(source: ImageSource, { name = "the image" }: ReadPixelsOptions): string {
  return typeof source === "string" ? source : name;
}

/** The bytes that a pixel takes at the most in a file that is not compressed, with room for a header and comments. */
const [bytesPerPixel, bytesAround] = [32, 2 ** 24];

/** The most bytes that are read of a file, which no image within the limit of pixels exceeds. */
export function largestFile(limitPixels = defaultLimitPixels()): number {
  return bytesPerPixel * limitPixels + bytesAround;
}

/** Reads and checks a file before it is decoded. */
async function prepare(caller: string, source: ImageSource, options: ReadPixelsOptions) {
  const { limitPixels = defaultLimitPixels() } = options;
  if (typeof source !== "string" && !(source instanceof Uint8Array)) {
    throw new ReconlossError("invalid-argument", `${caller}: expected a path or the bytes of a file`);
  }
  if (!(limitPixels > 0)) {
    throw new ReconlossError("invalid-argument", `${caller}: limitPixels must be positive, got ${limitPixels}`);
  }
  const problem = (reason: string, cause?: unknown) =>
    new ReconlossError("image", `cannot read ${nameOf(source, options)}: ${reason}`, { cause });
  const notes: DecodeNote[] = [];
  const likePillow = checkDecode(caller, options) === "pillow";
  const context: DecodeContext = {
    likePillow,
    fail: (reason, cause) => {
      throw problem(reason, cause);
    },
    checkSize: (width, height) => {
      if (!(width >= 1 && height >= 1)) throw problem(`it is damaged or empty (${width}x${height} pixels)`);
      if (width * height <= limitPixels) return;
      throw problem(
        `it has ${width}x${height} pixels, more than limitPixels allows (${limitPixels}); raise it (--limit-pixels) to read the file`,
      );
    },
    // A file that is decoded a second time says everything again.
    note: (note) => void (notes.some(({ kind }) => kind === note.kind) || notes.push(note)),
  };
  const bytes =
    typeof source === "string"
      ? await readFileBytes(source, { most: largestFile(limitPixels), error: problem })
      : source;
  if (bytes.length === 0) throw problem("the file is empty (0 bytes)");
  const format = formatOf(bytes) ?? unreadFormatOf(extname(nameOf(source, options)));
  if (format === undefined) {
    throw problem(`its content is not an image, or is damaged; ${readableNames()} can be read`);
  }
  const { decode } = format;
  if (decode === undefined) throw problem(unsupported(format));
  return { bytes, format, decode, context, notes };
}

async function decode(caller: string, source: ImageSource, options: ReadPixelsOptions) {
  const { bytes, format, decode, context, notes } = await prepare(caller, source, options);
  const pixels = await decode(bytes, context);
  checkFloats(pixels, context);
  return { pixels: context.likePillow ? pillowPixels(pixels, bytes, format.name, context) : pixels, notes };
}

/**
 * The size of the pixels that `decodePixels` gives of a file's bytes, from its header; from the pixels, where the header does not tell.
 *
 * @throws {ReconlossError} as `decodePixels`
 */
export async function imageSize(
  bytes: Uint8Array,
  options: ReadPixelsOptions,
): Promise<readonly [height: number, width: number]> {
  const { format, context, ...rest } = await prepare("imageSize", bytes, options);
  try {
    if (format.size !== undefined) return await format.size(bytes, context);
  } catch (error) {
    if (error instanceof ReconlossError) throw error;
  }
  const { height, width } = await rest.decode(bytes, context);
  return [height, width];
}

/** The option with its default, checked; under the name that errors begin with. */
export function checkDecode(caller: string, { decode = "stored" }: ReadPixelsOptions): "stored" | "pillow" {
  if (decode === "stored" || decode === "pillow") return decode;
  throw new ReconlossError("invalid-argument", `${caller}: decode must be "stored" or "pillow", got "${decode}"`);
}

/** All options of {@link PixelOptions}, checked: Pillow's way has no alpha that anything could be done with. */
export function checkPixelOptions(caller: string, options: PixelOptions): void {
  checkAlphaOptions(caller, options);
  if (checkDecode(caller, options) === "stored") return;
  const conflicting = (["alpha", "background"] as const).find((name) => options[name] !== undefined);
  if (conflicting === undefined) return;
  throw new ReconlossError("invalid-argument", `${caller}: decode "pillow" drops alpha, so it takes no ${conflicting}`);
}

/** The position of the colour type in the IHDR chunk of a PNG, and its values for grey. */
const [pngColourType, pngGrey] = [25, 0];

function pillowPixels(pixels: DecodedPixels, bytes: Uint8Array, format: string, context: DecodeContext): DecodedPixels {
  const { data, channels } = pixels;
  if (hasTransparency(pixels)) {
    if (format === "GIF")
      context.fail("it is a GIF with transparent pixels, whose colour in Pillow is not stored in the file");
    context.note({ kind: "alpha-dropped", text: "has transparent pixels; their alpha was dropped, as Pillow does" });
  }
  const isGrey = channels === 1 || (format === "PNG" && bytes[pngColourType] === pngGrey);
  return asPillow(pixels, { isGrey16: data instanceof Uint16Array && isGrey, isPnm: format === "PNM" });
}

function unsupported({ name, convertTo = "PNG" }: { name: string; convertTo?: string }): string {
  return `it is ${name}; ${readableNames()} can be read, but ${name} is not supported: convert it to ${convertTo}`;
}

/** Floating point can hold anything. */
function checkFloats({ data, width, channels }: DecodedPixels, context: DecodeContext): void {
  if (!(data instanceof Float32Array)) return;
  let isOutside = false;
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      const pixel = Math.floor(i / channels);
      context.fail(`it holds ${data[i]} at pixel (${pixel % width}, ${Math.floor(pixel / width)})`);
    }
    isOutside ||= data[i] < 0 || data[i] > 1;
  }
  if (isOutside) context.note({ kind: "outside-range", text: "has values outside [0, 1], which are used unchanged" });
}
