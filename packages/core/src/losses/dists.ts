import type { Definition, Images } from "../definitions/definition.ts";
import { choice, integer } from "../definitions/options.ts";
import { centred, layerWeight, weightedMean } from "../definitions/pixel-weights.ts";
import type { Ops } from "../graph/ops.ts";
import { normalise } from "../nets/normalise.ts";
import { dists as known } from "../nets/table.ts";
import { defineLoss } from "./loss.ts";
import {
  imageRange,
  LazyWeights,
  loadWeights,
  rangeOptions,
  refuseForNetwork,
  toUnitColour,
  type WeightSource,
  weightFiles,
} from "./network-loss.ts";

/** Weights of {@link dists} from elsewhere than its usual places. */
export interface DistsResources {
  /** VGG16: torchvision's tensors. */
  trunk?: WeightSource;
  /** The weights of the channels: `alpha` and `beta`, each [1, 1475, 1, 1]. */
  weights?: WeightSource;
}

/** The constants that keep quotients of squared means, and of variances, finite. */
const [c1, c2] = [1e-6, 1e-6];

/** The image with its shorter side shrunk to so many pixels, as PyTorch's `interpolate(scale_factor=side / shorter)`; smaller images stay. */
function shrink<T>(o: Ops<T>, x: T, side: number): T {
  const [, , h, w] = o.dims(x) as readonly number[];
  const shorter = Math.min(h, w);
  if (side === 0 || shorter <= side) return x;
  // The step between samples is exactly shorter / side, so the image is resized with a margin, never read, that makes both sizes whole.
  const period = shorter / greatestCommonDivisor(shorter, side);
  const margin = (size: number) => Math.ceil(size / period) * period - size;
  const padded = o.pad(x, { top: 0, left: 0, bottom: margin(h), right: margin(w) });
  const size = (pixels: number) => (pixels * side) / shorter;
  const [rows, columns] = [size(h + margin(h)), size(w + margin(w))];
  const resized = o.resize(padded, o.constant(new Float32Array(rows * columns), [1, 1, rows, columns]));
  return o.slice(o.slice(resized, "h", 0, Math.floor(size(h))), "w", 0, Math.floor(size(w)));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * Deep image structure and texture similarity (Ding, Ma, Wang, Simoncelli 2020): of the image and of five layers of VGG16 with L2 pooling, for each channel the similarity of the means (texture) and of
 * the variations (structure) over the whole image, each to count as people's judgements were fitted. 0 for identical images, at most about 1; lower is better; symmetric. As it compares
 * textures by their statistics, it does not mind another sample of the same grass.
 *
 * | preset | size | equals |
 * |---|---|---|
 * | `original` (default) | as it is | dingkeyan93/DISTS `DISTS_pt.py` |
 * | `piq` | a shorter side above 256 is shrunk to 256, bilinear | piq `DISTS`, on the originals' normalised `alpha` and `beta` |
 *
 * Images are RGB in [0, dataRange] unless `range=signed`. The weights of VGG16 are torchvision's; `alpha` and `beta` are a file of 12 kB, `dists` (`docs/weights.md`). The part of each layer is in `terms`,
 * that of the pixels as `image`. There is no map, since channels are compared as wholes, and images are computed at once, whatever their size.
 *
 * A weight is averaged down to each layer's size, as that of `lpips` is, and weights means and variances.
 *
 * @throws {ReconlossError} `shape` for images of other than 1 or 3 channels; `missing-weights` or `checkpoint` when weights are not there or not what they should be
 * @example
 * ```ts
 * import { dists } from "@reconloss/core";
 * const loss = dists({ preset: "piq" });
 * loss.spec; // "dists(preset=piq)"
 * ```
 */
export const dists = defineLoss({
  name: "dists",
  summary: "deep image structure and texture similarity",
  formula: "1 - sum over layers and channels of (alpha l(x, y) + beta s(x, y))",
  use: "To judge, or to train, where another sample of the same texture is as good as the target's own.",
  better: "lower",
  source: "Ding et al. 2020, eq. 3 to 6; dingkeyan93/DISTS, piq: the preset says which",
  options: {
    preset: choice(["original", "piq"], "original", "whose numbers come out"),
    resize: integer(0, "pixels that a larger shorter side is shrunk to; 0 is not at all", { min: 0 }),
    ...rangeOptions,
  },
  presets: { piq: { resize: 256 } },
  refuse: (_, shape) => refuseForNetwork(shape, known.network.name, known.network.leastSize(known.taps)),
  range: imageRange,
  units: () => ({ degree: 0 }),
  define: (options, resources: DistsResources = {}): Definition => {
    const { network, taps, input, tensors } = known;
    const { resize } = options;
    const also = network.tensors();
    const trunk = new LazyWeights(() => loadWeights(network.name, network.tensors(taps), resources.trunk, { also }));
    const own = new LazyWeights(() => loadWeights("dists", tensors, resources.weights, { nonNegative: true }));
    const sized = <T>(o: Ops<T>, x: T) => (resize === 0 ? x : shrink(o, x, resize));

    /** The image in [0, 1] and the layers. */
    const features = <T>(o: Ops<T>, image: T): T[] => {
      const unit = sized(o, toUnitColour(o, image, options));
      return [unit, ...network.features(o, normalise(o, unit, input), trunk.tensors, taps)];
    };
    /** The weight of each channel of a stage, with sum 1 over all stages and both similarities. */
    const shares = (first: number, count: number): [alpha: Float64Array, beta: Float64Array] => {
      const [alpha, beta] = [own.tensors.alpha, own.tensors.beta].map(({ data }) => Float64Array.from(data));
      const total = [...alpha, ...beta].reduce((sum, share) => sum + share, 0);
      const part = (all: Float64Array) => all.subarray(first, first + count).map((share) => share / total);
      return [part(alpha), part(beta)];
    };
    const stages = <T>(o: Ops<T>, images: Images<T>): T[] => {
      const targets = images.targetFeatures ?? features(o, images.target);
      const pixels = images.weight && sized(o, o.mean(images.weight, "c"));
      let first = 0;
      return features(o, images.output).map((x, stage) => {
        const y = targets[stage];
        const weight = pixels && layerWeight(o, pixels, x);
        const mean = (values: T) => weightedMean(o, values, weight, "hw");
        const [mx, my] = [mean(x), mean(y)];
        // One less each similarity: what a sum of squares and twice the product differ by is the square of the difference.
        const variance = (values: T) => mean(o.square(centred(o, values, weight)));
        const difference = o.sub(x, y);
        const texture = o.div(o.square(mean(difference)), o.add(o.add(o.square(mx), o.square(my)), c1));
        const structure = o.div(variance(difference), o.add(o.add(variance(x), variance(y)), c2));
        const count = o.channels(x);
        const [alpha, beta] = shares(first, count).map((share) => o.constant(share, [1, count, 1, 1]));
        first += count;
        return o.sum(o.add(o.mul(texture, alpha), o.mul(structure, beta)), "c");
      });
    };
    return {
      weights: weightFiles([...(resources.trunk ? [] : [network.name]), ...(resources.weights ? [] : ["dists"])]),
      prepare: async () => {
        await trunk.prepare();
        await own.prepare();
      },
      bySize: resize > 0,
      targetFeatures: features,
      score: (o, images) => stages(o, images).reduce((sum, stage) => o.add(sum, stage)),
      terms: (o, images) =>
        Object.fromEntries(stages(o, images).map((value, stage) => [["image", ...taps][stage], value])),
    };
  },
});
