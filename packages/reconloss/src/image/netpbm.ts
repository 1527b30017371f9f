import type { FloatPixels, Pixels } from "@reconloss/core/pixels";
import type { DecodeContext } from "./decoder.ts";

const [newline, hash, zero, nine] = [0x0a, 0x23, 0x30, 0x39];
const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
const isDigit = (byte: number): boolean => byte >= zero && byte <= nine;
const cutShort = "it is damaged or truncated";

/** Reads the words of a Netpbm header, and the numbers of a plain raster. */
class Words {
  /** The position of the next byte. */
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next word, before which white space and comments are ignored; empty at the end. */
  next(): string {
    this.#passOver();
    const start = this.at;
    while (this.at < this.#bytes.length && !isSpace(this.#bytes[this.at])) this.at++;
    // Longer than any number in such a file.
    return String.fromCharCode(...this.#bytes.subarray(start, Math.min(this.at, start + 64)));
  }

  /** The next whole number, of at most `digits` digits; NaN where there is none. */
  number(digits = 10): number {
    this.#passOver();
    const end = Math.min(this.#bytes.length, this.at + digits);
    let value = isDigit(this.#bytes[this.at]) ? 0 : Number.NaN;
    while (this.at < end && isDigit(this.#bytes[this.at])) value = 10 * value + this.#bytes[this.at++] - zero;
    return value;
  }

  #passOver(): void {
    const bytes = this.#bytes;
    while (this.at < bytes.length && (isSpace(bytes[this.at]) || bytes[this.at] === hash)) {
      if (bytes[this.at] === hash) while (this.at < bytes.length && bytes[this.at] !== newline) this.at++;
      else this.at++;
    }
  }
}

/**
 * Decodes a PBM, PGM or PPM, plain or binary, the first image of the file. Samples up to 255 fill 8 bits and larger ones 16: a sample is scaled by its
 * maximum and rounded, where that is not 255 or 65535 anyway. In a PBM, 1 is black.
 *
 * Source: https://netpbm.sourceforge.net/doc/ppm.html and the pages of its siblings.
 */
export function decodeNetpbm(bytes: Uint8Array, context: DecodeContext): Pixels {
  const words = new Words(bytes);
  const kind = Number(words.next()[1]);
  const [width, height] = [words.number(), words.number()];
  context.checkSize(width, height);
  const isBitmap = kind === 1 || kind === 4;
  const most = isBitmap ? 1 : words.number();
  if (!(most >= 1 && most <= 65535)) return context.fail(`${cutShort} (its largest sample is ${most})`);
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const length = width * height * channels;
  const stored = (kind < 4 ? plainSamples : isBitmap ? bits : binarySamples)(bytes, words, length, width, most);
  if (stored === undefined) return context.fail(cutShort);
  const white = most > 255 ? 65535 : 255;
  const data = most > 255 ? new Uint16Array(length) : new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    if (stored[i] > most) return context.fail(`it is damaged (a sample is ${stored[i]}, but at most ${most})`);
    const level = isBitmap ? 1 - stored[i] : stored[i];
    data[i] = most === white ? level : Math.round((level * white) / most);
  }
  return { data, width, height, channels };
}

/** The samples of a raster as they are stored, or undefined where there are too few. */
type Raster = (
  bytes: Uint8Array,
  words: Words,
  length: number,
  width: number,
  most: number,
) => Uint8Array | Uint16Array | undefined;

const plainSamples: Raster = (bytes, words, length, _, most) => {
  // Each takes at least one byte; looked at before they are allocated.
  if (bytes.length - words.at < length) return undefined;
  const samples = new Uint16Array(length);
  for (let i = 0; i < length; i++) {
    // Bits of a plain PBM need nothing between them.
    const sample = words.number(most === 1 ? 1 : 5);
    if (Number.isNaN(sample)) return undefined;
    samples[i] = Math.min(sample, 65535);
  }
  return samples;
};

const binarySamples: Raster = (bytes, { at }, length, _, most) => {
  const start = at + 1;
  const size = most > 255 ? 2 : 1;
  if (bytes.length - start < length * size) return undefined;
  if (size === 1) return bytes.subarray(start, start + length);
  return Uint16Array.from({ length }, (_, i) => (bytes[start + 2 * i] << 8) | bytes[start + 2 * i + 1]);
};

const bits: Raster = (bytes, { at }, length, width) => {
  const start = at + 1;
  const stride = Math.ceil(width / 8);
  if (bytes.length - start < (stride * length) / width) return undefined;
  return Uint8Array.from({ length }, (_, i) => {
    const x = i % width;
    return (bytes[start + stride * Math.floor(i / width) + (x >> 3)] >> (7 - (x & 7))) & 1;
  });
};

/**
 * Decodes a PFM: 32-bit floating point, grey or RGB, rows from the bottom up. The samples are those stored; the header's factor is not applied, as
 * in most readers.
 *
 * Source: https://netpbm.sourceforge.net/doc/pfm.html
 */
export function decodePfm(bytes: Uint8Array, context: DecodeContext): FloatPixels {
  const words = new Words(bytes);
  const channels = words.next() === "PF" ? 3 : 1;
  const [width, height] = [words.number(), words.number()];
  const factor = Number(words.next());
  context.checkSize(width, height);
  if (!Number.isFinite(factor) || factor === 0) return context.fail("it is damaged (its scale is not a number)");
  if (Math.abs(factor) !== 1) {
    context.note({ kind: "scale-ignored", text: "is a PFM with a scale factor, which was not applied" });
  }
  const start = words.at + 1;
  const row = width * channels;
  if (bytes.length - start < 4 * row * height) return context.fail(cutShort);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const data = new Float32Array(row * height);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < row; i++) data[y * row + i] = view.getFloat32(4 * ((height - 1 - y) * row + i), factor < 0);
  }
  return { data, width, height, channels };
}
