import { pullback } from "../graph/autodiff.ts";
import type { Ops } from "../graph/ops.ts";
import type { Primitives } from "../graph/primitives.ts";
import { recordSteps, type Step, type Steps } from "../graph/steps.ts";
import type { Shape } from "../tensor.ts";
import type { TensorflowBackend } from "./backend.ts";
import type { TensorflowTensor as T } from "./framework.ts";
import { shapeOf, toLast } from "./layout.ts";

/** A function over `Ops`, of one result. */
export type ImageFunction = <V>(o: Ops<V>, inputs: readonly V[]) => V;

type Build = <V>(o: Ops<V>, inputs: readonly V[]) => readonly V[];

/** The number of combinations of shapes for which a function keeps its steps. */
const shapesKept = 8;

/** The steps of a function for inputs of some shapes, and what of them was computed once. */
class Prepared {
  #kept?: Map<number, T>;

  constructor(
    readonly backend: TensorflowBackend,
    readonly steps: Steps,
  ) {}

  run(inputs: readonly T[]): T[] {
    const { backend, steps } = this;
    this.#kept ??= this.#keep();
    return backend.tidy(() => {
      const values = new Map(this.#kept);
      for (const [index, value] of steps.inputs.entries()) values.set(value, inputs[index]);
      this.#take(steps.steps, values);
      // One tensor may not be two results, nor a result what was given or is kept.
      return steps.outputs.map((value) => backend.tf.clone(values.get(value) as T));
    });
  }

  dispose(): void {
    for (const value of this.#kept?.values() ?? []) this.backend.release(value);
    this.#kept = undefined;
  }

  #keep(): Map<number, T> {
    const { backend, steps } = this;
    const values = new Map<number, T>();
    backend.tidy(() => {
      for (const { value, data, shape } of steps.constants) values.set(value, backend.constant(data, shape));
      this.#take(steps.fixed, values);
      for (const value of steps.kept) backend.hold(values.get(value) as T);
    });
    return new Map(steps.kept.map((value) => [value, values.get(value) as T]));
  }

  #take(steps: readonly Step[], values: Map<number, T>): void {
    for (const { primitive, operands, attributes, result, last } of steps) {
      const given = operands.map((operand) =>
        typeof operand === "number" ? (values.get(operand) as T) : ({ shape: toLast(operand) } as Partial<T> as T),
      );
      values.set(result, this.backend.run(primitive, given, attributes as Primitives["add"]));
      for (const value of last) {
        values.get(value)?.dispose();
        values.delete(value);
      }
    }
  }
}

/** A function over `Ops` of several results, prepared once for each combination of shapes. */
export class Program {
  readonly #prepared = new Map<string, Prepared>();

  constructor(
    readonly backend: TensorflowBackend,
    readonly build: Build,
  ) {}

  run(inputs: readonly T[]): T[] {
    const shapes = inputs.map(shapeOf);
    const key = shapes.join(" ");
    const prepared = this.#prepared.get(key) ?? this.#prepare(shapes);
    this.#prepared.delete(key);
    this.#prepared.set(key, prepared);
    return prepared.run(inputs);
  }

  dispose(): void {
    for (const prepared of this.#prepared.values()) prepared.dispose();
    this.#prepared.clear();
  }

  #prepare(shapes: readonly Shape[]): Prepared {
    const [oldest] = this.#prepared.keys();
    if (this.#prepared.size >= shapesKept) {
      this.#prepared.get(oldest)?.dispose();
      this.#prepared.delete(oldest);
    }
    return new Prepared(this.backend, recordSteps(this.build, shapes));
  }
}

/**
 * A function over `Ops` on tensors of TensorFlow.js, which its tape differentiates by our derivatives as often as it wants: the derivative is another function over `Ops`.
 *
 * The gradient by the first input is computed with the value where a tape is on, and both by the same steps; gradients by the others when the tape asks for them.
 */
export class TapedFunction {
  readonly #value: Program;
  readonly #valueAndGradient: Program;
  readonly #gradients = new Map<number, TapedFunction>();

  /**
   * @param f - its result may be the same number for the whole batch, [1, 1, 1, 1], or of any shape
   * @param isNumber - whether it is a number
   */
  constructor(
    readonly backend: TensorflowBackend,
    readonly f: ImageFunction,
    readonly isNumber: boolean,
  ) {
    this.#value = new Program(backend, (o, inputs) => [f(o, inputs)]);
    this.#valueAndGradient = new Program(backend, (o, inputs) => {
      const { value, pull } = pulledBack(o, f, inputs, 0);
      return [value, pull(o.scalar(1))];
    });
  }

  /** @param known - its value, where that was computed before */
  apply(inputs: readonly T[], known?: T): T {
    const { backend } = this;
    const { tf } = backend;
    if (!isTapeOn(backend)) return known ?? this.#value.run(inputs)[0];
    const ofFirst = this.#onTape(inputs, 0, () => {
      if (known) return { value: tf.clone(known) };
      if (!this.isNumber) return { value: this.#value.run(inputs)[0] };
      const [value, gradient] = this.#valueAndGradient.run(inputs);
      return { value, gradient };
    });
    // The tape asks for the gradients by others where they lead to what it differentiates by.
    return inputs
      .slice(1)
      .map((_, index) => this.#onTape(inputs, index + 1, () => ({ value: tf.zeros([...ofFirst.shape]) })))
      .reduce((sum, part) => tf.add(sum, part), ofFirst);
  }

  dispose(): void {
    this.#value.dispose();
    this.#valueAndGradient.dispose();
    for (const gradient of this.#gradients.values()) gradient.dispose();
  }

  /** A value that the tape takes for a function of one input. */
  #onTape(inputs: readonly T[], index: number, compute: () => { value: T; gradient?: T }): T {
    const { tf } = this.backend;
    const taped = tf.customGrad((_, save) => {
      const { value, gradient } = compute();
      save(gradient ? [...inputs, gradient] : [...inputs]);
      return {
        value,
        gradFunc: (dy, saved) => {
          const [given, known] = [saved.slice(0, inputs.length), saved[inputs.length] as T | undefined];
          const derivative = this.#gradient(index);
          return this.isNumber ? tf.mul(derivative.apply(given, known), dy) : derivative.apply([...given, dy]);
        },
      };
    });
    return taped(inputs[index]);
  }

  /** The gradient by one input: of a number that itself; else of the inputs and of the gradient by the result. */
  #gradient(index: number): TapedFunction {
    const { f, isNumber } = this;
    const known = this.#gradients.get(index);
    if (known) return known;
    const gradient = new TapedFunction(
      this.backend,
      (o, given) => {
        const inputs = isNumber ? given : given.slice(0, -1);
        const { pull } = pulledBack(o, f, inputs, index);
        return pull(isNumber ? o.scalar(1) : given[given.length - 1]);
      },
      false,
    );
    this.#gradients.set(index, gradient);
    return gradient;
  }
}

/** A function's value, and what takes a gradient back to one of its inputs. */
function pulledBack<V>(o: Ops<V>, f: ImageFunction, inputs: readonly V[], index: number) {
  const { value, pull } = pullback(
    o,
    ({ o, lift }, [x]) =>
      f(
        o,
        inputs.map((input, i) => (i === index ? x : lift(input))),
      ),
    [inputs[index]],
  );
  return { value, pull: (gradient: V) => pull(gradient)[0] };
}

/** Whether TensorFlow.js takes down what is computed. */
function isTapeOn({ tf }: TensorflowBackend): boolean {
  const { gradientDepth, kernelDepth } = tf.engine().state;
  return gradientDepth > 0 && kernelDepth === 0;
}
