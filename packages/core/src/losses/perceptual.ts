import type { Definition, Images } from "../definitions/definition.ts";
import { choice, flag, integer } from "../definitions/options.ts";
import { layerWeight, relativeWeight, weightedMean } from "../definitions/pixel-weights.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import type { Network } from "../nets/network.ts";
import { type ChannelStatistics, normalise, unitLength } from "../nets/normalise.ts";
import { type LossNetwork, networks, type PerceptualNet, perceptualNets } from "../nets/table.ts";
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
import { checkTapsOnce, parseTaps, tapNames, tapsOption, type WeightedTap } from "./taps.ts";

function networkOf(net: PerceptualNet, pooling: "max" | "average"): Network {
  const { network, pooled }: LossNetwork = networks[net];
  return pooling === "max" ? network : (pooled?.[pooling] ?? network);
}

/** Keras's VGG weights, converted from Caffe's, saw BGR images from 0 to 255 less this mean. */
const caffeMean = [103.939, 116.779, 123.68];

function toNetwork<T>(o: Ops<T>, unit: T, net: PerceptualNet, input: "imagenet" | "caffe" | "unit"): T {
  if (input === "imagenet") return normalise(o, unit, networks[net].input);
  if (input === "unit") return unit;
  const statistics: ChannelStatistics = { mean: caffeMean.map((m) => m / 255), std: [1 / 255, 1 / 255, 1 / 255] };
  return normalise(o, o.flip(unit, "c"), statistics);
}

/**
 * The distance of two batches of features or Gram matrices, per image, or per position where `mean` is over channels.
 *
 * @param weight - of positions, for distances that take no mean
 */
const distances = {
  l1: <T>(o: Ops<T>, a: T, b: T, mean: (x: T) => T) => mean(o.abs(o.sub(a, b))),
  mse: <T>(o: Ops<T>, a: T, b: T, mean: (x: T) => T) => mean(o.square(o.sub(a, b))),
  frobenius: <T>(o: Ops<T>, a: T, b: T, _: (x: T) => T, weight?: T) => {
    const squares = o.square(o.sub(a, b));
    return o.root(o.sum(weight === undefined ? squares : o.mul(squares, relativeWeight(o, weight)), "chw"));
  },
};

/** Weights of {@link perceptual} from elsewhere than its usual places. */
export interface PerceptualResources {
  /** The network: torchvision's tensors. */
  weights?: WeightSource;
}

/**
 * Perceptual loss (Johnson, Alahi, Fei-Fei 2016): the distance between a classification network's features of output and target (content), and
 * between their Gram matrices (style; Gatys, Ecker, Bethge 2016). 0 for identical images, lower is better.
 *
 * `taps` says which features count and how much: `relu3_3`, or `0.1*conv1_2+conv5_4`; `convX_Y` is before the activation, `reluX_Y`
 * after it. `styleTaps` says the same of Gram matrices. The value is the weighted sum over both, and each layer's part is in `terms`.
 *
 * | preset | network | content taps | distance | equals |
 * |---|---|---|---|---|
 * | `vgg16-relu3_3` (default) | VGG16 | relu3_3 | mean square | Johnson et al.'s feature reconstruction loss; BasicSR with `criterion="l2"` |
 * | `basicsr-vgg19` | VGG19 | 0.1 conv1_2, 0.1 conv2_2, conv3_4, conv4_4, conv5_4 | mean absolute | BasicSR's `PerceptualLoss` as Real-ESRGAN trains with it |
 * | `esrgan-vgg19` | VGG19 | conv5_4 | mean absolute | BasicSR's ESRGAN |
 * | `uhdm-vgg16` | VGG16 | relu1_2, relu2_2, relu3_3, relu4_3 | mean absolute | UHDM's `VGGPerceptualLoss` (resized to 224x224; `resize=0`: not) |
 * | `piq-content` | VGG16 | relu3_3 | mean square over pixels, summed over channels | piq's `ContentLoss` |
 * | `piq-style` | VGG16 | style of relu3_3 | mean square of plain Gram matrices | piq's `StyleLoss` |
 *
 * `net=tiny` is the network of `lpips(net=tiny)`, `tiny-1` that of its first edition, both part of this package and of no paper: no download, all five of their taps by default.
 *
 * A weight is averaged down to each layer's size, as that of `lpips` is. Means over positions are weighted by it, squares under the Frobenius distance are
 * multiplied by the weight divided by its mean, and Gram matrices are guided ones: sum(weight f f^T) / sum(weight), times the number of positions with
 * `gram=sum` (Gatys et al. 2017, equation 3, for output and target alike).
 *
 * The value alone of content by l1 or mse, not resized, is computed in tiles where images are large, as that of `lpips` is. Gram matrices and the
 * Frobenius distance take whole images.
 *
 * Images are RGB in [0, dataRange] unless `range=signed`; they are normalised inside. Gradients are finite everywhere. The Frobenius
 * distance is taken per image and averaged over the batch, where BasicSR takes one over the whole batch: equal for one image.
 *
 * @throws {ReconlossError} `shape` for images too small for the network or of other than 1 or 3 channels; `invalid-argument` for a tap that
 * the network does not have, or no taps at all; `missing-weights` or `checkpoint` when weights are not there or not what they should be
 * @example
 * ```ts
 * import { perceptual } from "@reconloss/core";
 * const loss = perceptual({ net: "vgg19", taps: "0.5*relu3_4+relu4_4", criterion: "l1" });
 * loss.spec; // "perceptual(net=vgg19,taps=0.5*relu3_4+relu4_4,criterion=l1)"
 * ```
 */
