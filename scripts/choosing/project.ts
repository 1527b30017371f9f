import { type Loss, parseLoss } from "../../packages/core/src/losses/index.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import { CacheEntry } from "./cache.ts";
import { draw, drawingEntry, fromNoise, fromNoisy, type Subject } from "./drawing.ts";
import { availableJudges, hasWeights } from "./judges.ts";
import { entryOf, type Setup, stepTimes, train } from "./networks.ts";
import { denoisingTrials, pixelTrials, type Trial, trainings } from "./plan.ts";

/** Everything that there is to compute, as far as the weights for it are on this machine. */
export interface Project {
  /** The folder that results are kept in. */
  readonly cache: string;
  readonly setup: Setup;
  readonly judges: readonly Loss[];
  readonly plan: Readonly<Record<"trainings" | "pixels" | "denoising", readonly Trial[]>>;
  /** What the pixels of the plan are moved from and towards. */
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
  return {
    cache,
    setup,
    judges: await availableJudges(),
    plan: {
      trainings: await withWeights(trainings),
      pixels: await withWeights(pixelTrials),
      denoising: await withWeights(denoisingTrials),
    },
    noise: await fromNoise(),
    noisy: await fromNoisy(),
  };
}

/** Milliseconds of a training's step, by the trial's name. */
type Times = Readonly<Record<string, number>>;

function timesEntry({ cache, setup, plan }: Project): CacheEntry<Times> {
  return new CacheEntry(cache, "times", { setup, trials: plan.trainings });
}

/** The times of steps, where they were taken. */
export async function timesOf(project: Project): Promise<Times> {
  return (await timesEntry(project).read()) ?? {};
}

/** What there is to do, quick things first. */
export function jobsOf(project: Project): Job[] {
  const { cache, setup, judges, plan } = project;
  const drawings = (subject: Subject, trials: readonly Trial[]): Job[] =>
    trials.map((trial) => ({
      name: `${subject.name}-${trial.name}`,
      run: async () => {
        await draw(cache, trial, subject, judges);
        return true;
      },
    }));
  const times: Job = {
    name: "times",
    run: async () => {
      const entry = timesEntry(project);
      if ((await entry.read()) === undefined) await entry.write(await stepTimes(plan.trainings, setup));
      return true;
    },
  };
  return [
    times,
    ...drawings(project.noise, plan.pixels),
    ...drawings(project.noisy, plan.denoising),
    ...plan.trainings.map((trial) => ({
      name: trial.name,
      run: async ({ signal, say }: Parameters<Job["run"]>[0]) => {
        const progress = (step: number) => say(`${trial.name}: step ${step} of ${setup.steps}`);
        return (await train(cache, trial, setup, judges, { signal, progress })) !== undefined;
      },
    })),
  ];
}

/** The part of a project that was computed. */
export async function computedOf(project: Project): Promise<Project> {
  const { cache, setup, plan, noise, noisy } = project;
  const done = async (trials: readonly Trial[], entry: (trial: Trial) => CacheEntry<unknown>) => {
    const results = await Promise.all(trials.map((trial) => entry(trial).read()));
    return trials.filter((_, index) => results[index] !== undefined);
  };
  return {
    ...project,
    plan: {
      trainings: await done(plan.trainings, (trial) => entryOf(cache, trial, setup)),
      pixels: await done(plan.pixels, (trial) => drawingEntry(cache, trial, noise)),
      denoising: await done(plan.denoising, (trial) => drawingEntry(cache, trial, noisy)),
    },
  };
}
