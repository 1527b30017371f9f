import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ReconlossError } from "@reconloss/core";
import { checkFields, checkKind, counted, threadsVariable } from "@reconloss/core/internal";
import type { Job } from "bullmq";
import { ownProgram } from "../own-program.ts";
import type { ShardOptions } from "../shards/index.ts";
import { loadBullmq, type QueueOptions, queueFields } from "./connection.ts";
import { type JobProgress, openQueue, queueName, type ShardJob, type ShardQueue } from "./queue.ts";
import type { Answer, Order } from "./shard-process.ts";

/** The work of a worker so far. */
export interface WorkerReport {
  readonly name: string;
  /** Shards that this worker has computed. */
  readonly computed: number;
  /** Shards whose parts were there already when their jobs came. */
  readonly found: number;
  /** Tries that failed here. */
  readonly failed: number;
}

/** One try of a shard that has ended. */
export interface ShardEvent {
  readonly shard: number;
  readonly outcome: "computed" | "found" | "failed" | "handed-back";
  /** Images or pairs of the shard. */
  readonly total?: number;
  readonly reason?: string;
}

/** Options of {@link workShards}. */
export interface WorkerOptions extends QueueOptions, Pick<ShardOptions, "batch" | "cache"> {
  /** This worker's name in status and Bull-Board. Default: machine and process number. */
  name?: string;
  /** Ends the worker; its shard goes back into the queue at once, and what features there are by then are found again. */
  signal?: AbortSignal;
  /** Seconds after which the shard of a worker that was killed goes to another. Default 30. */
  lockSeconds?: number;
  /** The number of computing threads, where several workers share a machine. Default: `RECONLOSS_THREADS`, or one for each core. */
  threads?: number;
  /**
   * Seconds without an image or pair that is done, after which the process of a shard counts as hung: it is killed, and the shard is tried again as after any failure. More than the
   * longest time that one image takes, and that a part takes to be written. Default 600.
   */
  hungSeconds?: number;
  /** Stays when all parts are there, for what is submitted later. Default false. */
  stay?: boolean;
  /** Failures in a row that lie with this machine, after which the worker ends. Default 3. */
  mostFailures?: number;
  onShard?: (event: ShardEvent) => void;
}

/** The number of times that a shard may lose its worker: preemptible machines vanish often, and that is no fault of the shard. */
const mostLosses = 100;

/** The interval at which a worker without a job asks the queue whether jobs are left, in milliseconds. */
const pollInterval = 2_000;

/** The interval at which it looks for parts; many workers may be waiting for the last one. */
const lookEvery = 30_000;

/** Milliseconds that a process which was asked to stop has, before it is killed. */
const gracePeriod = 10_000;

/** The most seconds that a timer counts. */
const longestTimer = 2_147_483;

