import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type Loss, type LossFactory, ReconlossError, type Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { adam, createTrainer, type Schedule, type Trainer } from "@reconloss/core/train";
import { makeFolder, writeFileAtomically } from "../files.ts";
import { type DecodeNote, decodeSummary, type IgnoredFiles } from "../image/index.ts";
import { type Lock, tryLock } from "../lock.ts";
import { loadCheckpoint, saveCheckpoint } from "../train/index.ts";
import { openCheckpoint } from "../weights/open.ts";
import { exampleBatch } from "./examples.ts";
import type { Coverage } from "./held-out.ts";
import { exportTrained } from "./image-model.ts";
import { beginning } from "./initial-network.ts";
import { type Judge, judgeFor, type Measure, type Sample } from "./judge.ts";
import { type Dated, StepLog } from "./log.ts";
import { padToMultiple, topLeft } from "./patches.ts";
import { type Photograph, PhotographStore, type Skipped, splitPhotographs } from "./photographs.ts";
import { checkSettings, resumedSettings, scheduleOf, type TrainingSettings, taskOf, trainingLoss } from "./settings.ts";
import type { Task } from "./task.ts";
import type { Scores } from "./validation.ts";

/** The record of a step of a training. */
export interface StepRecord extends Dated {
  /** The minimised value. */
  readonly value: number;
  /** The learning rate; not in logs of older versions. */
  readonly rate?: number;
  /** The value of each term before its weight, and the weight where that is adaptive; and of what learns beside the network, its own numbers. */
  readonly terms: Readonly<Record<string, number>>;
}

/** The scores of the network's outputs after a step. */
export interface ValidationRecord extends Dated {
  readonly scores: Scores;
  /** Over how many crops, or generated images, each score is. */
  readonly measured: Readonly<Record<string, number>>;
}

/** The state of a training. */
export interface TrainingProgress {
  readonly settings: TrainingSettings;
  readonly task: Task;
  readonly status: "running" | "finished" | "interrupted" | "failed";
  /** The error, where there was one. */
  readonly problem?: string;
  readonly steps: number;
  readonly log: readonly StepRecord[];
  readonly validation: readonly ValidationRecord[];
  /** The losses that judge outputs, against the baseline without the network. */
  readonly measures: readonly Measure[];
  readonly baseline: { readonly name: string; readonly scores: Scores };
  /** The part of the held-out photographs that the scores are of. */
  readonly coverage: Coverage;
  readonly samples: readonly Sample[];
  readonly parameters: number;
  /** The numbers of photographs for training and held out. */
  readonly photographs: { readonly training: number; readonly validation: number };
  /** Photographs that could not be used so far, and what there is to know of the measures. */
  readonly skipped: readonly Skipped[];
  /** The numbers of files of each folder that are no images, by extension. */
  readonly ignoredFiles?: Readonly<Record<string, IgnoredFiles>>;
  readonly notes: readonly string[];
  /** The conversions of pixels on their way, and the numbers of photographs so far: `2 rotated by EXIF`; absent where nothing was. */
  readonly decode?: string;
  /** Target patches that were learnt from in a second, lately. */
  readonly imagesPerSecond?: number;
  readonly secondsLeft?: number;
}

/** The callbacks of {@link runTraining} and its signal to stop. */
export interface TrainingOptions {
  /** Goes on from the checkpoint in the folder. */
  resume?: boolean;
  /** Losses of one's own that the settings' loss names. */
  losses?: readonly LossFactory[];
  /** Aborting it stops the training after the current step, and saves. */
  signal?: AbortSignal;
  /** After each step. */
  onStep?: (record: StepRecord, progress: () => TrainingProgress) => void;
  /** After each checkpoint, and at the end: a report can be written. */
  onSaved?: (progress: TrainingProgress) => Promise<void>;
}

const files = {
  lock: "training.lock",
  checkpoint: "checkpoint.safetensors",
  log: "log.jsonl",
  validation: "validation.jsonl",
  model: "model.onnx",
  network: "init.onnx",
};
/** Under which name a checkpoint says how many steps its network has taken. */
const stepsOfModel = "model steps";
/** Between validations, a checkpoint is saved so often, in milliseconds. */
const saveEvery = 60_000;

