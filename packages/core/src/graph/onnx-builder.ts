import { type ElementType, OnnxModelWriter } from "./onnx-model.ts";
import { type Axis, axisOrder, type Dims, type Primitive, type Primitives } from "./primitives.ts";

/** A value inside an ONNX model. Images are float; numbers per image ([n, 1, 1, 1]) that come from sums are double. */
export interface OnnxValue {
  readonly name: string;
  readonly type: "float" | "double";
  readonly dims: Dims;
  /** The same value as bool, where it came from a comparison. */
  readonly mask?: string;
  /** The numbers themselves, where it is a constant. */
  readonly constant?: ArrayLike<number>;
  /** Of a convolution: the same with a bias, of one number for each output channel, as a part of it. */
  readonly biased?: (bias: string) => string;
  /** Of a convolution with a constant kernel: the same times a constant for each output channel, as a part of the kernel. */
  readonly scaledBy?: (by: ArrayLike<number>) => OnnxValue;
  /** Of a value times a constant for each channel: both. */
  readonly scaled?: { readonly value: OnnxValue; readonly by: ArrayLike<number> };
  /** Of a value in pieces, which `name` would put in order: values in the same order can be added piece by piece before. */
  readonly sum?: {
    readonly order: string;
    readonly pieces: readonly string[];
    with(pieces: readonly string[]): OnnxValue;
  };
  /** Of a smaller value repeated: that value, and what it is repeated to the shape of. `name` asks for the repetition. */
  readonly repeated?: { readonly small: OnnxValue; readonly like: OnnxValue };
}

/** A primitive written in ONNX's operators. */
export type Lowering<P extends Primitive> = (
  builder: OnnxBuilder,
  operands: readonly OnnxValue[],
  attributes: Primitives[P],
) => OnnxValue;

/** ONNX stands for "all the way" by numbers beyond any size. */
export const farEnd = 2 ** 53 - 1;

/** The place of an axis in a shape. */
export function axisIndex(axis: Axis): number {
  return axisOrder.indexOf(axis);
}

/** The operators of the runtime that a model is written for; by default ONNX's operations, and no others. */
export interface ModelTarget {
  /** The number of channels side by side in the layout of its fast convolutions, which only ONNX Runtime knows; default 0: none. */
  readonly block?: number;
  /** Whether it knows float64. Default true; where not, float32 stands for it. */
  readonly float64?: boolean;
}

/** The writer of operations: names of values, and the nodes that all of them need. */
export class OnnxBuilder {
  readonly writer: OnnxModelWriter;
  /** The number of channels side by side in the layout of ONNX Runtime's fast convolutions; 0 where these are not to be used. */
  readonly block: number;
  /** Whether the runtime knows float64. */
  readonly float64: boolean;
  readonly #made = new Map<string, ArrayLike<number>>();

  constructor({ block = 0, float64 = true }: ModelTarget = {}) {
    this.block = block;
    this.float64 = float64;
    this.writer = new OnnxModelWriter(float64);
  }

  constant(data: ArrayLike<number>, dims: readonly [number, number, number, number]): OnnxValue {
    return { name: this.writer.constant("float", dims, data), type: "float", dims, constant: data };
  }

  /** Numbers that are made when they are first asked for by this name. */
  once(name: string, make: () => ArrayLike<number>): ArrayLike<number> {
    const numbers = this.#made.get(name) ?? make();
    this.#made.set(name, numbers);
    return numbers;
  }

  dims(x: OnnxValue): Dims {
    return x.dims;
  }

  /** The name of a value in the type asked for. */
  as(x: OnnxValue, type: "float" | "double"): string {
    if (x.type === type) return x.name;
    if (x.constant) return this.writer.constant(type, x.dims as readonly number[], x.constant);
    return this.cast(x.name, type);
  }

  cast(name: string, type: ElementType): string {
    return this.writer.node("Cast", [name], { to: this.writer.dataType(type) });
  }

  ints(...values: readonly number[]): string {
    return this.writer.constant("int64", [values.length], values);
  }

  reshape(name: string, dims: readonly number[]): string {
    return this.writer.node("Reshape", [name, this.ints(...dims)]);
  }

  /**
   * A value continued before and after some of its axes; less than 0 cuts off. All axes are written out: ONNX Runtime (1.30) moves transpositions past a Pad that names its
   * axes, and then continues others.
   *
   * @param rank - how many axes the value has
   * @param around - by axis; names are those of int64 values of one element
   */
  pad(
    name: string,
    rank: number,
    around: Readonly<Record<number, readonly [before: number | string, after: number | string]>>,
    mode: "constant" | "reflect" | "edge" = "constant",
  ): string {
    const pads = [0, 1].flatMap((side) => Array.from({ length: rank }, (_, axis) => around[axis]?.[side] ?? 0));
    const parts = pads.map((by) => (typeof by === "number" ? this.ints(by) : by));
    const numbers = pads.filter((by) => typeof by === "number");
    const all = numbers.length === pads.length ? this.ints(...numbers) : this.writer.node("Concat", parts, { axis: 0 });
    return this.writer.node("Pad", [name, all], { mode });
  }

  /** The sizes of some axes, as int64. */
  sizes(name: string, axes: readonly Axis[]): string {
    return this.writer.node("Gather", [this.writer.node("Shape", [name]), this.ints(...axes.map(axisIndex))]);
  }
}
