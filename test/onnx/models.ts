import { OnnxModelWriter, type ValueInfo } from "../../packages/core/src/graph/onnx-model.ts";

/** A model of one node for each output, written by hand. */
export function writeModel(
  inputs: readonly ValueInfo[],
  outputs: readonly (ValueInfo & { from: (writer: OnnxModelWriter) => string })[],
): Uint8Array {
  const writer = new OnnxModelWriter();
  for (const { name, from } of outputs) writer.nameOutput(name, from(writer));
  return writer.write(inputs, outputs);
}

/** A model whose features are what it was fed, value by value in the order of its own axes. */
export function echoModel(dims: ValueInfo["dims"]): Uint8Array {
  return writeModel(
    [{ name: "image", type: "float", dims }],
    [
      {
        ...{ name: "fed", type: "float" as const, dims: ["n", "values"] },
        from: (writer) => writer.node("Flatten", ["image"], { axis: 1 }),
      },
    ],
  );
}
