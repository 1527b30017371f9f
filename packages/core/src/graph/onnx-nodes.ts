import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProto,
  type TensorProto,
  type ValueInfoProto,
} from "onnx-buf";
import { ReconlossError } from "../errors.ts";
import { printable } from "../text.ts";
import { plainModel } from "./onnx-plain.ts";

/** A tensor that is in an ONNX file: numbers row by row. */
export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
  /** Whether it holds whole numbers, as sizes and axes are. */
  readonly isInteger: boolean;
}

/** The attributes of a node: numbers, words and tensors by name. */
export type OnnxAttribute = number | readonly number[] | string | OnnxTensor;

/** An operation of an ONNX graph. */
export interface OnnxNode {
  /** Its name in the file, or else its first output. */
  readonly name: string;
  /** With its domain where that is not ONNX's own: `com.microsoft.Gelu`. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An ONNX graph as plain data. */
export interface OnnxGraph {
  /** Inputs that are no tensors of the file, with their sizes as far as the file says them. */
  readonly inputs: readonly { readonly name: string; readonly dims?: readonly (number | undefined)[] }[];
  readonly outputs: readonly string[];
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, OnnxTensor>;
  /** The version of ONNX's own operators. */
  readonly opset: number;
}

const bytesOf: Readonly<Record<number, number>> = {
  // These are float32 by now, but for damaged ones.
  [DataType.FLOAT16]: 2,
  [DataType.BFLOAT16]: 2,
  [DataType.FLOAT]: 4,
  [DataType.DOUBLE]: 8,
  [DataType.INT64]: 8,
  [DataType.INT32]: 4,
};

/** The most nodes that a graph may have. */
const mostNodes = 10_000;

/** A name that a file gives, as a message shows it. */
function shown(name: string): string {
  const text = printable(name);
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

/**
 * The graph of an ONNX model: the nodes that its outputs need, each after those whose outputs it takes.
 *
 * @param name - what errors call the file
 * @throws {ReconlossError} `content` for bytes that are no model, tensors in other files, of sizes that do not fit their numbers, or of element types other than
 *   float16, bfloat16, float32, float64, int32 and int64; for nodes in another order, of cycles, names that are given twice, and names that nothing gives
 */
export function readOnnxGraph(bytes: Uint8Array, name: string): OnnxGraph {
  const model = plainModel(bytes, name);
  const refuse = (problem: string) => new ReconlossError("content", `${name} ${problem}`);
  const graph = model.graph as NonNullable<typeof model.graph>;
  if (graph.sparseInitializer.length > 0) throw refuse("has sparse tensors, which are not read");
  if (graph.node.length > mostNodes) throw refuse(`has ${graph.node.length} nodes; at most ${mostNodes} are trained`);
  checkNames(graph, refuse);
  const opset = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version;
  if (opset === undefined) throw refuse("does not say which version of ONNX's operators it uses");
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensorOf(tensor, refuse)]));
  return {
    inputs: graph.input
      .filter((input) => !tensors.has(input.name))
      .map((input) => ({ name: input.name, dims: dimsOf(input) })),
    outputs: graph.output.map((output) => output.name),
    nodes: graph.node.map(({ name, opType, domain, input, output, attribute }) => ({
      name: shown(name || output[0]),
      operator: shown(domain === "" || domain === "ai.onnx" ? opType : `${domain}.${opType}`),
      inputs: input,
      outputs: output,
      attributes: new Map(
        attribute.flatMap((one) => {
          const value = attributeOf(one, refuse);
          return value === undefined ? [] : [[one.name, value] as const];
        }),
      ),
    })),
    tensors,
    opset: Number(opset),
  };
}

