/**
 * Training image models with the losses: optimisers, compiled steps, checkpoints.
 *
 * @module
 */
export {
  type AdversarialLoss,
  type AdversarialOptions,
  adversarial,
  gan,
  type Penalty,
  r1,
  wganGp,
} from "./adversarial.ts";
export { type ExportModelOptions, exportModel } from "./export-model.ts";
export { type AdamOptions, adam, adamW, type Optimizer, type SgdOptions, sgd, type Update } from "./optimizers.ts";
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
