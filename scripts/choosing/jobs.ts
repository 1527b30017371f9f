import { draw, type Subject } from "./drawing.ts";
import { recordExperiment } from "./network-part.ts";
import { stepTimes, train } from "./networks.ts";
import { recordPixels } from "./pixel-part.ts";
import type { Experiment, Trial } from "./plan.ts";
import type { Project } from "./project.ts";
import { recordRows } from "./results.ts";

/** Something that is computed once and kept. */
export interface Job {
  readonly name: string;
  /** Whether it was finished; `signal` stops a training, which goes on at the next call. */
  run(options: { signal?: AbortSignal; print: (text: string) => void }): Promise<boolean>;
}

/** A job that is not stopped before its end. */
function always(name: string, work: () => Promise<unknown>): Job {
  return { name, run: () => work().then(() => true) };
}

/** The jobs, shortest first. */
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
        run: async ({ signal, print }) => {
          const progress = (step: number) => print(`${name}: step ${step} of ${experiment.steps}`);
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
