import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkAlphaOptions, checkPixelRange, counted, parseLoss, suggestion } from "@reconloss/core/internal";
import { constantRate, cosineRate, gan, type Schedule } from "@reconloss/core/train";
import type { Task } from "./task.ts";
import { makeTask, type TaskOptions } from "./tasks.ts";

/** Everything that a training follows from. */
export interface TrainingSettings extends TaskOptions {
  readonly task: string;
  /** The folder of photographs. */
  readonly data: string;
  /** The folder of photographs that are held out; default: some of `data`. */
  readonly validation?: string;
  /** Whether the whole of every held-out photograph is judged; default: a few squares of some. */
  readonly validationAll?: boolean;
  /** The network that was begun with: a checkpoint, or an ONNX file. Default: random weights. */
  readonly init?: string;
  /** SHA-256 of that file where it is an ONNX file, whose graph is the network; the training's folder has a copy, `init.onnx`. */
  readonly network?: string;
  /** The loss, as the grammar writes it; `gan` is a discriminator that learns beside the network. */
  readonly loss: string;
  readonly steps: number;
  readonly seed: number;
  /** Patches in a step. */
  readonly batch: number;
  /** Side of the target's patches, in pixels. */
  readonly patch: number;
  /** Of the optimiser, from step {@link TrainingSettings.rateSince} on. */
  readonly learningRate: number;
  /** The step after which that rate was set, where a training was resumed with another one: its schedule begins there. Default 0. */
  readonly rateSince?: number;
  /** The rates before it: `0.001 to step 2000`. */
  readonly ratesBefore?: string;
  /** Steps between validations. */
  readonly every: number;
  /** The number of pixels of photographs that are held in memory at once, in millions. */
  readonly megapixels: number;
  /** The treatment of transparent photographs: they are left out, or laid over {@link TrainingSettings.background}. */
  readonly alpha: "reject" | "composite";
  /** The background of transparent photographs: a colour's name, `#rrggbb` or `checker`. Default white. */
  readonly background?: string;
}

/** Settings as callers give them: task and data; all others have a default. */
export type GivenSettings = Pick<TrainingSettings, "task" | "data"> & Partial<TrainingSettings>;

type Kind = "string" | "number" | "boolean";

/** The type of each setting, since a file may hold anything. */
const kinds: Readonly<Record<keyof TrainingSettings, Kind>> = {
  task: "string",
  scale: "number",
  size: "number",
  channels: "number",
  data: "string",
  validation: "string",
  validationAll: "boolean",
  init: "string",
  network: "string",
  loss: "string",
  steps: "number",
  seed: "number",
  batch: "number",
  patch: "number",
  learningRate: "number",
  rateSince: "number",
  ratesBefore: "string",
  every: "number",
  megapixels: "number",
  alpha: "string",
  background: "string",
};
const required = ["task", "data", "loss", "alpha"] as const;

const wholeNumbers = { steps: 1, seed: 0, batch: 1, patch: 8, every: 1, megapixels: 1 } as const;

/**
 * All settings of a training, checked.
 *
 * @param more - losses of one's own that the loss names, made by `defineLoss`; {@link TrainingOptions.losses} takes them too
 * @throws {ReconlossError} `invalid-argument` for a setting that makes no sense; `syntax` for a loss that does not parse
 * @example
 * ```ts
 * import { completeSettings } from "reconloss/tasks";
 * completeSettings({ task: "deblur", data: "photographs", steps: 400 }).every; // 40
 * ```
 */
export function completeSettings(given: GivenSettings, more: readonly LossFactory[] = []): TrainingSettings {
  checkKinds(given);
  const { defaults } = taskOf(given);
  const steps = given.steps ?? defaults.steps;
  const defined = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings = {
    loss: defaults.loss,
    seed: 1,
    batch: defaults.batch,
    patch: defaults.patch,
    learningRate: defaults.learningRate,
    every: Math.max(1, Math.round(steps / 10)),
    megapixels: 256,
    alpha: defined.background === undefined ? "reject" : "composite",
    ...defined,
    steps,
  } as TrainingSettings;
  return checkSettings(settings, more);
}

