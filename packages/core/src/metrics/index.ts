export {
  type ClassFrechet,
  type ClassFrechetResult,
  classFid,
  classFrechet,
  frechetByClass,
} from "./class-frechet.ts";
export {
  defineMetric,
  type FeatureKind,
  type MetricContext,
  type MetricDefinition,
  type MetricFactory,
  type MetricInfo,
  type MetricNumber,
  type Need,
  type SetMetric,
  type SetResult,
  type SetState,
} from "./definition.ts";
export {
  type DensityCoverageOptions,
  type DensityCoverageResult,
  densityCoverage,
  prdc,
} from "./density-coverage.ts";
export type { Extrapolation } from "./extrapolation.ts";
export { type FeatureRows, type LabelledRows, type Labels, MemoryRows, type Side } from "./features.ts";
export {
  FrechetMetric,
  type FrechetOptions,
  type FrechetResult,
  fid,
  frechet,
  frechetResult,
  sfid,
} from "./frechet.ts";
export { type FrechetParts, frechetDistance } from "./frechet-distance.ts";
export {
  type FrechetInfinityOptions,
  type FrechetInfinityResult,
  fidInfinity,
  frechetInfinity,
  frechetToInfinity,
} from "./frechet-infinity.ts";
export { type FeatureFunction, type FrechetLoss, type FrechetLossOptions, frechetLoss } from "./frechet-loss.ts";
export {
  type InceptionInfinityOptions,
  type InceptionInfinityResult,
  inceptionInfinity,
  isInfinity,
} from "./inception-infinity.ts";
export {
  InceptionScore,
  type InceptionScoreOptions,
  type InceptionScoreResult,
  inceptionScore,
  is,
} from "./inception-score.ts";
export {
  KernelDistance,
  type KernelDistanceOptions,
  type KernelDistanceResult,
  kernelDistance,
  kid,
} from "./kernel-distance.ts";
export type { Matrix } from "./matrix.ts";
export { type MeanDiscrepancyOptions, meanDiscrepancy, mmd } from "./mean-discrepancy.ts";
export {
  type MemorisationOptions,
  type MemorisationResult,
  memorisationDistance,
  memorisationFrechet,
  mifid,
} from "./memorisation.ts";
export type { Metric, MetricResult, Protocol } from "./metric.ts";
export { Moments, type Statistics } from "./moments.ts";
export { blockImages, type MomentsNode, MomentsState, momentsOf } from "./moments-state.ts";
export { NumpyRandom } from "./numpy-random.ts";
export { parseMetric, parseMetrics } from "./parse.ts";
export {
  PrecisionRecall,
  type PrecisionRecallOptions,
  type PrecisionRecallResult,
  pr,
  precisionRecall,
} from "./precision-recall.ts";
export { type MetricName, metricFactories, metricNames } from "./registry.ts";
export { RowsState } from "./rows-state.ts";
export { loadState, mergeStates, type PartialState, saveState } from "./state-file.ts";
export { type VendiScoreOptions, vendi, vendiScore } from "./vendi-score.ts";
