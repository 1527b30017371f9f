import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { AttributeProtoSchema, ModelProtoSchema } from "onnx-buf";
import { expect, test } from "vitest";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import { encode, integer, text } from "../../packages/core/src/graph/onnx-message.ts";
import { exportLoss, parseLoss } from "../../packages/core/src/index.ts";

// What is expected comes from the library of protocol buffers, which knows the description of ONNX's messages.

test.each(["l1", "focal-frequency", "l1 + 0.1*ssim", "lpips(net=tiny)"])(
  "the exported file of %s is byte-identical after a round trip through the protobuf library",
  async (spec) => {
    const bytes = await exportLoss(parseLoss(spec), { grad: true });
    expect(Buffer.compare(toBinary(ModelProtoSchema, fromBinary(ModelProtoSchema, bytes)), bytes)).toBe(0);
  },
);

test("shapes, types, attributes, metadata and constants of a model can be read back", () => {
  const kernel = Float32Array.from({ length: 27 }, (_, i) => i - 13);
  const { bytes } = buildModel(
    { x: ["n", 3, 64, "w"] },
    (o, { x }) => ({ y: o.conv2d(x, o.constant(kernel, [1, 3, 3, 3]), { padding: 1 }) }),
    { "né en": "日本" },
  );
  const model = fromBinary(ModelProtoSchema, bytes);
  expect([model.irVersion, model.producerName]).toEqual([9n, "reconloss"]);
  expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([["", 20n]]);
  expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([["né en", "日本"]]);
  const [input] = model.graph?.input ?? [];
  const tensor = input?.type?.value.case === "tensorType" ? input.type.value.value : undefined;
  expect([input?.name, tensor?.elemType]).toEqual(["x", 1]);
  expect(tensor?.shape?.dim.map(({ value }) => value.value)).toEqual(["n", 3n, 64n, "w"]);
  const constant = model.graph?.initializer.find(({ dims }) => `${dims}` === "1,3,3,3");
  expect(constant?.dataType).toBe(1);
  expect(new Float32Array(constant?.rawData.slice().buffer as ArrayBuffer)).toEqual(kernel);
  const conv = model.graph?.node.find(({ opType }) => opType === "Conv");
  expect(conv?.attribute.find(({ name }) => name === "pads")?.ints).toEqual([1n, 1n, 1n, 1n]);
});

test("integers and strings are encoded as by the protobuf library", () => {
  const { MIN_SAFE_INTEGER: min, MAX_SAFE_INTEGER: max } = Number;
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.string({ unit: "grapheme" }), (i, name) => {
      const expected = toBinary(AttributeProtoSchema, create(AttributeProtoSchema, { name, i: BigInt(i) }));
      expect([...encode([text(1, name), integer(3, i)])]).toEqual([...expected]);
    }),
    {
      examples: [
        [0, ""],
        [-1, "a"],
        [127, ""],
        [128, ""],
        [min, ""],
        [max, ""],
      ],
    },
  );
});
