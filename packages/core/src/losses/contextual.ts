import type { Definition, Images } from "../definitions/definition.ts";
import { choice, integer, number } from "../definitions/options.ts";
import { layerWeight, weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { normalise } from "../nets/normalise.ts";
import { type LossNetwork, networks, perceptualNets } from "../nets/table.ts";
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
import { checkTapsOnce, parseTaps, tapNames, tapsOption } from "./taps.ts";

/** Weights of {@link contextual} from elsewhere than its usual places. */
export interface ContextualResources {
  /** The network: torchvision's tensors. */
  weights?: WeightSource;
}

/** The most positions that are compared with as many others: four bytes for each of their distances are 1 GiB, of which a gradient takes several. */
const mostPositions = 2 ** 14;

/** Features that are shorter than this after centring are rounding errors, and have no direction. */
const shortest = 1e-6;

/** Every k-th row and column, k as small as leaves no more positions than the bound; those left out are shared between both sides. */
function sample<T>(o: Ops<T>, x: T, most: number): T {
  const [, , h, w] = o.dims(x) as readonly number[];
  const left = (size: number, step: number) => Math.ceil(size / step);
  let step = 1;
  while (most > 0 && left(h, step) * left(w, step) > most && step < Math.max(h, w)) step++;
  const kept = left(h, step) * left(w, step);
  if (kept > mostPositions) {
    const bound = `positions=${most} leaves ${kept} positions of a layer to compare, but at most ${mostPositions} can be`;
    throw new ReconlossError("shape", `contextual: ${bound}`);
  }
  if (step === 1) return x;
  const start = (size: number) => Math.floor(((size - 1) % step) / 2);
  return o.slice(o.slice(x, "h", start(h), undefined, step), "w", start(w), undefined, step);
}

/** Every position's features divided by their length, or 0, in two parts: the first in steps so large that sums of its products are exact in float32. */
function direction<T>(o: Ops<T>, x: T) {
  const length = o.root(o.sum(o.square(x), "c"));
  const has = o.greater(length, shortest);
  const whole = o.where(has, o.div(x, o.maximum(length, shortest)), 0);
  const coarse = o.stopGradient(o.div(o.round(o.mul(whole, 2 ** 11)), 2 ** 11));
  const fine = o.sub(whole, coarse);
  // By how much the square of the rounded length misses 1.
  const missed = o.add(o.sub(o.sum(o.square(coarse), "c"), 1), o.sum(o.mul(o.add(coarse, whole), fine), "c"));
  return { whole, coarse, fine, missed: o.stopGradient(o.where(has, missed, 0)) };
}

/**
 * One less the cosine of the features of every position of `x` (as channels) and every position of `y`, centred by the mean of `y`: half the squared distance of their directions, which float32
 * would round away where these are nearly equal.
 */
function cosineDistances<T>(o: Ops<T>, x: T, y: T, mean: (x: T) => T): T {
  // In two steps: float32 rounds the mean of nearly equal numbers as coarsely as they differ.
  const [roughly, rest] = [mean(y), mean(o.sub(y, mean(y)))];
  const [a, b] = [x, y].map((features) => direction(o, o.sub(o.sub(features, roughly), rest)));
  const coarse = o.sub(1, o.mix(o.toRows(a.coarse), b.coarse));
  const fine = o.mix(o.toRows(o.concat([a.coarse, a.fine])), o.concat([b.fine, b.whole]));
  const missed = o.div(o.add(o.toRows(a.missed), b.missed), 2);
  return o.add(o.sub(coarse, fine), missed);
}

/**
 * Contextual loss (Mechrez, Talmi, Zelnik-Manor 2018): how well the features of each position of the target are found anywhere in the output, for images that are not aligned with each other. Distances
 * of every output position from every target position are divided by the least of that output position, become similarities exp((1 - d) / h) with sum 1 over the target, and of these the largest
 * over the output counts for each target position: -log of their mean. 0 where every position of the target has one counterpart, at most about the logarithm of the number of positions; lower is
 * better.
 *
 * | preset | mean that features are centred by | added before the logarithm | equals |
 * |---|---|---|---|
 * | `paper` (default) | of each target | nothing | Mechrez et al. 2018, eq. 2 to 5 |
 * | `contextual-loss-pytorch` | of all targets of the batch | 1e-5 | S-aiueo32/contextual_loss_pytorch, `ContextualLoss`, with its default layer |
 *
 * `taps` says which layers count and how much, as in `perceptual`; the tap `image` is the pixels themselves, in [0, 1]. The part of each layer is in `terms`; there is no map, since positions are
 * compared with all others. roimehrez/contextualLoss halves distances (`eps=2e-5`) and takes conv3_2 and conv4_2.
 *
 * Memory and time grow with the square of the number of positions, so that no more than `positions` of each layer are compared: beyond that, every k-th row and column of both images (of random places
 * in the authors' code, with the same bound, 65x65). An image then takes about 0.5 GB with its gradient; `positions=0` is no bound but
 * 16384, beyond which images are refused: their distances would take more than 1 GiB.
 *
 * A weight is averaged down to each layer's size, as that of `lpips` is, and weights the target's positions. Where features do not differ from the mean, as in flat images, their cosine with any
 * others is 0; the value of flat images is the logarithm of the number of positions. Gradients are finite everywhere; positions that are equally good share them.
 *
 * @throws {ReconlossError} `shape` for images too small for the network, too large for `positions`, or of other than 1 or 3 channels; `invalid-argument` for a tap that the network does not have, or no taps at all;
 * `missing-weights` or `checkpoint` when weights are not there or not what they should be
 * @example
 * ```ts
 * import { contextual, Tensor } from "@reconloss/core";
 * const loss = contextual({ taps: "image" });
 * const target = Tensor.from([0.9, 0.1, 0.5, 0.1, 0.8, 0.5, 0.2, 0.1, 0.7, 0.3, 0.3, 0.9], [1, 3, 2, 2]);
 * const moved = Tensor.from([0.1, 0.9, 0.1, 0.5, 0.5, 0.8, 0.1, 0.2, 0.3, 0.7, 0.9, 0.3], [1, 3, 2, 2]);
 * (await loss.value(moved, target)).toFixed(4); // "0.0000"
 * ```
 */
export const contextual = defineLoss({
  name: "contextual",
  summary: "whether a network's features of the target are found anywhere in the output",
  formula: "-log mean over y's positions j of max over x's positions i of CX_ij",
  use: "Where outputs and targets are not aligned: each feature of the target must be found somewhere. Memory grows with the square of the pixels.",
  better: "lower",
  source: "Mechrez et al. 2018, eq. 2 to 5; S-aiueo32/contextual_loss_pytorch: the preset says which",
  options: {
    preset: choice(["paper", "contextual-loss-pytorch"], "paper", "whose numbers come out"),
    net: choice(perceptualNets, "vgg19", "the network"),
    taps: tapsOption("relu3_4", "features that are compared, with weights; image is the pixels"),
    h: number(0.5, "bandwidth: how much better than others a position must be to be the one", { above: 0 }),
    centre: choice(["image", "batch"], "image", "the mean that features are centred by: of each target, or of all"),
    eps: number(1e-5, "added to the least distance, which the others are divided by", { above: 0 }),
    floor: number(0, "added before the logarithm", { min: 0 }),
    positions: integer(65 ** 2, "most positions of a layer that are compared; 0 is no bound", { min: 0 }),
    ...rangeOptions,
  },
  defaultsOf: ({ net }) => {
    const { taps }: LossNetwork = networks[net];
    return taps ? { taps: taps.join("+") } : {};
  },
  presets: { "contextual-loss-pytorch": { centre: "batch", floor: 1e-5 } },
  refuse: ({ net, taps }, shape) => {
    const own = layersOf(taps);
    return refuseForNetwork(shape, net, own.length === 0 ? 1 : networks[net].network.leastSize(own));
  },
  range: imageRange,
  units: () => ({ degree: 0 }),
  define: (options, resources: ContextualResources = {}): Definition => {
    const { net, h, centre, eps, floor, positions } = options;
    const { network, input }: LossNetwork = networks[net];
    const taps = parseTaps(options.taps);
    if (taps.length === 0) throw new ReconlossError("invalid-argument", "contextual: taps must not be empty");
    checkTapsOnce("contextual", options.taps);
    const layers = layersOf(options.taps);
    const shapes = layers.length === 0 ? {} : network.tensors(layers);
    const weights = new LazyWeights(async () => {
      if (layers.length === 0) return {};
      return loadWeights(net, shapes, resources.weights, { also: network.tensors() });
    });

    const features = <T>(o: Ops<T>, image: T): T[] => {
      const unit = toUnitColour(o, image, options);
      const values = layers.length === 0 ? [] : network.features(o, normalise(o, unit, input), weights.tensors, layers);
      return taps.map(({ tap }) => sample(o, tap === "image" ? unit : values[layers.indexOf(tap)], positions));
    };
    const lossOf = <T>(o: Ops<T>, x: T, y: T, weight: T | undefined): T => {
      const mean = (values: T) => {
        const ofImages = weightedMean(o, values, weight, "hw");
        return centre === "image" ? ofImages : o.mean(ofImages, "n");
      };
      const all = cosineDistances(o, x, y, mean);
      const least = o.neg(o.max(o.neg(all), "hw"));
      // Of the least distance itself 1: only the ratios count, since similarities are divided by their sum.
      const similarities = o.exp(o.div(o.sub(least, all), o.mul(o.add(least, eps), h)));
      const best = o.max(o.div(similarities, o.sum(similarities, "hw")), "c");
      return o.neg(o.log(o.add(weightedMean(o, best, weight, "hw"), floor)));
    };
    const terms = <T>(o: Ops<T>, images: Images<T>): [string, T][] => {
      const targets = images.targetFeatures ?? features(o, images.target);
      return features(o, images.output).map((x, index) => {
        const { tap, weight } = taps[index];
        const places = images.weight && layerWeight(o, images.weight, x);
        return [tap, o.mul(lossOf(o, x, targets[index], places), weight)];
      });
    };
    return {
      weights: resources.weights || layers.length === 0 ? [] : weightFiles([net]),
      prepare: () => weights.prepare(),
      bySize: true,
      targetFeatures: features,
      score: (o, images) =>
        terms(o, images)
          .map(([, value]) => value)
          .reduce((sum, value) => o.add(sum, value)),
      terms: (o, images) => Object.fromEntries(terms(o, images)),
    };
  },
});

/** The taps that are layers of the network. */
function layersOf(taps: string): string[] {
  return tapNames(taps).filter((tap) => tap !== "image");
}