/** The settings themselves. @throws {ReconlossError} as {@link completeSettings} */
export function checkSettings(settings: TrainingSettings, more: readonly LossFactory[] = []): TrainingSettings {
  const refuse = (name: string, expected: string, value: unknown) =>
    new ReconlossError("invalid-argument", `training: ${name} must be ${expected}, got ${value}`);
  checkKinds(settings);
  for (const name of required) {
    if (settings[name] === undefined) throw refuse(name, `a ${kinds[name]}`, undefined);
  }
  const { patch, learningRate, loss } = settings;
  const task = taskOf(settings);
  for (const [name, least] of Object.entries(wholeNumbers)) {
    const value = settings[name as keyof typeof wholeNumbers];
    if (!Number.isSafeInteger(value) || value < least) throw refuse(name, `a whole number of at least ${least}`, value);
  }
  const { rateSince = 0 } = settings;
  if (!Number.isSafeInteger(rateSince) || rateSince < 0) throw refuse("rateSince", "a step", rateSince);
  if (!(learningRate > 0 && learningRate < 10)) throw refuse("learningRate", "between 0 and 10", learningRate);
  const { restoration, latent } = task;
  if (restoration && patch % restoration.scale !== 0) {
    throw refuse("patch", `a multiple of the scale, ${restoration.scale}`, patch);
  }
  if (latent !== undefined && patch !== task.defaults.patch) {
    throw refuse("patch", `${task.defaults.patch}, the size of the images`, patch);
  }
  checkAlphaOptions("training", settings);
  const { definition } = trainingLoss(loss, settings, more);
  if (latent !== undefined && definition?.needsInput) {
    throw refuse("loss", "one that uses outputs alone, since they are generated from random numbers", loss);
  }
  return settings;
}

/** Refuses settings that are no object, have a setting that is none, or one of another kind. */
function checkKinds(settings: unknown): void {
  const kindOf = (value: unknown) => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value);
  const fail = (problem: string) => {
    throw new ReconlossError("invalid-argument", `training: ${problem}`);
  };
  if (kindOf(settings) !== "object") fail(`settings must be an object, got ${kindOf(settings)}`);
  for (const [name, value] of Object.entries(settings as object)) {
    if (!Object.hasOwn(kinds, name)) {
      fail(`there is no setting ${JSON.stringify(name)}${suggestion(name, Object.keys(kinds))}`);
    }
    const kind = kinds[name as keyof TrainingSettings];
    if (value !== undefined && kindOf(value) !== kind) fail(`${name} must be a ${kind}, got ${kindOf(value)}`);
  }
}

/**
 * The settings with which a training goes on: those that are given, but for what only its folder knows. A new learning rate holds from here on, and its schedule begins here.
 *
 * @param saved - the settings so far
 * @param steps - the steps taken so far
 */
export function resumedSettings(given: TrainingSettings, saved: TrainingSettings, steps: number): TrainingSettings {
  const { rateSince, ratesBefore, learningRate, init, network } = saved;
  const before = [ratesBefore, `${learningRate} to step ${steps}`].filter((text) => text !== undefined).join(", ");
  const rates =
    given.learningRate === learningRate ? { rateSince, ratesBefore } : { rateSince: steps, ratesBefore: before };
  return JSON.parse(JSON.stringify({ ...given, ...rates, init, network })) as TrainingSettings;
}

/** The factor of the learning rate at each step of a task's training. */
export function scheduleOf(task: Task, { steps, rateSince = 0 }: TrainingSettings): Schedule {
  // A generator and its discriminator keep their pace; everything else comes to rest.
  if (task.latent !== undefined) return constantRate();
  const left = Math.max(0, steps - rateSince);
  // What was learnt before needs no warm-up.
  const warmup = rateSince === 0 ? Math.min(100, Math.floor(left / 20)) : 0;
  const rate = cosineRate({ steps: left, warmup });
  return (step) => rate(step - rateSince);
}

/** The task of a training. */
export function taskOf({ task, scale, size, channels }: Pick<TrainingSettings, "task" | keyof TaskOptions>): Task {
  return makeTask(task, { scale, size, channels });
}

/**
 * The loss of a training. A discriminator starts from the training's seed and takes images of its channels, unless the loss says otherwise.
 *
 * @throws {ReconlossError} `syntax` for a loss that does not parse, `invalid-argument` for one that cannot be computed of the patches
 */
export function trainingLoss(
  spec: string,
  { seed, batch, patch, channels = 3 }: Pick<TrainingSettings, "seed" | "batch" | "patch" | "channels">,
  more: readonly LossFactory[] = [],
): Loss {
  const ofTraining: typeof gan = Object.assign(
    (options: Parameters<typeof gan>[0] = {}, resources?: Parameters<typeof gan>[1]) => {
      const defined = Object.keys(options).map((name) => name.toLowerCase());
      const others = Object.entries({ seed, channels }).filter(([name]) => !defined.includes(name));
      return gan({ ...Object.fromEntries(others), ...options }, resources);
    },
    { info: gan.info },
  );
  const loss = parseLoss(spec, [ofTraining as unknown as LossFactory, ...more]);
  checkPixelRange([loss], "files");
  const refusal = loss.refusal([batch, channels, patch, patch]);
  if (refusal === undefined) return loss;
  throw new ReconlossError(
    "invalid-argument",
    `training: the loss cannot take patches of ${patch}x${patch} pixels in ${counted(channels, "channel", "channels")}: ${refusal}`,
  );
}
