import { availableThreads } from "../threads.ts";
import type { Arena } from "./arena.ts";
import { workerSource } from "./generated/worker-source.ts";
import type { CompiledModules, Kernels } from "./module.ts";
import { type Rows, sampleCount, samples, type WritableRows } from "./rows.ts";
import type { StripJob, StripResult } from "./strips/run.ts";
import type { FromWorker, JobResult, ToWorker } from "./worker.ts";

type Buffer = ArrayBuffer | SharedArrayBuffer;

/** The little of a Node or Web Worker that the pool uses. */
interface Thread {
  post(message: ToWorker, transfer: ArrayBuffer[]): void;
  /** Whether the thread keeps the process alive. */
  hold(busy: boolean): void;
  stop(): void;
}

type Start = (onReply: (reply: FromWorker) => void, onFailure: (reason: unknown) => void) => Thread;

/** The little of Node's modules that the pool uses. */
interface NodeModules {
  "node:worker_threads": { Worker: new (source: string, options: { eval: true; execArgv: string[] }) => NodeWorker };
}

interface NodeWorker {
  on(event: "message", listener: (reply: FromWorker) => void): void;
  on(event: "error" | "exit", listener: (reason: unknown) => void): void;
  postMessage(message: ToWorker, transfer: ArrayBuffer[]): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

interface Process {
  getBuiltinModule?<Name extends keyof NodeModules>(name: Name): NodeModules[Name];
}

/** The little of a browser that the pool uses. */
interface Browser {
  Worker: new (url: string) => WebWorker;
  Blob: new (parts: string[], options: { type: string }) => object;
  URL: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
}

interface WebWorker {
  onmessage: (event: { data: FromWorker }) => void;
  onerror: (event: { message: string; preventDefault(): void }) => void;
  postMessage(message: ToWorker, transfer: ArrayBuffer[]): void;
  terminate(): void;
}

const node = (globalThis as { process?: Process }).process;
const browser = globalThis as unknown as Browser;

const startInNode: Start = (onReply, onFailure) => {
  const { Worker } = node!.getBuiltinModule!("node:worker_threads");
  const prelude = 'globalThis.parentPort = require("node:worker_threads").parentPort;\n';
  const worker = new Worker(prelude + workerSource, { eval: true, execArgv: [] });
  worker.unref();
  worker.on("message", onReply);
  worker.on("error", onFailure);
  worker.on("exit", () => onFailure(new Error("the worker thread ended")));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    stop: () => void worker.terminate(),
  };
};

const startInBrowser: Start = (onReply, onFailure) => {
  const { Blob, URL, Worker } = browser;
  const url = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => onReply(data);
  worker.onerror = (event) => {
    event.preventDefault();
    onFailure(event.message);
  };
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    hold: () => {},
    stop: () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
};

/** Whether all threads see an array's memory. */
export function isShared({ buffer }: Rows["data"]): boolean {
  return typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer;
}

/** A typed array on part of a buffer, of the same kind as another. */
function arrayLike<A extends Rows["data"]>(array: A, buffer: Buffer, offset: number, length: number): A {
  return new (array.constructor as new (buffer: Buffer, offset: number, length: number) => A)(buffer, offset, length);
}

/** One thread and the jobs it has been given. */
class PoolWorker {
  readonly #thread: Thread;
  readonly #waiting: ((reply: FromWorker | undefined) => void)[] = [];
  /** Buffers for the rows of jobs, kept from job to job. */
  readonly #buffers: Buffer[] = [];
  /** The modules that the thread has in its own memory (undefined) and in the others that it knows. */
  readonly #modules = new Map<number | undefined, Set<string>>();
  failed = false;
  /** The number of jobs that it has done. */
  completed = 0;

  constructor(start: Start) {
    this.#thread = start(
      (reply) => {
        if (reply.buffer) this.#buffers.push(reply.buffer);
        this.#settle(reply);
      },
      () => {
        this.failed = true;
        while (this.#waiting.length > 0) this.#settle(undefined);
      },
    );
  }

