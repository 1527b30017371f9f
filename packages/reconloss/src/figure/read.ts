import { Tensor } from "@reconloss/core";
import { cropped } from "../compare/crop.ts";
import { fitImages } from "../compare/fit.ts";
import { type LoadOptions, loadOptionsOf } from "../compare/load.ts";
import { type Images, matchChannels, over } from "../compare/measure.ts";
import { decodePrepared, pixelOptionsOf } from "../image/read.ts";
import type { JudgedImage } from "../judge/types.ts";
import { type ProposedRegion, proposeRegions, type RegionOptions } from "./regions.ts";

/** A pair as it was read, and with channels that match. */
export interface ReadPair {
  readonly read: Images;
  readonly matched: Images;
}

/** An image of a test set with what methods made of it, in colour and over a background where it is transparent. */
export interface ReadImage {
  readonly target: Tensor;
  /** In the order of the methods; undefined where one has none that could be compared. */
  readonly outputs: readonly (Tensor | undefined)[];
  readonly pairs: readonly (ReadPair | undefined)[];
}

/** An image over the chequers that stand for nothing, in colour: grey is three equal channels. */
function opaque(image: Images["output"]): Tensor {
  const { tensor } = over(image, "checker");
  const [, channels, height, width] = tensor.shape;
  if (channels === 3) return tensor;
  const data = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) data.set(tensor.data, channel * height * width);
  return new Tensor(data, [1, 3, height, width]);
}

/**
 * Reads an image and the outputs that were compared with it; under the name that errors begin with.
 *
 * @throws {ReconlossError} `image` when a file cannot be read any more
 */
export async function readJudged(
  caller: string,
  { target, pairs }: JudgedImage,
  options: LoadOptions,
): Promise<ReadImage> {
  const decode = async (path: string) => (await decodePrepared(caller, path, pixelOptionsOf(options))).image;
  const [own, outputs] = await Promise.all([
    decode(target as string),
    Promise.all(pairs.map((pair) => pair && decode(pair.output))),
  ]);
  const read = outputs.map((output): ReadPair | undefined => {
    if (output === undefined) return undefined;
    const { images } = fitImages({ output, target: own }, undefined, options.fit ?? "error");
    return { read: images, matched: matchChannels(images) };
  });
  const shown = [own, ...read.flatMap((pair) => pair?.matched.output ?? [])];
  // Of outputs that were cropped to fit, one may be smaller than another.
  const [height, width] = [2, 3].map((axis) => Math.min(...shown.map(({ shape }) => shape[axis])));
  const fitted = (image: Images["output"]) => opaque(cropped(image, [height, width]));
  return { target: fitted(own), outputs: read.map((pair) => pair && fitted(pair.matched.output)), pairs: read };
}

/** The regions in which the outputs that there are differ most. */
export function proposalsOf(
  { target, outputs }: Pick<ReadImage, "target" | "outputs">,
  options: RegionOptions,
): ProposedRegion[] {
  const there = outputs.filter((output) => output !== undefined);
  return there.length === 0 ? [] : proposeRegions(there, target, options);
}

/** The regions of an image in which the methods that have it differ most; none where all are equal. */
export async function proposeFor(
  image: JudgedImage,
  options: RegionOptions & LoadOptions = {},
): Promise<ProposedRegion[]> {
  return proposalsOf(await readJudged("figure", image, loadOptionsOf(options)), options);
}
