import { type Loss, Random, type Tensor } from "@reconloss/core";
import { fromPixels, type Pixels, toPixels } from "@reconloss/core/pixels";
import { falseColour, toErrorMap, topOf } from "reconloss/report";
import sharp, { type Sharp } from "sharp";
import { photographPath } from "../scripts/photographs.ts";

/** Pixels at each side of the pictures, of which each quarter has a distortion of its own. */
const side = 256;

/** An image that losses are shown by. */
export interface Example {
  readonly name: string;
  readonly pixels: Pixels;
}

/** The images of the pages of losses. */
export interface Examples {
  readonly target: Pixels;
  /** The target with one distortion each. */
  readonly distorted: readonly Example[];
  /** A quarter of each of them. */
  readonly quarters: Pixels;
}

async function rgb(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.removeAlpha().toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height, channels: 3 };
}

function toSharp({ data, width, height, channels }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels } });
}

function changed(pixels: Pixels, change: (level: number, index: number) => number): Pixels {
  const data = Uint8Array.from(pixels.data, (level, i) => Math.min(255, Math.max(0, Math.round(change(level, i)))));
  return { ...pixels, data };
}

/** Returns the images by which the pages show losses: a photograph, with four distortions. */
export async function makeExamples(): Promise<Examples> {
  const target = await rgb(sharp(photographPath("flower")).resize(side, side, { fit: "cover", position: "bottom" }));
  const random = new Random("noise of the examples");
  const distorted = [
    { name: "JPEG of quality 10", pixels: await rgb(sharp(await toSharp(target).jpeg({ quality: 10 }).toBuffer())) },
    { name: "Gaussian blur, 2 pixels", pixels: await rgb(toSharp(target).blur(2)) },
    { name: "noise, deviation 12 of 255", pixels: changed(target, (level) => level + 12 * random.normal()) },
    { name: "a cast: red + 16, blue - 16", pixels: changed(target, (level, i) => level + 16 * (1 - (i % 3))) },
  ];
  const quarters = changed(target, (_, i) => {
    const place = Math.floor(i / 3);
    const [row, column] = [Math.floor(place / side), place % side];
    return distorted[2 * Number(row >= side / 2) + Number(column >= side / 2)].pixels.data[i];
  });
  return { target, distorted, quarters };
}

/** Returns pixels as the bytes of a WebP file. */
export async function toWebp(pixels: Pixels): Promise<Uint8Array> {
  return toSharp(pixels).webp({ quality: 90 }).toBuffer();
}

/** What a loss says of the examples. */
export interface Shown {
  /** The loss as the grammar has it; another than the page's where that takes weights that are not here. */
  readonly spec: string;
  readonly identical: number;
  /** The largest entry of the gradient at identical images. */
  readonly slopeOfIdentical: number;
  readonly values: readonly { readonly name: string; readonly value: number }[];
  /** The map of the quarters in false colours, and the error that the brightest colour stands for. */
  readonly map?: { readonly webp: Uint8Array; readonly top: number };
}

/** Evaluates a loss of the examples, and draws its map. */
export async function show(loss: Loss, { target, distorted, quarters }: Examples): Promise<Shown> {
  const [x, y] = [fromPixels(target), fromPixels(quarters)];
  const same = await loss.valueAndGrad(x, x);
  const values: { name: string; value: number }[] = [];
  for (const { name, pixels } of distorted) values.push({ name, value: await loss.value(fromPixels(pixels), x) });
  return {
    spec: loss.spec,
    identical: same.value,
    slopeOfIdentical: same.grad.data.reduce((most, slope) => Math.max(most, Math.abs(slope)), 0),
    values,
    ...(loss.hasMap && { map: await drawn(loss, await loss.map(y, x)) }),
  };
}

async function drawn(loss: Loss, map: Tensor): Promise<NonNullable<Shown["map"]>> {
  const errors = toErrorMap(loss, map);
  const top = topOf(errors);
  const pixels = toPixels(falseColour(errors, top));
  // Maps of reduced images are shown in the size of the image.
  const webp = await toSharp(pixels)
    .resize(side, side, { fit: "contain", kernel: "nearest" })
    .webp({ quality: 90 })
    .toBuffer();
  return { webp, top };
}