  get queued(): number {
    return this.#waiting.length;
  }

  #settle(reply: FromWorker | undefined): void {
    this.#waiting.shift()?.(reply);
    if (this.#waiting.length === 0) this.#thread.hold(false);
  }

  #buffer(bytes: number): Buffer {
    const at = this.#buffers.findIndex((buffer) => buffer.byteLength >= bytes);
    if (at >= 0) return this.#buffers.splice(at, 1)[0];
    this.#buffers.length = 0;
    return typeof SharedArrayBuffer === "undefined" ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);
  }

  /** The modules of this thread's kernels that the other thread does not have in a memory; from now on it has them. */
  #unknown({ modules }: Kernels, arena?: number): CompiledModules {
    const known = this.#modules.get(arena) ?? new Set();
    const unknown = Object.entries(modules).filter(([name]) => !known.has(name));
    this.#modules.set(arena, new Set(Object.keys(modules)));
    return Object.fromEntries(unknown);
  }

  /** Sends the thread what it lacks of this thread's kernels. */
  #send(kernels: Kernels): void {
    const modules = this.#unknown(kernels);
    if (Object.keys(modules).length > 0) this.#thread.post({ modules }, []);
  }

  /**
   * Does a job in the thread, as `kernels` would; its gradient and map are written when the promise resolves. Undefined: the thread could not do it.
   */
  async run(kernels: Kernels, { kernel, ...job }: StripJob): Promise<StripResult | undefined> {
    const { spec, planes, strip, data } = job;
    this.#send(kernels);
    const width = planes[2];
    const mapWidth = kernel.mapSize(spec, planes)?.[1] ?? 0;
    const pixels = (rows: readonly [number, number], size: number) => [rows[0] * size, rows[1] * size] as const;
    const ranges = {
      output: pixels(kernel.sourceRows(spec, planes, strip), width),
      target: pixels((kernel.targetRows ?? kernel.sourceRows)(spec, planes, strip), width),
      grad: pixels(kernel.gradRows(spec, planes, strip), width),
      map: pixels(kernel.mapRows(spec, planes, strip), mapWidth),
      weight: pixels(kernel.weightRows?.(spec, planes, strip) ?? [0, 0], mapWidth),
    };
    // Lay the rows out one after another, then copy in what is read. What all threads see they need no copy of.
    const names = (["output", "target", "weight", "grad", "map"] as const).filter(
      (name) => data[name] !== undefined && !isShared(data[name].data),
    );
    let bytes = 0;
    const places = names.map((name) => {
      const rows = data[name]!;
      const [first, end] = ranges[name];
      const length = sampleCount(rows, end - first);
      const place = { name, rows, first, end, length, offset: bytes };
      bytes += (length * rows.data.BYTES_PER_ELEMENT + 7) & ~7;
      return place;
    });
    const buffer = this.#buffer(bytes);
    const cut: Partial<Record<(typeof names)[number], Rows>> = { ...data };
    for (const { name, rows, first, end, length, offset } of places) {
      const part: Rows = {
        ...rows,
        data: arrayLike(rows.data, buffer, offset, length),
        offset: 0,
        first,
        held: end - first,
      };
      cut[name] = part;
      if (name !== "grad" && name !== "map") copyPixels(rows, part, first, end);
    }
    const message = { jobs: [{ ...job, data: cut as StripJob["data"] }], first: 0, buffer };
    const reply = await this.#ask(message, buffer instanceof ArrayBuffer ? [buffer] : []);
    const result = reply?.results[0]?.[1];
    if (reply?.buffer === undefined || result === undefined) return undefined;
    for (const { name, rows, first, end, length, offset } of places) {
      if (name !== "grad" && name !== "map") continue;
      const part = {
        ...rows,
        data: arrayLike(rows.data, reply.buffer, offset, length),
        offset: 0,
        first,
        held: end - first,
      };
      copyPixels(part, rows as WritableRows, first, end);
    }
    this.completed++;
    return result;
  }

  /**
   * Makes a memory and the kernels in it known to the thread, whose kernels then write their first numbers into it: nobody else may work there until the promise resolves.
   *
   * @param number - of the thread, from 1: which part of the memory is its own
   */
  async introduce(arena: Arena, kernels: Kernels, number: number): Promise<void> {
    const scratch = arena.scratch(number);
    if (scratch === undefined) return;
    const isNew = !this.#modules.has(arena.id);
    const modules = this.#unknown(kernels, arena.id);
    if (Object.keys(modules).length === 0) return;
    const reply = await this.#ask({ arena: arena.id, share: { memory: arena.memory, scratch }, modules }, []);
    if (reply === undefined) this.#modules.delete(arena.id);
    else if (isNew) forgotten.register(arena, { worker: new WeakRef(this), id: arena.id });
  }

  /**
   * Does jobs in the thread, whose rows it sees where they lie, and returns the results of those that it did, by their numbers: `first`, and then whichever the first counter names next, when the second says that there is what they need.
   *
   * @param arena - the memory in which rows lie; default: arrays that all threads see
   */
  async runAll(
    kernels: Kernels,
    jobs: readonly StripJob[],
    counters: Int32Array,
    first: number,
    arena?: Arena,
  ): Promise<readonly JobResult[]> {
    if (arena === undefined) this.#send(kernels);
    else if (!this.#modules.has(arena.id)) return [];
    const messages = jobs.map(({ kernel: _, ...job }) => job);
    const reply = await this.#ask({ jobs: messages, counters, first, arena: arena?.id }, []);
    const results = reply?.results ?? [];
    this.completed += results.length;
    return results;
  }

  /** Lets go of a memory. */
  drop(arena: number): void {
    this.#modules.delete(arena);
    this.#thread.post({ arena, share: undefined }, []);
  }

  #ask(message: ToWorker, transfer: ArrayBuffer[]): Promise<FromWorker | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#thread.hold(true);
      this.#thread.post(message, transfer);
    });
  }

  stop(): void {
    this.#thread.stop();
  }
}

