import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
} from "onnx-buf";

/** A value of an attribute: a whole number, `{ f }` a float, whole numbers, words. */
export type Attribute = number | string | readonly number[] | { readonly f: number };

/** A node: operator, inputs, outputs, attributes. */
export type Node = readonly [
  operator: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, Attribute>>,
];

/** A tensor: its sizes and numbers; whole numbers where `isInteger`. */
export interface Numbers {
  readonly dims: readonly number[];
  readonly data: readonly number[] | Float32Array;
  readonly isInteger?: boolean;
}

export interface FileOptions {
  readonly opset?: number;
  readonly dims?: readonly (number | string)[];
  readonly outputs?: readonly string[];
}

function attributeOf([name, value]: [string, Attribute]) {
  if (typeof value === "number") return { name, type: AttributeType.INT, i: BigInt(value) };
  if (typeof value === "string") return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if ("f" in value) return { name, type: AttributeType.FLOAT, f: value.f };
  return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
}

/** An ONNX file of such nodes from `image` to `output`, as other programs write them: with names of its own, not through this library's writer. */
export function onnxFile(
  nodes: readonly Node[],
  tensors: Readonly<Record<string, Numbers>> = {},
  { opset = 17, dims = ["n", 3, "h", "w"], outputs = ["output"] }: FileOptions = {},
): Uint8Array {
  const info = (name: string, sizes: readonly (number | string)[]) => ({
    name,
    type: {
      value: {
        case: "tensorType" as const,
        value: {
          elemType: DataType.FLOAT,
          shape: {
            dim: sizes.map((size) => ({
              value:
                typeof size === "number"
                  ? { case: "dimValue" as const, value: BigInt(size) }
                  : { case: "dimParam" as const, value: size },
            })),
          },
        },
      },
    },
  });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "by hand",
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: {
      name: "by hand",
      input: [info("image", dims)],
      output: outputs.map((name) => info(name, ["n", "c", "y", "x"])),
      node: nodes.map(([opType, input, output, attributes = {}], index) => ({
        ...{ name: `${opType}${index}`, opType, input: [...input], output: [...output] },
        attribute: Object.entries(attributes).map(attributeOf),
      })),
      initializer: Object.entries(tensors).map(([name, { dims, data, isInteger }]) => ({
        ...{ name, dims: dims.map(BigInt) },
        ...(isInteger
          ? { dataType: DataType.INT64, int64Data: Array.from(data, BigInt) }
          : { dataType: DataType.FLOAT, rawData: new Uint8Array(Float32Array.from(data).buffer) }),
      })),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** Numbers between -0.5 and 0.5 that look random. */
export function weights(dims: readonly number[], seed = 1): Numbers {
  const count = dims.reduce((product, size) => product * size, 1);
  return {
    dims,
    data: Float32Array.from(
      { length: count },
      (_, i) => ((Math.sin(seed * 12.9898 + i * 78.233) * 43758.5453) % 1) / 2,
    ),
  };
}

/** A small network for super-resolution as PyTorch exports one: convolutions, PReLU, a residual, pixel shuffle, and the enlarged input added. */
export function foreignNetwork(channels = 3, scale = 2): Uint8Array {
  return onnxFile(
    [
      ["Conv", ["image", "first.weight", "first.bias"], ["a"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["PRelu", ["a", "slope"], ["b"]],
      ["Conv", ["b", "body.weight", "body.bias"], ["c"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["Add", ["b", "c"], ["d"]],
      ["Conv", ["d", "last.weight"], ["e"], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
      ["DepthToSpace", ["e"], ["f"], { blocksize: scale, mode: "CRD" }],
      ["Shape", ["f"], ["size"]],
      ["Slice", ["size", "two", "four", "zero"], ["spatial"]],
      ["Shape", ["image"], ["whole"]],
      ["Slice", ["whole", "zero", "two", "zero"], ["batch"]],
      ["Concat", ["batch", "spatial"], ["wanted"], { axis: 0 }],
      ["Resize", ["image", "", "", "wanted"], ["g"], { mode: "linear", coordinate_transformation_mode: "half_pixel" }],
      ["Mul", ["f", "tenth"], ["h"]],
      ["Add", ["g", "h"], ["output"]],
    ],
    {
      "first.weight": weights([6, channels, 3, 3], 1),
      "first.bias": weights([6], 2),
      slope: { dims: [6, 1, 1], data: [0.1, 0.2, 0.3, 0.1, 0.2, 0.3] },
      "body.weight": weights([6, 6, 3, 3], 3),
      "body.bias": weights([6], 4),
      "last.weight": weights([channels * scale ** 2, 6, 3, 3], 5),
      tenth: { dims: [], data: [0.1] },
      zero: { dims: [1], data: [0], isInteger: true },
      two: { dims: [1], data: [2], isInteger: true },
      four: { dims: [1], data: [4], isInteger: true },
    },
    { dims: ["n", channels, "h", "w"] },
  );
}
