import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import { onnxExtractor } from "../../packages/reconloss/src/distribution/index.ts";
import { openModel } from "../../packages/reconloss/src/tasks/index.ts";
import { temporaryFolder } from "../folder.ts";
import { tinyModel } from "./models.ts";

const folder = await temporaryFolder();

async function written(name: string, change: (model: ModelProto) => void): Promise<string> {
  const model = fromBinary(ModelProtoSchema, tinyModel({ vectors: true }));
  change(model);
  const path = join(folder, `${name}.onnx`);
  await writeFile(path, toBinary(ModelProtoSchema, model));
  return path;
}

const external = () =>
  create(TensorProtoSchema, {
    name: "elsewhere",
    dataType: DataType.FLOAT,
    dims: [1n],
    dataLocation: DataLocation.EXTERNAL,
    externalData: [{ key: "location", value: "../../secret.bin" }],
  });

function withNode(model: ModelProto, attribute: MessageInitShape<typeof NodeProtoSchema>["attribute"]): void {
  model.graph!.node.push(
    ...create(GraphProtoSchema, { node: [{ opType: "Constant", output: ["unused"], attribute }] }).node,
  );
}

describe("refuses external tensor data wherever a model refers to it, in --network and in apply", () => {
  test.each<[string, (model: ModelProto) => void]>([
    ["initialiser", (model) => model.graph!.initializer.push(external())],
    ["attribute", (model) => withNode(model, [{ name: "value", type: AttributeType.TENSOR, t: external() }])],
    [
      "list of tensors",
      (model) => withNode(model, [{ name: "values", type: AttributeType.TENSORS, tensors: [external()] }]),
    ],
    [
      "initialiser of a subgraph of a subgraph",
      (model) => {
        const inner = { initializer: [external()] };
        const middle = { node: [{ attribute: [{ name: "body", type: AttributeType.GRAPH, g: inner }] }] };
        withNode(model, [{ name: "then_branch", type: AttributeType.GRAPH, g: middle }]);
      },
    ],
    [
      "sparse tensor",
      (model) => {
        model.graph!.sparseInitializer.push(
          ...create(GraphProtoSchema, { sparseInitializer: [{ values: external() }] }).sparseInitializer,
        );
      },
    ],
  ])("%s", async (place, change) => {
    const path = await written(place.replaceAll(" ", "-"), change);
    for (const open of [onnxExtractor, openModel]) {
      const error = await open(path).catch((caught) => caught);
      expect([error.code, error.message]).toEqual([
        "content",
        expect.stringMatching(/keeps its weights in other files/),
      ]);
    }
  });
});

describe("refuses models that give no features, and says why:", () => {
  const node = (opType: string, output: string, to: DataType) => (model: ModelProto) => {
    const attribute = [{ name: "to", type: AttributeType.INT, i: BigInt(to) }];
    const made = create(GraphProtoSchema, { node: [{ opType, input: ["vectors"], output: [output], attribute }] });
    model.graph!.node.push(...made.node);
    const type = { value: { case: "tensorType" as const, value: { elemType: to } } };
    model.graph!.output = [create(ValueInfoProtoSchema, { name: output, type })];
  };
  test.each([
    [
      "whole numbers",
      node("Cast", "classes", DataType.INT64),
      /gives int64 in its output classes; features are float32/,
    ],
    ["text", node("Cast", "labels", DataType.STRING), /gives string in its output labels; features are float32/],
  ])("%s", async (name, change, message) => {
    const path = await written(name.replaceAll(" ", "-"), change);
    const error = await onnxExtractor(path).catch((caught) => caught);
    expect([error.code, error.message]).toEqual(["invalid-argument", expect.stringMatching(message)]);
  });

  test("an invalid size, and a file that is no ONNX model", async () => {
    const path = await written("plain", () => {});
    await expect(onnxExtractor(path, { size: [0, 5] })).rejects.toThrow(/size must be .*HEIGHTxWIDTH.* got "0x5"/);
    await writeFile(path, "no model");
    await expect(onnxExtractor(path)).rejects.toThrow(/plain\.onnx is not an ONNX model/);
  });
});

test("ONNX Runtime writes nothing of its own to the terminal, whatever fails", async () => {
  const path = await written("plain", () => {});
  const broken = await written("broken", (model) => {
    model.graph!.node[0].opType = "NoSuchOperation";
  });
  const at = (file: string) => pathToFileURL(join(import.meta.dirname, "../../packages", file)).href;
  const script = join(folder, "script.mts");
  await writeFile(
    script,
    `import { onnxExtractor } from "${at("reconloss/src/distribution/index.ts")}";
import { Tensor } from "${at("core/src/tensor.ts")}";
const told = [];
await onnxExtractor("${broken}").catch((error) => told.push(error.code));
const extractor = await onnxExtractor("${path}", { output: "vectors" });
await extractor.run(Tensor.full([1, 3, 8, 8], 0)).catch((error) => told.push(error.code));
console.log(told.join());`,
  );
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--import", "tsx", script]);
  expect([stdout, stderr]).toEqual(["content,shape\n", ""]);
});
