import "../weights/disk.ts";

export { type MetricName, metricNames } from "@reconloss/core/metrics";
export type { Neighbour, SetDetails } from "./details.ts";
export {
  computeStatistics,
  type DistributionOptions,
  type DistributionReport,
  evaluateDistribution,
  type SetReport,
} from "./evaluate.ts";
export type { UnreadableImage } from "./extract.ts";
export {
  type Extractor,
  type InceptionExtractorOptions,
  inceptionExtractor,
  tinyExtractor,
} from "./extractor.ts";
export { type DistributionProgress, type FeatureOptions, inceptionDims } from "./features.ts";
export { type OnnxExtractorOptions, onnxExtractor } from "./onnx-extractor.ts";
export type { PatchOptions } from "./patches.ts";
export { readStatistics, type StatisticsFile, writeStatistics } from "./statistics-file.ts";
