import { setTimeout as sleep } from "node:timers/promises";
import { ReconlossError } from "@reconloss/core";
import { checkFields, checkKind, counted } from "@reconloss/core/internal";
import { type QueueOptions, queueFields } from "./connection.ts";
import { inBulk, jobId, openQueue, queuedShards, type ShardQueue } from "./queue.ts";

/** Options of {@link submitShards}. */
export interface SubmitOptions extends QueueOptions {
  /** The number of times that a shard whose computation fails is tried before it is given up. Default 5. */
  attempts?: number;
}

/** A shard that was given up, and why. */
export interface FailedShard {
  readonly shard: number;
  readonly reason: string;
}

/** The shards of a plan by what became of them. */
export interface Submitted {
  readonly shards: number;
  /** Those whose parts are on disk: they need no job. */
  readonly done: number;
  /** Those that have a new job. */
  readonly added: number;
  /** Those that had a job already. */
  readonly queued: number;
  /** Those that were given up; of a first submission none, since they are tried again. */
  readonly failed: readonly FailedShard[];
}

/** Before the second try, in milliseconds; each further wait is twice as long. */
const firstWait = 1_000;

/**
 * Gives each shard whose part is not on disk a job in the queue, unless it has one. It can be called again at any time, by any machine: after the server lost its data, or to
 * try again the shards that were given up.
 *
 * @param folder - the work folder
 * @throws {ReconlossError} `file` and `checkpoint` for a folder without a plan; `missing-dependency` without BullMQ; `download` where the server does not answer
 *
 * @example
 * ```ts
 * import { submitShards } from "reconloss/cluster";
 * const error = await submitShards("no-such-folder", { redis: "redis://localhost" }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function submitShards(folder: string, options: SubmitOptions = {}): Promise<Submitted> {
  checkSubmission(folder, options);
  const opened = await openQueue(folder, options);
  try {
    return await submit(opened, options.attempts, true);
  } finally {
    await opened.close();
  }
}

/** Options of {@link superviseShards}. */
export interface SuperviseOptions extends SubmitOptions {
  /** Stops looking; the workers go on. */
  signal?: AbortSignal;
  /** Milliseconds from look to look. Default 5000. */
  every?: number;
  /** Called after each look. */
  onStatus?: (status: Submitted) => void;
}

/**
 * Submits the shards of a plan, and again those whose jobs are lost, until every part is on disk. So the work ends even where the server loses its data; a supervisor that is
 * killed can be started again.
 *
 * @throws {ReconlossError} as {@link submitShards}; `checkpoint` where shards were given up and no job is left, naming them
 *
 * @example
 * ```ts
 * import { superviseShards } from "reconloss/cluster";
 * const error = await superviseShards("no-such-folder", { redis: "redis://localhost" }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function superviseShards(folder: string, options: SuperviseOptions = {}): Promise<Submitted> {
  checkSubmission(folder, options);
  checkFields("options", options, { signal: "object", every: "number", onStatus: "function" });
  const { signal, every = 5_000, onStatus } = options;
  const opened = await openQueue(folder, options);
  try {
    for (let isFirst = true; ; isFirst = false) {
      signal?.throwIfAborted();
      const status = await submit(opened, options.attempts, isFirst);
      onStatus?.(status);
      if (status.done === status.shards) return status;
      if (status.failed.length > 0 && status.done + status.failed.length === status.shards)
        throw givenUp(folder, status);
      await sleep(every, undefined, { signal });
    }
  } finally {
    await opened.close();
  }
}

function checkSubmission(folder: string, options: SubmitOptions): void {
  checkKind("folder", folder, "string");
  checkFields("options", options, { ...queueFields, attempts: "number" });
  const { attempts = 1 } = options;
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new ReconlossError("invalid-argument", `attempts must be a whole number of at least 1, got ${attempts}`);
  }
}

async function submit(
  { queue, manifest, parts }: ShardQueue,
  attempts = 5,
  retriesFailed: boolean,
): Promise<Submitted> {
  // The queue before the parts: a job that was completed by now has its part.
  const { open, completed, failed: ended } = await queuedShards(queue);
  const shards = manifest.shards.length;
  const notOpen = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => !open.has(shard));
  const { done, missing } = await parts.look({ among: notOpen });
  const free = missing.filter((shard) => !open.has(shard));
  const wanted = free.filter((shard) => retriesFailed || !ended.has(shard));
  const givenUp = retriesFailed ? [] : free.filter((shard) => ended.has(shard));
  // A completed job whose part is gone since, or was damaged, is as good as none.
  const old = wanted.filter((shard) => completed.has(shard) || ended.has(shard));
  await inBulk(old, (some) => Promise.all(some.map((shard) => queue.remove(jobId(shard)))));
  const jobs = wanted.map((shard) => ({
    name: "shard",
    data: { work: manifest.hash, shard },
    opts: { jobId: jobId(shard), attempts, backoff: { type: "exponential", delay: firstWait, jitter: 0.5 } },
  }));
  await inBulk(jobs, (some) => queue.addBulk([...some]));
  const reasons = await inBulk(givenUp, (some) => Promise.all(some.map((shard) => queue.getJob(jobId(shard)))));
  return {
    shards,
    done: done.length,
    added: wanted.length,
    queued: missing.length - free.length,
    failed: givenUp.map((shard, i) => ({ shard, reason: reasons[i]?.failedReason ?? "" })),
  };
}

/** Shards that are told one by one. */
const failedShown = 20;

function givenUp(folder: string, { failed, shards }: Submitted): ReconlossError {
  const reasons = failed.slice(0, failedShown).map(({ shard, reason }) => `shard ${shard}: ${reason}`);
  const left = failed.length - reasons.length;
  const list = [...reasons, ...(left > 0 ? [`${left} more`] : [])].join("; ");
  return new ReconlossError(
    "checkpoint",
    `of ${counted(shards, "shard", "shards")} of ${folder}, ${counted(failed.length, "was", "were")} given up; ${list}`,
  );
}
