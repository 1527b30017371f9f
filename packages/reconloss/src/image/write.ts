import { extname } from "node:path";
import { ReconlossError, type Tensor } from "@reconloss/core";
import { checkArguments, formatShape, tensorToPixels } from "@reconloss/core/internal";
import type { Pixels } from "@reconloss/core/pixels";
import type { Sharp } from "sharp";
import { reasonOf, writeFileAtomically } from "../files.ts";
import { loadSharp } from "./sharp.ts";

/** The options of storing an image. */
export interface WriteImageOptions {
  /** Bits a sample: 8 (default), or 16 for PNG and TIFF. */
  bitDepth?: 8 | 16;
  /** 1 to 100 for JPEG, WebP and AVIF (default 90), or `"lossless"` for WebP and AVIF. PNG and TIFF are always lossless. */
  quality?: number | "lossless";
  /** The opacity of each pixel, [1, 1, h, w] in [0, 1], for PNG, TIFF, WebP and AVIF; default: there is no alpha. */
  alpha?: Tensor;
  /** The index of the image in the batch, from 0; may be left out for a batch of one. */
  index?: number;
}

interface Format {
  depths: readonly number[];
  lossy: boolean;
  lossless: boolean;
  alpha: boolean;
  encode: (image: Sharp, quality: number | undefined) => Sharp;
}

/** `quality` reaches a lossy encoder as a number, and as undefined for lossless. */
const png: Format = { depths: [8, 16], lossy: false, lossless: true, alpha: true, encode: (image) => image.png() };
const tiff: Format = {
  depths: [8, 16],
  lossy: false,
  lossless: true,
  alpha: true,
  encode: (image) => image.tiff({ compression: "deflate", predictor: "horizontal" }),
};
const jpeg: Format = {
  depths: [8],
  lossy: true,
  lossless: false,
  alpha: false,
  encode: (image, quality) => image.jpeg({ quality }),
};
const webp: Format = {
  depths: [8],
  lossy: true,
  lossless: true,
  alpha: true,
  encode: (image, quality) => image.webp(quality ? { quality } : { lossless: true }),
};
const avif: Format = {
  depths: [8],
  lossy: true,
  lossless: true,
  alpha: true,
  encode: (image, quality) => image.avif(quality ? { quality } : { lossless: true }),
};
const formats: Record<string, Format> = {
  ".png": png,
  ".jpg": jpeg,
  ".jpeg": jpeg,
  ".webp": webp,
  ".avif": avif,
  ".tif": tiff,
  ".tiff": tiff,
};

/**
 * Write one image of a tensor [n, 1 | 3, h, w] in [0, 1] to a file in the format of its extension: png, jpg, jpeg, webp, avif, tif or tiff.
 * Values are clamped to [0, 1] and rounded; PNG, TIFF and lossless files read back as the same samples. The file appears whole or
 * not at all.
 *
 * @throws {ReconlossError} `invalid-argument` for another extension, or a bit depth, quality or alpha that the format does not have; `shape` for
 *   other channel counts, and for alpha of another size; `non-finite` for NaN or infinity; `image` when encoding fails; `file` when writing fails;
 *   `missing-dependency` without sharp
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeImage(join(folder, "grey.png"), Tensor.full([1, 1, 32, 32], 0.5), { bitDepth: 16 });
 * await writeImage(join(folder, "grey.jpg"), Tensor.full([1, 1, 32, 32], 0.5), { quality: 80 });
 * ```
 */
export async function writeImage(path: string, tensor: Tensor, options: WriteImageOptions = {}): Promise<void> {
  checkArguments("writeImage", { path: [path, "text"], tensor: [tensor, "tensor"], options: [options, "object?"] });
  const { bitDepth = 8, index, alpha } = options;
  checkArguments("writeImage", { alpha: [alpha, "tensor?"] });
  const extension = extname(path).toLowerCase();
  const format = formats[extension];
  if (!format) {
    const known = Object.keys(formats).join(", ");
    throw new ReconlossError("invalid-argument", `${path} must end in one of ${known}`);
  }
  if (!format.depths.includes(bitDepth)) {
    const depths = format.depths.join(" or ");
    throw new ReconlossError(
      "invalid-argument",
      `${path}: ${extension} files have bitDepth ${depths}, got ${bitDepth}`,
    );
  }
  const quality = checkQuality(extension, format, options.quality);
  if (alpha !== undefined && !format.alpha) {
    throw new ReconlossError(
      "invalid-argument",
      `${path}: ${extension} files hold no alpha; choose .png, .tif, .webp or .avif`,
    );
  }
  const colours = tensorToPixels("writeImage", tensor, { bitDepth, index });
  const { data, width, height, channels } = alpha === undefined ? colours : withAlpha(colours, alpha, bitDepth);

  const sharp = await loadSharp();
  const space = channels < 3 ? { 8: "b-w", 16: "grey16" } : { 8: "srgb", 16: "rgb16" };
  const image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  const encoded = await format
    .encode(image.toColourspace(space[bitDepth]), quality)
    .toBuffer()
    .catch((cause: unknown) => {
      throw new ReconlossError("image", `cannot encode ${path}: ${reasonOf(cause)}`, { cause });
    });
  await writeFileAtomically(path, encoded);
}

/** Pixels with one more sample each, their alpha. */
function withAlpha({ data, width, height, channels }: Pixels, alpha: Tensor, bitDepth: 8 | 16): Pixels {
  const [n, c, h, w] = alpha.shape;
  if (n !== 1 || c !== 1 || h !== height || w !== width) {
    const sizes = `alpha is ${formatShape(alpha.shape)}, expected 1x1x${height}x${width}`;
    throw new ReconlossError("shape", `writeImage: ${sizes}`);
  }
  const opacity = tensorToPixels("writeImage", alpha, { bitDepth });
  const wide = channels + 1;
  const all = bitDepth === 8 ? new Uint8ClampedArray(wide * h * w) : new Uint16Array(wide * h * w);
  for (let i = 0; i < h * w; i++) {
    for (let k = 0; k < channels; k++) all[i * wide + k] = data[i * channels + k];
    all[i * wide + channels] = opacity.data[i];
  }
  return { data: all, width, height, channels: wide as 2 | 4 };
}

/** The number for a lossy encoder, undefined for lossless. */
function checkQuality(extension: string, format: Format, given: WriteImageOptions["quality"]): number | undefined {
  const quality = given ?? (format.lossy ? 90 : "lossless");
  if (quality === "lossless" && format.lossless) return undefined;
  if (format.lossy && typeof quality === "number" && Number.isInteger(quality) && quality >= 1 && quality <= 100) {
    return quality;
  }
  const allowed = [format.lossy && "an integer from 1 to 100", format.lossless && `"lossless"`].filter(Boolean);
  throw new ReconlossError(
    "invalid-argument",
    `quality of ${extension} files must be ${allowed.join(" or ")}, got ${quality}`,
  );
}
