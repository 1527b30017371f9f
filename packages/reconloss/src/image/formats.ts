import { decodeBmp } from "./bmp.ts";
import type { Decoder, SizeReader } from "./decoder.ts";
import { decodeNetpbm, decodePfm } from "./netpbm.ts";
import { decodeArray } from "./npy-array.ts";
import { decodeWithSharp, sizeWithSharp } from "./with-sharp.ts";

/** A kind of image file. */
interface Format {
  readonly name: string;
  readonly extensions: readonly string[];
  /** Whether a file is of this kind, by its first {@link headLength} bytes. */
  readonly matches: (head: Uint8Array) => boolean;
  /** None for a kind that is known but not read. */
  readonly decode?: Decoder;
  /** Tells the size of what {@link decode} gives, where the file says it. */
  readonly size?: SizeReader;
  /** The format to convert files of a kind that is not read to, for messages; default PNG. */
  readonly convertTo?: string;
}

/** Bytes from which the kind of a file is known. */
export const headLength = 512;

const latin1 = new TextDecoder("latin1");

/** Whether a file begins with one of these texts; `?` is any byte. */
const beginsWith =
  (...signatures: readonly string[]) =>
  (head: Uint8Array): boolean =>
    signatures.some((text) =>
      Array.from(text).every((letter, i) => letter === "?" || letter.charCodeAt(0) === head[i]),
    );

/** Whether a file's beginning, as text, is of this form. */
const reads =
  (form: RegExp) =>
  (head: Uint8Array): boolean =>
    form.test(latin1.decode(head));

/** Whether one of these brands is named in the first box of an ISO media file. */
const hasBrand =
  (...brands: readonly string[]) =>
  (head: Uint8Array): boolean => {
    if (!beginsWith("????ftyp")(head)) return false;
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    const text = latin1.decode(head.subarray(8, Math.max(12, length)));
    return brands.some((brand) => (text.match(/.{4}/gs) as readonly string[] | null)?.includes(brand));
  };

/** All kinds of image files that are told apart, the ones that are read first; the first that matches counts. */
const formats: readonly Format[] = [
  {
    name: "PNG",
    extensions: [".png"],
    matches: beginsWith("\x89PNG\r\n\x1a\n"),
    decode: decodeWithSharp,
    size: sizeWithSharp,
  },
  {
    name: "JPEG",
    extensions: [".jpg", ".jpeg", ".jpe", ".jfif"],
    matches: beginsWith("\xff\xd8\xff"),
    decode: decodeWithSharp,
    size: sizeWithSharp,
  },
  {
    name: "WebP",
    extensions: [".webp"],
    matches: beginsWith("RIFF????WEBP"),
    decode: decodeWithSharp,
    size: sizeWithSharp,
  },
  {
    name: "AVIF",
    extensions: [".avif"],
    matches: hasBrand("avif", "avis"),
    decode: decodeWithSharp,
    size: sizeWithSharp,
  },
  {
    name: "TIFF",
    extensions: [".tif", ".tiff"],
    matches: beginsWith("II*\0", "MM\0*", "II+\0", "MM\0+"),
    decode: decodeWithSharp,
    size: sizeWithSharp,
  },
  {
    name: "GIF",
    extensions: [".gif"],
    matches: beginsWith("GIF87a", "GIF89a"),
    decode: decodeWithSharp,
    size: sizeWithSharp,
  },
  // The sizes of the headers that a BMP can have, since two letters alone could begin a text.
  {
    name: "BMP",
    extensions: [".bmp", ".dib"],
    matches: (head) => beginsWith("BM")(head) && [12, 40, 52, 56, 64, 108, 124].includes(head[14]) && head[15] === 0,
    decode: decodeBmp,
  },
  {
    name: "PNM",
    extensions: [".pnm", ".ppm", ".pgm", ".pbm"],
    matches: reads(/^P[1-6]\s+(#[^\n\r]*\s+)*\d+\s/),
    decode: decodeNetpbm,
  },
  { name: "PFM", extensions: [".pfm"], matches: reads(/^P[Ff]\s+\d+\s+\d+\s+[-+.\d]/), decode: decodePfm },
  { name: "NPY", extensions: [".npy"], matches: beginsWith("\x93NUMPY"), decode: decodeArray },
  {
    name: "HEIC",
    extensions: [".heic", ".heif", ".hif"],
    matches: hasBrand("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"),
  },
  { name: "JPEG XL", extensions: [".jxl"], matches: beginsWith("\xff\x0a", "\0\0\0\x0cJXL \r\n\x87\n") },
  {
    name: "JPEG 2000",
    extensions: [".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"],
    matches: beginsWith("\0\0\0\x0cjP  \r\n\x87\n", "\xff\x4f\xff\x51"),
  },
  { name: "OpenEXR", extensions: [".exr"], matches: beginsWith("v/1\x01"), convertTo: "PFM or 32-bit TIFF" },
  {
    name: "Radiance HDR",
    extensions: [".hdr"],
    matches: beginsWith("#?RADIANCE", "#?RGBE"),
    convertTo: "PFM or 32-bit TIFF",
  },
  { name: "PAM", extensions: [".pam"], matches: reads(/^P7\s+(WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE|#)/) },
  { name: "Photoshop", extensions: [".psd", ".psb"], matches: beginsWith("8BPS") },
  { name: "QOI", extensions: [".qoi"], matches: beginsWith("qoif") },
  { name: "DDS", extensions: [".dds"], matches: beginsWith("DDS ") },
  { name: "icon", extensions: [".ico"], matches: beginsWith("\0\0\x01\0") },
  { name: "JPEG XR", extensions: [".jxr", ".wdp", ".hdp"], matches: beginsWith("II\xbc\x01") },
  {
    name: "camera raw",
    extensions: [".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"],
    matches: (head) => hasBrand("crx ")(head) || beginsWith("FUJIFILMCCD-RAW", "IIRO", "IIRS", "MMOR", "IIU\0")(head),
  },
  // Nothing at its beginning tells it from other files: known by name alone.
  { name: "TGA", extensions: [".tga"], matches: () => false },
  { name: "PCX", extensions: [".pcx"], matches: () => false },
  {
    name: "DICOM",
    extensions: [".dcm", ".dicom"],
    matches: (head) => latin1.decode(head.subarray(128, 132)) === "DICM",
  },
  { name: "FITS", extensions: [".fits"], matches: beginsWith("SIMPLE  =") },
  { name: "svg", extensions: [".svg"], matches: reads(/^\s*(<\?xml.*|<!--.*|<!DOCTYPE svg.*)?<svg[\s>]/s) },
];

/** The kind of a file, by its content alone; undefined for what is no image. */
export function formatOf(bytes: Uint8Array): Format | undefined {
  const head = bytes.subarray(0, headLength);
  return formats.find(({ matches }) => matches(head));
}

/** The kind that a file of unknown content is by its name, where that is one that is not read. */
export function unreadFormatOf(extension: string): Format | undefined {
  return formats.find(({ extensions, decode }) => !decode && extensions.includes(extension.toLowerCase()));
}

/** The kinds of files that are read, as messages list them. */
export function readableNames(): string {
  return formats.flatMap(({ name, decode }) => (decode ? [name] : [])).join(", ");
}

/** Extensions of files that are images by their name: those that are read, and those whose kind is known but not read. */
export const readableExtensions: readonly string[] = formats.flatMap(({ extensions, decode }) =>
  decode ? extensions : [],
);
export const knownExtensions: ReadonlySet<string> = new Set(formats.flatMap(({ extensions }) => extensions));