/**
 * Takes jobs from the queue of a plan and computes their shards, one at a time, in a process of its own, until all parts are on disk. Any number of workers on any number of
 * machines may do that, all of which see the same work folder. A shard that is computed twice, because a worker was believed lost, comes to the same bytes.
 *
 * @param folder - the work folder
 * @throws {ReconlossError} `file` and `checkpoint` for a folder without a plan; `missing-dependency` without BullMQ, or where this machine lacks something
 *   that the shards need; `download` where the server does not answer; `checkpoint` where shards are given up and no job is left
 *
 * @example
 * ```ts
 * import { workShards } from "reconloss/cluster";
 * const error = await workShards("no-such-folder", { redis: "redis://localhost" }).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function workShards(folder: string, options: WorkerOptions = {}): Promise<WorkerReport> {
  checkKind("folder", folder, "string");
  checkFields("options", options, {
    ...queueFields,
    batch: "number",
    cache: ["string", "boolean"],
    name: "string",
    signal: "object",
    lockSeconds: "number",
    threads: "number",
    hungSeconds: "number",
    stay: "boolean",
    mostFailures: "number",
    onShard: "function",
  });
  const { name = `${hostname()}-${process.pid}`, signal, stay = false, mostFailures = 3 } = options;
  const { lockSeconds = 30, hungSeconds = 600 } = options;
  for (const [what, seconds] of Object.entries({ lockSeconds, hungSeconds })) {
    if (seconds > 0 && seconds <= longestTimer) continue;
    throw new ReconlossError("invalid-argument", `${what} must be above 0 and at most ${longestTimer}, got ${seconds}`);
  }
  const opened = await openQueue(folder, options);
  const { Worker, UnrecoverableError, WaitingError } = await loadBullmq();
  const { manifest, connection } = opened;
  const counts = { computed: 0, found: 0, failed: 0 };
  const machine = { failures: 0, reason: "" };
  const ending = new AbortController();
  const end = () => ending.abort();
  signal?.addEventListener("abort", end);
  if (signal?.aborted) end();
  const processes = new ShardProcess(hungSeconds, options.threads);

  const handle = async (job: Job<ShardJob>, token: string | undefined): Promise<{ computed: boolean }> => {
    const { shard, work } = job.data;
    const report = (event: Omit<ShardEvent, "shard">) => options.onShard?.({ shard, ...event });
    const handBack = async (reason?: string): Promise<never> => {
      report({ outcome: "handed-back", ...(reason === undefined ? {} : { reason }) });
      await job.moveToWait(token);
      throw new WaitingError();
    };
    if (work !== manifest.hash)
      throw new UnrecoverableError(`the job belongs to another plan than the one in ${folder}`);
    if (ending.signal.aborted) return handBack();
    const begun = Date.now();
    const reportProgress = (done: number, total: number) => {
      const progress: JobProgress = { done, total, rate: (1000 * done) / Math.max(1, Date.now() - begun) };
      // A server that is away for a moment is no reason to fail the shard.
      void job.updateProgress(progress).catch(() => {});
    };
    const order: Order = { kind: "run", folder, shard, batch: options.batch, cache: options.cache };
    const answer = await processes.run(order, ending.signal, reportProgress);
    if (answer.kind === "stopped") return handBack();
    if (answer.kind === "failed") {
      counts.failed++;
      report({ outcome: "failed", reason: answer.message });
      if (!answer.machine) throw new UnrecoverableError(answer.message);
      machine.reason = answer.message;
      if (++machine.failures >= mostFailures) end();
      throw new Error(answer.message);
    }
    machine.failures = 0;
    counts[answer.computed ? "computed" : "found"]++;
    report({ outcome: answer.computed ? "computed" : "found", total: answer.total });
    return { computed: answer.computed };
  };

  const worker = new Worker<ShardJob>(queueName(manifest), handle, {
    connection: connection.options,
    prefix: connection.prefix,
    name,
    concurrency: 1,
    lockDuration: 1000 * lockSeconds,
    stalledInterval: 1000 * lockSeconds,
    maxStalledCount: mostLosses,
    drainDelay: 1,
  });
  // Connections are made again by themselves; what a job's error is, its handler has told.
  worker.on("error", () => {});
  const isOver = watch(opened, folder);
  try {
    while (!ending.signal.aborted) {
      await sleep(pollInterval, undefined, { signal: ending.signal }).catch(() => {});
      if (stay || ending.signal.aborted || processes.isBusy) continue;
      if (await isOver()) break;
    }
  } finally {
    signal?.removeEventListener("abort", end);
    await worker.close();
    await processes.close();
    await opened.close();
  }
  if (machine.failures >= mostFailures) {
    throw new ReconlossError(
      "missing-dependency",
      `${counted(mostFailures, "shard", "shards")} in a row failed on this machine: ${machine.reason}`,
    );
  }
  return { name, ...counts };
}

/** Tells whether no work is left, because every part is there or no job is. The parts are looked at when the last job has ended, and now and then. */
function watch({ queue, manifest, parts }: ShardQueue, folder: string): () => Promise<boolean> {
  const shards = manifest.shards.length;
  let left: number | undefined;
  let next = 0;
  return async () => {
    // Where the server does not answer now, it may later.
    const counts = await queue.getJobCounts("wait", "active", "delayed", "failed").catch(() => undefined);
    const before = left;
    left = counts && counts.wait + counts.active + counts.delayed;
    const hasEnded = left === 0 && before !== 0;
    if (!hasEnded && Date.now() < next) return false;
    next = Date.now() + lookEvery;
    const done = (await parts.look()).done.length;
    if (done === shards) return true;
    if (left !== 0 || !counts?.failed || done + counts.failed < shards) return false;
    throw new ReconlossError(
      "checkpoint",
      `of ${counted(shards, "shard", "shards")} of ${folder}, ${counted(counts.failed, "was", "were")} given up: see reconloss cluster status`,
    );
  };
}

