import { Kernels } from "./module.ts";
import { runStrip, type StripJob, type StripResult } from "./strips.ts";

// The program of a pool worker: one strip per message. The pool sees to it that `parentPort` exists in Node.

/** The memory of an arena, and the part of it that is this thread's. */
export interface ArenaShare {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly scratch: readonly [start: number, end: number];
}

/**
 * What the pool sends: first the compiled kernels, then jobs. `buffer` holds the job's rows and goes back with the reply; `arena` is the memory in which they
 * lie, which is introduced with its share before, and answered, and dropped when nobody uses it any more.
 */
export type ToWorker =
  | { readonly module: WebAssembly.Module }
  | { readonly arena: number; readonly share: ArenaShare | undefined }
  | { readonly job: StripJob; readonly buffer?: ArrayBuffer | SharedArrayBuffer; readonly arena?: number };

/** What a worker answers to a job. */
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
let kernels: Kernels | undefined;
const arenas = new Map<number | undefined, Kernels>();

port.onmessage = ({ data }) => {
  if ("module" in data) {
    kernels = new Kernels(data.module);
    return;
  }
  if ("share" in data) {
    const { arena, share } = data;
    arenas.delete(arena);
    if (share === undefined) return;
    arenas.set(arena, new Kernels(share.module, share.memory, share.scratch));
    port.postMessage({ sums: new Float64Array(), extremes: {} }, []);
    return;
  }
  const { buffer, job, arena } = data;
  const transfer = buffer instanceof ArrayBuffer ? [buffer] : [];
  try {
    port.postMessage({ buffer, ...runStrip((arena === undefined ? kernels : arenas.get(arena))!, job) }, transfer);
  } catch (error) {
    port.postMessage({ buffer, failure: error instanceof Error ? error.message : String(error) }, transfer);
  }
};
