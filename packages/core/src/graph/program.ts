import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { type Shape, Tensor } from "../tensor.ts";

/** The shape of an input: sizes that are fixed, and names for those known only when the program runs. */
export type InputDims = readonly [n: number | string, c: number | string, h: number | string, w: number | string];

/** Refuses what are no inputs of a graph. */
export function checkInputs(name: string, inputs: Readonly<Record<string, unknown>>): void {
  for (const [input, dims] of Object.entries(inputs)) {
    const isDim = (dim: unknown) =>
      typeof dim === "number" ? Number.isSafeInteger(dim) && dim > 0 : typeof dim === "string" && dim !== "";
    if (Array.isArray(dims) && dims.length === 4 && dims.every(isDim)) continue;
    const got = Array.isArray(dims) ? `[${dims.map(described).join(", ")}]` : described(dims);
    const expected = 'must be four sizes or names of sizes, as in ["n", 3, "h", "w"]';
    throw new ReconlossError("invalid-argument", `${name}: input ${input} ${expected}, got ${got}`);
  }
}

/** An output of a program: images in float32, numbers per image in float64. */
export interface ProgramOutput {
  data: Float32Array | Float64Array;
  shape: Shape;
}

/** An output as a tensor, rounded to float32 where it is not. */
export function outputTensor({ data, shape }: ProgramOutput): Tensor {
  return data instanceof Float32Array ? new Tensor(data, shape) : Tensor.from(data, shape);
}

/** A model that runs. */
export interface Program<Name extends string, Output extends string> {
  /**
   * @param into - where outputs are written, by name and of the right shape, but for those of one number an image, which come in float64; default: new arrays, which for large
   *   outputs takes as long as computing them
   */
  run(
    inputs: Readonly<Record<Name, Tensor>>,
    into?: Readonly<Record<string, Tensor>>,
  ): Promise<Record<Output, ProgramOutput>>;
}

/** A program whatever its inputs and outputs are called. */
export type AnyProgram = Program<string, string>;

/** Whether outputs of these dims come in float64: one number an image. */
export function isWide([, ...dims]: readonly (number | undefined)[]): boolean {
  return dims.every((dim) => dim === 1);
}
