import type { Loss } from "../losses/index.ts";
import type { Tensor } from "../tensor.ts";

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
  /** The number of each loss by its specification; a loss that could not be computed is left out. */
  values: Record<string, number>;
  /** What is averaged over pairs where that is not the values themselves, as in `psnr(pooling=dataset)`: the score before it is said. */
  scores?: Record<string, number>;
}

/** A pair, an image without a partner, or a loss of a pair that could not be computed. */
export interface Failure {
  /** Path of the output; null for a target that has none. */
  output: string | null;
  /** Path of the target; null for an output that has none. */
  target: string | null;
  /** The specification of the loss, where the others of the pair were computed. */
  loss?: string;
  /** What was wrong. */
  error: string;
}

/** Something that a reader of the numbers should know, though nothing failed. */
export interface Note {
  kind: "grey-as-colour" | "left-out" | "tiled";
  /** Name of the pair. */
  name: string;
  /** Specification of the loss that was left out or computed in tiles. */
  loss?: string;
  text: string;
}

/** All that comes out of one pair. */
export interface Outcome {
  /** Undefined where the pair as a whole failed. */
  result?: PairResult;
  failures: Failure[];
  notes: Note[];
  /** The map of each loss that has one, by specification, [1, 1, h, w]; only where maps were asked for. */
  maps: Record<string, Tensor>;
}

/** What came out of all pairs. */
export interface Comparison {
  losses: readonly Loss[];
  /** In the order of the pairs. */
  pairs: PairResult[];
  /** The number of each loss over all pairs that have it. */
  mean: Record<string, number>;
  failed: Failure[];
  notes: Note[];
}
