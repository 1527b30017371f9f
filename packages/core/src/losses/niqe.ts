import { cubic } from "../cubic.ts";
import type { Definition, Images } from "../definitions/definition.ts";
import { imageOptions } from "../definitions/image-options.ts";
import { choice, integer } from "../definitions/options.ts";
import { nothingOf } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import type { Shape } from "../tensor.ts";
import type { WeightFile } from "../weights/given.ts";
import { prepare, refuseImages } from "./images.ts";
import { Lazy } from "./lazy.ts";
import { defineLoss } from "./loss.ts";
import { featureCount, loadNiqeModel, type NiqeModel, tinyNiqeModel, type WhitenedModel } from "./niqe-model.ts";
import { filterPlane, fitGaussians, local, normalised } from "./scene-statistics.ts";

/** The arguments of {@link niqe} in place of the published parameters. */
export interface NiqeResources {
  /** The model of natural images, or an `.npz` file that holds it as BasicSR's does. Default: the published one. */
  model?: NiqeModel | WeightFile;
}

/** MATLAB's bicubic kernel of a reduction to half, which is widened by 2: eight taps. */
const halving = [-1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75].map((x) => cubic(x) / 2);

/** The mean of some values over each block. */
function ofBlocks<T>(o: Ops<T>, x: T, side: number): T {
  return o.avgPool(o.avgPool(x, [1, side]), [side, 1]);
}

/** The sharpness of each block, by which those are chosen that a model is made of (eq. 9). */
export function niqeSharpness<T>(o: Ops<T>, luma: T, block: number): T {
  return ofBlocks(o, local(o, luma).deviation, block);
}

/** A block's pixels moved by one along an axis, those that leave it coming in at its other end. */
function rolled<T>(o: Ops<T>, x: T, axis: "h" | "w", by: 1 | -1, side: number): T {
  const length = o.dims(x)[axis === "h" ? 2 : 3] as number;
  const entering = by === 1 ? 0 : side - 1;
  const mask = Float32Array.from({ length }, (_, i) => (i % side === entering ? 1 : 0));
  const wraps = o.constant(mask, axis === "h" ? [1, 1, length, 1] : [1, 1, 1, length]);
  const moved = (places: number) => {
    const none = { top: 0, bottom: 0, left: 0, right: 0 };
    const [before, after] = axis === "h" ? (["top", "bottom"] as const) : (["left", "right"] as const);
    return places > 0
      ? o.slice(o.pad(x, { ...none, [before]: places }), axis, 0, -places)
      : o.slice(o.pad(x, { ...none, [after]: -places }), axis, -places);
  };
  return o.where(wraps, moved(-by * (side - 1)), moved(by));
}

/** The eighteen features of each block at one scale, and whether there is each of them. */
function featuresAt<T>(o: Ops<T>, x: T, side: number, step: number): { features: T[]; valid: T[] } {
  const down = rolled(o, x, "h", 1, side);
  const neighbours = [rolled(o, x, "w", 1, side), down, rolled(o, down, "w", 1, side), rolled(o, down, "w", -1, side)];
  const products = o.concat([x, ...neighbours.map((other) => o.mul(x, other))]);
  const fit = fitGaussians(o, products, (values) => ofBlocks(o, values, side), step);
  const { alpha, mean, valid } = fit;
  const [left, right] = [o.mul(fit.left, fit.scale), o.mul(fit.right, fit.scale)];
  const indices = neighbours.map((_, index) => index + 1);
  const of = (values: T, index: number) => o.channel(values, index);
  return {
    features: [
      of(alpha, 0),
      o.mul(o.add(of(left, 0), of(right, 0)), 0.5),
      ...indices.flatMap((index) => [alpha, mean, left, right].map((values) => of(values, index))),
    ],
    valid: [0, 0, ...indices.flatMap((index) => [index, index, index, index])].map((index) => of(valid, index)),
  };
}

/**
 * The features of the blocks of images, [n, 36, rows, columns].
 *
 * @param luma - [n, 1, h, w] in levels of 8 bits, of whole blocks
 */
export function niqeFeatures<T>(o: Ops<T>, luma: T, block: number, step: number): { features: T; valid: T } {
  const half = filterPlane(o, o.padWith(luma, 3, "symmetric"), halving, 2);
  const scales = [featuresAt(o, normalised(o, luma), block, step), featuresAt(o, normalised(o, half), block / 2, step)];
  return {
    features: o.concat(scales.flatMap(({ features }) => features)),
    valid: o.concat(scales.flatMap(({ valid }) => valid)),
  };
}

