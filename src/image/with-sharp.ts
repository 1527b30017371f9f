import type { Metadata, SharpOptions } from "sharp";
import { ReconlossError } from "../errors.ts";
import { reasonOf } from "../files.ts";
import type { DecodeContext, DecodedPixels } from "./decoder.ts";
import { withoutExtraBytes } from "./jpeg-segments.ts";
import type { Pixels } from "./pixels.ts";
import { withoutAncillaryChunks } from "./png-chunks.ts";
import { loadSharp } from "./sharp.ts";

type Depth = "uchar" | "ushort" | "float";

/** What is read: for each colour space and sample type of a file, the space to decode to. */
const readableSpaces: Record<string, Partial<Record<Depth, string>>> = {
  "b-w": { uchar: "b-w", float: "b-w" },
  srgb: { uchar: "srgb" },
  scrgb: { float: "scrgb" },
  cmyk: { uchar: "srgb" },
  grey16: { ushort: "grey16" },
  rgb16: { ushort: "rgb16" },
};

/** What libjpeg says of bytes that belong to nothing; it goes on behind them. Of several warnings it tells the first only. */
const extraBytes = /extraneous bytes before marker/;
const extraBytesNote = {
  kind: "extra-bytes",
  text: "has extra bytes before a marker of the JPEG format, which were passed over",
} as const;

/** Decodes what libvips reads: PNG, JPEG, WebP, AVIF, TIFF and GIF. */
export async function decodeWithSharp(bytes: Uint8Array, context: DecodeContext): Promise<DecodedPixels> {
  const isPng = bytes[0] === 0x89;
  const file = isPng ? withoutAncillaryChunks(bytes) : bytes;
  const refuse = (cause: unknown): never => {
    if (cause instanceof ReconlossError) throw cause;
    return context.fail(`it is damaged or cut short (${reasonOf(cause).split("\n")[0]})`, cause);
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
  const decodeTo = readableSpaces[header.space]?.[header.depth as Depth];
  if (decodeTo === undefined) {
    return context.fail(
      `samples of type ${header.depth} in colour space ${header.space} cannot be read; ` +
        "8- and 16-bit grey and RGB, 8-bit CMYK and 32-bit floating point can",
    );
  }
  const depth = header.depth as Depth;
  // sharp drops the alpha of 8-bit grey when it writes raw samples, so that goes through RGB.
  const isGreyWithAlpha = decodeTo === "b-w" && depth === "uchar" && header.hasAlpha;
  const { data, info } = await sharp(file, { ...source, ignoreIcc: header.space !== "cmyk" })
    .autoOrient()
    .toColourspace(isGreyWithAlpha ? "srgb" : decodeTo)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  if (info.channels > 4) context.fail(`it has ${info.channels} channels; at most RGB and alpha can be read`);
  const samples = samplesOf(data, depth, info.width * info.height * info.channels);
  if (samples instanceof Uint16Array && header.format === "heif") fillRange(samples, header);
  const size = { width: info.width, height: info.height };
  return isGreyWithAlpha
    ? { data: (samples as Uint8Array).filter((_, i) => i % 4 === 0 || i % 4 === 3), ...size, channels: 2 }
    : ({ data: samples, ...size, channels: info.channels as Pixels["channels"] } as DecodedPixels);
}

function samplesOf({ buffer, byteOffset }: Uint8Array, depth: Depth, length: number): DecodedPixels["data"] {
  if (depth === "float") return new Float32Array(buffer, byteOffset, length);
  return depth === "ushort" ? new Uint16Array(buffer, byteOffset, length) : new Uint8Array(buffer, byteOffset, length);
}

/** libvips shifts 10- and 12-bit samples up to 16 bits, so that white is 65472; repeating the high bits makes it 65535. */
function fillRange(samples: Uint16Array, { bitsPerSample = 16 }: Metadata): void {
  for (let i = 0; i < samples.length; i++) samples[i] |= samples[i] >> bitsPerSample;
}
