import { type Loss, parseLoss } from "../../packages/core/src/losses/index.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import { CacheEntry } from "./cache.ts";
import { draw, drawingEntry, fromNoise, fromNoisy, type Subject } from "./drawing.ts";
import { availableJudges, hasWeights, type Judges, judgeSpecs } from "./judges.ts";
import { entryOf, judgeExperiment, type Setup, stepTimes, train } from "./networks.ts";
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
  /** The labels of trainings that are left out, because weights are missing. */
  readonly missing: readonly string[];
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

async function withWeights(trials: readonly Trial[]): Promise<Trial[]> {
  const has = await Promise.all(trials.map(({ loss }) => hasWeights(parseLoss(loss, [gan]))));
  return trials.filter((_, index) => has[index]);
}

/** All that can be computed here. */
export async function projectOf(cache: string, setup: Setup): Promise<Project> {
  const possible: Experiment[] = [];
  for (const experiment of experiments) {
    possible.push({ ...experiment, trials: await withWeights(experiment.trials) });
  }
  const has = new Set(possible.flatMap(({ trials }) => trials));
  return {
    cache,
    setup,
    judges: { usual: await availableJudges(judgeSpecs.usual), further: await availableJudges(judgeSpecs.further) },
    experiments: possible,
    pixels: await withWeights(pixelTrials),
    denoising: await withWeights(denoisingTrials),
    missing: experiments.flatMap(({ trials }) => trials.filter((trial) => !has.has(trial)).map(({ loss }) => loss)),
    noise: await fromNoise(),
    noisy: await fromNoisy(),
  };
}

/** Milliseconds of a training's step, by the trial's name. */
type Times = Readonly<Record<string, number>>;

function timesEntry({ cache, setup }: Project, experiment: Experiment): CacheEntry<Times> {
  return new CacheEntry(cache, `times-${experiment.name}`, { setup, experiment });
}

/** The times of an experiment's steps, where they were taken. */
export async function timesOf(project: Project, experiment: Experiment): Promise<Times> {
  return (await timesEntry(project, experiment).read()) ?? {};
}

/** What there is to do, quick things first. */
export function jobsOf(project: Project): Job[] {
  const { cache, setup, judges, experiments } = project;
  const all: readonly Loss[] = Object.values(judges).flat();
  const drawings = (subject: Subject, trials: readonly Trial[]): Job[] =>
    trials.map((trial) => ({
      name: `${subject.name}-${trial.name}`,
      run: async () => {
        await draw(cache, trial, subject, judges.usual);
        return true;
      },
    }));
  const ofExperiment = (experiment: Experiment): Job[] => [
    {
      name: `${experiment.name}-times`,
      run: async () => {
        const entry = timesEntry(project, experiment);
        if ((await entry.read()) === undefined) await entry.write(await stepTimes(experiment, setup));
        return true;
      },
    },
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
    {
      name: `${experiment.name}-judged`,
      run: async () => {
        await judgeExperiment(cache, experiment, setup, all);
        return true;
      },
    },
  ];
  return [
    ...drawings(project.noise, project.pixels),
    ...drawings(project.noisy, project.denoising),
    ...experiments.flatMap(ofExperiment),
  ];
}

/** The part of a project that was computed. */
export async function computedOf(project: Project): Promise<Project> {
  const { cache, setup, noise, noisy } = project;
  const done = async (trials: readonly Trial[], entry: (trial: Trial) => CacheEntry<unknown>) => {
    const results = await Promise.all(trials.map((trial) => entry(trial).read()));
    return trials.filter((_, index) => results[index] !== undefined);
  };
  const finished: Experiment[] = [];
  for (const experiment of project.experiments) {
    const trials = await done(experiment.trials, (trial) => entryOf(cache, experiment, trial, setup));
    finished.push({ ...experiment, trials });
  }
  return {
    ...project,
    experiments: finished,
    pixels: await done(project.pixels, (trial) => drawingEntry(cache, trial, noise)),
    denoising: await done(project.denoising, (trial) => drawingEntry(cache, trial, noisy)),
  };
}
