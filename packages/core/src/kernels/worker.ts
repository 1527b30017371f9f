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
 * The messages of the pool: compiled modules before the jobs that need them. `buffer` holds the job's rows and goes back with the reply; `arena` is the memory in which they
 * lie, which is introduced with its share and modules before, and answered, and dropped when nobody uses it any more.
 */
export type ToWorker =
  | { readonly modules: CompiledModules }
  | { readonly arena: number; readonly share: ArenaShare; readonly modules: CompiledModules }
  | { readonly arena: number; readonly share: undefined }
  | { readonly job: StripMessage; readonly buffer?: ArrayBuffer | SharedArrayBuffer; readonly arena?: number };

/** A job without its kernel, which the worker has by its own. */
export type StripMessage = Omit<StripJob, "kernel">;

/** The answer of a worker to a job. */
export type FromWorker = { readonly buffer?: ArrayBuffer | SharedArrayBuffer } & (
  | StripResult
  | { readonly failure: string }
);

interface Port {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
}

const scope = globalThis as unknown as Port & { parentPort?: Port };
const port = scope.parentPort ?? scope;
const kernels = new Kernels();
const arenas = new Map<number | undefined, Kernels>([[undefined, kernels]]);

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
    port.postMessage({ sums: new Float64Array(), extremes: {} }, []);
    return;
  }
  if ("modules" in data) {
    kernels.add(data.modules);
    return;
  }
  const { buffer, job, arena } = data;
  const transfer = buffer instanceof ArrayBuffer ? [buffer] : [];
  try {
    const result = runStrip(arenas.get(arena) as Kernels, { ...job, kernel: stripKernel(job.spec) });
    port.postMessage({ buffer, ...result }, transfer);
  } catch (error) {
    port.postMessage({ buffer, failure: error instanceof Error ? error.message : String(error) }, transfer);
  }
};
