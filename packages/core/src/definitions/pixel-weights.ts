import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { formatShape, type Shape, Tensor } from "../tensor.ts";

/** Over what weights are divided by their sum: see {@link EvaluateOptions.weightNormalisation}. */
export type WeightNormalisation = "image" | "batch";

/** The weight of each pixel of what `x` holds: averaged over channels where `x` has fewer than the weight. */
export function fittedWeight<T>(o: Ops<T>, weight: T, x: T): T {
  return o.channels(weight) > o.channels(x) ? o.mean(weight, "c") : weight;
}

/** The sum of `weight x` over the axes of each image; of `x` alone without a weight. */
export function weightedSum<T>(o: Ops<T>, x: T, weight: T | undefined, axes: "hw" | "chw"): T {
  return o.sum(weight === undefined ? x : o.mul(x, fittedWeight(o, weight, x)), axes);
}

/** The sum of a weight over what `x` holds: a weight for all channels counts in each of them. */
export function totalWeight<T>(o: Ops<T>, x: T, weight: T | undefined, axes: "hw" | "chw"): T {
  if (weight === undefined) return o.size(x, axes);
  const own = fittedWeight(o, weight, x);
  const repeated = axes === "chw" ? o.channels(x) / o.channels(own) : 1;
  const total = o.sum(own, axes);
  return repeated === 1 ? total : o.mul(total, repeated);
}

/**
 * `sum(weight x) / sum(weight)` over the axes of each image, the plain mean without a weight.
 *
 * @param weight - [n or 1, 1 or c, h, w] of `x` [n, c, h, w]; more channels than `x` has are averaged
 */
export function weightedMean<T>(o: Ops<T>, x: T, weight: T | undefined, axes: "hw" | "chw"): T {
  return o.div(weightedSum(o, x, weight, axes), totalWeight(o, x, weight, axes));
}

/** `x` less its weighted mean over the places of each image. In two steps: float32 rounds the mean of nearly equal numbers as coarsely as they differ. */
export function centred<T>(o: Ops<T>, x: T, weight: T | undefined): T {
  const roughly = o.sub(x, o.stopGradient(weightedMean(o, x, weight, "hw")));
  return o.sub(roughly, weightedMean(o, roughly, weight, "hw"));
}

/** The weight of each channel, with mean 1, where channels have weights of their own. */
export function channelShare<T>(o: Ops<T>, weight: T): T | undefined {
  if (o.channels(weight) === 1) return undefined;
  const totals = o.sum(weight, "hw");
  return o.div(totals, o.mean(totals, "c"));
}

/** The weighted mean of each channel; 0 for those that do not count. */
export function channelMean<T>(o: Ops<T>, x: T, weight: T | undefined, share: T | undefined): T {
  if (share === undefined) return weightedMean(o, x, weight, "hw");
  const total = totalWeight(o, x, weight, "hw");
  return o.div(weightedSum(o, x, weight, "hw"), o.where(share, total, 1));
}

/** The mean over a batch, in which images count by their share, if they do not count the same. */
export function batchMean<T>(o: Ops<T>, x: T, share: T | undefined): T {
  // What has no share may be infinite.
  return o.mean(share === undefined ? x : o.where(share, o.mul(x, share), 0), "n");
}

/** 0, but NaN where `x` is: the mean over places without weight, which comparisons with 0 would take for a number. */
export function nothingOf<T>(o: Ops<T>, x: T): T {
  return o.mul(o.square(x), 0);
}

/** The root of a weighted mean, with a gradient of 0 where that is 0; NaN, the mean of no places, stays NaN. */
export function rootOfMean<T>(o: Ops<T>, x: T): T {
  return o.add(o.root(x), nothingOf(o, x));
}

/** A weight divided by its mean over each image, so that what it multiplies keeps its scale. */
export function relativeWeight<T>(o: Ops<T>, weight: T): T {
  return o.div(weight, o.mean(weight, "chw"));
}

/**
 * The weight of each position of a layer of a network, [n or 1, 1, h', w']: the mean over channels and over the pixels that lie nearest to it, if the layer
 * is laid evenly over the image. Where a layer is larger than the image, that of the nearest pixel.
 *
 * @param layer - [n, c, h', w']
 */
export function layerWeight<T>(o: Ops<T>, weight: T, layer: T): T {
  const nearest = { mode: "nearest", alignCorners: false } as const;
  const plane = o.mean(weight, "c");
  // The adjoint of enlarging the layer adds up what every position would be repeated to.
  const gathered = (x: T) => o.backend.run("resizeAdjoint", [x, layer], nearest);
  const pixels = gathered(o.expand(o.scalar(1), plane));
  const mean = o.div(gathered(plane), o.maximum(pixels, 1));
  return o.where(pixels, mean, o.resize(plane, layer, nearest));
}

