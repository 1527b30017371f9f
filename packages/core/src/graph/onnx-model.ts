import { bytes, encode, integer, type Message, message, text } from "./onnx-message.ts";

/** The element types that our models use. */
export type ElementType = "float" | "double" | "int64" | "bool";

/** The numbers of TensorProto.DataType. */
const elementTypes: Record<ElementType, number> = { float: 1, int64: 7, bool: 9, double: 11 };

/** A node's attributes: integers, lists of integers, or words. */
export type NodeAttributes = Record<string, number | readonly number[] | string>;

interface Node {
  opType: string;
  inputs: string[];
  outputs: string[];
  attributes: NodeAttributes;
  /** ONNX's own is empty. */
  domain: string;
}

/** An input or output of a model: sizes are numbers or the names of symbols. */
export interface ValueInfo {
  name: string;
  type: ElementType;
  dims: readonly (number | string)[];
}

/** Constants of up to so many elements are found by their content, larger ones among those of their shape. */
const smallConstant = 2048;

const opset = 20;
const irVersion = 9;

/**
 * Collects the nodes of one ONNX model (https://onnx.ai/onnx/repo-docs/IR.html). Names are given by the writer; nodes are expected
 * in the order of computation, equal ones are kept once, and those that no output needs are left out of the file.
 */
export class OnnxModelWriter {
  readonly #nodes: Node[] = [];
  readonly #producers = new Map<string, Node>();
  readonly #initializers = new Map<string, Message>();
  readonly #constants = new Map<string, string>();
  readonly #large = new Map<string, { readonly bytes: Uint8Array<ArrayBuffer>; readonly name: string }[]>();
  readonly #known = new Map<string, string>();
  /** Values that the model's users know by another name. */
  readonly #outputs = new Map<string, string>();
  readonly #float64: boolean;
  #count = 0;

  /** @param float64 - whether the model's runtime knows float64; where it does not, float32 stands for it everywhere */
  constructor(float64 = true) {
    this.#float64 = float64;
  }

  /** The element type that this model stores for one: float for double, unless it keeps 64 bits. */
  stored(type: ElementType): ElementType {
    return type === "double" && !this.#float64 ? "float" : type;
  }

  /** The ONNX data type number of the element type that this model stores for one. */
  dataType(type: ElementType): number {
    return elementTypes[this.stored(type)];
  }

  /** Adds a node with one output and gives its name, or gives the name of an equal node's output. */
  node(opType: string, inputs: readonly string[], attributes: NodeAttributes = {}, domain = ""): string {
    const key = JSON.stringify([domain, opType, inputs, attributes]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const output = this.#name();
    const node = { opType, inputs: [...inputs], outputs: [output], attributes, domain };
    this.#nodes.push(node);
    this.#producers.set(output, node);
    this.#known.set(key, output);
    return output;
  }

  /** The second output of the node whose first output this is. */
  secondOutput(output: string): string {
    const node = this.#producers.get(output);
    if (node === undefined) throw new Error(`no node gives ${output}`);
    if (node.outputs[1] === undefined) {
      node.outputs[1] = this.#name();
      this.#producers.set(node.outputs[1], node);
    }
    return node.outputs[1];
  }

  /** A constant, whose data must not change any more; equal ones share one entry, so that nodes of equal inputs are equal too. */
  constant(type: ElementType, dims: readonly number[], data: ArrayLike<number>): string {
    const bytes = toBytes(this.stored(type), data);
    const shape = `${this.stored(type)}[${dims.join()}]`;
    if (data.length > smallConstant) {
      const alike = this.#large.get(shape) ?? [];
      this.#large.set(shape, alike);
      const known = alike.find((other) => sameBytes(other.bytes, bytes));
      if (known) return known.name;
      const name = this.#initializer(type, dims, bytes);
      alike.push({ bytes, name });
      return name;
    }
    const key = shape + String.fromCharCode(...bytes);
    const name = this.#constants.get(key) ?? this.#initializer(type, dims, bytes);
    this.#constants.set(key, name);
    return name;
  }

  #initializer(type: ElementType, dims: readonly number[], rawData: Uint8Array<ArrayBuffer>): string {
    const name = this.#name();
    const sizes = dims.map((size) => integer(1, size));
    this.#initializers.set(name, [...sizes, integer(2, this.dataType(type)), text(8, name), bytes(9, rawData)]);
    return name;
  }

