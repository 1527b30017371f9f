import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import { trace } from "../../packages/core/src/graph/receptive-field.ts";
import { dimsOf, onnxNetwork } from "../../packages/core/src/nets/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { exportModel } from "../../packages/core/src/train/export-model.ts";
import { foreignNetwork, type Node, type Numbers, onnxFile, weights } from "./onnx-files.ts";

// What nobody's exporter writes: each file is refused with an error that names the file and what is wrong with it, before anything as large as it claims is made.

const w3 = weights([3, 3, 1, 1], 9);
const last: Node = ["Conv", ["x", "w3"], ["output"], {}];
const integers = (...data: number[]): Numbers => ({ dims: [data.length], data, isInteger: true });
const refused = (problem: RegExp) =>
  expect.objectContaining({ code: "content", message: expect.stringMatching(problem) });

/** The error that a file gives when it is read and its graph gone through for images of 64x64 pixels, as a training begins. */
function errorOf(bytes: Uint8Array): unknown {
  try {
    const network = onnxNetwork(bytes, "net.onnx");
    trace([1, 3, 64, 64], (o, image, tensor) => {
      const specs = Object.entries(network.parameters).map(([name, spec]) => [name, tensor(dimsOf(spec))] as const);
      return [network.forward(o, image, Object.fromEntries(specs), false).output];
    });
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A whole network with one thing changed. */
function changed(change: (graph: GraphProto) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, foreignNetwork());
  change(model.graph as GraphProto);
  return toBinary(ModelProtoSchema, model);
}

const firstTensor = (change: (tensor: GraphProto["initializer"][number]) => void) =>
  changed(({ initializer }) => change(initializer[0]));

/** A field of a protobuf message that has a length. */
function field(number: number, content: Uint8Array): Uint8Array {
  const head = [(number << 3) | 2];
  let { length } = content;
  for (; length >= 128; length = Math.floor(length / 128)) head.push((length % 128) + 128);
  return Uint8Array.from(Buffer.concat([Uint8Array.from([...head, length]), content]));
}

/** Fields of ONNX's messages. */
const inModel = (graph: Uint8Array) => field(7, graph);
const nodeOf = (node: Uint8Array) => field(1, node);
const attributeOf = (attribute: Uint8Array) => field(5, attribute);

/** Subgraphs in subgraphs, so many. */
function nested(depth: number): Uint8Array {
  let graph = new Uint8Array();
  for (let i = 0; i < depth; i++) graph = Uint8Array.from(nodeOf(attributeOf(field(6, graph))));
  return graph;
}

describe("rejects malformed bytes:", () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    [
      "a million empty nodes",
      () => inModel(new Uint8Array(2_000_000).map((_, i) => (i % 2 === 0 ? 10 : 0))),
      /has more than 500000 parts/,
    ],
    [
      "17 million whole numbers",
      () => inModel(nodeOf(attributeOf(field(8, new Uint8Array(17_000_000))))),
      /has more than 16777216 bytes of whole numbers/,
    ],
    ["subgraphs in subgraphs, 5000 deep", () => inModel(nested(5000)), /is nested more than 100 deep/],
    ["a length beyond the end", () => Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /it is damaged/],
    ["a length without an end", () => new Uint8Array(40).fill(0xff), /it is damaged/],
    ["a part that is longer than the whole", () => Uint8Array.of(0x3a, 2, 0x0a, 9, 0, 0, 0), /it is damaged/],
  ])("%s", (_, bytes, problem) => {
    expect(errorOf(bytes())).toEqual(refused(problem));
  });

  test("rejects a network truncated anywhere", () => {
    const whole = foreignNetwork();
    for (let length = 0; length < whole.length; length += 5) {
      expect(errorOf(whole.subarray(0, length)), `${length} bytes`).toEqual(refused(/./));
    }
  });
});

