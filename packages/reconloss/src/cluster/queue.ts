import { ReconlossError } from "@reconloss/core";
import type { JobType, Queue } from "bullmq";
import { type Manifest, readManifest } from "../shards/manifest.ts";
import { PlanParts } from "../shards/parts.ts";
import { type Connection, connectionOf, loadBullmq, type QueueOptions } from "./connection.ts";

/** The data of a job: the shard and its plan. Pixels and features never pass through the queue. */
export interface ShardJob {
  /** The hash of the plan. */
  readonly work: string;
  readonly shard: number;
}

/** The progress of an active job, as its worker last reported it. */
export interface JobProgress {
  readonly done: number;
  readonly total: number;
  /** Images or pairs per second. */
  readonly rate: number;
}

/** A queue of one plan. */
export interface ShardQueue {
  readonly queue: Queue<ShardJob>;
  readonly manifest: Manifest;
  readonly parts: PlanParts;
  readonly connection: Connection;
  close(): Promise<void>;
}

/** Each plan has a queue of its own, so that no worker takes jobs of another. */
export const queueName = ({ hash }: Manifest) => `shards-${hash.slice(0, 32)}`;

/** A shard has one job, however often it is submitted. */
export const jobId = (shard: number) => `shard-${shard}`;

/** The shard of a job. */
const shardOf = (id: string) => Number(id.slice("shard-".length));

/** The shards that have jobs, by how those are. */
export interface QueuedShards {
  /** Waiting, under way, or to be tried again. */
  readonly open: ReadonlySet<number>;
  readonly completed: ReadonlySet<number>;
  readonly failed: ReadonlySet<number>;
}

/** The shards that have jobs, by their numbers alone: one answer of the server for each kind, however many there are. */
export async function queuedShards(queue: Queue<ShardJob>): Promise<QueuedShards> {
  const of = async (...types: JobType[]) => new Set((await queue.getRanges(types, 0, -1)).map(shardOf));
  // A job that ends meanwhile is seen twice rather than never.
  const open = await of("wait", "prioritized", "active", "delayed");
  return { open, completed: await of("completed"), failed: await of("failed") };
}

/** Commands that are sent to the server without waiting for the answers between them. */
const bulk = 1_000;

/** Does something for many shards, with as many answers of the server awaited at a time. */
export async function inBulk<T, R>(items: readonly T[], work: (some: readonly T[]) => Promise<R[]>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += bulk) {
    for (const result of await work(items.slice(at, at + bulk))) results.push(result);
  }
  return results;
}

/**
 * Opens the queue of the plan in a work folder.
 *
 * @throws {ReconlossError} `file` and `checkpoint` for a folder without a plan; `missing-dependency` without BullMQ; `download` where the server does not answer
 */
export async function openQueue(folder: string, options: QueueOptions): Promise<ShardQueue> {
  const connection = connectionOf(options);
  const manifest = await readManifest(folder);
  const { Queue } = await loadBullmq();
  await checkServer(connection);
  const queue = new Queue<ShardJob>(queueName(manifest), { connection: connection.options, prefix: connection.prefix });
  // Connections that are lost later are made again by themselves.
  queue.on("error", () => {});
  const parts = new PlanParts(folder, manifest);
  const close = async () => {
    await parts.close();
    await queue.close();
  };
  return { queue, manifest, parts, connection, close };
}

/** The time that the server may take to answer at first, in milliseconds. */
const timeout = 15_000;

/** Refuses a server that cannot be used, before anything waits for it without end. */
async function checkServer({ options: { url, ...credentials }, name }: Connection): Promise<void> {
  const { Redis } = await import("ioredis");
  const client = new Redis(url, {
    ...credentials,
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: timeout,
    commandTimeout: timeout,
  });
  let problem: Error | undefined;
  client.on("error", (error) => {
    problem = error;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (cause) {
    const { message, code } = (problem ?? cause) as NodeJS.ErrnoException;
    throw new ReconlossError("download", `the queue's server ${name} cannot be used: ${message || code}`, { cause });
  } finally {
    client.disconnect();
  }
}
