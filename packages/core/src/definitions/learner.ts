import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";

/** What a learner is told besides the images. */
export interface UpdateOptions {
  /** Where it is computed; default `cpu`. */
  readonly device?: Device;
  /** What the model made its outputs of, for a learner that looks at both. */
  readonly input?: Tensor;
  /** Which step of the training this is, from 1, for a learner that begins later. Default: after all beginnings. */
  readonly step?: number;
}

/** The part of a loss that learns while an image model is trained with it: a discriminator and its optimiser. */
export interface Learner {
  /** What there is to know of how it is set up before anything is trained with it: what may keep it from learning. */
  readonly notes: readonly string[];
  /** Learns from a batch of real images and the outputs that stand beside them, and says how it went, each a mean over the batch; nothing where it has not begun. */
  update(real: Tensor, fake: Tensor, options?: UpdateOptions): Promise<Readonly<Record<string, number>>>;
  /** Takes back the last update, where what stands beside it could not take its own. */
  undo?(): void;
  /** Everything that a bit-identical continuation needs. */
  save(): TrainingState;
  /** @throws {ReconlossError} `checkpoint` for tensors that are missing or of another shape */
  restore(state: TrainingState): void;
}

/** What training changes, as tensors by name, and how many updates led to it. */
export interface TrainingState {
  readonly steps: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}
