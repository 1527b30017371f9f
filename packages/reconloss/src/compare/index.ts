import "../weights/disk.ts";

export { type AppliedProtocol, applyProtocol, type ProtocolOverrides } from "./apply-protocol.ts";
export {
  type Baseline,
  compareWithBaseline,
  parseBaseline,
  parseTolerances,
  type Tolerance,
} from "./baseline.ts";
export { comparePairs } from "./compare.ts";
export type { CompareOptions, KeptOutcomes } from "./compare-options.ts";
export {
  type Condition,
  checkConditions,
  type Measured,
  mapStatisticsOf,
  parseConditions,
  type Verdict,
} from "./conditions.ts";
export { FinishedPairs } from "./finished.ts";
export { type Fit, fits } from "./fit.ts";
export type { LoadOptions } from "./load.ts";
export { type ModelMetricOptions, openModelMetric } from "./model-metric.ts";
export { arrowOf, badness, badnessOf, formatNumber, isWorse, worstFirst } from "./numbers.ts";
export { findProtocol, type Protocol, type ProtocolModel, type ProtocolTotal, protocols } from "./protocols.ts";
export { toCsv, toJson } from "./serialise.ts";
export { type Statistic, type Statistics, statisticOf } from "./statistics.ts";
export { summarise, unpairedFailures } from "./summary.ts";
export type {
  BaselineRecord,
  Change,
  Comparison,
  Failure,
  InspectedKind,
  MapStatistic,
  Note,
  Outcome,
  PairResult,
  ProtocolRecord,
} from "./types.ts";
