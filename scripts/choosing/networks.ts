import { join } from "node:path";
import type { Loss } from "../../packages/core/src/losses/index.ts";
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
import { judge, type Scores } from "./judges.ts";
import { type HeldOut, heldOutPhotographs } from "./photographs.ts";
import type { Trial } from "./plan.ts";

/** What all trainings share. */
export interface Setup {
  readonly data: string;
  /** A folder of more photographs to judge by. */
  readonly heldOut?: string;
  readonly steps: number;
  readonly batch: number;
  readonly patch: number;
}

/** What came out of a training. */
export interface Trained {
  /** Of each held-out photograph. */
  readonly scores: readonly Scores[];
  readonly parameters: number;
}

/** The training of a trial: all the same but for the loss. */
export function settingsOf({ loss }: Pick<Trial, "loss">, setup: Setup): TrainingSettings {
  const { data, heldOut, steps, batch, patch } = setup;
  return completeSettings({
    ...{ task: "super-resolution", scale: 4, loss, data, validation: heldOut, steps, batch, patch, every: steps },
    ...{ learningRate: 1e-3, seed: 1 },
  });
}

/** Where a training is kept. */
export function entryOf(cache: string, trial: Trial, setup: Setup): CacheEntry<Trained> {
  return new CacheEntry(cache, trial.name, settingsOf(trial, setup));
}

/**
 * Trains, goes on from where an earlier call stopped, and judges; `undefined` when stopped.
 *
 * @param progress - told now and then how many steps were taken
 */
export async function train(
  cache: string,
  trial: Trial,
  setup: Setup,
  judges: readonly Loss[],
  { signal, progress = () => {} }: { signal?: AbortSignal; progress?: (step: number) => void } = {},
): Promise<Trained | undefined> {
  const entry = entryOf(cache, trial, setup);
  const done = await entry.read();
  if (done !== undefined) return done;
  const settings = settingsOf(trial, setup);
  const resume = await savedSettings(entry.folder).then(
    () => true,
    () => false,
  );
  const { status, parameters } = await runTraining(settings, entry.folder, {
    resume,
    signal,
    onStep: ({ step }) => {
      if (step % 100 === 0) progress(step);
    },
  });
  if (status !== "finished") return undefined;
  const photographs = await heldOutPhotographs(restorationOf(settings), setup.heldOut);
  const outputs = await outputsOf(entry.folder, photographs);
  const scores: Scores[] = [];
  for (const [index, { target }] of photographs.entries()) scores.push(await judge(judges, outputs[index], target));
  const result = { scores, parameters };
  await entry.write(result);
  return result;
}

/** What there is without a network, and what the judges say of photographs themselves, for each photograph. */
export interface Baseline {
  readonly baseline: readonly Scores[];
  readonly truth: readonly Scores[];
}

/** The same, computed once. */
export async function baselineOf(cache: string, setup: Setup, judges: readonly Loss[]): Promise<Baseline> {
  const settings = settingsOf({ loss: "l1" }, setup);
  const entry = new CacheEntry<Baseline>(cache, "baseline", { settings, judges: judges.map(({ spec }) => spec) });
  const done = await entry.read();
  if (done !== undefined) return done;
  const [baseline, truth]: [Scores[], Scores[]] = [[], []];
  for (const { baseline: image, target } of await heldOutPhotographs(restorationOf(settings), setup.heldOut)) {
    baseline.push(await judge(judges, image, target));
    truth.push(await judge(judges, target, target));
  }
  const result = { baseline, truth };
  await entry.write(result);
  return result;
}

/** What the network in a folder makes of photographs, as files hold it. */
export async function outputsOf(folder: string, photographs: readonly HeldOut[]): Promise<Tensor[]> {
  const model = await openModel(join(folder, "model.onnx"));
  const outputs: Tensor[] = [];
  for (const { input } of photographs) outputs.push(asFile(await applyModel(model, input)));
  return outputs;
}

/** How photographs are spoiled that the networks restore. */
export function restorationOf(settings: TrainingSettings) {
  const { restoration } = taskOf(settings);
  if (restoration === undefined) throw new Error(`${settings.task} restores nothing`);
  return restoration;
}

/**
 * What a step of each training costs, in milliseconds, by the trial's name: the fastest of some, because nothing makes a step faster than it is, but whatever else
 * a machine does makes it slower.
 */
export async function stepTimes(
  trials: readonly Trial[],
  setup: Setup,
  steps = 12,
): Promise<Readonly<Record<string, number>>> {
  const settings = settingsOf({ loss: "l1" }, setup);
  const task = taskOf(settings);
  const { training } = await splitPhotographs(setup.data);
  const few = training.slice(0, 8);
  const store = new PhotographStore(few, { leastSide: task.leastSide(setup.patch), limitPixels: 1e8, seed: 1 });
  const { input, target } = await exampleBatch(task, store, 0, settings);
  const times: Record<string, number> = {};
  for (const { name, loss } of trials) {
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
