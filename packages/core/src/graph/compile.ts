import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { filtered, mapValues } from "../records.ts";
import { checkDevice, type Device, loadRuntime, type Session, type SessionShare } from "../runtimes/index.ts";
import { turns } from "../runtimes/turns.ts";
import { formatShape, type Shape, Tensor } from "../tensor.ts";
import { blockedChannels } from "./blocked-layout.ts";
import { OnnxBackend } from "./onnx.ts";
import type { ModelTarget, OnnxValue } from "./onnx-builder.ts";
import { Ops } from "./ops.ts";
import type { Dims } from "./primitives.ts";

/** An output of a program: images in float32, numbers per image in float64. */
export interface ProgramOutput {
  data: Float32Array | Float64Array;
  shape: Shape;
}

/** Options of {@link compile}. */
export interface CompileOptions extends SessionShare {
  /** Where the program runs: on the CPU (default), or on a GPU through WebGPU, whose results are within 1e-3 of the CPU's. */
  readonly device?: Device;
}

/** The shape of an input: sizes that are fixed, and names for those known only when the program runs. */
export type InputDims = readonly [n: number | string, c: number | string, h: number | string, w: number | string];

/** An output as a tensor, rounded to float32 where it is not. */
export function outputTensor({ data, shape }: ProgramOutput): Tensor {
  return data instanceof Float32Array ? new Tensor(data, shape) : Tensor.from(data, shape);
}

/** The bytes of an ONNX model, with its named outputs in order. */
export interface Model {
  bytes: Uint8Array;
  outputs: string[];
  /** The nodes that only the CPU can run. */
  cpuNodes: string[];
}

/**
 * Writes a function over `Ops` as an ONNX model with named inputs and outputs and symbolic sizes.
 *
 * @param inputs - the name and dims of each input, float32
 * @param build - the function, from inputs by name to outputs by name
 * @param metadata - words that travel in the file
 * @param target - what the runtime that it is for knows; default: a model of ONNX's own operations
 */
export function buildModel<Name extends string, Output extends string>(
  inputs: Readonly<Record<Name, InputDims>>,
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
  metadata?: Record<string, string>,
  target: ModelTarget = {},
): Model {
  checkArguments("buildModel", {
    inputs: [inputs, "object"],
    build: [build, "function"],
    metadata: [metadata, "object?"],
  });
  const backend = new OnnxBackend(target);
  const entries = Object.entries(inputs) as [Name, InputDims][];
  const values = entries.map(([name, dims]): [Name, OnnxValue] => [
    name,
    { name, type: "float", dims: dims.map((dim) => (typeof dim === "number" ? dim : undefined)) as unknown as Dims },
  ]);
  const outputs = Object.entries(build(new Ops(backend), Object.fromEntries(values) as Record<Name, OnnxValue>));
  const bytes = backend.writer.write(
    entries.map(([name, dims]) => ({ name, type: "float", dims })),
    (outputs as [string, OnnxValue][]).map(([name, value]) => {
      const type = isWide(value.dims) ? "double" : "float";
      backend.writer.nameOutput(name, backend.as(value, type));
      return { name, type, dims: value.dims.map((dim, axis) => dim ?? `${name}_${"nchw"[axis]}`) };
    }),
    metadata,
  );
  return { bytes, outputs: outputs.map(([name]) => name), cpuNodes: backend.writer.cpuNodes };
}

/** Whether outputs of these dims come in float64: one number an image. */
function isWide([, ...dims]: readonly (number | undefined)[]): boolean {
  return dims.every((dim) => dim === 1);
}

/** A model that runs. */
export interface Program<Name extends string, Output extends string> {
  /**
   * @param into - where outputs are written, by name and of the right shape, but for those of one number an image, which come in float64; default: new arrays, which for large
   *   outputs takes as long as computing them
   */
  run(
    inputs: Readonly<Record<Name, Tensor>>,
    into?: Readonly<Record<string, Tensor>>,
  ): Promise<Record<Output, ProgramOutput>>;
}

