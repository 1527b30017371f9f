/**
 * Networks that learn from photographs: the tasks, their data, a training from its first step to the exported model, and applying that model. For Node.
 *
 * @module
 */
import "../weights/disk.ts";

export { enlargeAlpha, type SeparatedAlpha, separateAlpha } from "./alpha.ts";
export { type ApplyOptions, applyModel, generateImages } from "./apply.ts";
export {
  type Baseline,
  type Degradation,
  type DegradedPaths,
  type DegradedPhotograph,
  degradePhotograph,
} from "./degradation.ts";
export { type BatchOptions, exampleBatch } from "./examples.ts";
export { type Coverage, describeCoverage } from "./held-out.ts";
export { exportTrained, type ImageModel, type ModelInfo, type OpenModelOptions, openModel } from "./image-model.ts";
export type { Measure, Sample } from "./judge.ts";
export {
  type Photograph,
  PhotographStore,
  type Skipped,
  type Split,
  type StoreOptions,
  splitPhotographs,
} from "./photographs.ts";
export { completeSettings, type GivenSettings, type TrainingSettings } from "./settings.ts";
export type { Example, Restoration, Task, TaskDefaults } from "./task.ts";
export { makeTask, type TaskOptions, taskList } from "./tasks.ts";
export {
  runTraining,
  type StepRecord,
  savedSettings,
  type TrainingOptions,
  type TrainingProgress,
  type ValidationRecord,
} from "./training.ts";
export type { Scores } from "./validation.ts";
