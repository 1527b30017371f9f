import type * as Ort from "onnxruntime-node";
import { ReconlossError } from "../errors.ts";
import type { Shape } from "../tensor.ts";
import { linuxCores } from "./cores.ts";

export type { InferenceSession } from "onnxruntime-node";

/** An output of a program: images in float32, numbers per image in float64. */
export interface ProgramOutput {
  data: Float32Array | Float64Array;
  shape: Shape;
}

let runtime: Promise<typeof Ort> | undefined;

/**
 * ONNX Runtime, loaded when it is first needed.
 *
 * @throws {ReconlossError} `missing-dependency` where onnxruntime-node is not installed or does not load.
 */
export function loadRuntime(
  importRuntime: () => Promise<typeof Ort> = () => import("onnxruntime-node"),
): Promise<typeof Ort> {
  runtime ??= importRuntime().then(quiet, (cause: unknown) => {
    runtime = undefined;
    throw new ReconlossError(
      "missing-dependency",
      `ONNX Runtime did not load (${cause instanceof Error ? cause.message : cause}); install it with: npm install onnxruntime-node`,
      { cause },
    );
  });
  return runtime;
}

/** Its errors are thrown, so that they need not be on the terminal too. */
function quiet(ort: typeof Ort): typeof Ort {
  ort.env.logLevel = "fatal";
  return ort;
}

/** Where sessions run: natively on the CPU, or on a GPU through WebGPU. */
export type Device = "cpu" | "webgpu";

let device: Device = "cpu";

/** Where new sessions run. */
export function currentDevice(): Device {
  return device;
}

/** Says where new sessions run; `selectDevice` is the one that asks whether it can. */
export function setCurrentDevice(wanted: Device): void {
  device = wanted;
}

/** How a session shares the CPU with others. */
export interface SessionShare {
  /** How many cores it uses; default: all. */
  readonly cores?: number;
  /** Whether its threads sleep at once when there is nothing to do. Default: they wait at work for some time, which other sessions feel. */
  readonly patient?: boolean;
}

/** How sessions run on the CPU. */
export function sessionOptions({
  cores = linuxCores(),
  patient = false,
}: SessionShare = {}): Ort.InferenceSession.SessionOptions {
  // Sizes change from run to run, so a memory plan made for one size does not fit the next. Severity 4: nothing that is thrown too.
  return {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    enableMemPattern: false,
    logSeverityLevel: 4,
    ...(cores === undefined ? {} : { intraOpNumThreads: cores }),
    ...(patient ? { extra: { session: { intra_op: { allow_spinning: "0" } } } } : {}),
  };
}

/**
 * An inference session for the bytes of an ONNX model, on the current device.
 *
 * @param cpuNodes - names of nodes that stay on the CPU whatever the device
 */
export async function createSession(
  model: Uint8Array,
  cpuNodes: readonly string[] = [],
  share?: SessionShare,
): Promise<Ort.InferenceSession> {
  const { InferenceSession } = await loadRuntime();
  const options = sessionOptions(share);
  if (device === "cpu") return InferenceSession.create(model, options);
  const webgpu = {
    name: "webgpu",
    preferredLayout: "NCHW",
    ...(cpuNodes.length > 0 ? { forceCpuNodeNames: [...cpuNodes] } : {}),
  };
  return InferenceSession.create(model, { ...options, executionProviders: [webgpu, "cpu"] });
}
