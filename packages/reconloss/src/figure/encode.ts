import { loadSharp } from "../image/sharp.ts";
import type { Drawing, Picture } from "./drawing.ts";

/**
 * The pictures of a drawing as PNG files, without loss: crops enlarged to squares by nearest neighbour, so that no viewer smooths them, and what has more pixels than
 * are drawn reduced.
 *
 * @param density - pixels to an inch at which the drawing is looked at
 */
export async function encodePictures({ parts }: Drawing, density: number): Promise<Map<Picture, Buffer>> {
  const encoded = new Map<Picture, Buffer>();
  for (const part of parts) {
    if (part.kind === "picture") encoded.set(part, await encode(part, density));
  }
  return encoded;
}

async function encode({ raster, width, enlarged }: Picture, density: number): Promise<Buffer> {
  const sharp = await loadSharp();
  const drawn = Math.ceil((width * density) / 72);
  const factor = enlarged ? Math.ceil(drawn / raster.width) : Math.min(1, drawn / raster.width);
  const { data, ...size } = raster;
  const image = sharp(data, { raw: { ...size, channels: 3 }, limitInputPixels: false });
  if (factor !== 1) {
    const sides = [size.width, size.height].map((side) => Math.max(1, Math.round(side * factor)));
    image.resize({
      ...{ width: sides[0], height: sides[1], fit: "fill" },
      kernel: enlarged ? "nearest" : "lanczos3",
    });
  }
  return image.png({ compressionLevel: 9 }).toBuffer();
}
