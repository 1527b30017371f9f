/**
 * Training image models with the losses: optimisers, compiled steps, checkpoints.
 *
 * @module
 */
export type { UpdateOptions } from "../definitions/learner.ts";
export { type AdversarialLoss, type AdversarialOptions, adversarial, gan } from "./adversarial.ts";
export { type ExportModelOptions, exportModel } from "./export-model.ts";
export { type AdamOptions, adam, adamW, type Optimizer, type SgdOptions, sgd, type Update } from "./optimizers.ts";
export { type Penalty, r1, r2, wganGp } from "./penalties.ts";
export { constantRate, cosineRate, type Schedule, steppedRate } from "./schedules.ts";
export {
  type Objective,
  type ObjectiveFunction,
  type RunOptions,
  type StepOptions,
  type StepResult,
  TrainingStep,
} from "./step.ts";
export { createTrainer, Trainer, type TrainerOptions, type TrainerStep } from "./trainer.ts";