/** Twice the dot product of the solution s of `matrix s = vector` with the vector minus `s^T matrix s`, for a well-conditioned symmetric matrix. */
function quadraticForm<T>(o: Ops<T>, apply: (x: T) => T, vector: T): T {
  const dot = (a: T, b: T) => o.sum(o.mul(a, b), "chw");
  // Conjugate gradients end after as many steps as there are features; where nothing is left to be solved, steps are of length 0.
  const over = (a: T, b: T) => o.where(o.greater(b, 0), o.div(a, o.maximum(b, 1e-30)), 0);
  const still = (x: T) => o.stopGradient(x);
  let solution = o.mul(still(vector), 0);
  let residual = still(vector);
  let direction = residual;
  let size = dot(residual, residual);
  for (let step = 0; step < featureCount; step++) {
    const image = still(apply(direction));
    const length = over(size, dot(direction, image));
    solution = o.add(solution, o.mul(direction, length));
    residual = o.sub(residual, o.mul(image, length));
    const next = dot(residual, residual);
    direction = o.add(residual, o.mul(direction, over(next, size)));
    size = next;
  }
  // The form is stationary in the solution, so its value forgives what is left of an error there, and its gradient needs none of the solution.
  const s = still(solution);
  return o.sub(o.mul(dot(s, vector), 2), dot(s, apply(s)));
}

/** The distance of the blocks' features from a model (eq. 10); infinite where there are not two blocks with all features, which a covariance takes. */
function distance<T>(
  o: Ops<T>,
  { features, valid }: { features: T; valid: T },
  weight: T | undefined,
  { mean, whitening }: WhitenedModel,
): T {
  const weighted = (x: T) => (weight === undefined ? x : o.mul(x, weight));
  const counts = weighted(valid);
  const complete = o.greater(o.sum(valid, "c"), featureCount - 0.5);
  const rows = weighted(complete);
  const positive = (x: T) => o.maximum(x, 1e-12);
  const whitened = (x: T) => o.conv2d(x, o.constant(whitening, [featureCount, featureCount, 1, 1]));
  const centred = o.sub(features, o.constant(mean, [1, featureCount, 1, 1]));
  const difference = whitened(o.div(o.sum(o.mul(centred, counts), "hw"), positive(o.sum(counts, "hw"))));
  const total = positive(o.sum(rows, "hw"));
  const own = whitened(centred);
  const deviations = o.sub(own, o.div(o.sum(o.mul(own, rows), "hw"), total));
  const degrees = o.sub(total, o.div(o.sum(o.square(rows), "hw"), total));
  const covariance = o.div(o.gram(o.mul(deviations, rows), deviations), positive(degrees));
  const apply = (x: T) => o.mul(o.add(x, o.mix(covariance, x)), 0.5);
  const value = o.root(o.relu(quadraticForm(o, apply, difference)));
  const blocks = o.sum(o.greater(rows, 0), "hw");
  return o.where(o.greater(blocks, 1), value, Number.POSITIVE_INFINITY);
}

