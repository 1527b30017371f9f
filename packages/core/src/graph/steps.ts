import { type Shape, sameShape } from "../tensor.ts";
import { Ops } from "./ops.ts";
import type { Backend, Dims, Primitive, Primitives } from "./primitives.ts";
import { broadcasting, broadcastShape, resultShape } from "./shapes.ts";

/** A value of a function that is recorded: an input, a constant, or what a primitive gives. */
interface Recorded {
  /** Operands have lower numbers than results. */
  readonly id: number;
  readonly shape: Shape;
  /** Whether it is the same whatever the inputs hold. */
  readonly fixed: boolean;
  readonly data?: ArrayLike<number>;
  readonly step?: {
    readonly primitive: Primitive;
    readonly operands: readonly Recorded[];
    readonly attributes: object;
  };
}

/** The operands of which only the shape matters, by their places. */
const shapeOnly: { readonly [P in Primitive]?: number } = {
  size: 0,
  expand: 1,
  embed: 1,
  convInput: 2,
  fromRows: 1,
  resize: 1,
  resizeAdjoint: 1,
  fftAdjoint: 1,
};

/** Writes down what a function computes, once for equal steps. */
class Recorder implements Backend<Recorded> {
  readonly values: Recorded[] = [];
  readonly #known = new Map<string, Recorded>();
  readonly #arrays = new Map<ArrayLike<number>, number>();

  input(shape: Shape): Recorded {
    return this.#add({ shape, fixed: false });
  }

  constant(data: ArrayLike<number>, shape: Shape): Recorded {
    // Numbers are told apart by their value, arrays by what they are.
    const place = this.#arrays.get(data) ?? this.#arrays.size;
    if (data.length > 1) this.#arrays.set(data, place);
    const content = data.length > 1 ? place : Object.is(data[0], -0) ? "-0" : `${data[0]}`;
    return this.#once(`constant ${data.length} ${content} ${shape}`, () => ({ shape, fixed: true, data }));
  }

  dims(x: Recorded): Dims {
    return x.shape;
  }

  run<P extends Primitive>(primitive: P, given: readonly Recorded[], attributes: Primitives[P]): Recorded {
    if (primitive === "stopGradient") return given[0];
    const shapes = (operands: readonly Recorded[]) => operands.map(({ shape }) => shape);
    const shape = resultShape(primitive, shapes(given), attributes);
    const operands = [...given];
    if (broadcasting.has(primitive)) {
      // A repeated operand broadcasts just as well before it is repeated.
      for (const [place, { step }] of given.entries()) {
        if (step?.primitive !== "expand") continue;
        const small = operands.with(place, step.operands[0]);
        if (sameShape(broadcastShape(primitive, shapes(small)), shape)) operands.splice(0, small.length, ...small);
      }
    }
    const fixed = operands.every((operand, place) => operand.fixed || place === shapeOnly[primitive]);
    const key = `${primitive} ${operands.map(({ id }) => id)} ${JSON.stringify(attributes)}`;
    return this.#once(key, () => ({ shape, fixed, step: { primitive, operands, attributes } }));
  }

  #once(key: string, make: () => Omit<Recorded, "id">): Recorded {
    const known = this.#known.get(key) ?? this.#add(make());
    this.#known.set(key, known);
    return known;
  }

  #add(value: Omit<Recorded, "id">): Recorded {
    const added = { ...value, id: this.values.length };
    this.values.push(added);
    return added;
  }
}

/** One primitive of a recorded function. */
export interface Step {
  readonly primitive: Primitive;
  /** The numbers of values; a shape where nothing else of an operand matters. */
  readonly operands: readonly (number | Shape)[];
  readonly attributes: object;
  readonly result: number;
  /** The values that no later step needs. */
  readonly last: readonly number[];
}

/** A function over `Ops` as a list of steps, for inputs of known shapes: equal steps once, without those that nothing needs. */
export interface Steps {
  /** The numbers of the inputs. */
  readonly inputs: readonly number[];
  readonly constants: readonly { readonly value: number; readonly data: ArrayLike<number>; readonly shape: Shape }[];
  /** Steps whose results are the same whatever the inputs hold, to be run once. */
  readonly fixed: readonly Step[];
  readonly steps: readonly Step[];
  /** The numbers of the results. */
  readonly outputs: readonly number[];
  /** The fixed values that steps or outputs need. */
  readonly kept: readonly number[];
}

/** Writes down what a function computes of inputs of these shapes. */
export function recordSteps(
  build: <T>(o: Ops<T>, inputs: readonly T[]) => readonly T[],
  shapes: readonly Shape[],
): Steps {
  const recorder = new Recorder();
  const inputs = shapes.map((shape) => recorder.input(shape));
  const outputs = build(new Ops<Recorded>(recorder), inputs);
  const needed = neededBy(outputs);
  const used = recorder.values.filter((value) => needed.has(value));
  const fixed = used.filter((value) => value.fixed);
  const moving = used.filter((value) => !value.fixed);
  const kept = new Set([...moving.flatMap(neededOperands), ...outputs].filter((value) => value.fixed));
  return {
    inputs: inputs.map(({ id }) => id),
    constants: fixed.flatMap(({ id, data, shape }) => (data ? [{ value: id, data, shape }] : [])),
    fixed: stepsOf(fixed, new Set(kept)),
    steps: stepsOf(moving, new Set([...inputs, ...kept, ...outputs])),
    outputs: outputs.map(({ id }) => id),
    kept: [...kept].map(({ id }) => id),
  };
}

/** The operands whose values a step needs. */
function neededOperands({ step }: Recorded): Recorded[] {
  return step ? step.operands.filter((_, place) => place !== shapeOnly[step.primitive]) : [];
}

function neededBy(outputs: readonly Recorded[]): Set<Recorded> {
  const needed = new Set<Recorded>();
  const queue = [...outputs];
  for (let value = queue.pop(); value; value = queue.pop()) {
    if (needed.has(value)) continue;
    needed.add(value);
    queue.push(...neededOperands(value));
  }
  return needed;
}

/** The steps that give these values, each with what is needed there for the last time, but for what stays. */
function stepsOf(values: readonly Recorded[], staying: ReadonlySet<Recorded>): Step[] {
  const seen = new Set(staying);
  const steps = values.toReversed().flatMap((value): Step[] => {
    if (value.step === undefined) return [];
    const { primitive, operands, attributes } = value.step;
    const last = [...new Set(neededOperands(value))].filter((operand) => !seen.has(operand));
    for (const operand of last) seen.add(operand);
    return [
      {
        primitive,
        operands: operands.map(({ id, shape }, place) => (place === shapeOnly[primitive] ? shape : id)),
        attributes,
        result: value.id,
        last: last.map(({ id }) => id),
      },
    ];
  });
  return steps.reverse();
}
