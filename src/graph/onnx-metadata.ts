import { fromBinary } from "@bufbuild/protobuf";
import { TensorProto_DataLocation as DataLocation, ModelProtoSchema } from "onnx-buf";
import { ReconlossError } from "../errors.ts";

/**
 * The words that travel in an ONNX file beside the graph.
 *
 * @param name - what errors call the file
 * @throws {ReconlossError} `file` when the bytes are no ONNX model, or one that keeps its weights in other files
 */
export function readMetadata(bytes: Uint8Array, name: string): Record<string, string> {
  const refuse = (problem: string, cause?: unknown) => new ReconlossError("file", `${name} ${problem}`, { cause });
  let model: ReturnType<typeof parse>;
  try {
    model = parse(bytes);
  } catch (cause) {
    throw refuse("is no ONNX model, or a damaged one", cause);
  }
  if (!model.graph || model.graph.output.length === 0) throw refuse("is no ONNX model, or a damaged one");
  // What such a file names would be read from wherever the program happens to run.
  if (model.graph.initializer.some(({ dataLocation }) => dataLocation === DataLocation.EXTERNAL)) {
    throw refuse("keeps its weights in other files, which are not read");
  }
  return Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
}

function parse(bytes: Uint8Array) {
  return fromBinary(ModelProtoSchema, bytes);
}