/**
 * Natural image quality evaluator (Mittal, Soundararajan, Bovik 2013), without a target: how far the statistics of an image's blocks are from those of natural photographs.
 * About 2 to 4 for good photographs, more for blurred, noisy or compressed ones; lower is better.
 *
 * A luma of 0 to 255 is normalised by the mean and deviation of 7x7 Gaussian windows, cut into blocks of 96x96 (what is left beyond them is not looked at), and asymmetric
 * generalised Gaussians are fitted to each block and to the products of its neighbours, at two scales: 36 features. The value is the distance of their mean from a model's
 * under half the sum of both covariances. The model is the published one, a file of 12 kB, or any other of `resources`. `model=tiny` is part of this package, made of 700 photographs reduced to 321
 * pixels by `scripts/fit-niqe.ts`: no download, and no published number, so report it under this name.
 *
 * | preset | luma | equals |
 * |---|---|---|
 * | `basicsr` (default) | y-rgb2ycbcr, MATLAB's Y rounded to 8 bits | BasicSR `calculate_niqe`, and the authors' MATLAB code; `crop` is its `crop_border` |
 * | `pyiqa` | y-pyiqa, the luma of YIQ rounded to 8 bits, halves up (of `y-matlab` to even) | IQA-PyTorch `niqe` of images in float64 |
 *
 * The official code looks shapes up in a table with steps of 0.001, and so has no gradient. The gradient here is that of the value before this rounding, and of the luma before its own;
 * `shapes=smooth` leaves the first out of the value too, which moves it by up to 0.02. In flat areas the sign of rounding errors decides, and values differ by up to 0.2, as the official ones do among each other. A block
 * that is flat has no features; with fewer than two others the value is infinite and the gradient 0.
 *
 * Images are in [0, 1], with 1 or 3 channels and at least two blocks. The weight of a block is the mean over its pixels, in the mean and in the covariance. There is
 * no map.
 *
 * @throws {ReconlossError} `shape` for images of fewer than two blocks; `missing-weights` where the published model is not on this machine and cannot be downloaded;
 * `checkpoint` or `content` for a model that is none; `invalid-argument` for blocks of an odd side
 * @example
 * ```ts
 * import { niqe } from "@reconloss/core";
 * niqe({ preset: "pyiqa" }).spec; // "niqe(preset=pyiqa)"
 * ```
 */
export const niqe = defineLoss({
  name: "niqe",
  summary: "natural image quality evaluator: distance of local statistics from those of photographs, no target",
  formula: "sqrt((m - M)^T ((S + T) / 2)^-1 (m - M)); m, S of the image's blocks, M, T of photographs",
  use: "To judge real photographs without targets, as super-resolution papers do. Of large images: blocks have 96x96 pixels.",
  better: "lower",
  decimals: 2,
  source: "Mittal, Soundararajan, Bovik 2013; BasicSR, IQA-PyTorch: the preset says which",
  needsTarget: false,
  options: {
    preset: choice(["basicsr", "pyiqa"], "basicsr", "whose numbers come out"),
    luma: choice(["y-rgb2ycbcr", "y-pyiqa", "y-matlab", "y-bt601", "y-yiq"], "y-rgb2ycbcr", "what is looked at"),
    crop: imageOptions.crop,
    block: integer(96, "side of the blocks in pixels, even", { min: 4 }),
    model: choice(["published", "tiny"], "published", "of natural images: the authors', or this package's own"),
    shapes: choice(["table", "smooth"], "table", "shapes of distributions in steps of 0.001, or as they are"),
  },
  presets: { pyiqa: { luma: "y-pyiqa" } },
  range: () => [0, 1],
  refuse: ({ crop, block, luma }, shape) => {
    const refusal = refuseImages({ channels: luma, crop }, shape, [block, block]);
    if (refusal !== undefined) return refusal;
    const [rows, columns] = [shape[2], shape[3]].map((size) => Math.floor((size - 2 * crop) / block));
    return rows * columns > 1 ? undefined : `but at least two blocks of ${block}x${block} pixels are needed`;
  },
  define: ({ luma, crop, block, shapes, model: named }, resources: NiqeResources = {}): Definition => {
    if (block % 2 === 1) throw new ReconlossError("invalid-argument", `niqe: block must be even, got ${block}`);
    const own = resources.model === undefined && named === "tiny";
    const model = new Lazy(() => (own ? tinyNiqeModel() : loadNiqeModel(resources.model)));
    return {
      weights: resources.model === undefined && !own ? ["niqe"] : [],
      prepare: () => model.prepare(),
      bySize: true,
      score: <T>(o: Ops<T>, images: Images<T>) => {
        const compared = { channels: luma, crop, clamp: false, low: 0, dataRange: 1 } as const;
        const { output, weight } = prepare(o, images, compared);
        const whole = (x: T) => {
          const [, , h, w] = o.dims(x) as Shape;
          return o.slice(o.slice(x, "h", 0, h - (h % block)), "w", 0, w - (w % block));
        };
        const blockWeight = weight && ofBlocks(o, o.mean(whole(weight), "c"), block);
        const value = distance(
          o,
          niqeFeatures(o, o.mul(whole(output), 255), block, shapes === "table" ? 0.001 : 0),
          blockWeight,
          model.value,
        );
        if (blockWeight === undefined) return value;
        const sum = o.sum(blockWeight, "hw");
        return o.add(value, nothingOf(o, o.div(sum, sum)));
      },
    };
  },
});
