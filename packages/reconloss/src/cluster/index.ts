import "../weights/disk.ts";

export type { QueueOptions } from "./connection.ts";
export type { JobProgress } from "./queue.ts";
export { type ActiveShard, type ClusterStatus, clusterStatus } from "./status.ts";
export {
  type FailedShard,
  type SubmitOptions,
  type Submitted,
  type SuperviseOptions,
  submitShards,
  superviseShards,
} from "./submit.ts";
export { type ShardEvent, type WorkerOptions, type WorkerReport, workShards } from "./work.ts";
