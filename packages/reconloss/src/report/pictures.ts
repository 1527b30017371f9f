import type { Loss, Tensor } from "@reconloss/core";
import type { WebpOptions } from "sharp";
import type { PairResult } from "../compare/index.ts";
import { type LoadOptions, readImages } from "../compare/load.ts";
import { type Images, matchChannels, measure, over } from "../compare/measure.ts";
import type { ProposedRegion } from "../figure/index.ts";
import { proposalsOf, readJudged } from "../figure/read.ts";
import { type Pixels, toPixels } from "../image/index.ts";
import type { JudgedImage } from "../judge/types.ts";
import { borderOf, type ErrorMap, toErrorMap, topOf } from "./error-map.ts";
import { reduced, uriOf } from "./webp.ts";

/** The longer side of images in a report, in pixels; larger ones are reduced. */
export const imageSide = 1024;
/** The same of error maps. */
export const mapSide = 768;

/**
 * The most bytes of a picture and of a map that are kept without loss. 8-bit samples are not larger stored than raw: all pictures of up to
 * 295 x 295 pixels and maps of up to 362 x 362 are lossless, and larger ones where they compress well.
 */
export const losslessBytes = { picture: 256 * 1024, map: 128 * 1024 } as const;

/** A picture as the page holds it. */
export interface Picture {
  /** Data URI. */
  uri: string;
  /** Whether its samples are those of the image at 8 bits: neither reduced nor compressed with loss. */
  exact: boolean;
}

/** An error map as a grey image. */
export interface MapPicture {
  /** Data URI; level 255 is `top` and above. */
  levels: string;
  /** The error at level 255. */
  top: number;
  /** The loss's own value at level 0, and which way it goes from there. */
  zero: number;
  sign: 1 | -1;
  /** The part of each side of the image that the map leaves out, since a window does not reach it: a fraction of width and of height. */
  border: readonly [x: number, y: number];
}

/** The top of the scale that all of some maps share, by label of the loss. */
export function sharedTops(all: readonly Readonly<Record<string, MapPicture>>[]): Record<string, number> {
  const tops: Record<string, number> = {};
  for (const maps of all) {
    for (const [label, { top }] of Object.entries(maps)) tops[label] = Math.max(tops[label] ?? 0, top);
  }
  return tops;
}

/** A pair as a report shows it. */
export interface PairPictures {
  pair: PairResult;
  output: Picture;
  target: Picture;
  /** By label of the loss. */
  maps: Record<string, MapPicture>;
}

/** Samples of 8 bits as WebP: reduced to `side`, and without loss where that fits into `bytes`. */
async function encode(
  pixels: Pixels,
  { side, bytes, lossy }: { side: number; bytes: number; lossy: WebpOptions & { kernel?: "linear" } },
): Promise<Picture> {
  const { width, height, channels } = pixels;
  const isReduced = Math.max(width, height) > side;
  const image = await reduced(pixels, side, lossy.kernel);
  // What is far too large is not tried: the search takes long, and photographs do not shrink to a quarter.
  const mayFit = Math.min(width, side) * Math.min(height, side) * channels <= 4 * bytes;
  const lossless = mayFit ? await image.clone().webp({ lossless: true }).toBuffer() : undefined;
  const fits = lossless !== undefined && lossless.length <= bytes;
  const webp = fits ? lossless : await image.webp(lossy).toBuffer();
  return { uri: uriOf(webp), exact: fits && !isReduced };
}

function encodeImage(tensor: Tensor): Promise<Picture> {
  return encode(toPixels(tensor), {
    side: imageSide,
    bytes: losslessBytes.picture,
    lossy: { quality: 94, smartSubsample: true },
  });
}

async function encodeMap({ data, width, height }: ErrorMap, top: number): Promise<string> {
  const scale = top > 0 ? 255 / top : 0;
  const levels = new Uint8ClampedArray(data.length);
  for (let i = 0; i < data.length; i++) levels[i] = data[i] * scale;
  const limits = { side: mapSide, bytes: losslessBytes.map, lossy: { quality: 80, kernel: "linear" } as const };
  return (await encode({ data: levels, width, height, channels: 1 }, limits)).uri;
}

/** The error maps of a pair, for the losses that have one. */
async function mapsOf(
  pair: PairResult,
  images: { read: Images; matched: Images },
  losses: readonly Loss[],
): Promise<Record<string, MapPicture>> {
  const maps: Record<string, MapPicture> = {};
  for (const loss of losses.filter(({ hasMap, label }) => hasMap && pair.values[label] !== undefined)) {
    const map = toErrorMap(loss, (await measure(loss, images, { map: true })).map as Tensor);
    const top = topOf(map);
    const levels = await encodeMap(map, top);
    const border = borderOf(map, pair) ?? 0;
    maps[loss.label] = {
      levels,
      top,
      zero: map.zero,
      sign: map.sign,
      border: [border / pair.width, border / pair.height],
    };
  }
  return maps;
}

/** Reads a pair again, computes its maps, and encodes all of it for a page. */
export async function picture(
  pair: PairResult,
  losses: readonly Loss[],
  options: LoadOptions = {},
): Promise<PairPictures> {
  const read = await readImages("writeReport", pair, options);
  const images = matchChannels(read);
  const maps = await mapsOf(pair, { read, matched: images }, losses);
  const [shown, shownTarget] = [images.output, images.target].map((image) =>
    encodeImage(over(image, "checker").tensor),
  );
  return { pair, output: await shown, target: await shownTarget, maps };
}

/** An image of a test set, with what methods made of it, as a report shows it. */
export interface ImagePictures {
  image: JudgedImage;
  width: number;
  height: number;
  target: Picture;
  /** In the order of the methods; undefined where one has none that could be compared. */
  outputs: readonly ({ picture: Picture; maps: Record<string, MapPicture> } | undefined)[];
  /** The regions in which the methods differ most. */
  regions: readonly ProposedRegion[];
}

/** Reads an image again with the outputs of all methods, and encodes all of it for a page. */
export async function judgedPictures(
  image: JudgedImage,
  losses: readonly Loss[],
  options: LoadOptions,
): Promise<ImagePictures> {
  const read = await readJudged("writeMethodsReport", image, options);
  const [, , height, width] = read.target.shape;
  const outputs: ImagePictures["outputs"][number][] = [];
  for (const [index, output] of read.outputs.entries()) {
    const [pair, images] = [image.pairs[index], read.pairs[index]];
    if (output === undefined || pair === undefined || images === undefined) outputs.push(undefined);
    else outputs.push({ picture: await encodeImage(output), maps: await mapsOf(pair, images, losses) });
  }
  return { image, width, height, target: await encodeImage(read.target), outputs, regions: proposalsOf(read, {}) };
}
