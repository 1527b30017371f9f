import type { Pixels } from "./messages.ts";

/** An image of the page, and what it is called. */
export interface Picture extends Pixels {
  readonly name: string;
}

/** The most pixels that a picture of the page may have. */
const most = 2 ** 26;

/** A canvas to draw pictures on that are read again. */
export function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (context === null) throw new Error("this browser has no canvas to read pictures with");
  return context;
}

/** The pixels of what a canvas can draw. */
export function pictureOf(source: CanvasImageSource, width: number, height: number, name: string): Picture {
  if (width * height > most) throw new Error(`${name}: ${width}x${height} pixels are more than the page takes`);
  const context = contextOf(width, height);
  context.drawImage(source, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { data: data as Uint8ClampedArray<ArrayBuffer>, width, height, name };
}

/** Decodes a picture as the browser does: turned by EXIF, in sRGB. */
export async function decode(source: Blob, name: string): Promise<Picture> {
  const bitmap = await createImageBitmap(source).catch(() => {
    throw new Error(`${name}: this browser cannot read it as an image`);
  });
  try {
    return pictureOf(bitmap, bitmap.width, bitmap.height, name);
  } finally {
    bitmap.close();
  }
}
