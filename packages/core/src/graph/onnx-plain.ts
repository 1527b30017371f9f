import { toBinary } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  TensorProto_DataType as DataType,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
} from "onnx-buf";
import { halfValues } from "../half.ts";
import { checkModel } from "./onnx-metadata.ts";

/**
 * The model in an ONNX file as a training begins with it: the nodes that its outputs need and no others, and float32 in place of half precision.
 *
 * @param name - what errors call the file
 * @throws {ReconlossError} `content` as {@link checkModel}
 */
export function plainModel(bytes: Uint8Array, name: string): ModelProto {
  const model = checkModel(bytes, name);
  const graph = model.graph as GraphProto;
  const wanted = new Set(graph.output.map((output) => output.name));
  graph.node = neededNodes(graph.node, wanted);
  graph.initializer = graph.initializer.filter((tensor) => wanted.has(tensor.name));
  // What the file says of values in between, types among it, follows from the nodes.
  graph.valueInfo = [];
  for (const tensor of graph.initializer) widen(tensor);
  for (const { type } of [...graph.input, ...graph.output]) {
    if (type?.value.case === "tensorType" && isHalf(type.value.value.elemType)) {
      type.value.value.elemType = DataType.FLOAT;
    }
  }
  for (const { opType, attribute } of graph.node) for (const one of attribute) widenAttribute(opType, one);
  return model;
}

/** The same as a file. */
export function plainFile(bytes: Uint8Array, name: string): Uint8Array {
  return toBinary(ModelProtoSchema, plainModel(bytes, name));
}

/** The nodes that give what is wanted, in the file's order; their inputs are wanted too. */
function neededNodes(nodes: readonly NodeProto[], wanted: Set<string>): NodeProto[] {
  return nodes
    .toReversed()
    .filter(({ output, input }) => {
      if (!output.some((name) => wanted.has(name))) return false;
      for (const name of input) wanted.add(name);
      return true;
    })
    .reverse();
}

function isHalf(dataType: number): boolean {
  return dataType === DataType.FLOAT16 || dataType === DataType.BFLOAT16;
}

function widenAttribute(operator: string, attribute: AttributeProto): void {
  if (attribute.t !== undefined) widen(attribute.t);
  if (operator === "Cast" && attribute.name === "to" && isHalf(Number(attribute.i)))
    attribute.i = BigInt(DataType.FLOAT);
}

/** Half precision, as bytes or as one whole number for each, becomes float32, which holds each of its values exactly. */
function widen(tensor: TensorProto): void {
  const { dataType, rawData, int32Data } = tensor;
  if (!isHalf(dataType) || rawData.length % 2 !== 0) return;
  const bits = rawData.length > 0 ? new Uint16Array(rawData.slice().buffer) : Uint16Array.from(int32Data);
  const values =
    dataType === DataType.FLOAT16
      ? Float32Array.from(bits, (pattern) => halfValues()[pattern])
      : new Float32Array(Uint32Array.from(bits, (pattern) => pattern << 16).buffer);
  tensor.dataType = DataType.FLOAT;
  tensor.rawData = new Uint8Array(values.buffer);
  tensor.int32Data = [];
}