export const perceptual = defineLoss({
  name: "perceptual",
  summary: "distance of a network's features (content) and of their Gram matrices (style)",
  formula: "sum over layers of weight * mean (f(x) - f(y))^2, and the same of Gram matrices; f features",
  use: "Beside `l1`, for outputs that look like photographs; with `styleTaps` for the material of an image, not its layout. Costs a network, and may add texture that was never there.",
  better: "lower",
  source: "Johnson et al. 2016, eq. 2 and 4; BasicSR, UHDM, piq: the preset says which",
  options: {
    preset: choice(
      ["vgg16-relu3_3", "basicsr-vgg19", "esrgan-vgg19", "uhdm-vgg16", "piq-content", "piq-style"],
      "vgg16-relu3_3",
      "whose numbers come out",
    ),
    net: choice(perceptualNets, "vgg16", "the network"),
    taps: tapsOption("relu3_3", "features that are compared, with weights"),
    styleTaps: tapsOption("none", "features whose Gram matrices are compared, with weights"),
    criterion: choice(["l1", "mse", "frobenius"], "mse", "mean absolute, mean squared, or root of the summed squares"),
    reduction: choice(
      ["mean", "channel-sum"],
      "mean",
      "of content: mean over all, or over pixels and summed over channels",
    ),
    gram: choice(["mean", "sum"], "mean", "Gram matrices divided by c h w, or not"),
    unitFeatures: flag(false, "scale the channels of every pixel to length 1 first"),
    pooling: choice(["max", "average"], "max", "pooling inside VGG"),
    resize: integer(0, "side in pixels that normalised images are resized to first; 0 is not at all", { min: 0 }),
    input: choice(
      ["imagenet", "caffe", "unit"],
      "imagenet",
      "what the weights expect: torchvision's normalisation, Keras's, or none",
    ),
    ...rangeOptions,
  },
  defaultsOf: ({ net }) => {
    const { taps }: LossNetwork = networks[net];
    return taps ? { taps: taps.join("+") } : {};
  },
  presets: {
    "basicsr-vgg19": { net: "vgg19", taps: "0.1*conv1_2+0.1*conv2_2+conv3_4+conv4_4+conv5_4", criterion: "l1" },
    "esrgan-vgg19": { net: "vgg19", taps: "conv5_4", criterion: "l1" },
    "uhdm-vgg16": { taps: "relu1_2+relu2_2+relu3_3+relu4_3", criterion: "l1", gram: "sum", resize: 224 },
    "piq-content": { reduction: "channel-sum" },
    "piq-style": { taps: "none", styleTaps: "relu3_3", gram: "sum" },
  },
  refuse: ({ net, pooling, taps, styleTaps, resize }, shape) => {
    const network = networkOf(net, pooling);
    const least = network.leastSize([...tapNames(taps), ...tapNames(styleTaps)]);
    return refuseForNetwork(shape, net, resize >= least ? 1 : least);
  },
  range: imageRange,
  units: () => ({ degree: 0 }),
  define: (options, resources: PerceptualResources = {}): Definition => {
    const { net, pooling, criterion, reduction, gram, unitFeatures, resize, input } = options;
    const network = networkOf(net, pooling);
    const [content, style] = [options.taps, options.styleTaps].map(parseTaps);
    const taps = [...new Set([...content, ...style].map(({ tap }) => tap))];
    if (taps.length === 0) {
      throw new ReconlossError("invalid-argument", "perceptual: taps and styleTaps must not both be none");
    }
    for (const text of [options.taps, options.styleTaps]) checkTapsOnce("perceptual", text);
    const shapes = network.tensors(taps);
    const weights = new LazyWeights(() => loadWeights(net, shapes, resources.weights, { also: network.tensors() }));

    const gramOf = <T>(o: Ops<T>, x: T, weight: T | undefined) => {
      const guided = weight === undefined ? x : o.mul(x, relativeWeight(o, layerWeight(o, weight, x)));
      const products = o.gram(guided, x);
      return gram === "sum" ? products : o.div(products, o.size(x, "chw"));
    };
    /** Content features in the order of `content`, then Gram matrices, weighted or not, in the order of `style`. */
    const features = <T>(o: Ops<T>, image: T, weight?: T): T[] => {
      const normalised = toNetwork(o, toUnitColour(o, image, options), net, input);
      const size = () => o.constant(new Float32Array(resize ** 2), [1, 1, resize, resize]);
      const resized = resize === 0 ? normalised : o.resize(normalised, size());
      const values = network.features(o, resized, weights.tensors, taps);
      const at = ({ tap }: WeightedTap) => {
        const x = values[taps.indexOf(tap)];
        return unitFeatures ? unitLength(o, x) : x;
      };
      return [...content.map(at), ...style.map((tap) => gramOf(o, at(tap), weight))];
    };
    const overChannels = <T>(o: Ops<T>, x: T) => (reduction === "channel-sum" ? o.sum(x, "c") : o.mean(x, "c"));
    const places = <T>(o: Ops<T>, images: Images<T>): T[] => {
      const [outputs, targets] = [features(o, images.output), features(o, images.target)];
      return content.map(({ weight }, index) =>
        o.mul(
          distances[criterion](o, outputs[index], targets[index], (x) => overChannels(o, x)),
          weight,
        ),
      );
    };
    const tileable = style.length === 0 && criterion !== "frobenius" && resize === 0;
    const terms = <T>(o: Ops<T>, images: Images<T>): [string, T][] => {
      const { weight: pixels, targetFeatures } = images;
      // Gram matrices that are known already are of the whole target.
      const known = pixels === undefined || style.length === 0 ? targetFeatures : undefined;
      const targets = known ?? features(o, images.target, pixels);
      const outputs = features(o, images.output, pixels);
      return [...content, ...style].map(({ tap, weight }, index) => {
        const isContent = index < content.length;
        const places = pixels && isContent ? layerWeight(o, pixels, outputs[index]) : undefined;
        const mean = (x: T) =>
          isContent && reduction === "channel-sum"
            ? o.sum(weightedMean(o, x, places, "hw"), "c")
            : weightedMean(o, x, places, "chw");
        const distance = distances[criterion](o, outputs[index], targets[index], mean, places);
        return [isContent ? tap : `style ${tap}`, o.mul(distance, weight)];
      });
    };
    return {
      weights: resources.weights ? [] : weightFiles([net]),
      prepare: () => weights.prepare(),
      bySize: resize > 0,
      targetFeatures: (o, target) => features(o, target),
      ...(tileable
        ? { tiles: { pixelsAtOnce: networks[net].pixelsAtOnce, network, taps: content.map(({ tap }) => tap), places } }
        : {}),
      score: (o, images) =>
        terms(o, images)
          .map(([, value]) => value)
          .reduce((sum, value) => o.add(sum, value)),
      terms: (o, images) => Object.fromEntries(terms(o, images)),
    };
  },
});
