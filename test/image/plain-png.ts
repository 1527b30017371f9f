import { inflateSync } from "node:zlib";

/**
 * The samples of a PNG file that is not interlaced and has 8 or 16 bits a sample, straight from the PNG specification (chunks,
 * zlib, the five row filters), so that they do not depend on the decoder under test.
 */
export function decodePlainPng(file: Uint8Array): { samples: number[]; width: number; height: number; bits: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const [width, height, bits, colourType] = [view.getUint32(16), view.getUint32(20), file[24], file[25]];
  const channels = { 0: 1, 2: 3, 4: 2, 6: 4 }[colourType];
  if (!channels || bits < 8 || file[28] !== 0) throw new Error("not a plain PNG");

  const packed: Uint8Array[] = [];
  for (let at = 8; at < file.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (type === "IDAT") packed.push(file.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const filtered = inflateSync(Buffer.concat(packed));
  const step = (channels * bits) / 8;
  const rowLength = width * step;
  const bytes = new Uint8Array(height * rowLength);
  for (let y = 0; y < height; y++) {
    const filter = filtered[y * (rowLength + 1)];
    for (let x = 0; x < rowLength; x++) {
      const left = x >= step ? bytes[y * rowLength + x - step] : 0;
      const up = y > 0 ? bytes[(y - 1) * rowLength + x] : 0;
      const corner = x >= step && y > 0 ? bytes[(y - 1) * rowLength + x - step] : 0;
      const prediction = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      bytes[y * rowLength + x] = filtered[y * (rowLength + 1) + 1 + x] + prediction;
    }
  }
  const samples =
    bits === 8
      ? Array.from(bytes)
      : Array.from({ length: bytes.length / 2 }, (_, i) => bytes[2 * i] * 256 + bytes[2 * i + 1]);
  return { samples, width, height, bits };
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [left, up, corner].map((candidate) => Math.abs(left + up - corner - candidate));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
