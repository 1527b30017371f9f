/** The device of a session: the CPU, or a GPU through WebGPU. */
export type Device = "cpu" | "webgpu";

/** The elements of a tensor that goes into a session or comes out of it. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** A tensor that goes into a session. */
export interface TensorInput {
  readonly data: TensorData;
  readonly dims: readonly number[];
}

/** A tensor that comes out of a session; `type` is ONNX Runtime's name of its elements, such as `float32`. */
export interface TensorOutput extends TensorInput {
  readonly type: string;
}

/** The description of an input or output in a model; `type` and `dims` are absent where it is no tensor. Dims that are open have a name. */
export interface ValueInfo {
  readonly name: string;
  readonly type?: string;
  readonly dims?: readonly (number | string)[];
}

/** The share of the CPU that a session takes beside others. */
export interface SessionShare {
  /** The number of cores that it uses; default: all. */
  readonly cores?: number;
  /** Whether its threads sleep at once when there is nothing to do. Default: they wait at work for some time, which other sessions feel. */
  readonly noSpinning?: boolean;
}

/** Options of {@link Runtime.createSession}. */
export interface SessionOptions {
  /** The device that it runs on; default `cpu`. */
  readonly device?: Device;
  /** The names of nodes that stay on the CPU whatever the device. */
  readonly cpuNodes?: readonly string[];
  /** Its share of the CPU; in a page all sessions share one pool of threads. */
  readonly share?: SessionShare;
}

/** A model that runs. */
export interface Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * Computes outputs.
   *
   * @param feeds - every input by name
   * @param wanted - the names of outputs; default: all
   * @param into - where outputs are written, by name and of the right size; default: new arrays
   */
  run(
    feeds: Readonly<Record<string, TensorInput>>,
    wanted?: readonly string[],
    into?: Readonly<Record<string, TensorInput>>,
  ): Promise<Record<string, TensorOutput>>;
  /** Gives back the memory; the session cannot run any more. */
  release(): Promise<void>;
}

/** A `GPUBuffer` of WebGPU. */
export interface GpuBuffer {
  readonly size: number;
  readonly usage: number;
  destroy(): void;
}

/** A `GPUDevice` of WebGPU. */
export interface GpuDevice {
  readonly queue: object;
  createBuffer(descriptor: { size: number; usage: number }): GpuBuffer;
}

/** Numbers in float32 in a buffer of a GPU, from its beginning. */
export interface GpuTensor {
  readonly buffer: GpuBuffer;
  readonly dims: readonly number[];
}

/** An output that stays on the GPU. */
export interface GpuTensorOutput extends GpuTensor {
  /** Gives its memory back to the runtime, which uses the buffer again. */
  dispose(): void;
}

/** Options of {@link Runtime.createGpuSession}. */
export interface GpuSessionOptions {
  /** The device that the buffers are of. */
  readonly gpu: GpuDevice;
  /** The outputs that stay on the GPU. */
  readonly kept: readonly string[];
  /** The names of nodes that stay on the CPU. */
  readonly cpuNodes?: readonly string[];
}

/** A model that runs on a GPU, on what is there already. */
export interface GpuSession {
  /**
   * Computes all outputs.
   *
   * @param feeds - every input by name
   * @param into - buffers that outputs are written to, by name and of the right size; default: new ones
   * @returns the outputs that are kept on the GPU, but for those that were written to buffers given, and the others
   */
  run(
    feeds: Readonly<Record<string, GpuTensor>>,
    into?: Readonly<Record<string, GpuTensor>>,
  ): Promise<{ kept: Record<string, GpuTensorOutput>; read: Record<string, TensorOutput> }>;
  release(): Promise<void>;
}

/** An ONNX Runtime: what makes sessions of the bytes of ONNX models. */
export interface Runtime {
  /** The package that it comes from. */
  readonly name: "onnxruntime-node" | "onnxruntime-web";
  readonly version: string;
  /** The number of sessions that can compute at once, each in a thread; 1 where they take turns. */
  readonly parallel: number;
  /** The reason why it is slower than it could be, and what to do; absent where nothing is amiss. */
  readonly note?: string;
  /** Whether models may compute in float64 on a device. */
  hasFloat64(device: Device): boolean;
  createSession(model: Uint8Array, options?: SessionOptions): Promise<Session>;
  /** Sessions on buffers of a GPU; absent where the runtime has none. */
  createGpuSession?(model: Uint8Array, options: GpuSessionOptions): Promise<GpuSession>;
  /** Sessions that compute at once where {@link Runtime.parallel} is more than 1, each with an equal share of the cores. On the CPU. */
  createParallelSessions(models: readonly Uint8Array[]): Promise<Session[]>;
}

/** Options of {@link loadRuntime}, which count when it is first called. */
export interface RuntimeOptions {
  /** Told when sessions run slower than they could, and what to do. Default: a warning on the console, on stderr in Node. */
  onNote?: (note: string) => void;
  /**
   * In a page: URL of the folder that serves the files of `onnxruntime-web/dist`. Default: where the bundler has put them, then `onnxruntime-web` beside
   * the program, then the program's own folder.
   */
  files?: string | { readonly href: string };
}
