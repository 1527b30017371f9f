import type { Loss, Tensor } from "@reconloss/core";
import type { DecodeKind } from "@reconloss/core/internal";
import type { IgnoredFiles } from "../image/index.ts";
import type { Statistic, Statistics } from "./statistics.ts";

/** A statistic of the map of a loss within each image: `deltaE.max`. */
export interface MapStatistic {
  /** {@link Loss.label}. */
  label: string;
  statistic: Statistic;
}

/** The word for what is compared: images of files, or frames of videos. */
export type Unit = "pair" | "frame";

/** The measurements of one pair. */
export interface PairResult {
  /** The output's name relative to its folder. */
  name: string;
  /** Path of the output. */
  output: string;
  /** Path of the target. */
  target: string;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** The group of the pair: a list names it, or the folders of targets that lie in several. */
  group?: string;
  /** The number of each loss by its label, and of each map statistic that was asked for (`deltaE.max`); what could not be computed is left out. */
  values: Record<string, number>;
  /** The value of each prior for the target itself, by label: the closer an output's value is to it, the better. */
  targetValues?: Record<string, number>;
  /** The scores that are averaged over pairs in place of the values, as with `psnr(pooling=dataset)`: mean squared errors there. */
  scores?: Record<string, number>;
}

/** A pair, an image without a partner, or a loss of a pair that could not be computed. */
export interface Failure {
  /** Path of the output; null for a target that has none. */
  output: string | null;
  /** Path of the target; null for an output that has none. */
  target: string | null;
  /** The group of a pair or target that could not be compared. */
  group?: string;
  /** The label of the loss, where the others of the pair were computed. */
  loss?: string;
  /** The error in words. */
  error: string;
}

/** Something that a reader of the numbers should know, though nothing failed. */
export interface Note {
  kind:
    | "grey-as-colour"
    | "left-out"
    | "tiled"
    | "identical"
    | "not-finite"
    | "alpha-worst"
    | "fitted"
    | "masked"
    | InspectedKind
    | DecodeKind;
  /** Name of the pair. */
  name: string;
  /** Label of the loss that was left out, computed in tiles or is not finite. */
  loss?: string;
  text: string;
  /** The cost of an {@link InspectedKind}, in dB of PSNR. */
  cost?: number;
}

/** A global difference between an output and its target, which is a mistake more often than a property of the method. */
export type InspectedKind = "swapped-channels" | "other-tone" | "shifted";

/** All that comes out of one pair. */
export interface Outcome {
  /** Undefined where the pair as a whole failed. */
  result?: PairResult;
  failures: Failure[];
  notes: Note[];
  /** The map of each loss that has one, by label, [1, 1, h, w]; only where maps were asked for. */
  maps: Record<string, Tensor>;
}

/** The protocol that numbers were made by, as they write it down. */
export interface ProtocolRecord {
  readonly name: string;
  readonly title: string;
  /** A summary of its metrics and of the pixels that they are computed on. */
  readonly summary: string;
  /** Papers and code that it is taken from. */
  readonly source: string;
  /** The deviations from the protocol. */
  readonly changed: readonly string[];
  /** Labels of what was measured beside it. */
  readonly beside: readonly string[];
  /** The total that the protocol computes from the means, where it has one. */
  readonly total?: {
    readonly name: string;
    readonly better: "lower" | "higher";
    readonly formula: string;
    /** The parts that it lacks; then there is no value. */
    readonly missing: readonly string[];
    readonly value?: number;
  };
}

/** A number that was measured before and now. */
export interface Change {
  /** Label of the loss. */
  loss: string;
  before: number;
  now: number;
  /** By how much it is worse, in the loss's own unit; below 0 where it is better. */
  worseBy: number;
  /** The tolerance: by how much it may be worse. */
  tolerance: number;
}

/** The result of holding numbers against those of an earlier run. */
export interface BaselineRecord {
  /** The file of the earlier numbers. */
  file: string;
  /** Whether nothing is worse by more than its tolerance, and nothing is missing on either side. */
  pass: boolean;
  /** Each loss over the pairs that have a finite number of it before and now; of a prior, the distance from the targets' own values. */
  overall: Change[];
  /** Pairs that moved by more than the tolerance either way, the worst first. */
  moved: (Change & { pair: string })[];
  /** Pairs and losses that one of the two runs has and the other lacks. */
  missing: { pair?: string; loss?: string; text: string }[];
}

/** The results of all pairs. */
export interface Comparison {
  losses: readonly Loss[];
  /** In the order of the pairs. */
  pairs: PairResult[];
  /** The number of pairs where they are too many to be held: `pairs` and `notes` are then empty. */
  pairsNotHeld?: number;
  /**
   * The mean of each loss and map statistic, by label, over the pairs whose number is finite; where none is, what the numbers are (infinity of identical images).
   */
  mean: Record<string, number>;
  /** The number of pairs that have a number, by label. */
  measured: Record<string, number>;
  /** The number of those that are infinite or NaN, and so in no mean. */
  notFinite: Record<string, number>;
  /** Statistics of the finite numbers, by label. */
  statistics: Record<string, Statistics>;
  /** The mean of what each prior makes of the targets, by label. */
  targetMean: Record<string, number>;
  /** The numbers of files of either folder that are no images, by extension; absent for two files. */
  ignoredFiles?: { readonly output: IgnoredFiles; readonly target: IgnoredFiles };
  /** Pairs that could not be compared at all, images without a partner, and losses of pairs that could not be computed. */
  failed: Failure[];
  notes: Note[];
  /** The protocol, where one was used. */
  protocol?: ProtocolRecord;
  /** The result of holding numbers against an earlier run's, where one was given. */
  baseline?: BaselineRecord;
  /** The conversions of pixels on their way, with the number of images of each: `2 rotated by EXIF, 1 CMYK`; absent where nothing was. */
  decode?: string;
}
