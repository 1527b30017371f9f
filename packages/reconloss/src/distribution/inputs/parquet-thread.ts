import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { ReconlossError } from "@reconloss/core";
import type { ByteSource } from "@reconloss/core/weights";
import type { FileMetaData } from "hyparquet";
import { ownProgram } from "../../own-program.ts";
import type { ParquetLimits } from "../image-set.ts";
import type { ParquetAnswer, ParquetContent, ParquetTask } from "./parquet-worker.ts";

/** Far more than any file needs that was not made to do harm. */
const usual: ParquetLimits = { time: 60_000, timePerMegabyte: 250 };

/** The metadata that hyparquet reads of a file; the thread can be asked again. */
class Damaged extends Error {}

/** The thread took more than it may, or ended. */
class Stopped extends Error {}

/**
 * Reads parquet files in a thread of its own, one task after the other: a file can claim runs that take hyparquet hours, and a thread can be ended. What a task
 * takes of memory is bounded in the thread.
 */
export class ParquetThread {
  readonly #limits: ParquetLimits;
  #worker: Worker | undefined;
  /** The end of the task that was asked for last. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: Partial<ParquetLimits> = {}) {
    this.#limits = { ...usual, ...limits };
  }

  /** Returns the contents of a file by its metadata, which are the last `length` bytes but 8. */
  metadata(source: ByteSource, length: number): Promise<ParquetContent> {
    return this.#inTurn(source, length, async () => {
      const bytes = Uint8Array.from(await source.read(source.size - 8 - length, length + 8));
      return { kind: "metadata", tail: bytes.buffer };
    }) as Promise<ParquetContent>;
  }

  /**
   * The values of a column in a row group.
   *
   * @throws what {@link ByteSource.read} throws; an error that is none of ours where the column is damaged
   */
  column(source: ByteSource, metadata: FileMetaData, group: number, column: string): Promise<readonly unknown[]> {
    const { row_groups, ...rest } = metadata;
    const one = row_groups[group];
    const alone = { ...rest, num_rows: one.num_rows, row_groups: [one] };
    const bytes = one.columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_compressed_size ?? 0), 0);
    return this.#inTurn(source, Math.min(bytes, source.size), async () => {
      return { kind: "column", metadata: alone, column, size: source.size };
    }) as Promise<readonly unknown[]>;
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #inTurn(source: ByteSource, bytes: number, task: () => Promise<ParquetTask>): Promise<unknown> {
    const next = this.#last.catch(() => {}).then(async () => this.#ask(source, bytes, await task()));
    this.#last = next;
    return next;
  }

  async #ask(source: ByteSource, bytes: number, task: ParquetTask): Promise<unknown> {
    const worker = (this.#worker ??= await startWorker());
    const most = this.#limits.time + (this.#limits.timePerMegabyte * bytes) / 2 ** 20;
    worker.ref();
    try {
      return await ask(worker, source, task, most);
    } catch (error) {
      if (error instanceof Damaged) throw error;
      this.#worker = undefined;
      await worker.terminate();
      if (!(error instanceof Stopped)) throw error;
      const what = task.kind === "metadata" ? "its metadata" : `a row group of column ${task.column}`;
      const problem = `reading ${what} ${error.message}: it is damaged or malicious`;
      throw new ReconlossError("content", `${source.name}: ${problem}`, { cause: error });
    } finally {
      worker.unref();
    }
  }
}

/** A thread that is ready: the time that it takes to start is not that of a file. */
async function startWorker(): Promise<Worker> {
  await import("hyparquet").catch((cause) => {
    const message = "to read parquet files, install the optional package hyparquet: npm install hyparquet";
    throw new ReconlossError("missing-dependency", message, { cause });
  });
  const url = ownProgram(import.meta.url, "distribution", "parquet-worker");
  // Of the sources, as tests run them.
  const script = `import("tsx/esm/api").then(({ register }) => (register(), import(${JSON.stringify(url.href)})));`;
  const isSource = url.pathname.endsWith(".ts");
  const worker = new Worker(isSource ? script : url, { eval: isSource, execArgv: [] });
  await once(worker, "message");
  return worker;
}

/** Asks a thread, and gives it the bytes that it needs; the time that this takes is not counted. */
function ask(worker: Worker, source: ByteSource, task: ParquetTask, most: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    let left = most;
    let since = 0;
    let timer: NodeJS.Timeout | undefined;
    const work = () => {
      since = performance.now();
      timer = setTimeout(() => end(() => reject(new Stopped(`takes more than ${Math.round(most / 1000)} s`))), left);
    };
    const rest = () => {
      clearTimeout(timer);
      left -= performance.now() - since;
    };
    const end = (settle: () => void) => {
      clearTimeout(timer);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      settle();
    };
    const onMessage = (answer: ParquetAnswer) => {
      if ("result" in answer) return end(() => resolve(answer.result));
      if ("problem" in answer) return end(() => reject(new Damaged(answer.problem)));
      rest();
      readRange(source, answer.read).then(
        (bytes) => {
          work();
          worker.postMessage({ bytes }, [bytes]);
        },
        (error) => end(() => reject(error)),
      );
    };
    const onError = (error: Error) => end(() => reject(error));
    const onExit = () => end(() => reject(new Error("the thread that reads parquet ended")));
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
    work();
    worker.postMessage(task, task.kind === "metadata" ? [task.tail] : []);
  });
}

/** The most bytes that are read of a file at once. */
const mostAtOnce = 2 ** 30;

async function readRange(source: ByteSource, { at, length }: { at: number; length: number }): Promise<ArrayBuffer> {
  const from = Math.max(0, at < 0 ? source.size + at : at);
  const bytes = Math.max(0, Math.min(length, source.size - from));
  if (!(bytes <= mostAtOnce)) {
    throw new ReconlossError("content", `${source.name} has columns of ${bytes} bytes; at most ${mostAtOnce} are read`);
  }
  return Uint8Array.from(await source.read(from, bytes)).buffer;
}
