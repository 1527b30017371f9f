import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import { fromNoise, fromNoisy, type Subject } from "./drawing.ts";
import { availableJudges, hasWeights, type Judges, judgeSpecs } from "./judges.ts";
import type { Setup } from "./networks.ts";
import { denoisingTrials, type Experiment, experiments, pixelTrials, type Trial } from "./plan.ts";

/** Everything that there is to compute, as far as the weights for it are on this machine. */
export interface Project {
  /** The folder that results are kept in. */
  readonly cache: string;
  readonly setup: Setup;
  readonly judges: Judges;
  readonly experiments: readonly Experiment[];
  readonly pixels: readonly Trial[];
  readonly denoising: readonly Trial[];
  /** The file that results are recorded in, and the folder of pictures. */
  readonly results: string;
  readonly pictures: string;
  /** The start and the target of the pixels. */
  readonly noise: Subject;
  readonly noisy: Subject;
}

async function withWeights(trials: readonly Trial[]): Promise<Trial[]> {
  const has = await Promise.all(trials.map(({ loss }) => hasWeights(parseLoss(loss, [gan]))));
  return trials.filter((_, index) => has[index]);
}

/** All that can be computed here. */
export async function projectOf(
  folders: Pick<Project, "cache" | "results" | "pictures">,
  setup: Setup,
): Promise<Project> {
  const possible: Experiment[] = [];
  for (const experiment of experiments) {
    possible.push({ ...experiment, trials: await withWeights(experiment.trials) });
  }
  return {
    ...folders,
    setup,
    judges: { usual: await availableJudges(judgeSpecs.usual), further: await availableJudges(judgeSpecs.further) },
    experiments: possible,
    pixels: await withWeights(pixelTrials),
    denoising: await withWeights(denoisingTrials),
    noise: await fromNoise(),
    noisy: await fromNoisy(),
  };
}