type Outcome = Exclude<Answer, { kind: "progress" }>;

const failed = (message: string): Outcome => ({ kind: "failed", message, machine: true });

/** A process that computes shards, one at a time; a new one where it has died. */
class ShardProcess {
  #child: ChildProcess | undefined;
  readonly #hungSeconds: number;
  readonly #threads: number | undefined;
  isBusy = false;

  constructor(hungSeconds: number, threads?: number) {
    this.#hungSeconds = hungSeconds;
    this.#threads = threads;
  }

  /** @param signal - asks the process to stop, and ends it where it does not */
  async run(order: Order, signal: AbortSignal, onProgress: (done: number, total: number) => void): Promise<Outcome> {
    const child = this.#running();
    this.isBusy = true;
    let killing: NodeJS.Timeout | undefined;
    let hanging: NodeJS.Timeout | undefined;
    let stop = () => {};
    try {
      return await new Promise<Outcome>((resolve) => {
        // Resolved at once: a process that waits for a disk which is away cannot even be killed.
        const abandon = (outcome: Outcome) => {
          this.#abandon(child);
          resolve(outcome);
        };
        const silence = `no image or pair was done in ${this.#hungSeconds} s, so the process that computed the shard was killed`;
        hanging = setTimeout(() => abandon(failed(silence)), 1000 * this.#hungSeconds);
        stop = () => {
          child.send({ kind: "stop" } satisfies Order, () => {});
          killing = setTimeout(() => abandon({ kind: "stopped" }), gracePeriod);
        };
        child.on("message", (answer: Answer) => {
          hanging?.refresh();
          if (answer.kind === "progress") onProgress(answer.done, answer.total);
          else resolve(answer);
        });
        child.once("exit", (code, by) => {
          if (signal.aborted) resolve({ kind: "stopped" });
          const how = by === null ? `exit code ${code}` : by;
          resolve(failed(`the process that computed the shard ended with ${how}`));
        });
        signal.addEventListener("abort", stop, { once: true });
        child.send(order, (error) => {
          if (error) resolve(failed(`the process of shards is gone: ${error.message}`));
        });
      });
    } finally {
      clearTimeout(killing);
      clearTimeout(hanging);
      signal.removeEventListener("abort", stop);
      child.removeAllListeners("message").removeAllListeners("exit");
      this.isBusy = false;
    }
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.disconnect();
    const killing = setTimeout(() => child.kill("SIGKILL"), gracePeriod);
    await gone;
    clearTimeout(killing);
  }

  /** Kills a process, and waits for it no longer. */
  #abandon(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined;
    child.kill("SIGKILL");
    if (child.connected) child.disconnect();
    child.unref();
  }

  #running(): ChildProcess {
    const child = this.#child;
    if (child?.connected && child.exitCode === null && child.signalCode === null) return child;
    const path = fileURLToPath(ownProgram(import.meta.url, "cluster", "shard-process"));
    const env =
      this.#threads === undefined ? process.env : { ...process.env, [threadsVariable]: String(this.#threads) };
    this.#child = fork(path, { stdio: ["ignore", "inherit", "inherit", "ipc"], env });
    return this.#child;
  }
}