describe("rejects tensors", () => {
  const external = (location: string) => [create(StringStringEntryProtoSchema, { key: "location", value: location })];
  test.each<[string, Uint8Array, RegExp]>([
    [
      "of more numbers than there are in the world",
      firstTensor((tensor) => void (tensor.dims = [2n ** 40n, 2n ** 40n])),
      /first\.weight of 1099511627776x1099511627776 has 162 numbers/,
    ],
    [
      "of a negative size",
      firstTensor((tensor) => void (tensor.dims = [-6n, -3n, 3n, 3n])),
      /first\.weight of -6x-3x3x3 has 162 numbers/,
    ],
    ["of no numbers", firstTensor((tensor) => void (tensor.rawData = new Uint8Array())), /has 0 numbers/],
    [
      "whose last number is cut",
      firstTensor((tensor) => void (tensor.rawData = tensor.rawData.slice(0, 647))),
      /has 161\.75/,
    ],
    [
      "of half precision whose last number is cut",
      firstTensor((tensor) => {
        tensor.dataType = DataType.FLOAT16;
        tensor.rawData = tensor.rawData.slice(0, 323);
      }),
      /has 161\.5 numbers/,
    ],
    [
      "of words",
      firstTensor((tensor) => void (tensor.dataType = DataType.STRING)),
      /holds first\.weight of string; .* are read/,
    ],
    ["of an unknown type", firstTensor((tensor) => void (tensor.dataType = 99)), /holds first\.weight of type 99;/],
    [
      "in a file beside it",
      firstTensor((tensor) => {
        tensor.dataLocation = DataLocation.EXTERNAL;
        tensor.externalData = external("/etc/passwd");
      }),
      /keeps its weights in other files/,
    ],
    [
      "in a file beside it, in an attribute",
      changed(({ node }) => {
        const t = create(TensorProtoSchema, { dims: [4n], externalData: external("../weights.bin") });
        node[0].attribute.push({ ...node[0].attribute[0], name: "value", type: AttributeType.TENSOR, t });
      }),
      /keeps its weights in other files/,
    ],
    [
      "twice under one name",
      changed(({ initializer }) => void initializer.push(initializer[0])),
      /computes first\.weight twice/,
    ],
    [
      "of whole numbers for weights",
      onnxFile(
        [
          ["Relu", ["image"], ["x"]],
          ["PRelu", ["x", "s"], ["y"]],
          ["Conv", ["y", "w3"], ["output"]],
        ],
        {
          s: { dims: [3, 1, 1], data: [1, 2, 3], isInteger: true },
          w3,
        },
      ),
      /uses PRelu \(PRelu1\) .*: input 1 has whole numbers/,
    ],
    [
      "under a name that is not fit for a terminal",
      firstTensor((tensor) => {
        tensor.name = `\u001b[2J${"x".repeat(1000)}`;
        tensor.dims = [1n];
      }),
      /which no node computes$/,
    ],
  ])("%s", (_, bytes, problem) => {
    expect(errorOf(bytes)).toEqual(refused(problem));
  });
});

