import type { Pixels } from "@reconloss/core/pixels";
import type { DecodeContext } from "./decoder.ts";

/** The position and the format of the pixels of a BMP. */
interface Header {
  width: number;
  height: number;
  /** Whether the first row is the topmost; normally it is the lowest. */
  topDown: boolean;
  bits: number;
  start: number;
}

/** The bits of a pixel that are red, green, blue and alpha, where alpha may be 0: none. */
type Masks = readonly [red: number, green: number, blue: number, alpha: number];

const fileHeader = 14;
/** The header of OS/2 1.x, and the one that all later headers begin with. */
const [coreHeader, infoHeader] = [12, 40];
/** The values of `compression` in the header. */
const [uncompressed, bitFields, alphaBitFields] = [0, 3, 6];

/**
 * Decodes a BMP: uncompressed, of 1, 4 or 8 bits with a palette, or 16, 24 or 32 bits, with masks where it has them. A palette of greys gives
 * one channel; alpha is read where a mask says which bits it is. Levels of fewer than 8 bits are rounded down. Both as in Pillow.
 *
 * Source: Microsoft's description of BITMAPINFOHEADER and BITMAPV5HEADER.
 */
export function decodeBmp(bytes: Uint8Array, context: DecodeContext): Pixels {
  // As long as the longest part of a header that is read, zeros behind a short file.
  const head = new Uint8Array(fileHeader + infoHeader + 16);
  head.set(bytes.subarray(0, head.length));
  const view = new DataView(head.buffer);
  const size = view.getUint32(fileHeader, true);
  if (bytes.length < fileHeader + size) return context.fail("it is damaged or truncated (in its header)");
  const isCore = size === coreHeader;
  const compression = isCore ? uncompressed : view.getUint32(30, true);
  const [width, signedHeight] = isCore
    ? [view.getUint16(18, true), view.getUint16(20, true)]
    : [view.getInt32(18, true), view.getInt32(22, true)];
  const bits = view.getUint16(isCore ? 24 : 28, true);
  const header: Header = {
    width,
    height: Math.abs(signedHeight),
    topDown: signedHeight < 0,
    bits,
    start: view.getUint32(10, true),
  };
  context.checkSize(width, header.height);
  const hasMasks = compression === bitFields || compression === alphaBitFields;
  if (compression !== uncompressed && !(hasMasks && size !== 64)) {
    return context.fail("it is a compressed BMP, which is not supported; convert it to PNG");
  }
  const stride = Math.ceil((width * bits) / 32) * 4;
  if (header.start + stride * header.height > bytes.length) return context.fail("it is damaged or truncated");
  if (bits === 1 || bits === 4 || bits === 8) {
    const entries = isCore ? 0 : view.getUint32(46, true);
    const palette = bytes.subarray(fileHeader + size, header.start);
    return paletteColours(bytes, header, stride, paletteOf(palette, isCore ? 3 : 4, entries, bits), context);
  }
  if (bits === 24) return maskedColours(bytes, header, stride, [0xff0000, 0xff00, 0xff, 0], context);
  if (bits === 16 || bits === 32) {
    const standard: Masks = bits === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
    return maskedColours(bytes, header, stride, hasMasks ? masksOf(view, size, compression) : standard, context);
  }
  return context.fail(`it is a BMP of ${bits} bits per pixel; 1, 4, 8, 16, 24 and 32 can be read`);
}

function masksOf(view: DataView, size: number, compression: number): Masks {
  // Behind the oldest header, inside all others: in both cases here.
  const at = (index: number) => view.getUint32(fileHeader + infoHeader + 4 * index, true);
  const hasAlpha = size >= 56 || compression === alphaBitFields;
  return [at(0), at(1), at(2), hasAlpha ? at(3) : 0];
}

/** Colours of a palette, red, green and blue of each; `entries` is 0 where all are there. */
function paletteOf(bytes: Uint8Array, step: number, entries: number, bits: number): Uint8Array {
  const count = Math.min(entries || 2 ** bits, 2 ** bits, Math.floor(bytes.length / step));
  return Uint8Array.from({ length: 3 * count }, (_, i) => bytes[Math.floor(i / 3) * step + 2 - (i % 3)]);
}

function paletteColours(
  bytes: Uint8Array,
  { width, height, topDown, bits, start }: Header,
  stride: number,
  palette: Uint8Array,
  context: DecodeContext,
): Pixels {
  const isGrey = palette.every((level, i) => level === palette[i - (i % 3)]);
  const channels = isGrey ? 1 : 3;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const row = start + stride * (topDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      const shift = 8 - bits - ((x * bits) % 8);
      const index = (bytes[row + Math.floor((x * bits) / 8)] >> shift) & (2 ** bits - 1);
      if (3 * index >= palette.length) return context.fail(`it is damaged (colour ${index} is not in its palette)`);
      for (let c = 0; c < channels; c++) data[(y * width + x) * channels + c] = palette[3 * index + c];
    }
  }
  return { data, width, height, channels };
}

function maskedColours(
  bytes: Uint8Array,
  { width, height, topDown, bits, start }: Header,
  stride: number,
  masks: Masks,
  context: DecodeContext,
): Pixels {
  const fields = masks.filter((mask, i) => i < 3 || mask !== 0).map(fieldOf);
  if (fields.some(({ largest }) => largest < 1 || largest > 255 || !Number.isInteger(Math.log2(largest + 1)))) {
    return context.fail("its masks must be 1 to 8 adjacent bits of each colour");
  }
  const channels = fields.length as 3 | 4;
  const data = new Uint8Array(width * height * channels);
  const step = bits / 8;
  for (let y = 0; y < height; y++) {
    const row = start + stride * (topDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      const at = row + x * step;
      let pixel = 0;
      for (let i = 0; i < step; i++) pixel |= bytes[at + i] << (8 * i);
      for (let c = 0; c < channels; c++) {
        const { shift, largest } = fields[c];
        data[(y * width + x) * channels + c] = Math.floor((((pixel >>> shift) & largest) * 255) / largest);
      }
    }
  }
  return { data, width, height, channels };
}

/** The shift of a mask's bits from the right, and their largest value. */
function fieldOf(mask: number): { shift: number; largest: number } {
  const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
  return { shift, largest: mask >>> shift };
}
