import { join } from "node:path";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import {
  applyModel,
  completeSettings,
  exampleBatch,
  openModel,
  PhotographStore,
  runTraining,
  savedSettings,
  splitPhotographs,
  type TrainingSettings,
} from "../../packages/reconloss/src/tasks/index.ts";
import { asFile } from "../../packages/reconloss/src/tasks/patches.ts";
import { taskOf, trainingLoss } from "../../packages/reconloss/src/tasks/settings.ts";
import { adam, createTrainer } from "../../packages/reconloss/src/train/index.ts";
import { CacheEntry } from "./cache.ts";
import type { HeldOut } from "./photographs.ts";
import type { Experiment, Trial } from "./plan.ts";

/** The photographs of all trainings. */
export interface Setup {
  readonly data: string;
  /** A folder of more photographs to judge by. */
  readonly heldOut?: string;
}

/** The result of a training; the network is in its folder. */
export interface Trained {
  readonly parameters: number;
}

/** The training of a trial: all the same in an experiment but for the loss. */
export function settingsOf(
  { task, steps, batch, patch }: Pick<Experiment, "task" | "steps" | "batch" | "patch">,
  { loss }: Pick<Trial, "loss">,
  setup: Setup,
): TrainingSettings {
  const { data, heldOut } = setup;
  return completeSettings({
    ...{ ...task, loss, data, validation: heldOut, steps, batch, patch, every: steps },
    ...{ learningRate: 1e-3, seed: 1 },
  });
}

/** The folder of a training. */
export function entryOf(cache: string, experiment: Experiment, trial: Trial, setup: Setup): CacheEntry<Trained> {
  return new CacheEntry(cache, `${experiment.name}-${trial.name}`, settingsOf(experiment, trial, setup));
}

/**
 * Trains, or goes on from where an earlier call stopped; `undefined` when stopped.
 *
 * @param progress - told now and then how many steps were taken
 */
export async function train(
  cache: string,
  experiment: Experiment,
  trial: Trial,
  setup: Setup,
  { signal, progress = () => {} }: { signal?: AbortSignal; progress?: (step: number) => void } = {},
): Promise<Trained | undefined> {
  const entry = entryOf(cache, experiment, trial, setup);
  const done = await entry.read();
  if (done !== undefined) return done;
  const resume = await savedSettings(entry.folder).then(
    () => true,
    () => false,
  );
  const { status, parameters } = await runTraining(settingsOf(experiment, trial, setup), entry.folder, {
    resume,
    signal,
    onStep: ({ step }) => {
      if (step % 100 === 0) progress(step);
    },
  });
  if (status !== "finished") return undefined;
  await entry.write({ parameters });
  return { parameters };
}

/** Applies the network in a folder to photographs, and rounds outputs to 8 bits as files do. */
export async function outputsOf(folder: string, photographs: readonly HeldOut[]): Promise<Tensor[]> {
  const model = await openModel(join(folder, "model.onnx"));
  const outputs: Tensor[] = [];
  for (const { input } of photographs) outputs.push(asFile(await applyModel(model, input)));
  return outputs;
}

/** The degradation that the networks restore photographs from. */
export function restorationOf(settings: TrainingSettings) {
  const { restoration } = taskOf(settings);
  if (restoration === undefined) throw new Error(`${settings.task} restores nothing`);
  return restoration;
}

/**
 * The time of a step of each training, in milliseconds, by the trial's name: the fastest of some, because nothing makes a step faster than it is, but whatever else
 * a machine does makes it slower.
 */
export async function stepTimes(
  experiment: Experiment,
  setup: Setup,
  steps = 24,
): Promise<Readonly<Record<string, number>>> {
  const settings = settingsOf(experiment, { loss: "l1" }, setup);
  const task = taskOf(settings);
  const { training } = await splitPhotographs(setup.data);
  const few = training.slice(0, 8);
  const store = new PhotographStore(few, { leastSide: task.leastSide(experiment.patch), limitPixels: 1e8, seed: 1 });
  const { input, target } = await exampleBatch(task, store, 0, settings);
  const times: Record<string, number> = {};
  for (const { name, loss } of experiment.trials) {
    const trainer = createTrainer({ model: task.model(), loss: trainingLoss(loss, settings), optimizer: adam(1e-3) });
    let fastest = Number.POSITIVE_INFINITY;
    for (let step = 0; step < steps; step++) {
      const begun = performance.now();
      await trainer.step(input, target);
      fastest = Math.min(fastest, performance.now() - begun);
    }
    times[name] = fastest;
  }
  return times;
}