/**
 * The settings with which the training in a folder was begun.
 *
 * @param more - losses of one's own that its loss names
 * @throws {ReconlossError} `file` where there is none; `checkpoint` where it is damaged; `syntax` for a loss that is not known
 *
 * @example
 * ```ts
 * import { savedSettings } from "reconloss/tasks";
 * const error = await savedSettings("no-such-folder").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function savedSettings(folder: string, more: readonly LossFactory[] = []): Promise<TrainingSettings> {
  checkArguments("savedSettings", { folder: [folder, "text"], more: [more, "list?"] });
  return (await savedTraining(folder, more)).settings;
}

/** The settings of the training in a folder, and how many steps it has taken. */
async function savedTraining(folder: string, more: readonly LossFactory[]) {
  const path = join(folder, files.checkpoint);
  if (!(await exists(path))) throw new ReconlossError("file", `training: there is no ${path} to resume from`);
  const checkpoint = await openCheckpoint(path);
  const { settings, [stepsOfModel]: steps } = checkpoint.metadata;
  await checkpoint.close();
  try {
    return { settings: checkSettings(JSON.parse(settings), more), steps: Number(steps) };
  } catch (cause) {
    // A loss of the user's own is not named in the folder: code is run only where the user says so.
    if (cause instanceof ReconlossError && cause.code === "syntax") throw cause;
    const reason = cause instanceof ReconlossError ? `: ${cause.message}` : "";
    throw new ReconlossError("checkpoint", `${path}: not a checkpoint of reconloss train${reason}`, { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Trains a network for a task, with everything that is needed to look at it, stop it, go on and use it, in one folder: `checkpoint.safetensors`, `log.jsonl` and
 * `validation.jsonl` with a line for each step and validation, `model.onnx`, and `init.onnx` where it began with an ONNX file. What happens follows from the settings alone: a training that was stopped or killed
 * and goes on gives the same numbers, to the last bit, as one that was not.
 *
 * @param folder - where the files are; made if it is not there
 * @throws {ReconlossError} `file` when the folder holds a training already and `resume` is not said, or nothing to resume; `non-finite` when a step gives NaN or
 * infinity: the last checkpoint stays as it was; also what reading photographs and computing the loss throw
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { completeSettings, runTraining } from "reconloss/tasks";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * for (let i = 0; i < 10; i++) await writeImage(join(folder, "photos", `${i}.png`), Tensor.full([1, 3, 48, 48], i / 10));
 * const settings = completeSettings({ task: "deblur", data: join(folder, "photos"), steps: 2, batch: 2, patch: 16 });
 * const { status, log } = await runTraining(settings, join(folder, "out"));
 * log.map(({ step }) => step); // [1, 2]
 * ```
 */
export async function runTraining(
  settings: TrainingSettings,
  folder: string,
  options: TrainingOptions = {},
): Promise<TrainingProgress> {
  checkArguments("runTraining", {
    settings: [settings, "object"],
    folder: [folder, "text"],
    options: [options, "object?"],
  });
  const run = await Run.start(settings, folder, options);
  try {
    return await run.go();
  } finally {
    await run.close();
  }
}

/** The parts of a training. */
interface Parts {
  readonly settings: TrainingSettings;
  readonly folder: string;
  readonly options: TrainingOptions;
  /** Two trainings in one folder would write one log. */
  readonly lock: Lock;
  readonly task: Task;
  readonly trainer: Trainer;
  readonly schedule: Schedule;
  readonly store: PhotographStore;
  readonly judge: Judge;
  readonly log: StepLog<StepRecord>;
  readonly validation: StepLog<ValidationRecord>;
  readonly decoded: ReadonlyMap<string, readonly DecodeNote[]>;
  readonly facts: Pick<TrainingProgress, "photographs" | "parameters" | "ignoredFiles">;
}

async function refuseExisting(folder: string): Promise<void> {
  if (!(await exists(join(folder, files.checkpoint)))) return;
  const advice = "resume it, or choose another folder";
  throw new ReconlossError("file", `training: ${folder} already contains a training; ${advice}`);
}

/** Claims a folder for one training. */
async function lockFolder(folder: string): Promise<Lock> {
  const taken = await tryLock(join(folder, files.lock));
  if ("lock" in taken) return taken.lock;
  const whom = taken.holder === undefined ? "another process" : `process ${taken.holder.pid}`;
  throw new ReconlossError("file", `training: ${whom} is training in ${folder}; stop it, or choose another folder`);
}

class Run {
  readonly #parts: Parts;
  #samples: readonly Sample[] = [];
  #saved = { step: -1, time: 0 };
  /** Seconds that steps took lately, as a running mean. */
  #pace?: number;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async start(given: TrainingSettings, folder: string, options: TrainingOptions): Promise<Run> {
    const path = join(folder, files.checkpoint);
    const saved = options.resume ? await savedTraining(folder, options.losses ?? []) : undefined;
    if (!options.resume) await refuseExisting(folder);
    const begun = saved === undefined ? given : resumedSettings(given, saved.settings, saved.steps);
    const network = await beginning(begun, join(folder, files.network), saved !== undefined);
    const settings = { ...begun, ...(network?.sha256 === undefined ? {} : { network: network.sha256 }) };
    const task = network?.task ?? taskOf(settings);
    const loss = trainingLoss(settings.loss, settings, options.losses);
    const schedule = scheduleOf(task, settings);
    const trainer = makeTrainer(task, loss, schedule, settings);
    if (options.resume) await loadCheckpoint(trainer, path);

    const decoded = new Map<string, readonly DecodeNote[]>();
    const split = await splitPhotographs(settings.data, settings.validation);
    const store = new PhotographStore(split.training, {
      leastSide: task.leastSide(settings.patch),
      limitPixels: settings.megapixels * 1e6,
      seed: settings.seed,
      alpha: settings.alpha,
      background: settings.background,
      decoded,
    });
    // Before anything is written: that there is something to learn from.
    await store.forStep(trainer.steps);
    const judge = await judgeFor(task, split.validation, {
      ...{
        alpha: settings.alpha,
        background: settings.background,
        all: settings.validationAll,
        trainedWith: settings.loss,
        decoded,
      },
    });
    const facts = {
      photographs: { training: filesOf(split.training), validation: filesOf(split.validation) },
      ignoredFiles: split.ignoredFiles,
      parameters: Object.values(trainer.model.parameters).reduce(
        (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
        0,
      ),
    };
    await makeFolder(folder);
    const lock = await lockFolder(folder);
    let log: StepLog<StepRecord> | undefined;
    try {
      // Again, now that nobody else writes here: another training may just have ended.
      if (options.resume) await loadCheckpoint(trainer, path);
      else await refuseExisting(folder);
      if (network?.copy !== undefined) await writeFileAtomically(join(folder, files.network), network.copy);
      if (saved !== undefined && trainer.steps !== saved.steps) {
        throw new ReconlossError(
          "file",
          `training: another process has continued the training in ${folder}; resume again`,
        );
      }
      log = await StepLog.open<StepRecord>(join(folder, files.log), trainer.steps, ["terms"]);
      const validation = await StepLog.open<ValidationRecord>(join(folder, files.validation), trainer.steps, [
        "scores",
        "measured",
      ]);
      return new Run({
        settings,
        folder,
        options,
        lock,
        task,
        trainer,
        schedule,
        store,
        judge,
        log,
        validation,
        facts,
        decoded,
      });
    } catch (error) {
      await log?.close();
      await lock.release();
      throw error;
    }
  }

  async go(): Promise<TrainingProgress> {
    const { settings, options, trainer, folder, judge, validation } = this.#parts;
    const { steps, every } = settings;
    try {
      // A training that was killed at its very beginning has judged the untrained network already.
      if (validation.records.length === 0) await this.#validate();
      else this.#samples = await judge.samples(this.#network);
      await this.#save("running");
      while (trainer.steps < steps && !options.signal?.aborted) {
        await this.#step();
        const isLast = trainer.steps === steps;
        const isDue = isLast || trainer.steps % every === 0;
        if (isDue) await this.#validate();
        if (!isLast && (isDue || Date.now() - this.#saved.time > saveEvery)) await this.#save("running");
      }
    } catch (error) {
      if (!(error instanceof ReconlossError) || error.code !== "non-finite") throw error;
      const problem = `${error.message}; the checkpoint of step ${this.#saved.step} in ${folder} is kept`;
      await options.onSaved?.(this.#progress("failed", problem));
      throw new ReconlossError("non-finite", problem, { cause: error });
    }
    if (trainer.steps === steps) return this.#save("finished");
    this.#samples = await judge.samples(this.#network);
    return this.#save("interrupted");
  }

  async close(): Promise<void> {
    await this.#parts.log.close();
    await this.#parts.validation.close();
    await this.#parts.lock.release();
  }

  async #step(): Promise<void> {
    const { task, store, trainer, schedule, settings, log, options } = this.#parts;
    const begun = performance.now();
    const { input, target } = await exampleBatch(task, store, trainer.steps, settings);
    const { step, value, terms, weights, learned } = await trainer.step(input, target);
    const adaptive = Object.fromEntries(Object.entries(weights).map(([name, weight]) => [`weight of ${name}`, weight]));
    const rate = settings.learningRate * schedule(step);
    const record = { step, value, rate, terms: { ...terms, ...adaptive, ...Object.assign({}, ...learned) } };
    await log.append(record);
    const seconds = (performance.now() - begun) / 1000;
    // The first step compiles; it says nothing about the others.
    if (this.#pace === undefined) this.#pace = Number.NaN;
    else this.#pace = Number.isNaN(this.#pace) ? seconds : 0.95 * this.#pace + 0.05 * seconds;
    options.onStep?.(record, () => this.#progress("running"));
  }

  #network = async (input: Tensor): Promise<Tensor> => {
    const { trainer, task } = this.#parts;
    const { multiple = 1, restoration } = task;
    if (multiple === 1) return trainer.apply(input);
    const [, , h, w] = input.shape;
    const scale = restoration?.scale ?? 1;
    return topLeft(await trainer.apply(padToMultiple(input, multiple)), h * scale, w * scale);
  };

  /** Judges the network as it is, and notes that. */
  async #validate(): Promise<void> {
    const { trainer, judge, validation } = this.#parts;
    const { samples, scores, measured } = await judge.judge(this.#network);
    this.#samples = samples;
    await validation.append({ step: trainer.steps, scores, measured });
  }

  async #save(status: TrainingProgress["status"]): Promise<TrainingProgress> {
    const { settings, folder, options, task, trainer } = this.#parts;
    const { steps, model, tensors } = trainer;
    if (steps !== this.#saved.step) {
      // First, so that after a power cut no log ends before its checkpoint.
      await this.#parts.log.flush();
      await this.#parts.validation.flush();
      await saveCheckpoint(trainer, join(folder, files.checkpoint), { settings: JSON.stringify(settings) });
      const bytes = exportTrained(task, model, tensors, { loss: settings.loss, steps });
      await writeFileAtomically(join(folder, files.model), bytes);
      this.#saved = { step: steps, time: Date.now() };
    }
    const progress = this.#progress(status);
    await options.onSaved?.(progress);
    return progress;
  }

  #progress(status: TrainingProgress["status"], problem?: string): TrainingProgress {
    const { settings, task, trainer, store, judge, log, validation, facts, decoded } = this.#parts;
    const { measures, baseline, coverage, notes } = judge;
    const decode = decodeSummary([...decoded.values()].flat());
    const pace = Number.isFinite(this.#pace) ? (this.#pace as number) : undefined;
    const speed = pace && {
      imagesPerSecond: settings.batch / pace,
      secondsLeft: pace * (settings.steps - trainer.steps),
    };
    return {
      ...facts,
      settings,
      task,
      status,
      problem,
      steps: trainer.steps,
      log: log.records,
      validation: validation.records,
      measures,
      baseline: { name: baseline.name, scores: baseline.scores ?? validation.records[0]?.scores ?? {} },
      coverage,
      samples: this.#samples,
      skipped: [...judge.skipped, ...store.skipped],
      notes: [
        ...notes,
        ...(trainer.loss.learners ?? []).flatMap((learner) => learner.notes),
        ...unfinishedTerms(trainer.loss, settings.steps),
      ],
      ...(decode === undefined ? {} : { decode }),
      ...speed,
    };
  }
}

/** Notes on terms that do not begin, or do not get to their whole weight, before a training ends. */
function unfinishedTerms({ later = [] }: Loss, steps: number): string[] {
  return later.flatMap(({ label, start, warmup }) => {
    if (start >= steps) return [`${label} starts after ${start} steps: it is unused in a training of ${steps}`];
    if (start + warmup <= steps) return [];
    const share = Math.round((100 * (steps - start)) / warmup);
    return [
      `${label} reaches its full weight at step ${start + warmup}: a training of ${steps} ends at ${share} % of it`,
    ];
  });
}

/** The number of files that these are, or are parts of. */
function filesOf(photographs: readonly Photograph[]): number {
  return new Set(photographs.map(({ path }) => path)).size;
}

function makeTrainer(
  task: Task,
  loss: Loss,
  schedule: Schedule,
  { steps, learningRate, seed }: TrainingSettings,
): Trainer {
  return createTrainer({
    model: task.model(),
    loss,
    optimizer: adam(learningRate, task.latent === undefined ? {} : { betas: [0.5, 0.999] }),
    schedule,
    clip: 1,
    // Short trainings forget their beginning sooner.
    ema: Math.min(0.999, steps / (steps + 20)),
    seed,
  });
}
