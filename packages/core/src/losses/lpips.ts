import { type Definition, type Images, sides } from "../definitions/definition.ts";
import { choice, flag } from "../definitions/options.ts";
import { layerWeight, weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { headName } from "../nets/lpips-heads.ts";
import { lpipsScaling, normalise, signedStatistics, unitLength } from "../nets/normalise.ts";
import { headsName, lpipsHeads, lpipsNets, lpipsNetwork, lpipsVersions, versionsOf } from "../nets/table.ts";
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

/** Weights of {@link lpips} from elsewhere than its usual places. */
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
 * whose weights are files (`docs/weights.md` says where they are looked for), or `tiny`: a network of this project, part of the package, trained to agree with `alex` at a fraction of its cost. Its values are
 * close to those of `alex` (`docs/tiny-lpips.md` says how close), and are to be reported as what they are: `lpips(net=tiny)`.
 *
 * `version` 0.1, or 0.0 without its input scaling; of `net=tiny` its edition, 2 (the default) or 1; `heads=false` sums the channels unweighted, the original's `lpips=False`.
 * The value of each layer is in `terms`; the map (the original's `spatial=True`) is the sum of the layers' maps enlarged to the image, [n, 1, h, w].
 *
 * A weight is averaged down to each layer's size, over the pixels nearest to each position, and a layer's mean over positions is weighted by that: a mask is put on
 * the distances, as the original's author advises (`spatial=True`, issue 111 of its repository), not on the images, so what lies beyond it, in the receptive fields
 * of positions inside, still counts.
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
  formula: "sum over layers of mean over places of sum_c w_c (f_c(x) - f_c(y))^2; f features of unit length",
  use: "To judge how alike images look to people, and to train for that beside `l1`. Report net and version; `net=tiny` needs no download and has a number of its own.",
  better: "lower",
  source: "Zhang et al. 2018, eq. 1; richzhang/PerceptualSimilarity (lpips)",
  options: {
    net: choice(lpipsNets, "alex", "the network whose features are compared"),
    version: choice(
      lpipsVersions,
      "0.1",
      "of the published heads, 0.0 without input scaling; of net=tiny its edition, 2 or 1",
    ),
    heads: flag(true, "weigh channels by the fitted heads, or sum them"),
    ...rangeOptions,
  },
  defaultsOf: ({ net }) => ({ version: versionsOf(net)[0] }),
  refuse: ({ net, version }, shape) => {
    const { network, taps } = lpipsNetwork(net, version);
    return refuseForNetwork(shape, network.name, network.leastSize(taps));
  },
  range: imageRange,
  units: () => ({ degree: 0 }),
  define: (options, resources: LpipsResources = {}): Definition => {
    const { net, version, heads } = options;
    if (!versionsOf(net).includes(version)) {
      const known = versionsOf(net).join(" and ");
      throw new ReconlossError("invalid-argument", `lpips: net=${net} has no version ${version}; it has ${known}`);
    }
    const { network, taps, pixelsAtOnce } = lpipsNetwork(net, version);
    const also = network.tensors();
    const trunk = new LazyWeights(() => loadWeights(network.name, network.tensors(taps), resources.trunk, { also }));
    const headFile = headsName(net, version);
    const linear = new LazyWeights(() =>
      loadWeights(headFile, lpipsHeads(net, version), resources.heads, { nonNegative: true }),
    );

    const features = <T>(o: Ops<T>, image: T): T[] => {
      const unit = toUnitColour(o, image, options);
      const input = normalise(o, unit, version === "0.0" ? signedStatistics : lpipsScaling);
      return network.features(o, input, trunk.tensors, taps).map((x) => unitLength(o, x));
    };
    /** The squared differences of each layer, [n, c, h, w]. */
    const differences = <T>(o: Ops<T>, images: Images<T>): T[] => {
      const targets = images.targetFeatures ?? features(o, images.target);
      return features(o, images.output).map((x, layer) => o.square(o.sub(x, targets[layer])));
    };
    const headOf = <T>(o: Ops<T>, layer: number): T => {
      const { data } = linear.tensors[headName(layer)];
      return o.constant(data, [1, data.length, 1, 1]);
    };
    const weightedSum = <T>(o: Ops<T>, x: T, layer: number): T => o.sum(heads ? o.mul(x, headOf(o, layer)) : x, "c");
    const layers = <T>(o: Ops<T>, images: Images<T>): T[] =>
      differences(o, images).map((x, layer) => {
        const weight = images.weight && layerWeight(o, images.weight, x);
        return weightedSum(o, weightedMean(o, x, weight, "hw"), layer);
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
        pixelsAtOnce,
        network,
        taps,
        places: (o, images) => differences(o, images).map((x, layer) => weightedSum(o, x, layer)),
      },
      mapBorder: sides(0),
      map: (o, images) =>
        differences(o, images)
          .map((x, layer) => o.resize(weightedSum(o, x, layer), images.output))
          .reduce((sum, layer) => o.add(sum, layer)),
    };
  },
});
