import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";

/** The part of a loss that learns while an image model is trained with it: a discriminator and its optimiser. */
export interface Learner {
  /** What there is to know of how it is set up before anything is trained with it: what may keep it from learning. */
  readonly notes: readonly string[];
  /**
   * Learns from a batch of real images and the outputs that stand beside them, and says how it went, each a mean over the batch.
   *
   * @param options - `device`: where it is computed; default `cpu`
   */
  update(real: Tensor, fake: Tensor, options?: { readonly device?: Device }): Promise<Readonly<Record<string, number>>>;
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
