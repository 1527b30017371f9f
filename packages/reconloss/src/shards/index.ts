import "../weights/disk.ts";

export { type ComparisonPlan, type MergedComparison, planComparison } from "./compare.ts";
export { type DistributionPlan, type MergedDistribution, planDistribution } from "./distribution.ts";
export type { MergeOptions } from "./kind.ts";
export type { Manifest, PlannedRange } from "./manifest.ts";
export { type Merged, mergeShards } from "./merge.ts";
export type { PartsPlace } from "./place.ts";
export type { ShardCount, ShardRange } from "./ranges.ts";
export { planStatistics, type StatisticsPlan } from "./stats.ts";
export { type ShardStatus, shardStatus } from "./status.ts";
export { runShard, type ShardOptions, type ShardProgress, type ShardResult } from "./work.ts";
