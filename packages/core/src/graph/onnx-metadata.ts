import { fromBinary } from "@bufbuild/protobuf";
import {
  TensorProto_DataLocation as DataLocation,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
} from "onnx-buf";
import { ReconlossError } from "../errors.ts";
import { wireProblem } from "./onnx-wire.ts";

/**
 * The model in an ONNX file. Refuses what is none or would take far more memory than the file, and models that keep tensors in other files, anywhere: in
 * initialisers, in subgraphs, in attributes of nodes. What such a file names would be read from wherever the program happens to run.
 *
 * @param name - what errors call the file
 * @throws {ReconlossError} `content`
 */
export function checkModel(bytes: Uint8Array, name: string): ModelProto {
  const refuse = (problem: string, cause?: unknown) => new ReconlossError("content", `${name} ${problem}`, { cause });
  const problem = wireProblem(bytes, ModelProtoSchema);
  if (problem !== undefined) throw refuse(`is not an ONNX model, or is damaged: it ${problem}`);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw refuse("is not an ONNX model, or is damaged", cause);
  }
  if (!model.graph || model.graph.output.length === 0) throw refuse("is not an ONNX model, or is damaged");
  if (hasExternalData(model)) {
    throw refuse("keeps its weights in other files, which are not read; save it as one file, as onnx.save_model does");
  }
  return model;
}

/**
 * The words that travel in an ONNX file beside the graph.
 *
 * @throws {ReconlossError} as {@link checkModel}
 */
export function readMetadata(bytes: Uint8Array, name: string): Record<string, string> {
  return Object.fromEntries(checkModel(bytes, name).metadataProps.map(({ key, value }) => [key, value]));
}

/** Looks at every message of a model, since tensors are in many places and may be in more to come. */
function hasExternalData(model: ModelProto): boolean {
  const pending: object[] = [model];
  for (let message = pending.pop(); message !== undefined; message = pending.pop()) {
    const { dataLocation, externalData } = message as Partial<TensorProto>;
    if (dataLocation === DataLocation.EXTERNAL || (externalData?.length ?? 0) > 0) return true;
    for (const value of Object.values(message)) {
      const isNested = typeof value === "object" && value !== null && !ArrayBuffer.isView(value);
      // Lists of numbers, which may be long, hold no messages.
      if (isNested && !(Array.isArray(value) && typeof value[0] !== "object")) pending.push(value);
    }
  }
  return false;
}
