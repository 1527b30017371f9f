import { commonOptions, gpuProviders, type NativeTensor, type OnnxRuntime } from "./onnxruntime.ts";
import type { GpuBuffer, GpuSession, GpuSessionOptions, GpuTensor, GpuTensorOutput } from "./session.ts";

/** A tensor of onnxruntime-web, on the CPU or on a GPU. */
interface NativeGpuTensor extends NativeTensor {
  readonly gpuBuffer: GpuBuffer;
  dispose(): void;
}

/** onnxruntime-web, whose tensors may be buffers of a GPU. */
export interface OnnxRuntimeOnGpu extends OnnxRuntime {
  readonly Tensor: OnnxRuntime["Tensor"] & {
    fromGpuBuffer(buffer: GpuBuffer, options: { dataType: "float32"; dims: readonly number[] }): NativeTensor;
  };
}

/** A session on buffers of a GPU. */
export async function openGpuSession(
  runtime: OnnxRuntimeOnGpu,
  model: Uint8Array,
  { gpu, kept, cpuNodes = [] }: GpuSessionOptions,
): Promise<GpuSession> {
  const session = await runtime.InferenceSession.create(model, {
    ...commonOptions,
    executionProviders: gpuProviders("wasm", cpuNodes, gpu),
    preferredOutputLocation: Object.fromEntries(kept.map((name) => [name, "gpu-buffer"])),
  });
  const native = ({ buffer, dims }: GpuTensor) => runtime.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims });
  const natives = (tensors: Readonly<Record<string, GpuTensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, native(tensor)]));
  const names = session.outputMetadata.map(({ name }) => name);
  return {
    run: async (feeds, into = {}) => {
      const nowhere = Object.fromEntries(names.map((name) => [name, null]));
      const results = await session.run(natives(feeds), { ...nowhere, ...natives(into) });
      const onGpu = kept.filter((name) => into[name] === undefined).map((name) => [name, outputOf(results[name])]);
      const read = names.filter((name) => !kept.includes(name)).map((name) => [name, results[name]]);
      return { kept: Object.fromEntries(onGpu), read: Object.fromEntries(read) };
    },
    release: () => session.release(),
  };
}

function outputOf(result: NativeTensor): GpuTensorOutput {
  const { gpuBuffer, dims } = result as NativeGpuTensor;
  return { buffer: gpuBuffer, dims, dispose: () => (result as NativeGpuTensor).dispose() };
}
