import { inflateSync } from "node:zlib";
import { loadSharp } from "./sharp.ts";

/** The most bytes that a profile may unpack to; real ones have up to a few megabytes. */
const mostBytes = 2 ** 24;

/** The embedded ICC profile of RGB pixels, as it is stored; undefined where a file has none, or one of another colour space. */
export async function colourProfileOf(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const profile = bytes[0] === 0x89 ? profileOfPng(bytes) : await profileBySharp(bytes);
  // A profile says which space it is of in the bytes from 16 on.
  return profile && Buffer.from(profile.subarray(16, 20)).toString("latin1") === "RGB " ? profile : undefined;
}

async function profileBySharp(bytes: Uint8Array): Promise<Uint8Array | undefined> {
  const sharp = await loadSharp();
  return sharp(bytes, { limitInputPixels: false })
    .metadata()
    .then(
      ({ icc }) => icc,
      // BMP, PNM and arrays, which sharp does not read, have none that is read here.
      () => undefined,
    );
}

/** The profile in the `iCCP` chunk of a PNG: a name, a zero, the method of compression, and the compressed profile. */
function profileOfPng(png: Uint8Array): Uint8Array | undefined {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = 8; at + 12 <= png.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IDAT" || type === "IEND") return undefined;
    if (type !== "iCCP") continue;
    const chunk = png.subarray(at + 8, at + 8 + view.getUint32(at));
    try {
      return inflateSync(chunk.subarray(chunk.indexOf(0) + 2), { maxOutputLength: mostBytes });
    } catch {
      return undefined;
    }
  }
  return undefined;
}
