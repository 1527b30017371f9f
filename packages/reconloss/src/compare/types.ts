import type { Loss, Tensor } from "@reconloss/core";
import type { DecodeKind } from "@reconloss/core/internal";
import type { PassedOver } from "../image/index.ts";
import type { Statistic, Statistics } from "./statistics.ts";

/** A statistic of the map of a loss within each image: `deltaE.max`. */
export interface MapStatistic {
  /** {@link Loss.label}. */
  label: string;
  statistic: Statistic;
}

/** What was measured of one pair. */
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
  /** What the pair belongs to, where its list says so. */
  group?: string;
  /** The number of each loss by its label, and of each map statistic that was asked for (`deltaE.max`); what could not be computed is left out. */
  values: Record<string, number>;
  /** What each prior makes of the target itself, by label: the closer an output's value is to it, the better. */
  targetValues?: Record<string, number>;
  /** What is averaged over pairs where that is not the values themselves, as in `psnr(pooling=dataset)`: the score before it is said. */
  scores?: Record<string, number>;
}

/** A pair, an image without a partner, or a loss of a pair that could not be computed. */
export interface Failure {
  /** Path of the output; null for a target that has none. */
  output: string | null;
  /** Path of the target; null for an output that has none. */
  target: string | null;
  /** The label of the loss, where the others of the pair were computed. */
  loss?: string;
  /** What was wrong. */
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
  /** What an {@link InspectedKind} costs, in dB of PSNR. */
  cost?: number;
}

/** How an output differs from its target as a whole, which is a slip more often than a property of what made it. */
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
  /** What it measures and on what. */
  readonly summary: string;
  /** Papers and code that it is taken from. */
  readonly source: string;
  /** What was not as the protocol has it. */
  readonly changed: readonly string[];
  /** Labels of what was measured beside it. */
  readonly beside: readonly string[];
  /** What the protocol makes of the means, where it makes one number of them. */
  readonly total?: {
    readonly name: string;
    readonly better: "lower" | "higher";
    readonly formula: string;
    /** What it lacks; then there is no value. */
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
  /** How much worse it may be. */
  tolerance: number;
}

/** What became of the numbers of an earlier run. */
export interface BaselineRecord {
  /** Where the earlier numbers are from. */
  file: string;
  /** Whether nothing is worse by more than its tolerance, and nothing is missing on either side. */
  pass: boolean;
  /** Each loss over the pairs that have a finite number of it before and now; of a prior, the distance from the targets' own values. */
  overall: Change[];
  /** Pairs that moved by more than the tolerance either way, the worst first. */
  moved: (Change & { pair: string })[];
  /** What one of the two runs has and the other lacks. */
  missing: { pair?: string; loss?: string; text: string }[];
}

/** What came out of all pairs. */
export interface Comparison {
  losses: readonly Loss[];
  /** In the order of the pairs. */
  pairs: PairResult[];
  /** How many pairs there are where they are too many to be held: `pairs` and `notes` are then empty. */
  pairsNotHeld?: number;
  /**
   * The mean of each loss and map statistic, by label, over the pairs whose number is finite; where none is, what the numbers are (infinity of identical images).
   */
  mean: Record<string, number>;
  /** How many pairs have a number, by label. */
  measured: Record<string, number>;
  /** How many of those numbers are infinite or NaN, and so in no mean. */
  notFinite: Record<string, number>;
  /** How the finite numbers lie, by label. */
  statistics: Record<string, Statistics>;
  /** The mean of what each prior makes of the targets, by label. */
  targetMean: Record<string, number>;
  /** How many files of either folder are no images, by extension; absent for two files. */
  passedOver?: { readonly output: PassedOver; readonly target: PassedOver };
  /** Pairs that could not be compared at all, images without a partner, and losses of pairs that could not be computed. */
  failed: Failure[];
  notes: Note[];
  /** The protocol, where one was used. */
  protocol?: ProtocolRecord;
  /** What became of the numbers of an earlier run, where one was given. */
  baseline?: BaselineRecord;
  /** What was done to pixels on their way, and to how many images: `2 rotated by EXIF, 1 CMYK`; absent where nothing was. */
  decode?: string;
}
