import type { Pixels } from "@reconloss/core/pixels";
import type { Sharp, WebpOptions } from "sharp";
import { loadSharp } from "../image/sharp.ts";

/** A WebP file as a data URI. */
export async function webpUri(image: Sharp, options: WebpOptions): Promise<string> {
  return uriOf(await image.webp(options).toBuffer());
}

/** The bytes of a WebP file as a data URI. */
export function uriOf(file: Buffer): string {
  return `data:image/webp;base64,${file.toString("base64")}`;
}

/** Samples of 8 bits as an image of sharp's, reduced to `side` pixels on its longer side; `kernel` as sharp has it. */
export async function reduced(
  { data, width, height, channels }: Pixels,
  side: number,
  kernel?: "linear",
): Promise<Sharp> {
  const sharp = await loadSharp();
  return sharp(data as Uint8Array, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace("srgb")
    .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true, kernel });
}
