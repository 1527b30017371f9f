export { type FeatureRows, MemoryRows, type Side } from "./features.ts";
export { FrechetMetric, type FrechetOptions, type FrechetResult, frechetResult } from "./frechet.ts";
export { type FrechetParts, frechetDistance } from "./frechet-distance.ts";
export { type FeatureFunction, type FrechetLoss, type FrechetLossOptions, frechetLoss } from "./frechet-loss.ts";
export {
  InceptionScore,
  type InceptionScoreOptions,
  type InceptionScoreResult,
  inceptionScore,
} from "./inception-score.ts";
export {
  KernelDistance,
  type KernelDistanceOptions,
  type KernelDistanceResult,
  kernelDistance,
} from "./kernel-distance.ts";
export type { Matrix } from "./matrix.ts";
export type { Metric, MetricResult, Protocol } from "./metric.ts";
export { Moments, type Statistics } from "./moments.ts";
export { NumpyRandom } from "./numpy-random.ts";
export {
  PrecisionRecall,
  type PrecisionRecallOptions,
  type PrecisionRecallResult,
  precisionRecall,
} from "./precision-recall.ts";
