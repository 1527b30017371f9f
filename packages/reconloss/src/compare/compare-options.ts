import type { Device, Loss } from "@reconloss/core";
import type { ImagePair } from "../image/index.ts";
import type { FileContents } from "./file-contents.ts";
import type { LoadOptions } from "./load.ts";
import type { MapStatistic, Outcome } from "./types.ts";

/** Outcomes of pairs that are kept from run to run. */
export interface KeptOutcomes {
  /** Returns the outcome of a pair: what is kept of it, the rest by `compute`, which is then kept, and is spared reading files whose content is given to it. */
  outcome(
    pair: ImagePair,
    losses: readonly Loss[],
    options: CompareOptions,
    compute: (missing: readonly Loss[], contents?: FileContents) => Promise<Outcome>,
  ): Promise<Outcome>;
}

/** The options of comparing pairs. */
export interface CompareOptions extends LoadOptions {
  /** Also compute the maps; default false. */
  maps?: boolean;
  /** Labels of losses that are left out, with a note, of pairs whose shape they refuse; default none. */
  optional?: ReadonlySet<string>;
  /** Statistics to measure of the maps of losses, as `conditions` ask for it ({@link mapStatisticsOf}); default nothing. */
  mapStatistics?: readonly MapStatistic[];
  /** The device of networks: the CPU (default), or with `webgpu` a GPU. */
  device?: Device;
  /** Outcomes of earlier runs ({@link FinishedPairs}), which are not computed again; default: nothing is kept. */
  finished?: KeptOutcomes;
  /** The number of pairs in work at a time, so that files are decoded while others are computed: more take more memory. No number depends on it. Default 3. */
  jobs?: number;
  /**
   * Whether to look first whether an output differs from its target as a whole: shifted, of another brightness, contrast or gamma, blue for red. What is found is a note with what it
   * costs in PSNR; numbers stay as they are. Some windows of each image are looked at, which takes a few milliseconds. Default true.
   */
  inspect?: boolean;
  /** Told of every error before it becomes a failure of its pair; what it throws ends the comparison. Default: nothing. */
  onError?: (error: unknown) => void;
}