/** {@link layerWeight} for one image in memory, as rows of the layer. */
export function layerWeightOf({ data, shape: [, c, h, w] }: Tensor, height: number, width: number): Float64Array {
  const sums = new Float64Array(height * width);
  const pixels = new Float64Array(height * width);
  for (let row = 0; row < h; row++) {
    const line = Math.floor((row * height) / h) * width;
    for (let column = 0; column < w; column++) {
      const place = line + Math.floor((column * width) / w);
      pixels[place] += c;
      for (let channel = 0; channel < c; channel++) sums[place] += data[(channel * h + row) * w + column];
    }
  }
  return sums.map((sum, place) => sum / pixels[place]);
}

/** A weight that has been looked at. */
export interface CheckedWeight {
  weight: Tensor;
  /** The weight of each image's value, with mean 1: [n, 1, 1, 1]. Absent where all count the same. */
  share?: Tensor;
}

/**
 * Refuses weights that do not fit the images or make no mean.
 *
 * @param unnormalised - see {@link Definition.unnormalised}
 */
export function checkWeight(
  name: string,
  output: { readonly shape: Shape },
  weight: Tensor,
  normalisation: WeightNormalisation = "image",
  unnormalised = false,
): CheckedWeight {
  if (!(weight instanceof Tensor)) {
    throw new ReconlossError("invalid-argument", `${name}: weight must be a Tensor, got ${described(weight)}`);
  }
  if (normalisation !== "image" && normalisation !== "batch") {
    const got = described(normalisation);
    throw new ReconlossError("invalid-argument", `${name}: weightNormalisation must be image | batch, got ${got}`);
  }
  const [n, c, h, w] = output.shape;
  const [m, k, y, x] = weight.shape;
  if ((m !== n && m !== 1) || (k !== c && k !== 1) || y !== h || x !== w) {
    const choices = [...new Set([n, 1])].flatMap((images) =>
      [...new Set([1, c])].map((channels) => formatShape([images, channels, h, w])),
    );
    const got = formatShape(weight.shape);
    throw new ReconlossError("shape", `${name}: weight must be ${choices.join(" or ")}, got ${got}`);
  }
  const sizes = Array.from({ length: m }, (_, image) => sizesOf(name, weight.image(image), image));
  const total = sizes.reduce((total, { sum }) => total + sum, 0);
  const empty = sizes.findIndex(({ sum }) => sum === 0);
  if (total === 0 || (normalisation === "image" && empty >= 0)) {
    throw new ReconlossError("invalid-argument", `${name}: weight is 0 everywhere (image ${empty})`);
  }
  if (unnormalised) return { weight };
  const scaled = scaledImages(weight, sizes);
  if (normalisation === "image" || m === 1) return { weight: scaled };
  // A share that float32 does not hold is not none.
  const share = sizes.map(({ sum }) => (sum === 0 ? 0 : Math.max((sum * m) / total, leastFloat)));
  return { weight: scaled, share: new Tensor(Float32Array.from(share), [m, 1, 1, 1]) };
}

/** The least positive number of float32 that is held with full precision. */
const leastFloat = 2 ** -126;

/** Between these, float32 holds sums of weights and of weighted squares over any image. */
const [least, most] = [2 ** -60, 2 ** 60];

interface Sizes {
  sum: number;
  greatest: number;
}

/**
 * The same relative weights of each image, where they are so large or small that float32 does not hold what is computed with them: times a power of 2. Weights of 0
 * everywhere become 1: an image that counts nothing has a value that nobody asks for, which only must not be 0 / 0.
 */
function scaledImages(weight: Tensor, sizes: readonly Sizes[]): Tensor {
  if (sizes.every(({ greatest }) => greatest >= least && greatest <= most)) return weight;
  const data = weight.data.slice();
  const length = data.length / sizes.length;
  for (const [image, { greatest }] of sizes.entries()) {
    const own = data.subarray(image * length, (image + 1) * length);
    if (greatest === 0) own.fill(1);
    else if (greatest < least || greatest > most) {
      const factor = 2 ** -Math.floor(Math.log2(greatest));
      for (let i = 0; i < length; i++) own[i] *= factor;
    }
  }
  return new Tensor(data, weight.shape);
}

function sizesOf(name: string, { data, shape }: Tensor, image: number): Sizes {
  let [sum, lowest, greatest] = [0, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    sum += value;
    if (value < lowest) lowest = value;
    if (value > greatest) greatest = value;
  }
  if (lowest === 0 && Number.isFinite(sum)) return { sum, greatest };
  const position = data.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY));
  const where = `element ${position} of image ${image} of weight (${formatShape(shape)})`;
  throw new ReconlossError(
    "invalid-argument",
    `${name}: weights must be finite and not negative, but ${where} is ${data[position]}`,
  );
}