/**
 * Compiles a function over `Ops` to native code: one ONNX Runtime session that serves every size.
 *
 * @throws {ReconlossError} `missing-dependency` where no ONNX Runtime is installed, or the device cannot be used ({@link probeDevice} tells without an error)
 * @example
 * ```ts
 * const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ mean: o.mean(x, "chw") }));
 * const { mean } = await program.run({ x: image });
 * ```
 */
export async function compile<Name extends string, Output extends string>(
  inputs: Readonly<Record<Name, InputDims>>,
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
  options: CompileOptions = {},
): Promise<Program<Name, Output>> {
  checkArguments("compile", { inputs: [inputs, "object"], build: [build, "function"], options: [options, "object"] });
  const { device = "cpu", ...share } = options;
  checkDevice("compile", device);
  const runtime = await loadRuntime();
  const target = { block: device === "cpu" ? await blockedChannels(runtime) : 0, float64: runtime.hasFloat64(device) };
  const { bytes, cpuNodes } = buildModel(inputs, build, {}, target);
  const session = await runtime.createSession(bytes, { device, cpuNodes, share }).catch((cause: unknown) => {
    throw device === "cpu" ? cause : unusable(device, cause);
  });
  return { run: (tensors, into) => runSession(session, tensors, into) as Promise<Record<Output, ProgramOutput>> };
}

/** What a device that no session can be made on is said to lack, in a line. */
function unusable(device: Device, cause: unknown): ReconlossError {
  const [reason] = (cause as Error).message.split("\n");
  const problem = `${device} cannot be used: ${reason.replace(/^.*false\. /, "")}`;
  return new ReconlossError("missing-dependency", problem, { cause });
}

/**
 * Compiles a function for several parts of a batch that are computed at once, each in a thread of its own with an equal share of the cores.
 *
 * @param parts - the inputs of each part; a part that has the shapes of another is compiled once
 */
export async function compileParts<Name extends string, Output extends string>(
  parts: readonly Readonly<Record<Name, InputDims>>[],
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
): Promise<{ run(inputs: readonly Readonly<Record<Name, Tensor>>[]): Promise<Record<Output, ProgramOutput>[]> }> {
  const models = new Map<string, Uint8Array>();
  const runtime = await loadRuntime();
  const block = await blockedChannels(runtime);
  const bytesOf = (inputs: Readonly<Record<Name, InputDims>>) => {
    const key = JSON.stringify(inputs);
    const bytes = models.get(key) ?? buildModel(inputs, build, {}, { block }).bytes;
    models.set(key, bytes);
    return bytes;
  };
  const sessions = await runtime.createParallelSessions(parts.map(bytesOf));
  return {
    run: (inputs) =>
      inTurn(async () => {
        const results = await Promise.all(sessions.map((session, index) => feed(session, inputs[index])));
        return results as Record<Output, ProgramOutput>[];
      }).catch((cause: unknown) => {
        throw new ReconlossError("shape", `the graph cannot run on parts of a batch: ${(cause as Error).message}`, {
          cause,
        });
      }),
  };
}

/** One run uses all cores already, and several at once would need the memory of all of them. */
const inTurn = turns();

/** Runs a session; in a process, one runs at a time. */
async function runSession(
  session: Session,
  inputs: Readonly<Record<string, Tensor>>,
  into?: Readonly<Record<string, Tensor>>,
) {
  return inTurn(() => feed(session, inputs, into)).catch((cause: unknown) => {
    const shapes = session.inputs.map(({ name }) => `${name} ${formatShape(inputs[name].shape)}`).join(", ");
    throw new ReconlossError("shape", `the graph cannot run on ${shapes}: ${(cause as Error).message}`, { cause });
  });
}

async function feed(
  session: Session,
  inputs: Readonly<Record<string, Tensor>>,
  into: Readonly<Record<string, Tensor>> = {},
): Promise<Record<string, ProgramOutput>> {
  const plain = ({ data, shape }: Tensor) => ({ data, dims: shape });
  const feeds = Object.fromEntries(session.inputs.map(({ name }) => [name, plain(inputs[name])]));
  const places = mapValues(
    filtered(into, (name) => !isWide(into[name].shape)),
    plain,
  );
  const results = await session.run(feeds, undefined, places);
  return mapValues(results, ({ data, dims }) => ({
    data: data as Float32Array | Float64Array,
    shape: dims as unknown as Shape,
  }));
}
