import {
  type Device,
  type Loss,
  type PreparedImage,
  ReconlossError,
  type Shape,
  Tensor,
  toImageSync,
} from "@reconloss/core";
import { backdropOf } from "@reconloss/core/internal";
import type { Background } from "@reconloss/core/pixels";
import { badness, isWorse } from "./numbers.ts";
import { type Statistic, statisticOf } from "./statistics.ts";

/** An output and its target, decoded: what losses make of them is made once for all. */
export interface Images {
  output: PreparedImage;
  target: PreparedImage;
}

/** Whether the last plane is alpha, and the others are multiplied by it: images of 2 and of 4 channels. */
function hasAlpha({ shape }: { readonly shape: Shape }): boolean {
  return shape[1] % 2 === 0;
}

const isGrey = ({ shape }: PreparedImage): boolean => shape[1] < 3;

/** An image whose planes are planes of this one; those of number -1 are 1 everywhere. */
function planesOf({ tensor: image }: PreparedImage, planes: readonly number[]): PreparedImage {
  const [, , h, w] = image.shape;
  const data = new Float32Array(planes.length * h * w).fill(1);
  for (const [index, plane] of planes.entries()) {
    if (plane >= 0) data.set(image.data.subarray(plane * h * w, (plane + 1) * h * w), index * h * w);
  }
  return toImageSync(new Tensor(data, [1, planes.length, h, w]));
}

/** An image as grey or colour, with or without a plane of alpha, which is opaque where it had none. */
function withPlanes(image: PreparedImage, requested: { grey: boolean; alpha: boolean }): PreparedImage {
  if (isGrey(image) === requested.grey && hasAlpha(image) === requested.alpha) return image;
  const colours = requested.grey ? [0] : isGrey(image) ? [0, 0, 0] : [0, 1, 2];
  return planesOf(image, requested.alpha ? [...colours, hasAlpha(image) ? image.shape[1] - 1 : -1] : colours);
}

/**
 * Two images with equally many channels: where just one is grey, it becomes colour, and `converted` says which; where just one has alpha, the other's is
 * opaque.
 */
export function matchChannels({ output, target }: Images): Images & { converted?: keyof Images } {
  if (output.shape[1] === target.shape[1]) return { output, target };
  const requested = { grey: isGrey(output) && isGrey(target), alpha: hasAlpha(output) || hasAlpha(target) };
  const matched = { output: withPlanes(output, requested), target: withPlanes(target, requested) };
  if (isGrey(output) === isGrey(target)) return matched;
  return { ...matched, converted: isGrey(output) ? "output" : "target" };
}

/** An image over a background, without its plane of alpha; one that has none as it is. */
export function over(image: PreparedImage, background: Background): PreparedImage {
  if (!hasAlpha(image)) return image;
  const { data, shape } = image.tensor;
  const [, c, h, w] = shape;
  const { at } = backdropOf("over", background);
  const area = h * w;
  const colours = data.slice(0, (c - 1) * area);
  const alpha = data.subarray((c - 1) * area);
  for (let i = 0; i < colours.length; i++) {
    const place = i % area;
    colours[i] += (1 - alpha[place]) * at(Math.floor(i / area), place % w, Math.floor(place / w));
  }
  return toImageSync(new Tensor(colours, [1, c - 1, h, w]));
}

/** A loss of one pair. */
export interface Measurement {
  value: number;
  /** The value of a prior for the target itself. */
  targetValue?: number;
  /** The score before it is said, where those are what is averaged. */
  score?: number;
  map?: Tensor;
  /** The statistics of the map that were asked for. */
  statistics: ReadonlyMap<Statistic, number>;
  /** In how many tiles it was computed, where not at once. */
  tiles?: number;
  /** Whether the images were laid over black and over white, and the number is the worse of both. */
  isOfWorseBackground?: boolean;
}

/** The quantities that are wanted besides the value, and how they are computed. */
interface Wanted {
  map?: boolean;
  /** Of the map. */
  statistics?: readonly Statistic[];
  /** The device of networks. */
  device?: Device;
  /** The weight of each pixel, [1, 1, h, w]. */
  weight?: Tensor;
}

/**
 * Computes one loss of one pair. A loss that looks at one image alone gets the images as they were read: what it makes of an output does not depend on
 * the target's channels. Alpha is one more plane to losses that take any number of them; those that need colours see the images over black and
 * over white, where every difference of transparency shows on one of both, and the worse counts.
 */
export async function measure(
  loss: Loss,
  { read, matched }: { read: Images; matched: Images },
  requested: Wanted,
): Promise<Measurement> {
  const images = loss.needsTarget ? matched : read;
  if (!hasAlpha(images.output) && !hasAlpha(images.target)) return measureOnce(loss, images, requested);
  try {
    return await measureOnce(loss, images, requested);
  } catch (error) {
    if (!(error instanceof ReconlossError) || error.code !== "shape") throw error;
  }
  const measureOver = (level: Background) =>
    measureOnce(loss, { output: over(images.output, level), target: over(images.target, level) }, requested);
  const [onBlack, onWhite] = [await measureOver("black"), await measureOver("white")];
  const [black, white] = [onBlack, onWhite].map(({ value, targetValue }) => badness(loss.better, value, targetValue));
  // Each statistic by itself: what is small in the mean may be the larger at its worst place.
  const statistics = new Map(
    [...onBlack.statistics].map(([name, value]) => {
      const other = onWhite.statistics.get(name) as number;
      return [name, isWorse(loss.better === "higher" ? "higher" : "lower", other, value) ? other : value] as const;
    }),
  );
  return { ...(isWorse("lower", white, black) ? onWhite : onBlack), statistics, isOfWorseBackground: true };
}

/** Whether a loss looks at one image alone, and the target's own value is what an output's should come near to. */
export function isPrior({ better }: Loss): boolean {
  return better === "target";
}

async function measureOnce(loss: Loss, { output, target }: Images, requested: Wanted): Promise<Measurement> {
  const compared = loss.needsTarget ? target : undefined;
  const { statistics: wanted = [], device, weight } = requested;
  const needsMap = requested.map === true || wanted.length > 0;
  const options = weight === undefined ? { device } : { device, weight };
  const evaluation = await loss.evaluate(output, compared, { map: needsMap && loss.hasMap }, options);
  const { value, unlimited = value, scores, map, tiles } = evaluation;
  return {
    // What a training may count as finite must not be in a mean, where it would hide other pairs.
    value: unlimited,
    map,
    statistics: new Map(map ? wanted.map((name) => [name, statisticOf(name, map.data)]) : []),
    tiles,
    ...(isPrior(loss) ? { targetValue: await loss.value(target, undefined, options) } : {}),
    ...(loss.definition?.poolScores ? { score: scores[0] } : {}),
  };
}
