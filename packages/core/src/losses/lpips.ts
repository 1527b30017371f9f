import { type Definition, type Images, sides } from "../definitions/definition.ts";
import { choice, flag } from "../definitions/options.ts";
import { layerWeight, weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { alexnet } from "../nets/alexnet.ts";
import { parameter } from "../nets/layers.ts";
import type { Network } from "../nets/network.ts";
import { type ChannelStatistics, lpipsScaling, normalise, unitLength } from "../nets/normalise.ts";
import { squeezenet } from "../nets/squeezenet.ts";
import { tiny, tinyChannels, tinyTaps } from "../nets/tiny.ts";
import { vgg } from "../nets/vgg.ts";
import type { TensorShapes } from "../weights/state-dict.ts";
import { defineLoss } from "./loss.ts";
import {
  imageRange,
  LazyWeights,
  loadWeights,
  pixelsAtOnce,
  rangeOptions,
  refuseForNetwork,
  toUnitColour,
  type WeightSource,
  weightFiles,
} from "./network-loss.ts";

/** The network under each name of the paper, where it is tapped, and how many channels there are. */
const trunks: Readonly<Record<string, { network: Network; taps: readonly string[]; channels: readonly number[] }>> = {
  alex: {
    network: alexnet,
    taps: ["relu1", "relu2", "relu3", "relu4", "relu5"],
    channels: [64, 192, 384, 256, 256],
  },
  vgg: {
    network: vgg("vgg16"),
    taps: ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"],
    channels: [64, 128, 256, 512, 512],
  },
  squeeze: {
    network: squeezenet,
    taps: ["relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"],
    channels: [64, 128, 256, 384, 384, 512, 512],
  },
  tiny: { network: tiny, taps: tinyTaps, channels: tinyChannels },
};

/** Version 0.0 fed images in [-1, 1] to the networks as they are. */
const signed: ChannelStatistics = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/** The linear heads of a network: names and shapes. */
function headShapesOf(channels: readonly number[]): TensorShapes {
  return Object.fromEntries(channels.map((count, i) => [headName(i), [1, count, 1, 1]]));
}

/** The tensors of the published heads: `lpips-alex`, `lpips-vgg-v0.0`; undefined for any other name. */
export function publishedHeads(name: string): TensorShapes | undefined {
  const net = /^lpips-(\w+?)(-v0\.0)?$/.exec(name)?.[1];
  return net !== undefined && Object.hasOwn(trunks, net) ? headShapesOf(trunks[net].channels) : undefined;
}

const headName = (layer: number) => `lin${layer}.model.1.weight`;

/** Weights of {@link lpips} from elsewhere than the weights folder. */
export interface LpipsResources {
  /** The network: torchvision's tensors. */
  trunk?: WeightSource;
  /** The linear heads: `lin0.model.1.weight` ... */
  heads?: WeightSource;
}

/**
 * Learned perceptual image patch similarity (Zhang, Isola, Efros, Shechtman, Wang 2018): the distance between deep features of two
 * images, channels scaled to unit length at every pixel and weighed by heads fitted to human judgements; 0 for identical images, lower is better.
 *
 * Images are RGB in [0, dataRange], as in the original with `normalize=True`; `range=signed` says that they are in
 * [-dataRange, dataRange] already (the original's default). `net` is `alex` (the default, the published scores), `vgg` (for training) or `squeeze`,
 * whose weights are downloaded once, or `tiny`: a network of this project, part of the package, trained to agree with `alex` at a fraction of its cost. Its values are
 * close to those of `alex` (`docs/tiny-lpips.md` says how close), and are to be reported as what they are: `lpips(net=tiny)`.
 *
 * `version` 0.1, or 0.0 without its input scaling; `heads=false` sums the channels unweighted, the original's `lpips=False`.
 * The value of each layer is in `terms`; the map (the original's `spatial=True`) is the sum of the layers' maps enlarged to the image, [n, 1, h, w].
 *
 * A weight is averaged down to each layer's size, over the pixels nearest to each position, and a layer's mean over positions is weighted by that: a mask is put on
 * the distances, as the original's author advises (`spatial=True`, issue 111 of its repository), not on the images, so what positions inside it see beyond
 * it still counts.
 *
 * The value alone of a batch with more pixels than 8 million (`alex`, `tiny`), 3.4 million (`squeeze`) or 1.25 million (`vgg`) is computed image by image and in overlapping
 * tiles, so that features take no more than about 2 GB whatever the size; it is the same up to rounding, and `tiles` of the evaluation says how many there were.
 *
 * Values equal the `lpips` package's. So do gradients where that has them: where all channels of a pixel are zero, or
 * images are identical, the root of the length has an infinite slope, which the original's small number outside the root does not
 * prevent; here the slope of the root at 0 is 0, so that every gradient is finite.
 *
 * @throws {ReconlossError} `shape` for images too small for the network (31 pixels for `alex`, 16 for `vgg`, 17 for `squeeze`, 20 for `tiny`) or of
 * other than 1 or 3 channels; `missing-weights` or `checkpoint` when weights are not there or not what they should be
 * @example
 * ```ts
 * import { lpips } from "@reconloss/core";
 * const loss = lpips({ net: "vgg" });
 * loss.spec; // "lpips(net=vgg)"
 * ```
 */
export const lpips = defineLoss({
  name: "lpips",
  summary: "learned perceptual image patch similarity",
  better: "lower",
  source: "Zhang et al. 2018, eq. 1; richzhang/PerceptualSimilarity (lpips)",
  options: {
    net: choice(["alex", "vgg", "squeeze", "tiny"], "alex", "the network whose features are compared"),
    version: choice(["0.1", "0.0"], "0.1", "of the published heads; 0.0 has no input scaling"),
    heads: flag(true, "weigh channels by the fitted heads, or sum them"),
    ...rangeOptions,
  },
  refuse: ({ net }, shape) => {
    const { network, taps } = trunks[net];
    return refuseForNetwork(shape, network.name, network.leastSize(taps));
  },
  range: imageRange,
  units: () => ({ degree: 0 }),
  define: (options, resources: LpipsResources = {}): Definition => {
    const { net, version, heads } = options;
    if (net === "tiny" && version !== "0.1") {
      throw new ReconlossError("invalid-argument", "lpips: net=tiny is not published and has no other versions");
    }
    const { network, taps, channels } = trunks[net];
    const also = network.tensors(network.taps);
    const trunk = new LazyWeights(() => loadWeights(network.name, network.tensors(taps), resources.trunk, { also }));
    const headShapes = headShapesOf(channels);
    const headFile = `lpips-${net}${version === "0.0" ? "-v0.0" : ""}`;
    const linear = new LazyWeights(() => loadWeights(headFile, headShapes, resources.heads, { nonNegative: true }));

    const features = <T>(o: Ops<T>, image: T): T[] => {
      const unit = toUnitColour(o, image, options);
      const input = normalise(o, unit, version === "0.1" ? lpipsScaling : signed);
      return network.features(o, input, trunk.tensors, taps).map((x) => unitLength(o, x));
    };
    /** The squared differences of each layer, [n, c, h, w]. */
    const differences = <T>(o: Ops<T>, images: Images<T>): T[] => {
      const targets = images.targetFeatures ?? features(o, images.target);
      return features(o, images.output).map((x, layer) => o.square(o.sub(x, targets[layer])));
    };
    const weigh = <T>(o: Ops<T>, x: T, layer: number): T =>
      o.sum(heads ? o.mul(x, parameter(o, linear.tensors, headName(layer))) : x, "c");
    const layers = <T>(o: Ops<T>, images: Images<T>): T[] =>
      differences(o, images).map((x, layer) => {
        const weight = images.weight && layerWeight(o, images.weight, x);
        return weigh(o, weightedMean(o, x, weight, "hw"), layer);
      });
    return {
      weights: weightFiles([
        ...(resources.trunk ? [] : [network.name]),
        ...(heads && !resources.heads ? [headFile] : []),
      ]),
      prepare: async () => {
        await trunk.prepare();
        if (heads) await linear.prepare();
      },
      targetFeatures: features,
      score: (o, images) => layers(o, images).reduce((sum, layer) => o.add(sum, layer)),
      terms: (o, images) => Object.fromEntries(layers(o, images).map((value, layer) => [taps[layer], value])),
      tiles: {
        pixelsAtOnce: pixelsAtOnce[network.name],
        network,
        taps,
        places: (o, images) => differences(o, images).map((x, layer) => weigh(o, x, layer)),
      },
      mapBorder: sides(0),
      map: (o, images) =>
        differences(o, images)
          .map((x, layer) => o.resize(weigh(o, x, layer), images.output))
          .reduce((sum, layer) => o.add(sum, layer)),
    };
  },
});
