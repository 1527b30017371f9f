export type { Neighbour, SetDetails } from "./details.ts";
export {
  computeStatistics,
  type DistributionOptions,
  type DistributionProgress,
  type DistributionReport,
  evaluateDistribution,
  type FeatureOptions,
  type MetricName,
  metricNames,
  type SetReport,
} from "./evaluate.ts";
export type { UnreadableImage } from "./extract.ts";
export {
  type Extractor,
  type InceptionExtractorOptions,
  inceptionExtractor,
  type OnnxExtractorOptions,
  onnxExtractor,
  tinyExtractor,
} from "./extractor.ts";
export { readStatistics, type StatisticsFile, writeStatistics } from "./statistics-file.ts";
