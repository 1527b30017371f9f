import { readFile } from "node:fs/promises";
import type { Metadata } from "sharp";
import { ReconlossError } from "../errors.ts";
import { reasonOf } from "../files.ts";
import type { Tensor } from "../tensor.ts";
import { type AlphaOptions, checkAlphaOptions, type Pixels, pixelsToTensor } from "./pixels.ts";
import { loadSharp } from "./sharp.ts";

/** How a file is decoded. */
export interface ReadPixelsOptions {
  /** The most pixels (width x height) an image may have, so that a small hostile file cannot fill the memory; default 16383 x 16383. */
  limitPixels?: number;
}

/** How a file becomes a tensor. */
export interface ReadImageOptions extends ReadPixelsOptions, AlphaOptions {}

/** The file formats that are read, as sharp names them. */
const readableFormats: Record<string, string> = {
  png: "PNG",
  jpeg: "JPEG",
  webp: "WebP",
  heif: "AVIF",
  tiff: "TIFF",
  gif: "GIF",
};

/** For each colour space that is read: the sample depth it comes with, and the space to decode to. */
const readableSpaces: Record<string, { depth: "uchar" | "ushort"; decodeTo: string }> = {
  "b-w": { depth: "uchar", decodeTo: "b-w" },
  srgb: { depth: "uchar", decodeTo: "srgb" },
  cmyk: { depth: "uchar", decodeTo: "srgb" },
  grey16: { depth: "ushort", decodeTo: "grey16" },
  rgb16: { depth: "ushort", decodeTo: "rgb16" },
};

/**
 * Decode an image file: PNG, JPEG, WebP, AVIF, TIFF (its first page) or GIF (its first frame), known by content, not by extension.
 * The samples are those stored: 8 or 16 bits, grey or RGB, with alpha where the file has it. Palettes are expanded, the EXIF orientation is
 * applied, and 10- and 12-bit AVIF fills the 16-bit range. An embedded ICC profile of an RGB or grey image is ignored, as in Pillow, OpenCV
 * and so in published scores; CMYK, which has no RGB values of its own, is converted to sRGB by its profile or a generic one.
 * WebP and AVIF store grey as RGB.
 *
 * @throws {ReconlossError} `image` when the file is missing, a folder, empty, no image, damaged, cut short, larger than `limitPixels`, or of a
 *   sample format that is not read (floating point, 32-bit, Lab); `missing-dependency` without sharp
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
export function readPixels(path: string, options: ReadPixelsOptions = {}): Promise<Pixels> {
  return decodeFile("readPixels", path, options);
}

/**
 * Read an image file as a tensor [1, 1 | 3, height, width] in [0, 1]: `readPixels`, then `fromPixels`. Grey files have one channel.
 *
 * @throws {ReconlossError} as `readPixels`, and `image` for transparent pixels under `alpha: "reject"`
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
export async function readImage(path: string, options: ReadImageOptions = {}): Promise<Tensor> {
  checkAlphaOptions("readImage", options);
  return pixelsToTensor(`readImage: ${path}`, await decodeFile("readImage", path, options), options);
}

async function decodeFile(caller: string, path: string, options: ReadPixelsOptions): Promise<Pixels> {
  const { limitPixels = 16383 * 16383 } = options;
  if (!(limitPixels > 0)) {
    throw new ReconlossError("invalid-argument", `${caller}: limitPixels must be positive, got ${limitPixels}`);
  }
  const fail = (reason: string, cause?: unknown): never => {
    throw new ReconlossError("image", `${caller}: cannot read ${path}: ${reason}`, { cause });
  };
  const sharp = await loadSharp();
  // Read here rather than by path in sharp, which would answer from its cache when the file has changed since.
  const file = await readFile(path).catch((cause) => fail(fileProblem(cause), cause));
  if (file.length === 0) fail("the file is empty (0 bytes)");

  // Warnings fail too: libjpeg only warns about garbled data, and libvips fills the rest of a cut TIFF with black.
  const source = { failOn: "warning", limitInputPixels: false } as const;
  const header = await sharp(file, source)
    .metadata()
    .catch((cause) => fail(decodeProblem(cause), cause));
  const { depth, decodeTo } = checkHeader(header, limitPixels, fail);
  // sharp drops the alpha of 8-bit grey when it writes raw samples, so that goes through RGB.
  const isGreyWithAlpha = decodeTo === "b-w" && header.hasAlpha;
  const { data, info } = await sharp(file, { ...source, ignoreIcc: header.space !== "cmyk" })
    .autoOrient()
    .toColourspace(isGreyWithAlpha ? "srgb" : decodeTo)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true })
    .catch((cause) => fail(decodeProblem(cause), cause));
  if (info.channels > 4) fail(`it has ${info.channels} channels; at most RGB and alpha can be read`);

  const { width, height } = info;
  const channels = info.channels as Pixels["channels"];
  const length = width * height * channels;
  if (depth === "ushort") {
    const samples = new Uint16Array(data.buffer, data.byteOffset, length);
    if (header.format === "heif") fillRange(samples, header.bitsPerSample ?? 16);
    return { data: samples, width, height, channels };
  }
  const samples = new Uint8Array(data.buffer, data.byteOffset, length);
  return isGreyWithAlpha
    ? { data: samples.filter((_, i) => i % 4 === 0 || i % 4 === 3), width, height, channels: 2 }
    : { data: samples, width, height, channels };
}

function checkHeader(header: Metadata, limitPixels: number, fail: (reason: string) => never) {
  const { format, width, height, space, depth } = header;
  if (!(format in readableFormats)) fail(`it is ${format}; ${formatNames()} can be read`);
  if (width * height > limitPixels) {
    fail(`it has ${width}x${height} pixels, more than limitPixels allows (${limitPixels}); raise it to read the file`);
  }
  const readable = readableSpaces[space];
  if (readable?.depth !== depth) {
    fail(
      `samples of type ${depth} in colour space ${space} cannot be read; 8- and 16-bit grey and RGB and 8-bit CMYK can`,
    );
  }
  return readable;
}

/** libvips shifts 10- and 12-bit samples up to 16 bits, so that white is 65472; repeating the high bits makes it 65535. */
function fillRange(samples: Uint16Array, bits: number): void {
  for (let i = 0; i < samples.length; i++) samples[i] |= samples[i] >> bits;
}

function fileProblem(cause: NodeJS.ErrnoException): string {
  const known: Record<string, string> = {
    ENOENT: "there is no such file",
    EISDIR: "it is a folder",
    EACCES: "it may not be read (permission denied)",
  };
  return known[cause.code ?? ""] ?? reasonOf(cause);
}

function decodeProblem(cause: unknown): string {
  const reason = reasonOf(cause).split("\n")[0];
  return reason.includes("unsupported image format")
    ? `its content is no image, or a damaged one; ${formatNames()} can be read`
    : `it is damaged or cut short (${reason})`;
}

function formatNames(): string {
  return Object.values(readableFormats).join(", ");
}
