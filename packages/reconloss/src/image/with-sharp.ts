import { ReconlossError } from "@reconloss/core";
import type { DecodeNote, Pixels } from "@reconloss/core/pixels";
import type { Metadata, SharpOptions } from "sharp";
import { reasonOf } from "../files.ts";
import type { DecodeContext, DecodedPixels } from "./decoder.ts";
import { withoutExtraBytes } from "./jpeg-segments.ts";
import { cmykToRgb } from "./pillow.ts";
import { isAnimatedPng, withoutAncillaryChunks } from "./png-chunks.ts";
import { loadSharp } from "./sharp.ts";
import { tiffTag } from "./tiff-tags.ts";

type Depth = "uchar" | "ushort" | "float";

/** The colour spaces and sample types that are read: for each colour space and sample type of a file, the space to decode to. */
const readableSpaces: Record<string, Partial<Record<Depth, string>>> = {
  "b-w": { uchar: "b-w", float: "b-w" },
  srgb: { uchar: "srgb" },
  scrgb: { float: "scrgb" },
  cmyk: { uchar: "srgb" },
  grey16: { ushort: "grey16" },
  rgb16: { ushort: "rgb16" },
};

/** The warning of libjpeg about extra bytes, after which it continues to decode. Of several warnings it reports only the first. */
const extraBytes = /extraneous bytes before marker/;
const extraBytesNote = {
  kind: "extra-bytes",
  text: "has extra bytes before a marker of the JPEG format, which were ignored",
} as const;

/** The size of what {@link decodeWithSharp} decodes, from the header. */
export async function sizeWithSharp(bytes: Uint8Array, context: DecodeContext): Promise<readonly [number, number]> {
  const sharp = await loadSharp();
  const file = bytes[0] === 0x89 ? withoutAncillaryChunks(bytes) : bytes;
  const header = await sharp(file, { failOn: "error", limitInputPixels: false }).metadata();
  const { width, height, orientation = 1 } = header;
  context.checkSize(width, height);
  // From 5 on, what is stored as a row is seen as a column.
  return isRotated(header, context) && orientation >= 5 ? [width, height] : [height, width];
}

/** Decodes what libvips reads: PNG, JPEG, WebP, AVIF, TIFF and GIF. */
export async function decodeWithSharp(bytes: Uint8Array, context: DecodeContext): Promise<DecodedPixels> {
  if (tiffMarks.includes(bytes[0])) checkTiff(bytes, context);
  const isPng = bytes[0] === 0x89;
  if (isPng && isAnimatedPng(bytes)) context.note(firstFrameNote);
  const file = isPng ? withoutAncillaryChunks(bytes) : bytes;
  const refuse = (cause: unknown): never => {
    if (cause instanceof ReconlossError) throw cause;
    return context.fail(`it is damaged or truncated (${reasonOf(cause).split("\n")[0]})`, cause);
  };
  // Warnings fail too: libjpeg only warns about garbled data, and libvips fills the rest of a cut TIFF with black.
  try {
    return await decode(file, "warning", context);
  } catch (cause) {
    if (!extraBytes.test(reasonOf(cause))) return refuse(cause);
  }
  context.note(extraBytesNote);
  try {
    return await decode(withoutExtraBytes(file), "warning", context);
  } catch (cause) {
    if (!extraBytes.test(reasonOf(cause))) return refuse(cause);
  }
  // Before restart markers and between scans: a decoder finds its way again there, and a file that ends too early still fails.
  return decode(file, "error", context).catch(refuse);
}