describe("rejects graphs:", () => {
  const relu = (from: string, to: string): Node => ["Relu", [from], [to]];
  const many = (count: number) =>
    onnxFile(
      [
        ...Array.from({ length: count }, (_, i) => relu(i ? `a${i}` : "image", i === count - 1 ? "x" : `a${i + 1}`)),
        last,
      ],
      { w3 },
    );
  test.each<[string, () => Uint8Array, RegExp]>([
    [
      "two nodes that need each other",
      () => onnxFile([["Add", ["image", "b"], ["a"]], relu("a", "b"), relu("b", "x"), last], { w3 }),
      /has Add \(Add0\) take b, which is computed from it or comes later in the file/,
    ],
    [
      "a node that needs itself",
      () => onnxFile([["Add", ["image", "x"], ["x"]], last], { w3 }),
      /take x, which is computed from it/,
    ],
    [
      "an input that no node computes",
      () => onnxFile([relu("nothing", "x"), last], { w3 }),
      /Relu \(Relu0\) take nothing, which no node computes/,
    ],
    [
      "an output that no node computes",
      () => onnxFile([relu("image", "x"), last], { w3 }, { outputs: ["other"] }),
      /has the output other, which no node computes/,
    ],
    [
      "a name for two values",
      () => onnxFile([relu("image", "x"), relu("image", "x"), last], { w3 }),
      /computes x twice/,
    ],
    [
      "a node that gives the input",
      () => onnxFile([relu("image", "image"), relu("image", "x"), last], { w3 }),
      /computes image twice/,
    ],
    ["10001 nodes", () => many(10_000), /has 10001 nodes; at most 10000 are trained/],
    [
      "operators of no version",
      () => {
        const model = fromBinary(ModelProtoSchema, foreignNetwork());
        model.opsetImport = [];
        return toBinary(ModelProtoSchema, model);
      },
      /does not say which version/,
    ],
    ...["ConstantOfShape", "Expand", "Range", "Tile", "If", "Loop", "Scan", "SequenceMap"].map(
      (operator): [string, () => Uint8Array, RegExp] => [
        operator,
        () => onnxFile([[operator, ["image"], ["x"]], last], { w3 }),
        new RegExp(`uses the operator ${operator} \\(${operator}0\\), for which`),
      ],
    ),
    [
      "branches in branches",
      () =>
        changed(({ node }) => {
          const branches = fromBinary(
            NodeProtoSchema,
            Uint8Array.from(
              Buffer.concat([
                field(4, Buffer.from("If")),
                field(2, Buffer.from("output")),
                attributeOf(field(6, nested(20))),
              ]),
            ),
          );
          node.splice(-1, 1, branches);
        }),
      /uses the operator If \(output\)/,
    ],
    [
      "a file of another program's operators",
      () => changed(({ node }) => void (node[0].domain = "com.example")),
      /uses the operator com\.example\.Conv \(Conv0\)/,
    ],
  ])("%s", (_, bytes, problem) => {
    expect(errorOf(bytes())).toEqual(refused(problem));
  });

  test("but reads and writes 5000 consecutive nodes", () => {
    const network = onnxNetwork(many(4999), "net.onnx");
    const written = exportModel(network, { w3: Tensor.from(Array.from(w3.data), [3, 3, 1, 1]) });
    expect(onnxNetwork(written, "again.onnx").channels).toBe(3);
  });
});