/** Refuses a graph in which a name means two things, or is used before anything gives it. */
function checkNames(
  { input, initializer, node, output }: GraphProto,
  refuse: (problem: string) => ReconlossError,
): void {
  const given = new Set<string>();
  const give = (name: string) => {
    if (given.has(name)) throw refuse(`computes ${shown(name)} twice`);
    given.add(name);
  };
  // A tensor of the file may be the value of an input that is left out.
  for (const names of [input, initializer]) {
    const seen = new Set<string>();
    for (const { name } of names) {
      if (seen.has(name)) throw refuse(`computes ${shown(name)} twice`);
      seen.add(name);
      given.add(name);
    }
  }
  const later = new Set(node.flatMap((one) => one.output));
  for (const { name, opType, input: takes, output: gives } of node) {
    const missing = takes.find((one) => one !== "" && !given.has(one));
    if (missing !== undefined) {
      const what = `${shown(opType)} (${shown(name || gives[0])}) take ${shown(missing)}`;
      throw refuse(
        later.has(missing)
          ? `has ${what}, which is computed from it or comes later in the file`
          : `has ${what}, which no node computes`,
      );
    }
    for (const one of gives) if (one !== "") give(one);
  }
  const missing = output.find(({ name }) => !given.has(name));
  if (missing !== undefined) throw refuse(`has the output ${shown(missing.name)}, which no node computes`);
}

function dimsOf({ type }: ValueInfoProto): (number | undefined)[] | undefined {
  if (type?.value.case !== "tensorType") return undefined;
  return type.value.value.shape?.dim.map(({ value }) =>
    value.case === "dimValue" && value.value > 0n ? Number(value.value) : undefined,
  );
}

function tensorOf(tensor: TensorProto, refuse: (problem: string) => ReconlossError): OnnxTensor {
  const { dataType, rawData, floatData, doubleData, int64Data, int32Data } = tensor;
  const name = shown(tensor.name);
  const size = bytesOf[dataType];
  if (size === undefined) {
    const type = DataType[dataType]?.toLowerCase() ?? `type ${dataType}`;
    throw refuse(
      `holds ${name || "a tensor"} of ${type}; float16, bfloat16, float32, float64, int32 and int64 are read`,
    );
  }
  const dims = tensor.dims.map(Number);
  const count = dims.reduce((product, side) => product * side, 1);
  const isInteger = dataType === DataType.INT64 || dataType === DataType.INT32;
  const fits = (length: number) => {
    if (dims.every((side) => side >= 0) && length === count) return;
    throw refuse(`is damaged: ${name || "a tensor"} of ${shown(dims.join("x"))} has ${length} numbers`);
  };
  if (rawData.length > 0) {
    fits(rawData.length / size);
    const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
    const numbers = new (dataType === DataType.FLOAT ? Float32Array : Float64Array)(count);
    for (let i = 0; i < count; i++) {
      if (dataType === DataType.FLOAT) numbers[i] = view.getFloat32(4 * i, true);
      else if (dataType === DataType.DOUBLE) numbers[i] = view.getFloat64(8 * i, true);
      else if (dataType === DataType.INT64) numbers[i] = Number(view.getBigInt64(8 * i, true));
      else numbers[i] = view.getInt32(4 * i, true);
    }
    return { dims, data: numbers, isInteger };
  }
  const listed: ArrayLike<number> =
    dataType === DataType.FLOAT
      ? floatData
      : dataType === DataType.DOUBLE
        ? doubleData
        : dataType === DataType.INT64
          ? int64Data.map(Number)
          : int32Data;
  fits(listed.length);
  return { dims, data: dataType === DataType.FLOAT ? Float32Array.from(listed) : Float64Array.from(listed), isInteger };
}

/** The value of an attribute; undefined of kinds that no operator known here has, such as subgraphs. */
function attributeOf(
  { type, f, i, s, t, floats, ints }: AttributeProto,
  refuse: (problem: string) => ReconlossError,
): OnnxAttribute | undefined {
  if (type === AttributeType.FLOAT) return f;
  if (type === AttributeType.INT) return Number(i);
  if (type === AttributeType.STRING) return new TextDecoder().decode(s);
  if (type === AttributeType.FLOATS) return [...floats];
  if (type === AttributeType.INTS) return ints.map(Number);
  if (type === AttributeType.TENSOR && t !== undefined) return tensorOf(t, refuse);
  return undefined;
}
