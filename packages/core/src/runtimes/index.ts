import { openRuntime } from "#runtime";
import { checkArguments } from "../arguments.ts";
import type { Runtime, RuntimeOptions } from "./session.ts";

export type {
  Device,
  Runtime,
  RuntimeOptions,
  Session,
  SessionOptions,
  SessionShare,
  TensorData,
  TensorInput,
  TensorOutput,
  ValueInfo,
} from "./session.ts";

let runtime: Promise<Runtime> | undefined;

/**
 * The ONNX Runtime that networks run on, loaded when it is first needed: onnxruntime-node in Node, Deno and Bun, onnxruntime-web in pages and workers, and
 * wherever onnxruntime-node does not load. Which one is decided by the conditions of the package's exports, so bundlers need no configuration.
 *
 * @param options - of the first call; later ones change nothing
 * @throws {ReconlossError} `missing-dependency` where none is installed or loads
 *
 * @example
 * ```ts
 * import { loadRuntime } from "reconloss";
 * const runtime = await loadRuntime({ onNote: (note) => console.warn(note) });
 * runtime.name; // "onnxruntime-node"
 * ```
 */
export async function loadRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  checkArguments("loadRuntime", { options: [options, "object"], onNote: [options.onNote, "function?"] });
  runtime ??= openRuntime(options).then(
    (opened) => {
      const { onNote = warn } = options;
      if (opened.note !== undefined) onNote(opened.note);
      return opened;
    },
    (cause: unknown) => {
      runtime = undefined;
      throw cause;
    },
  );
  return runtime;
}

function warn(note: string): void {
  const { console } = globalThis as { console?: { warn(text: string): void } };
  console?.warn(`reconloss: ${note}`);
}
