/**
 * The chunks that pixels depend on. All others are dropped before a PNG is decoded: compressed texts and profiles of a small file can unpack to
 * gigabytes, and an embedded profile is not applied anyway.
 */
const kept: ReadonlySet<string> = new Set(["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "eXIf"]);

const signatureLength = 8;

/** A PNG with only the chunks that its pixels depend on; what does not add up is left in place, for the decoder to refuse. */
export function withoutAncillaryChunks(png: Uint8Array): Uint8Array {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const parts = [png.subarray(0, signatureLength)];
  for (let at = signatureLength; at < png.length; ) {
    const end = at + 12 <= png.length ? at + 12 + view.getUint32(at) : png.length;
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (end > png.length || kept.has(type)) parts.push(png.subarray(at, end));
    if (type === "IEND") break;
    at = end;
  }
  // The file itself where nothing is dropped, which is the usual case.
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return length === png.length ? png : Buffer.concat(parts);
}

/** Whether a PNG is animated: its `acTL` chunk stands before its pixels. */
export function isAnimatedPng(png: Uint8Array): boolean {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  return bytes.subarray(0, Math.max(0, bytes.indexOf("IDAT"))).includes("acTL");
}
