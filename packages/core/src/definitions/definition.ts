import type { Ops } from "../graph/ops.ts";
import type { KernelReference, KernelSpec } from "../kernels/types.ts";
import type { Network } from "../nets/network.ts";
import type { Shape, Tensor } from "../tensor.ts";
import type { ImageOptions } from "./image-options.ts";
import type { Learner } from "./learner.ts";

/** The inputs of a definition: the two batches, and the weights of their pixels where the caller gives them. */
export interface Images<T> {
  /** [n, c, h, w]. */
  output: T;
  /** The shape of `output`; for a loss that needs no target, `output` itself. */
  target: T;
  /** The weight of each pixel, [n or 1, 1 or c, h, w], not negative and not 0 in all of an image. */
  weight?: T;
  /** The weight of each image's value in that of the batch, [n, 1, 1, 1] with mean 1; default: all the same. */
  share?: T;
  /** The result of {@link Definition.targetFeatures}, where it was computed before. */
  targetFeatures?: readonly T[];
  /** The model's input, [n, c, h, w] of any size, where {@link Definition.needsInput} says so. */
  input?: T;
  /** The tensors of {@link Definition.state}. */
  state?: Readonly<Record<string, T>>;
}

/** Pixels at each side of an image. */
export interface Sides {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** As many at every side. */
export function sides(pixels: number): Sides {
  return { top: pixels, bottom: pixels, left: pixels, right: pixels };
}

/** A fused kernel that computes a definition's scores. */
export interface KernelPath {
  kernel: KernelReference;
  spec: KernelSpec;
  /** The part of the images that is compared. */
  images: ImageOptions;
  /** Whether the kernel has no map, so that the definition's is computed. */
  withoutMap?: boolean;
  /** Whether the kernel takes images of 8 bits a sample alone, and gives their scores without gradient, map or weight. */
  onlyBytes?: boolean;
  /** The factor of a kernel's score. Default 1. */
  scale?: number;
  /** Whether it takes weights: one of each channel that is compared, or one of each pixel. Default: none. */
  weight?: "of channels" | "of pixels";
  /** The number of pixels at each side of the compared part that have no place in the map, and so no weight. Default 0. */
  border?: number;
}

/** A score that is a sum of means over the positions of a network's layers, so that images too large to be computed at once can be put together from tiles. */
export interface TiledScore {
  /** The most pixels that are computed at once. */
  pixelsAtOnce: number;
  network: Network;
  /** The layers; each is also the name of a term. */
  taps: readonly string[];
  /** For each tap what is averaged over its positions, weighted or not, and then added up: [n, 1, h, w] in the layer's size. */
  places<T>(o: Ops<T>, images: Images<T>): readonly T[];
}

/** A sum in which the weights of some terms follow, at each step of a training, from gradients at the model's last layer. */
export interface AdaptedSum {
  /** The rest of the sum: all other terms with their weights, [n, 1, 1, 1]. */
  fixed<T>(o: Ops<T>, images: Images<T>): T;
  readonly adaptive: readonly AdaptiveTerm[];
}

/** A term whose weight follows from gradients. */
export interface AdaptiveTerm {
  readonly name: string;
  /** Its value before its weight, [n, 1, 1, 1]. */
  score<T>(o: Ops<T>, images: Images<T>): T;
  /** Its factor besides the one that follows from gradients: a number, or [1, 1, 1, 1]. */
  weight<T>(o: Ops<T>, images: Images<T>): T | number;
}

/** A loss as mathematics: pure functions over `Ops`, from which every backend takes values and gradients. */
export interface Definition {
  /** The names of the weights that {@link prepare} will look for on this machine, or download. */
  weights?: readonly string[];
  /** Returns the reason why images of this shape are refused, if they are, where that depends on more than the options: see `Loss.refusal`. */
  refuse?(shape: Shape): string | undefined;
  /** Awaited before any of the functions is called; loads what they are written with, such as a network's weights. */
  prepare?(): Promise<void>;
  /**
   * Tensors that change between one evaluation and the next, such as the weights of a discriminator that is being trained.
   *
   * @param step - which step of a training this is, from 1; default: after all beginnings
   */
  state?(step?: number): Readonly<Record<string, Tensor>>;
  /** The learner that changes that state. */
  learner?: Learner;
  /** Whether it looks at what the output was made of. */
  needsInput?: boolean;
  /** Whether a trainer sets its weight in a sum by gradients at the model's last layer. */
  adaptive?: boolean;
  /** The same as `score` in two halves, for a sum with terms that are {@link Definition.adaptive}. */
  adapted?: AdaptedSum;
  /** The score of each image, [n, 1, 1, 1]. Uses the weight where there is one; a loss that does not is refused with one. */
  score<T>(o: Ops<T>, images: Images<T>): T;
  /** The score's contributions by place, [n, 1, h, w], or [n, c, h, w] where the options ask for every channel, or smaller by a window's border. */
  map?<T>(o: Ops<T>, images: Images<T>): T;
  /**
   * The number of pixels of the images beyond the map at each side. Absent where the map is no part of a sum: where its places are no pixels, it has every channel by itself, or
   * its mean is not the value (a sum, or a root or decibels of it).
   */
  mapBorder?: Sides;
  /** The terms of the score by name, each [n, 1, 1, 1]: the layers of a network. */
  terms?<T>(o: Ops<T>, images: Images<T>): Readonly<Record<string, T>>;
  /** The part of the computation that takes the target alone, so that it can be done once for many outputs. */
  targetFeatures?<T>(o: Ops<T>, target: T): readonly T[];
  /** Converts scores to reported values, elementwise: squared errors to decibels. Default: the scores themselves. */
  toReported?<T>(o: Ops<T>, score: T): T;
  /** Whether the map is of errors, which are better lower, though the value is not: squared errors, of which the value is decibels. */
  mapsErrors?: boolean;
  /** The number that stands for an infinite value where it is minimised, so that one pair of identical images does not make the sum of a batch infinite. */
  limit?: number;
  /** Whether the scores of a batch are averaged before {@link Definition.toReported}, not after. */
  poolScores?: boolean;
  /** Whether a weight only multiplies what the score adds up, and nothing is divided by it: `reduction=sum`. */
  unnormalised?: boolean;
  /** A fused kernel that computes the same scores, where there is one. */
  kernel?: KernelPath;
  /** The rule by which values, without gradients or maps, of images too large to be computed at once are put together from tiles. */
  tiles?: TiledScore;
  /** Whether the mathematics depends on the height and width, so that each size is compiled by itself. */
  bySize?: boolean;
}

/** The results to compute besides the value. */
export interface Requested {
  /** The gradient with respect to the output. */
  grad?: boolean;
  /** The map. */
  map?: boolean;
}

/** The result of {@link Loss.evaluate}. */
export interface Evaluation {
  /** The number of the batch. */
  value: number;
  /** The number of each image. */
  perImage: Float64Array;
  /** The weight of each image's value in the batch's, with mean 1, where `weightNormalisation` is `batch` and they differ. */
  shares?: Float64Array;
  /** The score of each image before it is converted to the reported value: for `psnr` the squared error. */
  scores: Float64Array;
  /** d value / d output, in the output's shape. */
  grad?: Tensor;
  /** [n, 1, h, w], or smaller by the border that a window cannot reach; [n, c, h, w] where the options ask for every channel. */
  map?: Tensor;
  /**
   * The terms of the value. For a sum: the value of each term as it enters the sum, before its weight, by {@link Loss.label}; where a label comes again,
   * `l1 (2)`. For a network: the value of each layer. Else the value itself, by the loss's label.
   */
  terms: Readonly<Record<string, number>>;
  /** For a sum whose value is finite by a {@link Definition.limit} alone, as with the PSNR of identical images: the value without it. */
  unlimited?: number;
  /** In how many tiles each image was computed; absent where images were computed at once. For a sum: the most of any term. */
  tiles?: number;
}

/** The result of evaluating a definition: it has terms where the definition names them. */
export type OwnEvaluation = Omit<Evaluation, "terms"> & Partial<Pick<Evaluation, "terms">>;
