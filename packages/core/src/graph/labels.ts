import { OnnxBackend } from "./onnx.ts";
import type { OnnxValue } from "./onnx-builder.ts";
import type { Backend, Dims, Primitive, Primitives } from "./primitives.ts";

/** A value of which something is known. */
export interface Labelled<L> {
  readonly value: OnnxValue;
  readonly label: L;
}

/** Derives the label of a result from the labels of its operands. */
export type LabelRule<L, P extends Primitive> = (operands: readonly Labelled<L>[], attributes: Primitives[P]) => L;

/** Follows a property of values through a graph that is not run; shapes are the ONNX backend's affair. */
export class LabelBackend<L> implements Backend<Labelled<L>> {
  readonly #shapes = new OnnxBackend();
  readonly #constants: L;
  readonly #ruleOf: <P extends Primitive>(primitive: P) => LabelRule<L, P>;

  /**
   * @param constants - the label of constants
   * @param ruleOf - the rule of each primitive
   */
  constructor(constants: L, ruleOf: <P extends Primitive>(primitive: P) => LabelRule<L, P>) {
    this.#constants = constants;
    this.#ruleOf = ruleOf;
  }

  /** A value from outside the graph. */
  input(name: string, dims: Dims, label: L): Labelled<L> {
    return { value: { name, type: "float", dims }, label };
  }

  constant(data: ArrayLike<number>, shape: readonly [number, number, number, number]): Labelled<L> {
    return { value: this.#shapes.constant(data, shape), label: this.#constants };
  }

  dims(x: Labelled<L>): Dims {
    return x.value.dims;
  }

  run<P extends Primitive>(primitive: P, operands: readonly Labelled<L>[], attributes: Primitives[P]): Labelled<L> {
    const values = operands.map((operand) => operand.value);
    return {
      value: this.#shapes.run(primitive, values, attributes),
      label: this.#ruleOf(primitive)(operands, attributes),
    };
  }
}
