import { checkArguments, checkObject, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { OnnxBackend } from "./onnx.ts";
import type { ModelTarget, OnnxValue } from "./onnx-builder.ts";
import { Ops } from "./ops.ts";
import type { Dims } from "./primitives.ts";
import { checkInputs, type InputDims, isWide } from "./program.ts";

/** The bytes of an ONNX model, with its named outputs in order. */
export interface Model {
  bytes: Uint8Array;
  outputs: string[];
  /** The nodes that only the CPU can run. */
  cpuNodes: string[];
}

/** Refuses what a function gave that are no values of a graph by name. */
function checkOutputs(built: unknown): asserts built is Record<string, OnnxValue> {
  checkObject("build", "result", built);
  const outputs = Object.entries(built);
  if (outputs.length === 0) throw new ReconlossError("invalid-argument", "build: its result has no outputs");
  const other = outputs.find(([, value]) => !Array.isArray((value as Partial<OnnxValue> | null)?.dims));
  if (other === undefined) return;
  const problem = `output ${other[0]} must be a value of the graph, got ${described(other[1])}`;
  throw new ReconlossError("invalid-argument", `build: ${problem}`);
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
  checkInputs("buildModel", inputs);
  const backend = new OnnxBackend(target);
  const entries = Object.entries(inputs) as [Name, InputDims][];
  const values = entries.map(([name, dims]): [Name, OnnxValue] => [
    name,
    { name, type: "float", dims: dims.map((dim) => (typeof dim === "number" ? dim : undefined)) as unknown as Dims },
  ]);
  const built: unknown = build(new Ops(backend), Object.fromEntries(values) as Record<Name, OnnxValue>);
  checkOutputs(built);
  const outputs = Object.entries(built);
  const bytes = backend.writer.write(
    entries.map(([name, dims]) => ({ name, type: "float", dims })),
    outputs.map(([name, value]) => {
      const type = isWide(value.dims) ? "double" : "float";
      backend.writer.nameOutput(name, backend.as(value, type));
      return { name, type, dims: value.dims.map((dim, axis) => dim ?? `${name}_${"nchw"[axis]}`) };
    }),
    metadata,
  );
  return { bytes, outputs: outputs.map(([name]) => name), cpuNodes: backend.writer.cpuNodes };
}