async function decode(
  file: Uint8Array,
  failOn: SharpOptions["failOn"],
  context: DecodeContext,
): Promise<DecodedPixels> {
  const sharp = await loadSharp();
  const source = { failOn, limitInputPixels: false } as const;
  const header = await sharp(file, source).metadata();
  context.checkSize(header.width, header.height);
  const space = readableSpaces[header.space]?.[header.depth as Depth];
  if (space === undefined) {
    return context.fail(
      `samples of type ${header.depth} in colour space ${header.space} cannot be read; ` +
        "8- and 16-bit grey and RGB, 8-bit CMYK and 32-bit floating point can",
    );
  }
  const depth = header.depth as Depth;
  const alpha = alphaOf(file, header);
  noteHeader(file, header, context);
  if (alpha.extraSamples.some((meaning) => !isAlpha(meaning))) context.note(extraSamplesNote);
  const inks = header.space === "cmyk" && context.likePillow;
  // sharp drops the alpha of 8-bit grey when it writes raw samples, so that goes through RGB.
  const isThroughRgb = space === "b-w" && depth === "uchar" && alpha.index !== undefined;
  const decodeTo = inks ? "cmyk" : isThroughRgb ? "srgb" : space;
  const image = sharp(file, { ...source, ignoreIcc: inks || header.space !== "cmyk" });
  if (isRotated(header, context)) image.autoOrient();
  if (inks) image.pipelineColourspace("cmyk");
  const { data, info } = await image.toColourspace(decodeTo).raw({ depth }).toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  const samples = samplesOf(data, depth, width * height * info.channels);
  if (samples instanceof Uint16Array && header.format === "heif") fillRange(samples, header);

  const colours = { "b-w": 1, grey16: 1, cmyk: 4 }[decodeTo] ?? 3;
  const wanted = Array.from({ length: isThroughRgb ? 1 : colours }, (_, i) => i);
  if (alpha.index !== undefined && !inks) wanted.push(colours + alpha.index);
  const kept = pick(samples, info.channels, wanted);
  if (inks) return { data: cmykToRgb(kept as Uint8Array), width, height, channels: 3 };
  return { data: kept, width, height, channels: wanted.length as Pixels["channels"] } as DecodedPixels;
}

/** Samples of pixels, of which only these channels are kept. */
function pick(samples: DecodedPixels["data"], channels: number, wanted: readonly number[]): DecodedPixels["data"] {
  if (wanted.length === channels) return samples;
  const kept = new (samples.constructor as typeof Uint8Array)((samples.length / channels) * wanted.length);
  for (let from = 0, to = 0; from < samples.length; from += channels) {
    for (const channel of wanted) kept[to++] = samples[from + channel];
  }
  return kept;
}

/** With which letters a TIFF file begins, of all that are decoded here: those of its byte order. */
const tiffMarks: readonly number[] = [0x49, 0x4d];
/** Tags of TIFF: what its first page is, the bits of its samples, how they are to be seen, and how many there are. */
const [subfileTag, bitsTag, photometricTag, samplesTag] = [254, 258, 262, 277];
/** The number of samples of a colour, by photometric interpretation: grey, RGB, palette or inks. */
const coloursOf: Readonly<Record<number, number>> = { 0: 1, 1: 1, 2: 3, 3: 1, 5: 4 };

/** Refuses TIFF files that libvips would not read as what they are, or of which it would not say what is wrong. */
function checkTiff(bytes: Uint8Array, { fail }: DecodeContext): void {
  const subfile = tiffTag(bytes, subfileTag)[0] ?? 0;
  if (subfile & 1) {
    fail("its first page is a thumbnail of another image, as in camera raw files; convert it to PNG");
  }
  const bits = Math.max(0, ...tiffTag(bytes, bitsTag));
  if (bits > 32) fail(`it has samples of ${bits} bits, which cannot be read; up to 32 can`);
  const colours = coloursOf[tiffTag(bytes, photometricTag)[0]];
  const samples = tiffTag(bytes, samplesTag)[0] ?? 1;
  if (colours === undefined || samples <= colours || tiffTag(bytes, extraSamplesTag).length > 0) return;
  fail(`it has ${samples} samples for a pixel, but no ExtraSamples tag describes those beyond ${colours}`);
}

/** The numbers of TIFF's tags, and of what its extra samples can be: alpha by which the colours are multiplied, or not. */
const [extraSamplesTag, associatedAlpha, straightAlpha] = [338, 1, 2];
const isAlpha = (meaning: number): boolean => meaning === associatedAlpha || meaning === straightAlpha;