/** Memories that nobody uses any more are let go of by the threads that worked in them. */
const forgotten = new FinalizationRegistry<{ worker: WeakRef<PoolWorker>; id: number }>(({ worker, id }) => {
  worker.deref()?.drop(id);
});

/** Copies pixels [from, to) of every channel between rows of the same layout. */
function copyPixels(source: Rows, destination: Rows, from: number, to: number): void {
  const passes = source.layout === "planar" ? source.channels : 1;
  for (let channel = 0; channel < passes; channel++) {
    samples(destination, channel, from, to).set(samples(source, channel, from, to));
  }
}

/** More threads than this only wait for memory. */
const mostWorkers = 7;

let limit: number | undefined;
let workers: PoolWorker[] | undefined;

/**
 * Sets how many threads the kernels may use on a large image, the calling one included; undefined: as many as the host has, or as `RECONLOSS_THREADS` says. Running
 * work is finished first by the threads that it has.
 *
 * @example
 * ```ts
 * setKernelThreads(1); // everything in the calling thread
 * ```
 */
export function setKernelThreads(threads: number | undefined): void {
  if (threads === limit) return;
  limit = threads;
  for (const worker of workers ?? []) worker.stop();
  workers = undefined;
}

/** The workers that can take jobs, started when first needed; none where the host has one core or forbids workers. */
export function poolWorkers(): readonly PoolWorker[] {
  const wanted = Math.min((limit ?? availableThreads()) - 1, mostWorkers);
  workers = (workers ?? []).filter(({ failed }) => !failed);
  try {
    const start = node?.getBuiltinModule ? startInNode : startInBrowser;
    while (workers.length < wanted) workers.push(new PoolWorker(start));
  } catch {
    // A content security policy may forbid workers; the calling thread then does everything.
    limit = 1;
  }
  return workers;
}
