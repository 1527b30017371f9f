import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import { plainFile } from "../../packages/core/src/graph/onnx-plain.ts";
import { halfValues } from "../../packages/core/src/half.ts";
import {
  dimsOf,
  edsr,
  initialize,
  type Model,
  onnxNetwork,
  onnxOperators,
  unet,
} from "../../packages/core/src/nets/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { loadRuntime } from "../../packages/core/src/runtimes/index.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { exportModel } from "../../packages/core/src/train/export-model.ts";
import { halfBits } from "../../packages/core/src/weights/elements.ts";
import { randomTensor } from "../random.ts";
import { type FileOptions, foreignNetwork, type Node, type Numbers, onnxFile, weights } from "./onnx-files.ts";

/** The output of ONNX Runtime for an image and a model file. */
async function runFile(bytes: Uint8Array, image: Tensor): Promise<Tensor> {
  const session = await (await loadRuntime()).createSession(bytes, { device: "cpu" });
  const feeds = { [session.inputs[0].name]: { data: image.data, dims: image.shape } };
  const { [session.outputs[0].name]: output } = await session.run(feeds);
  session.release();
  return new Tensor(Float32Array.from(output.data as Float32Array), output.dims as unknown as Shape);
}

/** A network's tensors as it begins. */
function tensorsOf({ parameters, buffers }: Model): Record<string, Tensor> {
  const specs = { ...parameters, ...buffers };
  const values = initialize(specs, (name) => new Random(1, name));
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, new Tensor(values[name], dimsOf(spec))]),
  );
}

/** The largest difference between what a file makes of an image and what the network read from it makes, written as a file again. */
async function difference(bytes: Uint8Array, image: Tensor): Promise<number> {
  const network = onnxNetwork(bytes);
  const again = exportModel(network, tensorsOf(network), { channels: network.channels });
  const [theirs, ours] = [await runFile(bytes, image), await runFile(again, image)];
  expect(ours.shape).toEqual(theirs.shape);
  return theirs.data.reduce((most, x, i) => Math.max(most, Math.abs(x - ours.data[i])), 0);
}

const colours = randomTensor([2, 3, 12, 8], 1);
/** Three channels to three, so that there is something to train. */
const last: Node = ["Conv", ["x", "w3"], ["output"], { kernel_shape: [1, 1] }];
const w3 = weights([3, 3, 1, 1], 9);
const integers = (...data: number[]): Numbers => ({ dims: [data.length], data, isInteger: true });

type Case = [operator: string, nodes: Node[], tensors?: Record<string, Numbers>, options?: FileOptions];

const conv = (attributes: NonNullable<Node[3]>, dims = [4, 3, 3, 3], out = 4): Case => [
  "Conv",
  [
    ["Conv", ["image", "w", "b"], ["x"], attributes],
    ["Conv", ["x", "back"], ["output"], {}],
  ],
  { w: weights(dims), b: weights([out], 2), back: weights([3, out, 1, 1], 3) },
];

