import { checkArguments } from "../arguments.ts";
import { derivatives } from "./derivatives.ts";
import { Ops } from "./ops.ts";
import type { Backend, Primitive, Primitives } from "./primitives.ts";

/** A value that remembers how it came from the inputs of {@link differentiate}; `step` is absent where it did not. */
export interface Traced<T> {
  readonly value: T;
  readonly step?: Step<T>;
}

interface Step<T> {
  readonly primitive: Primitive | "input";
  readonly operands: readonly Traced<T>[];
  readonly attributes: object;
  /** Place in the order of computation: operands come before results. */
  readonly order: number;
}

/** Computes on another backend and records each step that depends on the inputs. */
class TracingBackend<T> implements Backend<Traced<T>> {
  readonly #base: Backend<T>;
  readonly results: Traced<T>[] = [];

  constructor(base: Backend<T>) {
    this.#base = base;
  }

  constant(data: ArrayLike<number>, shape: readonly [number, number, number, number]): Traced<T> {
    return { value: this.#base.constant(data, shape) };
  }

  dims(x: Traced<T>) {
    return this.#base.dims(x.value);
  }

  run<P extends Primitive>(primitive: P, operands: readonly Traced<T>[], attributes: Primitives[P]): Traced<T> {
    const value = this.#base.run(
      primitive,
      operands.map((operand) => operand.value),
      attributes,
    );
    if (primitive === "stopGradient" || operands.every((operand) => operand.step === undefined)) return { value };
    return this.record(value, primitive, operands, attributes);
  }

  record(value: T, primitive: Primitive | "input", operands: readonly Traced<T>[], attributes: object): Traced<T> {
    const result = { value, step: { primitive, operands, attributes, order: this.results.length } };
    this.results.push(result);
    return result;
  }
}

/** The operations that {@link differentiate} gives its function. */
export interface Tracing<T> {
  /** Operations on traced values. */
  o: Ops<Traced<T>>;
  /** A value from outside, constant for this differentiation. */
  lift(value: T): Traced<T>;
}

/**
 * A function's value, and what takes a gradient by that value back to gradients by the inputs: reverse mode, once for each gradient that is asked for, through one computation of the value.
 *
 * @param o - the operations to compute with
 * @param f - the function, of one result in any shape
 * @param inputs - where to evaluate it, and what to differentiate with respect to
 */
export function pullback<T>(
  o: Ops<T>,
  f: (tracing: Tracing<T>, inputs: Traced<T>[]) => Traced<T>,
  inputs: readonly T[],
): { value: T; pull(gradient: T): T[] } {
  const backend = new TracingBackend(o.backend);
  const traced = inputs.map((input) => backend.record(input, "input", [], {}));
  const result = f({ o: new Ops(backend), lift: (value) => ({ value }) }, traced);
  const pull = (gradient: T): T[] => {
    const gradients: (T | undefined)[] = [];
    if (result.step) gradients[result.step.order] = gradient;
    for (const { value, step } of backend.results.toReversed()) {
      if (step === undefined || step.primitive === "input") continue;
      const g = gradients[step.order];
      if (g === undefined) continue;
      const derivative = derivatives[step.primitive] as (typeof derivatives)["add"];
      const operands = step.operands.map((operand) => operand.value);
      derivative(o, g, operands, value, step.attributes).forEach((contribution, index) => {
        const operand = step.operands[index].step;
        if (contribution === undefined || operand === undefined) return;
        const sum = gradients[operand.order];
        gradients[operand.order] = sum === undefined ? contribution : o.add(sum, contribution);
      });
    }
    return inputs.map((input, index) => gradients[index] ?? o.expand(o.scalar(0), input));
  };
  return { value: result.value, pull };
}

/**
 * Reverse-mode differentiation of a scalar function over `Ops`. The gradients are values of the same backend, made of the same
 * operations, so `differentiate` may be called inside the function that another `differentiate` differentiates.
 *
 * @param o - the operations to compute with
 * @param f - the function; its result is summed if it is not a single number
 * @param inputs - where to evaluate it, and what to differentiate with respect to
 * @returns the function's value and its gradient with respect to each input, in that input's shape
 *
 * @example
 * ```ts
 * const { gradients: [g] } = differentiate(o, ({ o }, [x]) => o.sum(o.square(x), "nchw"), [image]); // g = 2 image
 * ```
 */
export function differentiate<T>(
  o: Ops<T>,
  f: (tracing: Tracing<T>, inputs: Traced<T>[]) => Traced<T>,
  inputs: readonly T[],
): { value: T; gradients: T[] } {
  checkArguments("differentiate", { o: [o, "object", ["backend"]], f: [f, "function"], inputs: [inputs, "list"] });
  const { value, pull } = pullback(o, f, inputs);
  return { value, gradients: pull(o.expand(o.scalar(1), value)) };
}
