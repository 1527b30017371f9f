import { checkFields, checkKind } from "@reconloss/core/internal";
import { type ShardStatus, statusOf } from "../shards/status.ts";
import { type QueueOptions, queueFields } from "./connection.ts";
import { type JobProgress, openQueue } from "./queue.ts";
import type { FailedShard } from "./submit.ts";

/** A shard that is being computed. */
export interface ActiveShard extends JobProgress {
  readonly shard: number;
  readonly worker?: string;
}

/** The progress of a plan: from the parts on disk and the jobs in the queue as they are now, never from events that were counted. */
export interface ClusterStatus extends ShardStatus {
  readonly jobs: {
    readonly waiting: number;
    readonly active: number;
    /** Waiting for another try. */
    readonly delayed: number;
    readonly failed: number;
  };
  readonly workers: number;
  readonly active: readonly ActiveShard[];
  readonly failed: readonly FailedShard[];
  /** Missing shards that have no job: submit again. */
  readonly withoutJob: number;
  /** Images or pairs per second of all workers. */
  readonly rate: number;
  /** Until all is done at this rate; absent where nothing moves. */
  readonly remainingSeconds?: number;
}

/** Failed and active shards that are looked at. */
const most = 1_000;

/**
 * Looks how far the work of a plan is.
 *
 * @param folder - the work folder
 * @throws {ReconlossError} `file` and `checkpoint` for a folder without a plan; `missing-dependency` without BullMQ; `download` where the server does not answer
 *
 * @example
 * ```ts
 * import { clusterStatus } from "reconloss/cluster";
 * const error = await clusterStatus("no-such-folder", { redis: "redis://localhost" }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function clusterStatus(folder: string, options: QueueOptions = {}): Promise<ClusterStatus> {
  checkKind("folder", folder, "string");
  checkFields("options", options, queueFields);
  const { queue, manifest, parts: planned, close } = await openQueue(folder, options);
  try {
    const counts = await queue.getJobCounts("wait", "prioritized", "active", "delayed", "failed");
    const [activeJobs, failedJobs, workers] = [
      await queue.getActive(0, most - 1),
      await queue.getFailed(0, most - 1),
      await queue.getWorkersCount().catch(() => 0),
    ];
    const parts = statusOf(manifest, await planned.look());
    const active = activeJobs.map(({ data, progress, processedBy }) => ({
      shard: data.shard,
      ...(processedBy ? { worker: processedBy } : {}),
      ...(typeof progress === "object" ? (progress as JobProgress) : { done: 0, total: 0, rate: 0 }),
    }));
    const missing = new Set(parts.missing);
    const rate = active.reduce((sum, each) => sum + each.rate, 0);
    const left = parts.items - parts.itemsDone - active.reduce((sum, { done }) => sum + done, 0);
    const jobs = { waiting: counts.wait + counts.prioritized, active: counts.active, delayed: counts.delayed };
    return {
      ...parts,
      jobs: { ...jobs, failed: counts.failed },
      workers,
      active,
      failed: failedJobs
        .filter(({ data }) => missing.has(data.shard))
        .map(({ data, failedReason }) => ({ shard: data.shard, reason: failedReason })),
      withoutJob: Math.max(0, missing.size - jobs.waiting - jobs.active - jobs.delayed - counts.failed),
      rate,
      ...(rate > 0 ? { remainingSeconds: Math.max(0, left) / rate } : {}),
    };
  } finally {
    await close();
  }
}
