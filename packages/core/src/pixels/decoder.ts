import { drawn } from "./canvas.ts";
import type { FloatPixels, Pixels } from "./pixels.ts";
import type { BitmapSource, Fail } from "./sources.ts";

/** Makes pixels of the bytes of an encoded file. */
export type ImageDecoder = (bytes: Uint8Array) => Promise<Pixels | FloatPixels>;

interface Host {
  createImageBitmap?(blob: object, options: object): Promise<BitmapSource>;
  Blob?: new (parts: readonly Uint8Array[]) => object;
}

let decoder: ImageDecoder | undefined;

/**
 * Sets what decodes the bytes of encoded files that losses are given. Default: the browser; package reconloss sets its own, which reads all formats of `readImage`.
 *
 * @param decode throws a `ReconlossError` for what it cannot read
 *
 * @example
 * ```ts
 * import { decodePixels } from "reconloss/image";
 * import { setImageDecoder } from "@reconloss/core";
 * setImageDecoder(async (bytes) => (await decodePixels(bytes)).pixels);
 * ```
 */
export function setImageDecoder(decode: ImageDecoder): void {
  decoder = decode;
}

/** The pixels of an encoded file. */
export async function decodeBytes(bytes: Uint8Array, fail: Fail): Promise<Pixels | FloatPixels> {
  if (decoder !== undefined) {
    return decoder(bytes).catch((cause: unknown) => fail(`cannot be decoded: ${(cause as Error).message}`, cause));
  }
  const { createImageBitmap, Blob } = globalThis as unknown as Host;
  if (createImageBitmap === undefined || Blob === undefined) {
    return fail("is the bytes of a file, which nothing here decodes; package reconloss does, or setImageDecoder");
  }
  // Stored values, as of files: neither converted by a profile nor multiplied by alpha.
  const how = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(new Blob([bytes]), how).catch((cause: unknown) =>
    fail(`is not an image that this browser can decode (${(cause as Error).message})`, cause),
  );
  try {
    return drawn(bitmap, bitmap.width, bitmap.height, fail);
  } finally {
    bitmap.close();
  }
}
