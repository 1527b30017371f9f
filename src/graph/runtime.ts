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

/** An inference session on the CPU for the bytes of an ONNX model. */
export async function createSession(model: Uint8Array): Promise<Ort.InferenceSession> {
  const { InferenceSession } = await loadRuntime();
  // Sizes change from run to run, so a memory plan made for one size does not fit the next. Severity 3: errors only.
  return InferenceSession.create(model, {
    graphOptimizationLevel: "all",
    enableMemPattern: false,
    logSeverityLevel: 3,
  });
}