  /** Gives a value the name under which the model's users know it. */
  nameOutput(output: string, value: string): void {
    if (this.#producers.has(value) && !this.#outputs.has(value)) {
      this.#outputs.set(value, output);
      return;
    }
    // An input, a constant, or an output already: under one more name it is a copy.
    this.#nodes.push({ opType: "Identity", inputs: [value], outputs: [output], attributes: {}, domain: "" });
    this.#producers.set(output, this.#nodes[this.#nodes.length - 1]);
  }

  /** The names of nodes that only the CPU can run: pooling that also tells where its maxima are. */
  get cpuNodes(): string[] {
    const pools = this.#nodes.filter(({ opType, outputs }) => opType === "MaxPool" && outputs.length > 1);
    return pools.map(({ outputs }) => outputs[0]);
  }

  /** The model as the bytes of an .onnx file; a node has the name of its first output. */
  write(
    inputs: readonly ValueInfo[],
    outputs: readonly ValueInfo[],
    metadata: Record<string, string> = {},
  ): Uint8Array {
    const needed = new Set<string>();
    const visit = (pending: string[]) => {
      for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
        if (needed.has(name)) continue;
        needed.add(name);
        pending.push(...(this.#producers.get(name)?.inputs ?? []));
      }
    };
    const values = new Map([...this.#outputs].map(([value, output]) => [output, value]));
    visit(outputs.map(({ name }) => values.get(name) ?? name));
    const renamed = (names: readonly string[]) => names.map((name) => this.#outputs.get(name) ?? name);
    const nodes = this.#nodes.filter((node) => node.outputs.some((name) => needed.has(name)));
    const domains = [...new Set(nodes.map(({ domain }) => domain))].filter((domain) => domain !== "");
    const info = (value: ValueInfo) => toValueInfo(value, this.dataType(value.type));
    const initializers = [...this.#initializers].filter(([name]) => needed.has(name));
    const graph = [
      ...nodes.map((node) => message(1, toNode(node, renamed))),
      text(2, "reconloss"),
      ...initializers.map(([, tensor]) => message(5, tensor)),
      ...inputs.map((input) => message(11, info(input))),
      ...outputs.map((output) => message(12, info(output))),
    ];
    return encode([
      integer(1, irVersion),
      text(2, "reconloss"),
      message(7, graph),
      ...["", ...domains].map((domain) => message(8, [text(1, domain), integer(2, domain === "" ? opset : 1)])),
      ...Object.entries(metadata).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
    ]);
  }

  #name(): string {
    return `v${this.#count++}`;
  }
}

function toBytes(type: ElementType, data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const array =
    type === "float"
      ? data instanceof Float32Array
        ? (data as Float32Array<ArrayBuffer>)
        : Float32Array.from(data)
      : type === "double"
        ? Float64Array.from(data)
        : type === "int64"
          ? BigInt64Array.from(Array.from(data, BigInt))
          : Uint8Array.from(data);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Whether bytes of the same length are the same: of one array at once, of others as soon as they differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) return true;
  return a.every((byte, i) => byte === b[i]);
}

// Messages of onnx.proto by the numbers of their fields, in the order of these.

function toNode(
  { opType, inputs, outputs, attributes, domain }: Node,
  renamed: (names: readonly string[]) => string[],
): Message {
  return [
    ...renamed(inputs).map((name) => text(1, name)),
    ...renamed(outputs).map((name) => text(2, name)),
    text(3, outputs[0]),
    text(4, opType),
    ...Object.entries(attributes).map((attribute) => message(5, toAttribute(attribute))),
    text(7, domain),
  ];
}

/** The numbers of AttributeProto.AttributeType. */
const attributeTypes = { integer: 2, text: 3, integers: 7 };

function toAttribute([name, value]: [string, NodeAttributes[string]]): Message {
  const of = (type: keyof typeof attributeTypes, ...fields: Message) => [
    text(1, name),
    ...fields,
    integer(20, attributeTypes[type]),
  ];
  if (typeof value === "string") return of("text", text(4, value));
  if (typeof value === "number") return of("integer", integer(3, value));
  return of("integers", ...value.map((each) => integer(8, each)));
}

function toValueInfo({ name, dims }: ValueInfo, elementType: number): Message {
  const shape = dims.map((size) => message(1, [typeof size === "number" ? integer(1, size) : text(2, size)]));
  return [text(1, name), message(2, [message(1, [integer(1, elementType), message(2, shape)])])];
}