/** Returns the index of the alpha sample among those after the colours. TIFF declares a meaning for each, which may be unspecified. */
function alphaOf(file: Uint8Array, { format, hasAlpha }: Metadata): { index?: number; extraSamples: number[] } {
  const extraSamples = format === "tiff" ? tiffTag(file, extraSamplesTag) : [];
  const index = extraSamples.length > 0 ? extraSamples.findIndex(isAlpha) : hasAlpha ? 0 : -1;
  return index < 0 ? { extraSamples } : { index, extraSamples };
}

/** Whether the orientation that the file states is applied. Pillow applies that of TIFF's own tag only. */
function isRotated({ format, orientation = 1 }: Metadata, { likePillow }: DecodeContext): boolean {
  return orientation > 1 && (!likePillow || format === "tiff");
}

const firstFrameNote = {
  kind: "first-frame",
  text: "has several frames or pages; only the first was read",
} as const;
const extraSamplesNote = {
  kind: "extra-samples",
  text: "has extra samples of unspecified meaning, which were ignored",
} as const;

/** Colour spaces of which Pillow makes something else, with what is said of ours and of Pillow's way. */
const otherwiseInPillow: Readonly<Record<string, readonly [ours: DecodeNote, pillows: DecodeNote]>> = {
  cmyk: [
    { kind: "cmyk", text: "is CMYK, converted by its colour profile or a generic one" },
    { kind: "cmyk-by-pillow", text: "is CMYK, converted without a profile, as Pillow does" },
  ],
  grey16: [
    { kind: "grey16", text: "has 16-bit grey, kept at 16 bits" },
    { kind: "grey16-by-pillow", text: "has 16-bit grey, clipped at 255, as Pillow does" },
  ],
  rgb16: [
    { kind: "colour16", text: "has 16-bit colour, kept at 16 bits" },
    { kind: "colour16-by-pillow", text: "has 16-bit colour, of which 8 bits are kept, as Pillow does" },
  ],
};

/** Says what in a file is read in another way by other programs. */
function noteHeader(file: Uint8Array, header: Metadata, context: DecodeContext): void {
  const { likePillow } = context;
  const rotation = isRotated(header, context)
    ? ({ kind: "rotated", text: "was rotated by its EXIF orientation" } as const)
    : ({ kind: "not-rotated", text: "has an EXIF orientation, which was not applied" } as const);
  if ((header.orientation ?? 1) > 1) context.note(rotation);
  const special = otherwiseInPillow[header.space];
  if (special) context.note(special[likePillow ? 1 : 0]);
  if (header.format === "heif" && isSubsampled(file)) {
    const text = "has subsampled AVIF colour, which decoders upsample in different ways";
    context.note({ kind: "subsampled-avif", text });
  }
  if ((header.pages ?? 1) > 1) context.note(firstFrameNote);
}

/** Whether the colours of an AVIF are stored at less than full size: a bit of the av1C box, in an image that is not grey. */
function isSubsampled(file: Uint8Array): boolean {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  for (let at = bytes.indexOf("av1C"); at >= 0 && at + 6 < bytes.length; at = bytes.indexOf("av1C", at + 4)) {
    const [isGrey, isHalved] = [0x10, 0x08].map((bit) => (bytes[at + 6] & bit) !== 0);
    if (isHalved && !isGrey) return true;
  }
  return false;
}

function samplesOf({ buffer, byteOffset }: Uint8Array, depth: Depth, length: number): DecodedPixels["data"] {
  if (depth === "float") return new Float32Array(buffer, byteOffset, length);
  return depth === "ushort" ? new Uint16Array(buffer, byteOffset, length) : new Uint8Array(buffer, byteOffset, length);
}

/** libvips shifts 10- and 12-bit samples up to 16 bits, so that white is 65472; repeating the high bits makes it 65535. */
function fillRange(samples: Uint16Array, { bitsPerSample = 16 }: Metadata): void {
  for (let i = 0; i < samples.length; i++) samples[i] |= samples[i] >> bitsPerSample;
}
