import { ReconlossError } from "@reconloss/core";
import { checkArguments, hasTransparency, isFloating } from "@reconloss/core/internal";
import { type Pixels, toPixels } from "@reconloss/core/pixels";
import type { Sharp } from "sharp";
import { readFileBytes, reasonOf } from "../files.ts";
import { colourProfileOf } from "../image/colour-profile.ts";
import type { DecodedPixels } from "../image/decoder.ts";
import type { ImageSource } from "../image/index.ts";
import { decodePrepared, largestFile } from "../image/read.ts";
import { loadSharp } from "../image/sharp.ts";
import { tiffWithProfile } from "../image/with-profile.ts";
import { formatNamed, type QualityFormat } from "./formats.ts";
import { planSearch, type QualitySearch, search, type TargetOptions } from "./search.ts";

/** The options of a search of an image's file. */
export interface FileQualityOptions extends TargetOptions {
  /** `"avif"`, `"jpeg"` or `"webp"`, encoded by sharp: AVIF at 4:4:4, JPEG by mozjpeg and WebP at 4:2:0. */
  format: string;
  /** The name that errors give an image that is given as bytes; default: "the image". */
  name?: string;
}

/** The result of a search of an image's file. */
export interface FileQualitySearch extends QualitySearch {
  readonly format: QualityFormat;
  /** The size of the image's file as it came, in bytes. */
  readonly inputBytes: number;
  /** Notes on changes of pixels on their way into the encoder. */
  readonly encodeNotes: readonly string[];
}

/**
 * Searches the smallest AVIF, JPEG or WebP of an image file that meets a target, as {@link searchQuality} does. The pixels that are encoded are those that `readPixels` gives: the EXIF orientation is
 * applied, 16 bits and floating point become 8. An ICC profile of RGB pixels is in the file as it was, since pixels stay what they were; other metadata is not.
 * Transparent pixels are treated as `compare` does: refused unless `alpha` says otherwise; JPEG has no alpha, and holds them over the background.
 *
 * @param source - the path of a file, or its bytes
 * @throws {ReconlossError} `image` as `readImage`; `syntax` and `invalid-argument` as `searchQuality`, for another format, and for transparency that JPEG does not have; `missing-dependency` without sharp
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { searchFileQuality } from "reconloss/quality";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeImage(join(folder, "photo.png"), Tensor.from(Array.from({ length: 3 * 1024 }, (_, i) => (i % 97) / 97), [1, 3, 32, 32]));
 * const { chosen } = await searchFileQuality(join(folder, "photo.png"), { format: "webp", target: "psnr>=30, ssim>0.9" });
 * if (chosen) await writeFile(join(folder, "photo.webp"), chosen.data);
 * ```
 */
export async function searchFileQuality(source: ImageSource, options: FileQualityOptions): Promise<FileQualitySearch> {
  const caller = "searchFileQuality";
  checkArguments(caller, { options: [options, "object"] });
  const format = formatNamed(caller, options.format);
  const plan = planSearch(caller, options);
  const { lowest, highest } = plan.range;
  if (lowest < 1 || highest > 100) {
    throw new ReconlossError(
      "invalid-argument",
      `${caller}: qualities of ${format.name} are from 1 to 100, got ${lowest} to ${highest}`,
    );
  }
  const { alpha, background, name = typeof source === "string" ? source : undefined } = options;
  const bytes = typeof source === "string" ? await bytesOf(source) : source;
  const target = await decodePrepared(caller, bytes, { alpha, background, name });
  const { pixels, notes: encodeNotes } = pixelsFor(format, target, alpha);
  const { image, profile } = await encoderInput(pixels, bytes);
  if (profile !== undefined) encodeNotes.push(profile);
  const encode = async (quality: number): Promise<Uint8Array> => {
    try {
      return await format.encode(image(), quality).toBuffer();
    } catch (cause) {
      const reason = reasonOf(cause).split("\n")[0];
      throw new ReconlossError("image", `${name ?? "the image"} cannot be encoded as ${format.name}: ${reason}`, {
        cause,
      });
    }
  };
  const read = (file: Uint8Array, called: string) =>
    decodePrepared(caller, file, { alpha, background, name: called, limitPixels: Number.POSITIVE_INFINITY });
  const found = await search(target, encode, read, plan);
  return { ...found, format, inputBytes: bytes.length, encodeNotes };
}

/** The bytes of an image file, refused as `readImage` refuses it. */
function bytesOf(path: string): Promise<Uint8Array> {
  return readFileBytes(path, {
    most: largestFile(),
    error: (reason, cause) => new ReconlossError("image", `cannot read ${path}: ${reason}`, { cause }),
  });
}

/** The pixels that are encoded, of 8 bits, and what was done to them. */
function pixelsFor(
  { name, hasAlpha }: QualityFormat,
  { image, pixels, notes: read }: Awaited<ReturnType<typeof decodePrepared>>,
  alpha: TargetOptions["alpha"],
): { pixels: Pixels; notes: string[] } {
  const notes: string[] = [];
  if (read.some(({ kind }) => kind === "rotated")) notes.push("written upright, according to its EXIF orientation");
  if (pixels.data.BYTES_PER_ELEMENT > 1) notes.push("encoded at 8 bits");
  if (!hasTransparency(pixels)) return { pixels: asBytes(withoutAlpha(pixels)), notes };
  if (hasAlpha) return { pixels: asBytes(pixels), notes };
  if (alpha === "compare") {
    throw new ReconlossError("invalid-argument", `${name} has no transparency, which alpha "compare" needs`);
  }
  notes.push(`${name} has no transparency: its pixels are composited over the background`);
  return { pixels: toPixels(image.tensor), notes };
}

/** Pixels without alpha, which is opaque. */
function withoutAlpha(pixels: DecodedPixels): DecodedPixels {
  const { data, channels } = pixels;
  if (channels % 2 === 1) return pixels;
  const kept = data.filter((_, i) => (i + 1) % channels !== 0);
  return { ...pixels, data: kept, channels: channels - 1 } as DecodedPixels;
}

/** Pixels of 8 bits. */
function asBytes(pixels: DecodedPixels): Pixels {
  const { data } = pixels;
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return pixels as Pixels;
  const scale = isFloating(pixels) ? 255 : 255 / 65535;
  return { ...pixels, data: Uint8ClampedArray.from(data, (value) => value * scale) };
}

/** A function that makes an encoder's input, and a note on the colour profile. */
async function encoderInput(pixels: Pixels, file: Uint8Array): Promise<{ image: () => Sharp; profile?: string }> {
  const sharp = await loadSharp();
  const { data, width, height, channels } = pixels;
  const icc = channels > 2 ? await colourProfileOf(file) : undefined;
  if (icc === undefined) {
    const raw = { raw: { width, height, channels }, limitInputPixels: false } as const;
    return { image: () => sharp(data as Uint8Array, raw) };
  }
  const tiff = tiffWithProfile(pixels, icc);
  return {
    image: () => sharp(tiff, { limitInputPixels: false }).keepIccProfile(),
    profile: "its colour profile is kept; pixels are compared as they are stored",
  };
}
