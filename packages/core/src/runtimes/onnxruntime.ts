import type { GpuDevice, Session, TensorInput, TensorOutput, ValueInfo } from "./session.ts";

/** A tensor of ONNX Runtime. */
export interface NativeTensor {
  readonly type: string;
  readonly data: unknown;
  readonly dims: readonly number[];
}

interface NativeInfo {
  readonly name: string;
  readonly isTensor: boolean;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

interface NativeSession {
  readonly inputMetadata: readonly NativeInfo[];
  readonly outputMetadata: readonly NativeInfo[];
  run(
    feeds: Record<string, NativeTensor>,
    fetches: Record<string, NativeTensor | null>,
  ): Promise<Record<string, NativeTensor>>;
  release(): Promise<void>;
}

/** The interface that onnxruntime-node and onnxruntime-web have in common. */
export interface OnnxRuntime {
  readonly env: { logLevel?: string; readonly versions: { readonly common: string } };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<NativeSession> };
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => NativeTensor;
}

/** The types of elements by the arrays that hold them. */
const elementTypes = new Map<object, string>([
  [Float32Array, "float32"],
  [Float64Array, "float64"],
  [Int8Array, "int8"],
  [Uint8Array, "uint8"],
  [Int16Array, "int16"],
  [Uint16Array, "uint16"],
  [Int32Array, "int32"],
  [Uint32Array, "uint32"],
  [BigInt64Array, "int64"],
  [BigUint64Array, "uint64"],
]);

/** The type of elements that an array holds. */
export function elementType(data: TensorInput["data"]): string {
  return elementTypes.get(data.constructor) as string;
}

/** The options of sessions on every device. */
export const commonOptions = {
  graphOptimizationLevel: "all",
  // Sizes change from run to run, so a memory plan made for one size does not fit the next.
  enableMemPattern: false,
  // Nothing that is thrown too.
  logSeverityLevel: 4,
} as const;

/** Sessions on the GPU, on a device of their own or one that is there, with the CPU for the nodes that it does not know and those named. */
export function gpuProviders(cpu: string, cpuNodes: readonly string[], gpu?: GpuDevice) {
  const forced = cpuNodes.length > 0 ? { forceCpuNodeNames: [...cpuNodes] } : {};
  return [{ name: "webgpu", preferredLayout: "NCHW", ...forced, ...(gpu && { device: gpu }) }, cpu];
}

/**
 * A session of an ONNX Runtime.
 *
 * @param writesInto - whether it computes into arrays that it is given; where it does not, results are copied
 */
export async function openSession(
  runtime: OnnxRuntime,
  model: Uint8Array,
  options: object,
  writesInto: boolean,
): Promise<Session> {
  const session = await runtime.InferenceSession.create(model, options);
  const native = ({ data, dims }: TensorInput) =>
    new runtime.Tensor(elementType(data), data.buffer instanceof ArrayBuffer ? data : unshared(data), dims);
  const outputs = session.outputMetadata.map(infoOf);
  return {
    inputs: session.inputMetadata.map(infoOf),
    outputs,
    run: async (feeds, wanted = outputs.map(({ name }) => name), into = {}) => {
      const inputs = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, native(value)]));
      const places = wanted.map((name) => [name, writesInto && into[name] ? native(into[name]) : null] as const);
      const results = await session.run(inputs, Object.fromEntries(places));
      return Object.fromEntries(wanted.map((name) => [name, placed(results[name], into[name])]));
    },
    release: () => session.release(),
  };
}

/** A result, in the array that was given for it where there is one. */
export function placed({ type, data, dims }: NativeTensor, into: TensorInput | undefined): TensorOutput {
  const computed = data as TensorOutput["data"];
  if (into === undefined) return { type, data: computed, dims };
  if (computed.buffer !== into.data.buffer) (into.data as Float32Array).set(computed as Float32Array);
  return { type, ...into };
}

/** ONNX Runtime takes no memory that threads share. */
function unshared(data: TensorInput["data"]): TensorInput["data"] {
  return data.slice() as TensorInput["data"];
}

function infoOf({ name, isTensor, type, shape }: NativeInfo): ValueInfo {
  return isTensor ? { name, type, dims: shape } : { name };
}
