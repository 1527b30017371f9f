import { type CompiledModules, Kernels } from "./module.ts";
import { runStrip, type StripJob, type StripResult } from "./strips/run.ts";
import { stripKernel } from "./strips/table.ts";

// The program of a pool worker: one strip per message. The pool sees to it that `parentPort` exists in Node.

/** The memory of an arena, and the part of it that is this thread's. */
export interface ArenaShare {
  readonly memory: WebAssembly.Memory;
  readonly scratch: readonly [start: number, end: number];
}

/**
 * The messages of the pool: compiled modules before the jobs that need them, of which the thread does `first`, and then those that the first counter names, if there is one, as soon as the second says that what they need is there. `buffer` holds a job's rows and goes back with the reply; `arena` is
 * the memory in which they lie, which is introduced with its share and modules before, and answered, and dropped when nobody uses it any more.
 */
export type ToWorker =
  | { readonly modules: CompiledModules }
  | { readonly arena: number; readonly share: ArenaShare; readonly modules: CompiledModules }
  | { readonly arena: number; readonly share: undefined }
  | {
      readonly jobs: readonly StripMessage[];
      readonly first: number;
      readonly counters?: Int32Array;
      readonly buffer?: ArrayBuffer | SharedArrayBuffer;
      readonly arena?: number;
    };

/** A job without its kernel, which the worker has by its own. */
export type StripMessage = Omit<StripJob, "kernel">;

/** The number of a job, and what came of it. */
export type JobResult = readonly [index: number, result: StripResult];

/** The answer of a worker: the results of the jobs that it did, up to one that failed. */
export interface FromWorker {
  readonly buffer?: ArrayBuffer | SharedArrayBuffer;
  readonly results: readonly JobResult[];
}

interface Port {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as Port & { parentPort?: Port };
const port = scope.parentPort ?? scope;
const kernels = new Kernels();
const arenas = new Map<number | undefined, Kernels>([[undefined, kernels]]);

/** Waits until the second counter says that so many strips of the pass before are done. */
function waitFor(counters: Int32Array, strips: number): void {
  // What is waited on is what was compared: were it read again, a step between would never be told of.
  for (let done = Atomics.load(counters, 1); done < strips; done = Atomics.load(counters, 1)) {
    Atomics.wait(counters, 1, done);
  }
}

port.onmessage = ({ data }) => {
  if ("share" in data) {
    const { arena, share } = data;
    if (share === undefined) {
      arenas.delete(arena);
      return;
    }
    const inArena = arenas.get(arena) ?? new Kernels(share.memory, share.scratch);
    arenas.set(arena, inArena);
    inArena.add(data.modules);
    port.postMessage({ results: [] }, []);
    return;
  }
  if ("modules" in data) {
    kernels.add(data.modules);
    return;
  }
  const { buffer, jobs, first, counters, arena } = data;
  const results: JobResult[] = [];
  try {
    for (let index = first; index < jobs.length; index = counters ? Atomics.add(counters, 0, 1) : jobs.length) {
      const job = jobs[index];
      if (counters) waitFor(counters, job.needs ?? 0);
      results.push([index, runStrip(arenas.get(arena) as Kernels, { ...job, kernel: stripKernel(job.spec) })]);
    }
  } catch {
    // The calling thread does what is missing, and shows what failed.
  }
  port.postMessage({ buffer, results }, buffer instanceof ArrayBuffer ? [buffer] : []);
};
