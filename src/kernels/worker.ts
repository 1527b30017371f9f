import { Kernels } from "./module.ts";
import { runStrip, type StripJob, type StripResult } from "./table.ts";

// The program of a pool worker: one strip per message. The pool sees to it that `parentPort` exists in Node.

/** What the pool sends: first the compiled kernels, then jobs. `buffer` holds the job's rows and goes back with the reply. */
export type ToWorker =
  | { readonly module: WebAssembly.Module }
  | { readonly job: StripJob; readonly buffer: ArrayBuffer | SharedArrayBuffer };

/** What a worker answers to a job. */
export type FromWorker = { readonly buffer: ArrayBuffer | SharedArrayBuffer } & (
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

port.onmessage = ({ data }) => {
  if ("module" in data) {
    kernels = new Kernels(data.module);
    return;
  }
  const { buffer, job } = data;
  const transfer = buffer instanceof ArrayBuffer ? [buffer] : [];
  try {
    port.postMessage({ buffer, ...runStrip(kernels!, job) }, transfer);
  } catch (error) {
    port.postMessage({ buffer, failure: error instanceof Error ? error.message : String(error) }, transfer);
  }
};