/** Every operator, in the ways that exporters write it. */
const plain: Case[] = [
  conv({ kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
  conv({ pads: [0, 1, 2, 1], strides: [2, 1], dilations: [1, 1] }),
  conv({ auto_pad: "SAME_UPPER" }, [4, 3, 2, 4]),
  conv({ dilations: [2, 2], pads: [2, 2, 2, 2] }),
  conv({ auto_pad: "SAME_LOWER" }, [4, 3, 2, 2]),
  conv({ auto_pad: "VALID" }),
  conv({ group: 3, pads: [1, 1, 1, 1] }, [6, 1, 3, 3], 6),
  [
    "ConvTranspose",
    [["ConvTranspose", ["image", "w", "b"], ["x"], { strides: [2, 2], pads: [1, 1, 1, 1] }], last],
    { w: weights([3, 3, 4, 4]), b: weights([3], 2), w3 },
  ],
  [
    "ConvTranspose",
    [["ConvTranspose", ["image", "w"], ["x"], { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] }], last],
    { w: weights([3, 3, 3, 3]), w3 },
  ],
  [
    "BatchNormalization",
    [["BatchNormalization", ["image", "g", "b", "m", "v"], ["x"], { epsilon: { f: 0.01 } }], last],
    { g: weights([3]), b: weights([3], 2), m: weights([3], 3), v: { dims: [3], data: [0.5, 1, 2] }, w3 },
  ],
  [
    "InstanceNormalization",
    [["InstanceNormalization", ["image", "g", "b"], ["x"]], last],
    { g: weights([3]), b: weights([3], 2), w3 },
  ],
  ...["Add", "Sub", "Mul", "Div"].map(
    (operator): Case => [
      operator,
      [[operator, ["image", "t"], ["x"]], last],
      { t: { dims: [3, 1, 1], data: [0.5, 2, 3] }, w3 },
    ],
  ),
  ...["Neg", "Abs", "Exp", "Sin", "Cos", "Relu", "Sigmoid", "Tanh", "Softplus", "HardSwish", "Identity"].map(
    (operator): Case => [
      operator,
      [["Sub", ["image", "half"], ["y"]], [operator, ["y"], ["x"]], last],
      { half: { dims: [], data: [0.5] }, w3 },
    ],
  ),
  ...["Sqrt", "Log"].map(
    (operator): Case => [
      operator,
      [["Add", ["image", "half"], ["y"]], [operator, ["y"], ["x"]], last],
      { half: { dims: [], data: [0.5] }, w3 },
    ],
  ),
  ["HardSigmoid", [["HardSigmoid", ["image"], ["x"], { alpha: { f: 0.3 }, beta: { f: 0.4 } }], last], { w3 }],
  [
    "LeakyRelu",
    [["Sub", ["image", "half"], ["y"]], ["LeakyRelu", ["y"], ["x"], { alpha: { f: 0.3 } }], last],
    { half: { dims: [], data: [0.5] }, w3 },
  ],
  [
    "PRelu",
    [["Sub", ["image", "half"], ["y"]], ["PRelu", ["y", "s"], ["x"]], last],
    { half: { dims: [], data: [0.5] }, s: { dims: [3, 1, 1], data: [0.1, 1.5, -0.2] }, w3 },
  ],
  [
    "Clip",
    [["Clip", ["image", "low", "high"], ["x"]], last],
    { low: { dims: [], data: [0.2] }, high: { dims: [], data: [0.7] }, w3 },
  ],
  ["Clip", [["Clip", ["image"], ["x"], { min: { f: 0.3 }, max: { f: 0.6 } }], last], { w3 }, { opset: 9 }],
  ...["Max", "Min", "Sum"].map(
    (operator): Case => [
      operator,
      [["Sub", ["half", "image"], ["y"]], [operator, ["image", "y", "half"], ["x"]], last],
      { half: { dims: [], data: [0.5] }, w3 },
    ],
  ),
  ["Pow", [["Pow", ["image", "p"], ["x"]], last], { p: { dims: [], data: [2] }, w3 }],
  ["Pow", [["Pow", ["image", "p"], ["x"]], last], { p: { dims: [], data: [1.5] }, w3 }],
  [
    "Concat",
    [
      ["Concat", ["image", "image"], ["y"], { axis: 1 }],
      ["Conv", ["y", "w6"], ["output"]],
    ],
    { w6: weights([3, 6, 1, 1]) },
  ],
  [
    "Slice",
    [["Slice", ["image", "from", "to", "axes"], ["x"]], last],
    { from: integers(1, -6), to: integers(9, 2 ** 40), axes: integers(2, 3), w3 },
  ],
  ["Split", [["Split", ["y"], ["p", "x"], { axis: 1 }], last], { w3 }],
  ["Split", [["Split", ["y", "parts"], ["x", "p"], { axis: 1 }], last], { parts: integers(3, 3), w3 }],
  ...["CRD", "DCR"].map(
    (mode): Case => [
      "DepthToSpace",
      [["Conv", ["image", "w12"], ["y"]], ["DepthToSpace", ["y"], ["x"], { blocksize: 2, mode }], last],
      { w12: weights([12, 3, 1, 1]), w3 },
    ],
  ),
  [
    "SpaceToDepth",
    [
      ["SpaceToDepth", ["image"], ["y"], { blocksize: 2 }],
      ["Conv", ["y", "w12"], ["output"]],
    ],
    { w12: weights([3, 12, 1, 1]) },
  ],
  ...(
    [
      ["nearest", "asymmetric", "floor"],
      ["nearest", "half_pixel", "round_prefer_floor"],
      ["linear", "half_pixel", "floor"],
      ["linear", "pytorch_half_pixel", "floor"],
      ["linear", "align_corners", "floor"],
      ["cubic", "half_pixel", "floor"],
      ["cubic", "pytorch_half_pixel", "floor"],
      ["cubic", "asymmetric", "floor"],
    ] as const
  ).map(
    ([mode, coordinate_transformation_mode, nearest_mode]): Case => [
      "Resize",
      [["Resize", ["image", "", "scales"], ["x"], { mode, coordinate_transformation_mode, nearest_mode }], last],
      { scales: { dims: [4], data: [1, 1, 3, 3] }, w3 },
    ],
  ),
  [
    "Resize",
    [["Resize", ["image", "", "scales"], ["x"], { mode: "cubic", cubic_coeff_a: { f: -0.5 } }], last],
    { scales: { dims: [4], data: [1, 1, 4, 4] }, w3 },
  ],
  [
    "Upsample",
    [["Upsample", ["image", "scales"], ["x"], { mode: "nearest" }], last],
    { scales: { dims: [4], data: [1, 1, 2, 2] }, w3 },
    { opset: 9 },
  ],
  ["MaxPool", [["MaxPool", ["image"], ["x"], { kernel_shape: [2, 2], strides: [2, 2] }], last], { w3 }],
  [
    "AveragePool",
    [["AveragePool", ["image"], ["x"], { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }], last],
    { w3 },
  ],
  ["GlobalAveragePool", [["GlobalAveragePool", ["image"], ["m"]], ["Mul", ["image", "m"], ["x"]], last], { w3 }],
  ["ReduceMean", [["ReduceMean", ["image"], ["m"], { axes: [1] }], ["Sub", ["image", "m"], ["x"]], last], { w3 }],
  ...["constant", "reflect", "edge"].map(
    (mode): Case => [
      "Pad",
      [["Pad", ["image", "pads"], ["x"], { mode }], last],
      { pads: integers(0, 0, 1, 2, 0, 0, 3, 1), w3 },
    ],
  ),
  ["Dropout", [["Dropout", ["image"], ["x"]], last], { w3 }],
  // Twice as high and wide, by what PyTorch writes of F.interpolate with sizes that follow from the input's.
  [
    "Shape",
    [
      ["Shape", ["image"], ["s"]],
      ["Gather", ["s", "at2"], ["h"], { axis: 0 }],
      ["Gather", ["s", "at3"], ["w"], { axis: 0 }],
      ["Mul", ["h", "twice"], ["h2"]],
      ["Mul", ["w", "twice"], ["w2"]],
      ["Unsqueeze", ["h2", "at0"], ["h3"]],
      ["Unsqueeze", ["w2", "at0"], ["w3s"]],
      ["Concat", ["h3", "w3s"], ["hw"], { axis: 0 }],
      ["Cast", ["hw"], ["hw64"], { to: 7 }],
      ["Slice", ["s", "at0", "end2", "at0"], ["nc"]],
      ["Concat", ["nc", "hw64"], ["wanted"], { axis: 0 }],
      [
        "Resize",
        ["image", "", "", "wanted"],
        ["x"],
        { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
      ],
      last,
    ],
    {
      at2: { dims: [], data: [2], isInteger: true },
      at3: { dims: [], data: [3], isInteger: true },
      twice: { dims: [], data: [2], isInteger: true },
      ...{ at0: integers(0), end2: integers(2), w3 },
    },
  ],
];

const cases = plain.map(([operator, nodes, tensors, options]): Case => {
  // Six channels for the operators that divide them.
  const wide: Node[] = operator === "Split" ? [["Conv", ["image", "w6"], ["y"]]] : [];
  return [
    operator,
    [...wide, ...nodes],
    { ...(operator === "Split" ? { w6: weights([6, 3, 1, 1]) } : {}), ...tensors },
    options,
  ];
});

describe("an operator computes the same as in ONNX Runtime", () => {
  test.each(cases)("%s, case %#", async (_, nodes, tensors, options) => {
    expect(await difference(onnxFile(nodes, tensors, options), colours)).toBeLessThan(2e-6);
  });

  test("every supported operator has a case", () => {
    const shown = new Set(cases.flatMap(([, nodes]) => nodes.map(([operator]) => operator)));
    // Of sizes and numbers alone, as our own exports have them below.
    const alone = ["Constant", "Squeeze", "Floor", "Reshape"];
    expect(onnxOperators.filter((operator) => !shown.has(operator) && !alone.includes(operator))).toEqual([]);
  });
});

test.each([
  ["edsr", edsr({ channels: 6, blocks: 1, scale: 3 }), 3],
  ["unet", unet({ channels: 4, depth: 2 }), 3],
  ["grey unet", unet({ channels: 4, depth: 1, colours: 1 }), 1],
])(
  "our own %s, exported and imported, computes the same, with all weights as parameters",
  async (_, model, channels) => {
    const bytes = exportModel(model, tensorsOf(model), { channels });
    expect(await difference(bytes, randomTensor([1, channels, 16, 12], 3))).toBeLessThan(2e-6);
    const count = ({ parameters }: Model) =>
      Object.values(parameters).reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0);
    expect(count(onnxNetwork(bytes))).toBe(count(model));
  },
);

test("a PyTorch export keeps its tensors' names, and scalars are not parameters", async () => {
  const bytes = foreignNetwork();
  expect(await difference(bytes, colours)).toBeLessThan(2e-6);
  const names = ["body.bias", "body.weight", "first.bias", "first.weight", "last.weight", "slope"];
  expect(Object.keys(onnxNetwork(bytes).parameters).sort()).toEqual(names);
});

test("tensors named input or __proto__ are parameters too", async () => {
  const nodes: Node[] = [
    ["Conv", ["image", "input"], ["y"]],
    ["Conv", ["y", "__proto__"], ["output"]],
  ];
  const tensors = Object.fromEntries([
    ["input", weights([3, 3, 1, 1])],
    ["__proto__", weights([3, 3, 1, 1], 2)],
  ]);
  expect(await difference(onnxFile(nodes, tensors), colours)).toBeLessThan(2e-6);
});

describe.each([
  ["float16", DataType.FLOAT16, (value: number) => halfBits(value)],
  // The first half of a float32's bytes, rounded down.
  ["bfloat16", DataType.BFLOAT16, (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16],
] as const)("weights in %s", (_, type, bitsOf) => {
  const half = (isListed: boolean) => {
    const model = fromBinary(ModelProtoSchema, foreignNetwork());
    const expected = new Map<string, number[]>();
    for (const tensor of model.graph?.initializer ?? []) {
      if (tensor.dataType !== DataType.FLOAT) continue;
      const bits = Uint16Array.from(new Float32Array(tensor.rawData.slice().buffer), bitsOf);
      expected.set(
        tensor.name,
        Array.from(bits, (pattern) =>
          type === DataType.FLOAT16 ? halfValues()[pattern] : new Float32Array(Uint32Array.of(pattern << 16).buffer)[0],
        ),
      );
      tensor.dataType = type;
      tensor.rawData = isListed ? new Uint8Array() : new Uint8Array(bits.buffer);
      tensor.int32Data = isListed ? [...bits] : [];
    }
    return { bytes: toBinary(ModelProtoSchema, model), expected };
  };

  test.each([
    ["as bytes", false],
    ["one by one", true],
  ])("%s, are converted to the same float32 values", (_, isListed) => {
    const { bytes, expected } = half(isListed);
    const network = onnxNetwork(bytes);
    const tensors = tensorsOf(network);
    expect(Object.keys(tensors)).toContain("first.weight");
    for (const [name, { data }] of Object.entries(tensors)) expect([...data]).toEqual(expected.get(name));
  });
});

test("a network with casts to half precision computes in float32", async () => {
  const cast = (to: number, from: string, name: string): Node => ["Cast", [from], [name], { to }];
  const convolved: Node = ["Conv", ["h", "w3"], ["y"], { kernel_shape: [1, 1] }];
  const model = fromBinary(
    ModelProtoSchema,
    onnxFile([cast(DataType.FLOAT16, "image", "h"), convolved, cast(DataType.FLOAT, "y", "output")], { w3 }),
  );
  const [tensor] = model.graph?.initializer ?? [];
  tensor.dataType = DataType.FLOAT16;
  tensor.rawData = new Uint8Array(Uint16Array.from(w3.data, halfBits).buffer);
  const bytes = toBinary(ModelProtoSchema, model);
  const network = onnxNetwork(bytes);
  const ours = await runFile(exportModel(network, tensorsOf(network), { channels: 3 }), colours);
  const theirs = await runFile(plainFile(bytes, "net.onnx"), colours);
  expect(ours.shape).toEqual(colours.shape);
  expect(theirs.data.reduce((most, x, i) => Math.max(most, Math.abs(x - ours.data[i])), 0)).toBeLessThan(2e-6);
});

test("unused nodes are dropped, in the runtime's file too", async () => {
  const extra: Node = ["ConstantOfShape", ["huge"], ["room"]];
  const bytes = onnxFile([["Relu", ["image"], ["x"]], extra, last], { huge: integers(2 ** 30, 2 ** 20), w3 });
  expect(await difference(plainFile(bytes, "net.onnx"), colours)).toBe(0);
  const { graph } = fromBinary(ModelProtoSchema, plainFile(bytes, "net.onnx"));
  expect(graph?.node.map(({ opType }) => opType)).toEqual(["Relu", "Conv"]);
  expect(graph?.initializer.map(({ name }) => name)).toEqual(["w3"]);
});

describe("rejects what cannot be trained, by name:", () => {
  const file = (...nodes: Node[]) => onnxFile([...nodes, last], { w3 });
  const changed = (change: (model: ReturnType<typeof fromBinary<typeof ModelProtoSchema>>) => void) => {
    const model = fromBinary(ModelProtoSchema, foreignNetwork());
    change(model);
    return toBinary(ModelProtoSchema, model);
  };
  test.each<[string, Uint8Array, RegExp]>([
    [
      "an operator",
      file(["Erf", ["image"], ["x"]]),
      /^net\.onnx uses the operator Erf \(Erf0\), for which no gradient is defined$/,
    ],
    [
      "several, of attention",
      file(
        ["Transpose", ["image"], ["y"]],
        ["MatMul", ["y", "y"], ["s"]],
        ["Softmax", ["s"], ["p"]],
        ["MatMul", ["p", "y"], ["x"]],
      ),
      /the operators MatMul \(MatMul1\), Softmax \(Softmax2\), Transpose \(Transpose0\), for which/,
    ],
    ["no file", Uint8Array.of(1, 2, 3), /is not an ONNX model, or is damaged/],
    ["a truncated file", foreignNetwork().slice(0, 700), /is not an ONNX model, or is damaged/],
    ["an empty file", new Uint8Array(), /is not an ONNX model/],
    ["nothing to train", onnxFile([["Relu", ["image"], ["output"]]]), /has no parameters that training could change/],
    ["vectors", onnxFile([["Identity", ["image"], ["x"]], last], { w3 }, { dims: ["n", 3] }), /takes image of 2 axes/],
    [
      "four channels",
      onnxFile([["Conv", ["image", "w"], ["output"]]], { w: weights([4, 4, 1, 1]) }, { dims: ["n", 4, "h", "w"] }),
      /takes 4 channels, .*; images have 1 or 3/,
    ],
    [
      "channels last",
      onnxFile([["Conv", ["image", "w"], ["output"]]], { w: weights([4, 4, 1, 1]) }, { dims: ["n", "h", "w", 3] }),
      /takes an unknown number of channels, in the order n, c, h, w/,
    ],
    [
      "two outputs",
      onnxFile([["Identity", ["image"], ["x"]], last], { w3 }, { outputs: ["output", "x"] }),
      /has 1 input and 2 outputs/,
    ],
    [
      "weights in another file",
      changed(({ graph }) => {
        const [tensor] = graph?.initializer ?? [];
        tensor.dataLocation = DataLocation.EXTERNAL;
        tensor.externalData = [create(StringStringEntryProtoSchema, { key: "location", value: "../../../etc/passwd" })];
        tensor.rawData = new Uint8Array();
      }),
      /keeps its weights in other files, which are not read/,
    ],
    [
      "a tensor with too few numbers",
      changed(({ graph }) => {
        const [tensor] = graph?.initializer ?? [];
        tensor.rawData = tensor.rawData.slice(0, 8);
      }),
      /is damaged: first\.weight of 6x3x3x3 has 2 numbers/,
    ],
    [
      "a tensor that is not finite",
      changed(({ graph }) => {
        const [tensor] = graph?.initializer ?? [];
        tensor.rawData = new Uint8Array(new Float32Array(162).fill(Number.NaN).buffer);
      }),
      /holds NaN in first\.weight/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(() => onnxNetwork(bytes, "net.onnx")).toThrow(message);
  });

  test.each<[string, Node[], Record<string, Numbers>, RegExp]>([
    [
      "bicubic, by corners",
      [["Resize", ["image", "", "s"], ["x"], { mode: "cubic", coordinate_transformation_mode: "align_corners" }]],
      { s: { dims: [4], data: [1, 1, 2, 2] } },
      /uses Resize \(Resize0\) in a way that training does not know: cubic by align_corners/,
    ],
    [
      "a fixed size",
      [["Resize", ["image", "", "", "s"], ["x"], { mode: "linear" }]],
      { s: integers(1, 3, 99, 77) },
      /a fixed size/,
    ],
    [
      "half as large",
      [["Resize", ["image", "", "s"], ["x"], { mode: "linear" }]],
      { s: { dims: [4], data: [1, 1, 0.5, 0.5] } },
      /a factor of 0\.5/,
    ],
    [
      "batches put together",
      [["Concat", ["image", "image"], ["x"], { axis: 0 }]],
      {},
      /axis 0; channels can be put together/,
    ],
    [
      "a border of ones",
      [["Pad", ["image", "p", "one"], ["x"]]],
      { p: integers(0, 0, 1, 1, 0, 0, 1, 1), one: { dims: [], data: [1] } },
      /a border that is not 0/,
    ],
  ])("an unsupported form of an operator: %s", (_, nodes, tensors, message) => {
    const network = onnxNetwork(onnxFile([...nodes, last], { ...tensors, w3 }), "net.onnx");
    expect(() => exportModel(network, tensorsOf(network))).toThrow(message);
  });
});
