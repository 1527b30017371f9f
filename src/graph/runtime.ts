import type * as Ort from "onnxruntime-node";
import { ReconlossError } from "../errors.ts";

export type { InferenceSession } from "onnxruntime-node";

let runtime: Promise<typeof Ort> | undefined;

/**
 * ONNX Runtime, loaded when it is first needed.
 *
 * @throws {ReconlossError} `missing-dependency` where onnxruntime-node is not installed or does not load.
 */
export function loadRuntime(
  importRuntime: () => Promise<typeof Ort> = () => import("onnxruntime-node"),
): Promise<typeof Ort> {
  runtime ??= importRuntime().catch((cause: unknown) => {
    runtime = undefined;
    throw new ReconlossError(
      "missing-dependency",
      `ONNX Runtime did not load (${cause instanceof Error ? cause.message : cause}); install it with: npm install onnxruntime-node`,
      { cause },
    );
  });
  return runtime;
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

/**
 * An inference session for the bytes of an ONNX model, on the current device.
 *
 * @param cpuNodes - names of nodes that stay on the CPU whatever the device
 */
export async function createSession(
  model: Uint8Array,
  cpuNodes: readonly string[] = [],
): Promise<Ort.InferenceSession> {
  const { InferenceSession } = await loadRuntime();
  const webgpu = {
    name: "webgpu",
    preferredLayout: "NCHW",
    ...(cpuNodes.length > 0 ? { forceCpuNodeNames: [...cpuNodes] } : {}),
  };
  // Sizes change from run to run, so a memory plan made for one size does not fit the next. Severity 3: errors only.
  return InferenceSession.create(model, {
    executionProviders: device === "webgpu" ? [webgpu, "cpu"] : ["cpu"],
    graphOptimizationLevel: "all",
    enableMemPattern: false,
    logSeverityLevel: 3,
  });
}
