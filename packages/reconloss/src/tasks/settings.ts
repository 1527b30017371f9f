import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkAlphaOptions, checkPixelRange, parseLoss } from "@reconloss/core/internal";
import { gan } from "@reconloss/core/train";
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
  /** The loss, as the grammar writes it; `gan` is a discriminator that learns beside the network. */
  readonly loss: string;
  readonly steps: number;
  readonly seed: number;
  /** Patches in a step. */
  readonly batch: number;
  /** Side of the target's patches, in pixels. */
  readonly patch: number;
  readonly learningRate: number;
  /** Steps between validations. */
  readonly every: number;
  /** How many million pixels of photographs are held in memory at once. */
  readonly megapixels: number;
  /** What becomes of transparent photographs: they are left out, or laid over {@link TrainingSettings.background}. */
  readonly alpha: "reject" | "composite";
  /** What transparent photographs are laid over: a colour's name, `#rrggbb` or `checker`. Default white. */
  readonly background?: string;
}

/** What must be said; everything else has a default. */
export type GivenSettings = Pick<TrainingSettings, "task" | "data"> & Partial<TrainingSettings>;

type Kind = "string" | "number" | "boolean";

/** What each setting is; a file may say anything. */
const kinds: Readonly<Record<keyof TrainingSettings, Kind>> = {
  task: "string",
  scale: "number",
  size: "number",
  data: "string",
  validation: "string",
  validationAll: "boolean",
  loss: "string",
  steps: "number",
  seed: "number",
  batch: "number",
  patch: "number",
  learningRate: "number",
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
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const settings = {
    loss: defaults.loss,
    seed: 1,
    batch: defaults.batch,
    patch: defaults.patch,
    learningRate: defaults.learningRate,
    every: Math.max(1, Math.round(steps / 10)),
    megapixels: 256,
    alpha: said.background === undefined ? "reject" : "composite",
    ...said,
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
  if (!(learningRate > 0 && learningRate < 10)) throw refuse("learningRate", "between 0 and 10", learningRate);
  const { restoration, latent } = task;
  if (restoration && patch % restoration.scale !== 0) {
    throw refuse("patch", `a multiple of the scale, ${restoration.scale}`, patch);
  }
  if (latent !== undefined && patch !== task.defaults.patch) {
    throw refuse("patch", `${task.defaults.patch}, the size of the images`, patch);
  }
  checkAlphaOptions("training", settings);
  trainingLoss(loss, settings, more);
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
    if (!Object.hasOwn(kinds, name)) fail(`there is no setting ${JSON.stringify(name)}`);
    const kind = kinds[name as keyof TrainingSettings];
    if (value !== undefined && kindOf(value) !== kind) fail(`${name} must be a ${kind}, got ${kindOf(value)}`);
  }
}

/** The task of a training. */
export function taskOf({ task, scale, size }: Pick<TrainingSettings, "task" | "scale" | "size">): Task {
  return makeTask(task, { scale, size });
}

/**
 * The loss of a training. A discriminator starts from the training's seed, unless the loss gives it one of its own.
 *
 * @throws {ReconlossError} `syntax` for a loss that does not parse, `invalid-argument` for one that cannot be computed of the patches
 */
export function trainingLoss(
  spec: string,
  { seed, batch, patch }: Pick<TrainingSettings, "seed" | "batch" | "patch">,
  more: readonly LossFactory[] = [],
): Loss {
  const seeded: typeof gan = Object.assign(
    (options: Parameters<typeof gan>[0] = {}, resources?: Parameters<typeof gan>[1]) =>
      gan(
        Object.keys(options).some((name) => name.toLowerCase() === "seed") ? options : { seed, ...options },
        resources,
      ),
    { info: gan.info },
  );
  const loss = parseLoss(spec, [seeded as unknown as LossFactory, ...more]);
  checkPixelRange([loss], "files");
  const refusal = loss.refusal([batch, 3, patch, patch]);
  if (refusal === undefined) return loss;
  throw new ReconlossError(
    "invalid-argument",
    `training: the loss cannot take patches of ${patch}x${patch} pixels: ${refusal}`,
  );
}
