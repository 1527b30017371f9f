import type { Better, Loss } from "@reconloss/core";
import type { Comparison, Failure, Note, PairResult, ProtocolRecord } from "../compare/index.ts";
import type { PairProposal } from "../image/index.ts";

/** A method: a model, a codec or a setting whose outputs are judged. */
export interface JudgedMethod {
  /** Its name in tables. */
  readonly name: string;
  /** The path of its outputs, as it was given. */
  readonly outputs: string;
  /** Its outputs against the targets, all pairs that it has. Its means may be of other images than those of the table. */
  readonly comparison: Comparison;
  /** A pattern by which more of its outputs would pair. */
  readonly proposal?: PairProposal;
}

/** An image of the test set: a target with the output of each method. */
export interface JudgedImage {
  /** The target's name relative to its folder; where several outputs of a method go with one target, with the output's name behind it. */
  readonly name: string;
  /** Path of the target; null where there is none. */
  readonly target: string | null;
  /** The data set that it belongs to; absent where there is but one. */
  readonly group?: string;
  /** The measurements of each method's output, in the order of the methods; undefined where it has none that could be compared. */
  readonly pairs: readonly (PairResult | undefined)[];
}

/** The ends of an interval. */
export type Interval = readonly [low: number, high: number];

/** A method against the best one of a column, over the same images. */
export interface Difference {
  /** The method's mean less that of the best; of priors, the difference of the mean distances from the targets' own values. */
  readonly mean: number;
  /** Bootstrap interval of that difference. */
  readonly interval?: Interval;
  /** Wilcoxon's signed-rank test, two-sided. */
  readonly p: number;
  /** The same, corrected for the number of methods that the column compares with its best (Holm). */
  readonly adjusted: number;
  /** Whether the corrected p is below 1 - confidence: the difference is more than chance. */
  readonly isSignificant: boolean;
}

/** A method's number in a column. */
export interface JudgedCell {
  /** Over the column's images; undefined where it has none. */
  readonly mean?: number;
  /** Bootstrap interval of the mean; undefined of fewer than two images. */
  readonly interval?: Interval;
  /** Of priors: the mean distance from the targets' own values, by which methods are ranked. */
  readonly distance?: number;
  /** Numbers that look alike in the column's decimals share a place. Undefined where there is one method alone. */
  readonly place?: "best" | "second";
  /** Undefined for the best itself, and where there are no images. */
  readonly againstBest?: Difference;
}

/** A metric, of all images or of those of a data set. */
export interface JudgedColumn {
  /** Its name: the loss's label. */
  readonly label: string;
  /** The loss as the grammar writes it. */
  readonly spec: string;
  readonly better: Better;
  /** The number of digits after the decimal point in tables. */
  readonly decimals: number;
  /** The data set; undefined of all images. */
  readonly group?: string;
  /** The number of images that the numbers are of: those of which every method has a finite number. */
  readonly images: number;
  /** The number of all images. */
  readonly of: number;
  /** In the order of the methods. */
  readonly cells: readonly JudgedCell[];
  /** The index of the best method; undefined where there is one alone, or no number. */
  readonly best?: number;
  /** Of priors: the mean of the targets' own values. */
  readonly targetMean?: number;
}

/** A failure of a method. */
export interface MethodFailure extends Failure {
  readonly method: string;
}

/** A note about a pair of a method. */
export interface MethodNote extends Note {
  readonly method: string;
}

/** The settings of intervals and tests. */
export interface Statistical {
  /** Share of the bootstrap distribution between the ends of an interval; 1 less this is the level of the test. */
  readonly confidence: number;
  readonly resamples: number;
  readonly seed: number;
}

/** Several methods, judged over the same images. */
export interface Judgement {
  /** The path of the targets, as it was given. */
  readonly targets: string;
  readonly methods: readonly JudgedMethod[];
  /** Without those that pairs may go without, and all do. */
  readonly losses: readonly Loss[];
  /** All of them, those that a method lacks too, in the order of the targets' names. */
  readonly images: readonly JudgedImage[];
  /** The data sets, where there is more than one. */
  readonly groups: readonly string[];
  /** Group by group, then of all images; within, in the order of the losses. */
  readonly columns: readonly JudgedColumn[];
  /** The failures of all methods: outputs that are missing or could not be measured. */
  readonly failed: readonly MethodFailure[];
  readonly notes: readonly MethodNote[];
  readonly statistics: Statistical;
  /** The protocol, with the total of each method in their order, where it has one. */
  readonly protocol?: Omit<ProtocolRecord, "total"> & {
    readonly totals?: readonly NonNullable<ProtocolRecord["total"]>[];
  };
}