describe("rejects nodes:", () => {
  /** Nodes that double something so many times. */
  const doubled = (times: number, node: (from: string, to: string) => Node, first = "image", to = "x"): Node[] =>
    Array.from({ length: times }, (_, i) => node(i ? `d${i}` : first, i === times - 1 ? to : `d${i + 1}`));
  test.each<[string, Node[], Record<string, Numbers>, RegExp]>([
    [
      "channels that double 40 times",
      doubled(40, (a, b) => ["Concat", [a, a], [b], { axis: 1 }]),
      {},
      /uses Concat \(Concat12\) .*: a value of 1x24576x64x64/,
    ],
    [
      "a list of sizes that doubles 40 times",
      [
        ["Shape", ["image"], ["s"]],
        ...doubled(40, (a, b) => ["Concat", [a, a], [b], { axis: 0 }], "s", "t"),
        ["Resize", ["image", "", "", "t"], ["x"]],
      ],
      {},
      /a list of 128 sizes/,
    ],
    [
      "a list of sizes picked a million times",
      [
        ["Shape", ["image"], ["s"]],
        ["Gather", ["s", "at"], ["t"]],
        ["Resize", ["image", "", "", "t"], ["x"]],
      ],
      { at: integers(...new Array(1000).fill(2)) },
      /a list of 1000 sizes/,
    ],
    [
      "images enlarged again and again",
      doubled(8, (a, b) => ["Resize", [a, "", "s"], [b], { mode: "nearest" }]),
      { s: { dims: [4], data: [1, 1, 16, 16] } },
      /a value of/,
    ],
    [
      "images enlarged a million times",
      [["Resize", ["image", "", "s"], ["x"]]],
      { s: { dims: [4], data: [1, 1, 1e6, 1e6] } },
      /a factor of 1000000, which is not a whole number from 1 to 16/,
    ],
    [
      "a size that is no number",
      [["Resize", ["image", "", "s"], ["x"]]],
      { s: { dims: [4], data: [1, 1, Number.NaN, Number.NaN] } },
      /scales 1, 1, NaN, NaN/,
    ],
    [
      "blocks of a million channels",
      [["DepthToSpace", ["image"], ["x"], { blocksize: 1e6 }]],
      {},
      /a factor of 1000000/,
    ],
    [
      "pixels in blocks of a million",
      [["SpaceToDepth", ["image"], ["x"], { blocksize: 1e6 }]],
      {},
      /a factor of 1000000/,
    ],
    [
      "blocks that do not divide the channels",
      [["DepthToSpace", ["image"], ["x"], { blocksize: 2, mode: "CRD" }]],
      {},
      /uses DepthToSpace \(DepthToSpace0\)/,
    ],
    [
      "a border as wide as the sea",
      [["Pad", ["image", "p"], ["x"]]],
      { p: integers(0, 0, 2 ** 40, 0, 0, 0, 0, 0) },
      /pads 0, 0, 1099511627776/,
    ],
    [
      "steps of no pixels",
      [["MaxPool", ["image"], ["x"], { kernel_shape: [2, 2], strides: [0, 0] }]],
      {},
      /strides=0, 0/,
    ],
    [
      "a border of a convolution",
      [["Conv", ["image", "w3"], ["x"], { pads: [2 ** 33, 0, 0, 0] }]],
      {},
      /pads=8589934592, 0/,
    ],
    [
      "large steps of a transposed convolution, twice",
      doubled(2, (a, b) => ["ConvTranspose", [a, "w64"], [b], { strides: [64, 64] }]),
      { w64: weights([3, 3, 64, 64]) },
      /a value of 1x3x262144x262144/,
    ],
    [
      "a million parts",
      [["Split", ["image"], ["x"], { axis: 1, num_outputs: 2 ** 40 }]],
      {},
      /1099511627776 parts of 3 channels/,
    ],
    [
      "a window that is larger than the image",
      [["MaxPool", ["image"], ["x"], { kernel_shape: [99, 99] }]],
      {},
      /uses MaxPool \(MaxPool0\)/,
    ],
    ["a window of three axes", [["MaxPool", ["image"], ["x"], { kernel_shape: [2, 2, 2] }]], {}, /a window of 3 axes/],
    [
      "a word in place of steps",
      [["Conv", ["image", "w3"], ["x"], { strides: "two" }]],
      {},
      /strides is not a list of numbers/,
    ],
    [
      "a list in place of a number",
      [["Concat", ["image", "image"], ["x"], { axis: [1, 1] }]],
      {},
      /axis is not a number/,
    ],
    ["an axis that there is not", [["Concat", ["image", "image"], ["x"], { axis: 9 }]], {}, /axis 9/],
    [
      "weights of other channels",
      [["Conv", ["image", "w4"], ["x"], {}]],
      { w4: weights([3, 4, 1, 1]) },
      /uses Conv \(Conv0\)/,
    ],
    [
      "bounds of no numbers",
      [["Clip", ["image", "low"], ["x"]]],
      { low: { dims: [0], data: [] } },
      /input 1 has 0 numbers, not one/,
    ],
    [
      "numbers in another shape than they fit",
      [
        ["Reshape", ["t", "s"], ["u"]],
        ["Mul", ["image", "u"], ["x"]],
      ],
      { t: integers(1, 2, 3, 4, 5, 6), s: integers(2 ** 40, 3) },
      /6 numbers to 1099511627776, 3/,
    ],
    ["a convolution without weights", [["Conv", ["image"], ["x"]]], {}, /input 1 is missing/],
    [
      "sizes in place of numbers of the file",
      [
        ["Shape", ["image"], ["s"]],
        ["Slice", ["image", "s", "s"], ["x"]],
      ],
      {},
      /uses Slice \(Slice1\)/,
    ],
    [
      "the same large convolution too many times",
      [
        ["Conv", ["image", "up"], ["wider"]],
        ...doubled(2000, (a, b) => ["Conv", [a, "wide"], [b], { pads: [4, 4, 4, 4] }], "wider"),
      ],
      { up: weights([64, 3, 1, 1]), wide: weights([64, 64, 9, 9]), w3: weights([3, 64, 1, 1]) },
      /with it the network is too large/,
    ],
  ])("%s", (_, nodes, tensors, problem) => {
    expect(errorOf(onnxFile([...nodes, last], { w3, ...tensors }))).toEqual(refused(problem));
  });
});
