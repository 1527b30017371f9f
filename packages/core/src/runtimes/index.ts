import { openRuntime } from "#runtime";
import { checkArguments, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import type { Device, Runtime, RuntimeOptions } from "./session.ts";

export type {
  Device,
  GpuBuffer,
  GpuDevice,
  GpuSession,
  GpuSessionOptions,
  GpuTensor,
  GpuTensorOutput,
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

const devices: readonly Device[] = ["cpu", "webgpu"];

/**
 * Refuses what is no device.
 *
 * @param caller - what errors call the function or loss that it was given to
 */
export function checkDevice(caller: string, device: Device | undefined): void {
  if (device === undefined || devices.includes(device)) return;
  throw new ReconlossError(
    "invalid-argument",
    `${caller}: device must be ${devices.join(" | ")}, got ${described(device)}`,
  );
}

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
  checkArguments("loadRuntime", { options: [options, "object"] });
  checkArguments("loadRuntime", { onNote: [options.onNote, "function?"] });
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
