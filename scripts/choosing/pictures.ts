import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import sharp, { type OverlayOptions } from "sharp";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { toPixels } from "../../packages/reconloss/src/image/index.ts";

/** An image under its name. */
export interface Cell {
  readonly label: string;
  readonly image: Tensor;
}

const [gap, labelHeight] = [8, 24];
/** An invisible letter as high and deep as any, so that all names stand on one line. */
const strut = '<span alpha="1">|</span>';

/** Images of one size side by side in rows, each under its name, enlarged without smoothing, as a WebP file. */
export async function writePictures(
  path: string,
  cells: readonly Cell[],
  { columns, magnify = 1 }: { columns: number; magnify?: number },
): Promise<void> {
  const [, , h, w] = cells[0].image.shape;
  const [width, height] = [w * magnify, h * magnify];
  const rows = Math.ceil(cells.length / columns);
  const parts: OverlayOptions[] = [];
  for (const [index, { label, image }] of cells.entries()) {
    const left = (index % columns) * (width + gap);
    const top = Math.floor(index / columns) * (height + labelHeight + gap);
    const { data, channels, ...size } = toPixels(image);
    const enlarged = await sharp(data as Uint8Array, { raw: { ...size, channels } })
      .resize(width, height, { kernel: "nearest", fit: "fill" })
      .png()
      .toBuffer();
    parts.push({ input: enlarged, left, top: top + labelHeight });
    const title = sharp({ text: { text: label + strut, font: "sans 10", dpi: 96, rgba: true } });
    const fitted = title.resize({ width, height: labelHeight - 4, fit: "inside", withoutEnlargement: true });
    parts.push({ input: await fitted.png().toBuffer(), left, top: top + 2 });
  }
  const canvas = sharp({
    create: {
      width: columns * (width + gap) - gap,
      height: rows * (height + labelHeight + gap) - gap,
      channels: 3,
      background: "white",
    },
  });
  const bytes = await canvas.composite(parts).webp({ quality: 88, effort: 6 }).toBuffer();
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}
