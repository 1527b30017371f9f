import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";

/** The arguments of a learner's step besides the images. */
export interface UpdateOptions {
  /** The device that computes it; default `cpu`. */
  readonly device?: Device;
  /** The model's inputs, for a learner that takes both. */
  readonly input?: Tensor;
  /** The number of this training step, from 1, for a learner that begins later. Default: after all beginnings. */
  readonly step?: number;
}

/** The part of a loss that learns while an image model is trained with it: a discriminator and its optimiser. */
export interface Learner {
  /** Warnings about its settings, known before any training: what may keep it from learning. */
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

/** The trained tensors by name, and the number of updates that led to them. */
export interface TrainingState {
  readonly steps: number;
  readonly tensors: Readonly<Record<string, Tensor>>;
}
