import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { type OnnxGraph, type OnnxTensor, readOnnxGraph } from "../graph/onnx-nodes.ts";
import type { Ops } from "../graph/ops.ts";
import type { Dims } from "../graph/primitives.ts";
import { firstNonFinite, type Shape } from "../tensor.ts";
import { counted, listNames } from "../text.ts";
import type { Model } from "./model.ts";
import { build, operators, refusalOf } from "./onnx-operators.ts";
import type { TensorSpec } from "./tensors.ts";

/** The inputs of operators that are trained: one number per channel, or as its shape says. */
const trained: Readonly<Record<string, readonly ("weight" | "channels" | "values" | undefined)[]>> = {
  Conv: [undefined, "weight", "channels"],
  ConvTranspose: [undefined, "weight", "channels"],
  // The running statistics stay what they are.
  BatchNormalization: [undefined, "channels", "channels"],
  InstanceNormalization: [undefined, "channels", "channels"],
  PRelu: [undefined, "values"],
  Add: ["values", "values"],
  Sub: ["values", "values"],
  Mul: ["values", "values"],
  Div: ["values", "values"],
};

/** The name of a parameter: that of its tensor, but for those that a table cannot have, and the names of a program's own values. */
function parameterName(name: string): string {
  return /^(?:|__proto__|constructor|prototype|input|v\d+)$/.test(name) ? `tensor ${name}` : name;
}

/** Sizes of up to four axes as those of a value, the last ones aligned. */
function aligned(dims: readonly number[]): Shape {
  return [...Array.from({ length: 4 - dims.length }, () => 1), ...dims] as unknown as Shape;
}

/** The tensors of a graph that training changes, by the names that the file gives them. */
function parametersOf(graph: OnnxGraph, refuse: (problem: string) => ReconlossError) {
  const found = new Map<string, TensorSpec>();
  // A tensor in another shape is still the tensor.
  const reshaped = new Map(
    graph.nodes.flatMap(({ operator, inputs, outputs }) => (operator === "Reshape" ? [[outputs[0], inputs[0]]] : [])),
  );
  for (const { operator, inputs } of graph.nodes) {
    for (const [index, kind] of (trained[operator] ?? []).entries()) {
      const input = inputs[index] ?? "";
      const name = reshaped.get(input) ?? input;
      const tensor = graph.tensors.get(name);
      if (kind === undefined || tensor === undefined || tensor.isInteger) continue;
      // A single number is a constant of the formula, such as a mean that is taken off.
      if (kind === "values" && tensor.data.length < 2) continue;
      const dims = kind === "channels" ? ([1, tensor.data.length, 1, 1] as const) : aligned(tensor.dims);
      if (tensor.dims.length > 4) throw refuse(`has ${name} of ${tensor.dims.length} axes`);
      const before = found.get(parameterName(name));
      if (before?.dims !== undefined && `${before.dims}` !== `${dims}`) {
        throw refuse(`uses ${name} both as one number per channel and as it is`);
      }
      found.set(parameterName(name), specOf(name, tensor, dims, refuse));
    }
  }
  return Object.fromEntries(found);
}

function specOf(
  name: string,
  { dims, data }: OnnxTensor,
  valueDims: Shape,
  refuse: (problem: string) => ReconlossError,
): TensorSpec {
  const values = Float32Array.from(data);
  const broken = firstNonFinite(values);
  if (broken >= 0) throw refuse(`holds ${values[broken]} in ${name}`);
  return { shape: dims, dims: valueDims, initialize: () => values.slice() };
}

/** The one image that a graph takes; its channels. */
function inputOf(
  { inputs, outputs }: OnnxGraph,
  refuse: (problem: string) => ReconlossError,
): { readonly name: string; readonly channels: 1 | 3 } {
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw refuse(
      `has ${counted(inputs.length, "input", "inputs")} and ${counted(outputs.length, "output", "outputs")}; a network of images has one of each`,
    );
  }
  const [{ name, dims }] = inputs;
  if (dims !== undefined && dims.length !== 4) {
    throw refuse(`takes ${name} of ${dims.length} axes; an image batch has n, c, h and w`);
  }
  const channels = dims?.[1];
  if (channels === 1 || channels === 3) return { name, channels };
  throw refuse(`takes ${channels ?? "an unknown number of"} channels, in the order n, c, h, w; images have 1 or 3`);
}

