import { ReconlossError } from "../errors.ts";
import { formatShape, type Shape, Tensor } from "../tensor.ts";
import { OnnxBackend, type OnnxValue } from "./onnx.ts";
import { Ops } from "./ops.ts";
import type { Dims } from "./primitives.ts";
import { createSession, type InferenceSession, loadRuntime } from "./runtime.ts";

/** The shape of an input: sizes that are fixed, and names for those known only when the program runs. */
export type InputDims = readonly [n: number | string, c: number | string, h: number | string, w: number | string];

/** An output of a program: images in float32, numbers per image in float64. */
export interface ProgramOutput {
  data: Float32Array | Float64Array;
  shape: Shape;
}

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
 */
export function buildModel<Name extends string, Output extends string>(
  inputs: Readonly<Record<Name, InputDims>>,
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
  metadata?: Record<string, string>,
): Model {
  const backend = new OnnxBackend();
  const entries = Object.entries(inputs) as [Name, InputDims][];
  const values = entries.map(([name, dims]): [Name, OnnxValue] => [
    name,
    { name, type: "float", dims: dims.map((dim) => (typeof dim === "number" ? dim : undefined)) as unknown as Dims },
  ]);
  const outputs = Object.entries(build(new Ops(backend), Object.fromEntries(values) as Record<Name, OnnxValue>));
  const bytes = backend.writer.write(
    entries.map(([name, dims]) => ({ name, type: "float", dims })),
    (outputs as [string, OnnxValue][]).map(([name, value]) => {
      const wide = value.dims.slice(1).every((dim) => dim === 1);
      const type = wide ? "double" : "float";
      backend.writer.nameOutput(name, backend.as(value, type));
      return { name, type, dims: value.dims.map((dim, axis) => dim ?? `${name}_${"nchw"[axis]}`) };
    }),
    metadata,
  );
  return { bytes, outputs: outputs.map(([name]) => name), cpuNodes: backend.writer.cpuNodes };
}

/** A model that runs. */
export interface Program<Name extends string, Output extends string> {
  run(inputs: Readonly<Record<Name, Tensor>>): Promise<Record<Output, ProgramOutput>>;
}

/**
 * Compiles a function over `Ops` to native code: one ONNX Runtime session that serves every size.
 *
 * @example
 * ```ts
 * const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ mean: o.mean(x, "chw") }));
 * const { mean } = await program.run({ x: image });
 * ```
 */
export async function compile<Name extends string, Output extends string>(
  inputs: Readonly<Record<Name, InputDims>>,
  build: (o: Ops<OnnxValue>, inputs: Record<Name, OnnxValue>) => Partial<Record<Output, OnnxValue>>,
): Promise<Program<Name, Output>> {
  const { bytes, cpuNodes } = buildModel(inputs, build);
  const session = await createSession(bytes, cpuNodes);
  return { run: (tensors) => runSession(session, tensors) as Promise<Record<Output, ProgramOutput>> };
}

let lastRun: Promise<void> = Promise.resolve();

/** Starts when everything before it has ended: one run uses all cores already, and several at once would need the memory of all of them. */
function inTurn<R>(run: () => Promise<R>): Promise<R> {
  const result = lastRun.then(run);
  const ended = () => {};
  lastRun = result.then(ended, ended);
  return result;
}

/** Runs a session; in a process, one runs at a time. */
async function runSession(session: InferenceSession, inputs: Readonly<Record<string, Tensor>>) {
  const { Tensor: OrtTensor } = await loadRuntime();
  const feeds = Object.fromEntries(
    session.inputNames.map((name) => [name, new OrtTensor("float32", inputs[name].data, inputs[name].shape)]),
  );
  const results = await inTurn(() => session.run(feeds)).catch((cause: unknown) => {
    const shapes = session.inputNames.map((name) => `${name} ${formatShape(inputs[name].shape)}`).join(", ");
    throw new ReconlossError("shape", `the graph cannot run on ${shapes}: ${(cause as Error).message}`, { cause });
  });
  return Object.fromEntries(
    session.outputNames.map((name) => {
      const { data, dims } = results[name];
      return [name, { data: data as Float32Array | Float64Array, shape: dims as unknown as Shape }];
    }),
  );
}
