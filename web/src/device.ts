import { type Loss, probeDevice } from "@reconloss/core";

/** Where networks run. */
interface Where {
  readonly device: "cpu" | "webgpu";
  readonly reason?: string;
}

const onCpu = (reason: string): Where => ({ device: "cpu", reason });

async function probe(): Promise<Where> {
  // Asked first: what probes further loads a runtime of its own for the GPU.
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return onCpu(navigator.gpu ? "this browser gives no GPU" : "this browser has no WebGPU here");
  const { device, reason } = await probeDevice("webgpu");
  return { device, reason };
}

let where: Promise<Where> | undefined;

/** Evaluates a loss, networks on the GPU where there is one; one that fails there is evaluated on the CPU, as are all that follow. */
export async function onDevice<T>(
  loss: Loss,
  evaluate: (options: { device: "cpu" | "webgpu" }) => Promise<T>,
): Promise<{ result: T; network?: Where }> {
  const isNetwork = loss.definition?.targetFeatures !== undefined;
  if (!isNetwork) return { result: await evaluate({ device: "cpu" }) };
  where ??= probe();
  const network = await where;
  const { device } = network;
  if (device === "cpu") return { result: await evaluate({ device }), network };
  try {
    return { result: await evaluate({ device }), network };
  } catch (error) {
    const result = await evaluate({ device: "cpu" });
    const instead = onCpu(`the GPU failed: ${error instanceof Error ? error.message : error}`);
    where = Promise.resolve(instead);
    return { result, network: instead };
  }
}