/** A network that was read from an ONNX file. */
export interface OnnxNetwork extends Model {
  /** Channels of the images that it takes. */
  readonly channels: 1 | 3;
}

/**
 * A network from an ONNX file, of ours or of anybody's, as a model that can be trained: its convolutions, scales and shifts become parameters under the names that the
 * file gives them, everything else stays as it is. Running statistics of batch norms do not change.
 *
 * The file must hold one graph from one image batch [n, 1 | 3, h, w] to another; the sizes that it names do not bind. It may use the operators of {@link onnxOperators}.
 *
 * @param bytes - the file
 * @param name - what errors call it
 * @throws {ReconlossError} `content` for bytes that are no ONNX model, weights in other files or of other types, other inputs and outputs, or an operator that training does not know, which is named
 *
 * @example
 * ```ts
 * import { edsr, onnxNetwork } from "@reconloss/core/nets";
 * import { createTrainer, exportModel } from "@reconloss/core/train";
 * import { l1, Tensor } from "@reconloss/core";
 * const first = createTrainer({ model: edsr({ channels: 4, blocks: 1 }), loss: l1() });
 * const network = onnxNetwork(exportModel(first.model, first.tensors), "edsr.onnx");
 * const again = createTrainer({ model: network, loss: l1() });
 * const image = Tensor.full([1, 3, 8, 8], 0.5);
 * const [a, b] = [await first.apply(image), await again.apply(image)];
 * Math.max(...a.data.map((x, i) => Math.abs(x - b.data[i]))) < 1e-6; // true
 * ```
 */
export function onnxNetwork(bytes: Uint8Array, name = "the model"): OnnxNetwork {
  checkArguments("onnxNetwork", { bytes: [bytes, "bytes"], name: [name, "text"] });
  const refuse = (problem: string) => new ReconlossError("content", `${name} ${problem}`);
  const graph = readOnnxGraph(bytes, name);
  // Of each the first node.
  const unknown = new Map(
    graph.nodes
      .filter(({ operator }) => !operators.has(operator))
      .toReversed()
      .map(({ operator, name }) => [operator, name]),
  );
  if (unknown.size > 0) {
    const list = listNames([...unknown].map(([operator, node]) => `${operator} (${node})`).sort());
    throw refuse(`uses the ${unknown.size === 1 ? "operator" : "operators"} ${list}, for which no gradient is defined`);
  }
  const input = inputOf(graph, refuse);
  const parameters = parametersOf(graph, refuse);
  if (Object.keys(parameters).length === 0) throw refuse("has no parameters that training could change");
  const names = Object.fromEntries(
    [...graph.tensors.keys()]
      .map((tensor) => [parameterName(tensor), tensor] as const)
      .filter(([parameter]) => Object.hasOwn(parameters, parameter)),
  );
  return {
    name: "onnx",
    channels: input.channels,
    parameters,
    buffers: {},
    forward<T>(o: Ops<T>, x: T, tensors: Readonly<Record<string, T>>) {
      const dims: Dims = o.dims(x);
      if (dims[1] !== input.channels) {
        throw new ReconlossError("shape", `${name} takes ${input.channels} channels, got ${dims[1] ?? "?"}`);
      }
      const byName = Object.entries(names).map(([parameter, tensor]) => [tensor, tensors[parameter]] as const);
      try {
        return { output: build(o, graph, new Map([...byName, [input.name, x]])), buffers: {} };
      } catch (error) {
        throw refusalOf(error, refuse);
      }
    },
  };
}

/**
 * The operators of ONNX that {@link onnxNetwork} knows, sorted.
 *
 * @example
 * ```ts
 * import { onnxOperators } from "@reconloss/core/nets";
 * onnxOperators.includes("Conv"); // true
 * ```
 */
export const onnxOperators: readonly string[] = [...operators.keys()].sort();
