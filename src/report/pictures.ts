import type { PairResult } from "../compare/index.ts";
import { matchChannels } from "../compare/measure.ts";
import { type AlphaOptions, readImage, toPixels } from "../image/index.ts";
import { loadSharp } from "../image/sharp.ts";
import type { Loss } from "../losses/index.ts";
import type { Tensor } from "../tensor.ts";
import { type ErrorMap, toErrorMap, topOf } from "./error-map.ts";

/** The longer side of images in a report, in pixels; larger ones are reduced. */
export const imageSide = 1024;
/** The same of error maps. */
export const mapSide = 768;

/** An error map as a grey image. */
export interface MapPicture {
  /** Data URI; level 255 is `top` and above. */
  levels: string;
  /** The error at level 255. */
  top: number;
  /** The loss's own value at level 0, and which way it goes from there. */
  zero: number;
  sign: 1 | -1;
  /** How much of each side of the image the map leaves out, since a window does not reach it: a fraction of width and of height. */
  border: readonly [x: number, y: number];
}

/** A pair as a report shows it. */
export interface PairPictures {
  pair: PairResult;
  /** Data URIs. */
  output: string;
  target: string;
  /** By specification of the loss. */
  maps: Record<string, MapPicture>;
}

function dataUri(webp: Uint8Array): string {
  return `data:image/webp;base64,${Buffer.from(webp).toString("base64")}`;
}

async function encodeImage(tensor: Tensor): Promise<string> {
  const sharp = await loadSharp();
  const { data, width, height, channels } = toPixels(tensor);
  const image = sharp(data as Uint8Array, { raw: { width, height, channels }, limitInputPixels: false })
    .toColourspace("srgb")
    .resize({ width: imageSide, height: imageSide, fit: "inside", withoutEnlargement: true })
    .webp({ quality: 94, smartSubsample: true });
  return dataUri(await image.toBuffer());
}

async function encodeMap({ data, width, height }: ErrorMap, top: number): Promise<string> {
  const sharp = await loadSharp();
  const scale = top > 0 ? 255 / top : 0;
  const levels = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i++) levels[i] = data[i] * scale;
  const image = sharp(levels, { raw: { width, height, channels: 1 }, limitInputPixels: false })
    .resize({ width: mapSide, height: mapSide, fit: "inside", withoutEnlargement: true, kernel: "linear" })
    .webp({ quality: 80 });
  return dataUri(await image.toBuffer());
}

/** A map that is smaller by as much in both directions lacks a border; any other smaller map is of a reduced image and covers all of it. */
function borderOf({ width, height }: PairResult, map: ErrorMap): readonly [number, number] {
  const [x, y] = [width - map.width, height - map.height];
  const isBorder = x === y && x > 0 && x < Math.min(width, height) / 2;
  return isBorder ? [x / 2 / width, y / 2 / height] : [0, 0];
}

/** Reads a pair again, computes its maps, and encodes all of it for a page. */
export async function picture(
  pair: PairResult,
  losses: readonly Loss[],
  options: AlphaOptions = {},
): Promise<PairPictures> {
  const { output, target } = matchChannels({
    output: await readImage(pair.output, options),
    target: await readImage(pair.target, options),
  });
  const maps: Record<string, MapPicture> = {};
  for (const loss of losses.filter(({ hasMap, spec }) => hasMap && pair.values[spec] !== undefined)) {
    const map = toErrorMap(loss, await loss.map(output, target));
    const top = topOf(map);
    const levels = await encodeMap(map, top);
    maps[loss.spec] = { levels, top, zero: map.zero, sign: map.sign, border: borderOf(pair, map) };
  }
  return { pair, output: await encodeImage(output), target: await encodeImage(target), maps };
}
