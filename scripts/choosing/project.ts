import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import { draw, fromNoise, fromNoisy, type Subject } from "./drawing.ts";
import { availableJudges, hasWeights, type Judges, judgeSpecs } from "./judges.ts";
import { recordExperiment } from "./network-part.ts";
import { type Setup, stepTimes, train } from "./networks.ts";
import { recordPixels } from "./pixel-part.ts";
import { denoisingTrials, type Experiment, experiments, pixelTrials, type Trial } from "./plan.ts";
import { recordRows } from "./results.ts";

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
  /** What pixels are moved from and towards. */
  readonly noise: Subject;
  readonly noisy: Subject;
}

/** Something that is computed once and kept. */
export interface Job {
  readonly name: string;
  /** Whether it was finished; `signal` stops a training, which goes on at the next call. */
  run(options: { signal?: AbortSignal; say: (text: string) => void }): Promise<boolean>;
}

/** A job that is not stopped before its end. */
function always(name: string, work: () => Promise<unknown>): Job {
  return { name, run: () => work().then(() => true) };
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

/** What there is to do, quick things first. */
export function jobsOf(project: Project): Job[] {
  const { cache, setup, judges, experiments } = project;
  const drawings = (subject: Subject, trials: readonly Trial[]): Job[] => [
    ...trials.map((trial) => always(`${subject.name}-${trial.name}`, () => draw(cache, trial, subject, judges.usual))),
    always(`${subject.name}-recorded`, () => recordPixels(project, trials, subject)),
  ];
  const ofExperiment = (experiment: Experiment): Job[] => [
    ...experiment.trials.map((trial): Job => {
      const name = `${experiment.name}-${trial.name}`;
      return {
        name,
        run: async ({ signal, say }) => {
          const progress = (step: number) => say(`${name}: step ${step} of ${experiment.steps}`);
          return (await train(cache, experiment, trial, setup, { signal, progress })) !== undefined;
        },
      };
    }),
    always(`${experiment.name}-times`, async () => {
      const times = Object.entries(await stepTimes(experiment, setup));
      const rows = times.map(([name, time]) => [name, { "ms/step": Math.round(time) }]);
      await recordRows(project.results, experiment.name, Object.fromEntries(rows));
    }),
    always(`${experiment.name}-recorded`, () => recordExperiment(project, experiment)),
  ];
  return [
    ...drawings(project.noise, project.pixels),
    ...drawings(project.noisy, project.denoising),
    ...experiments.flatMap(ofExperiment),
  ];
}
