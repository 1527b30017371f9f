import { checkObject } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import type { WeightFile } from "../weights/given.ts";

/** The number of NIQE's features: eighteen at each of two scales. */
export const featureCount = 36;

/** NIQE's model of natural images: the mean and the covariance of the features of their blocks. */
export interface NiqeModel {
  /** 36 numbers. */
  readonly mean: ArrayLike<number>;
  /** 36x36 numbers, symmetric and positive definite. */
  readonly covariance: ArrayLike<number>;
}

/** A model as the features are compared with it. */
export interface WhitenedModel {
  readonly mean: Float64Array;
  /** The inverse of the covariance's Cholesky factor, row by row: what it makes of features of natural images has the identity as covariance. */
  readonly whitening: Float64Array;
}

/** The lower triangle L with L L^T the matrix; undefined where it is not positive definite. */
function choleskyFactor(matrix: ArrayLike<number>, size: number): Float64Array | undefined {
  const factor = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = matrix[row * size + column];
      for (let k = 0; k < column; k++) rest -= factor[row * size + k] * factor[column * size + k];
      if (row === column && !(rest > 0)) return undefined;
      factor[row * size + column] = row === column ? Math.sqrt(rest) : rest / factor[column * size + column];
    }
  }
  return factor;
}

/** The inverse of a lower triangle. */
function inverseTriangle(factor: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let column = 0; column < size; column++) {
    for (let row = column; row < size; row++) {
      let rest = row === column ? 1 : 0;
      for (let k = column; k < row; k++) rest -= factor[row * size + k] * inverse[k * size + column];
      inverse[row * size + column] = rest / factor[row * size + row];
    }
  }
  return inverse;
}

/**
 * A model, made ready.
 *
 * @param name - where it is from, for messages
 * @throws {ReconlossError} `checkpoint` for arrays of another size, or a covariance that is not positive definite
 */
export function whiten(name: string, { mean, covariance }: NiqeModel): WhitenedModel {
  const refuse = (problem: string) => new ReconlossError("checkpoint", `${name}: ${problem}`);
  for (const [array, values, size] of [
    ["mean", mean, featureCount],
    ["covariance", covariance, featureCount ** 2],
  ] as const) {
    if (values?.length !== size)
      throw refuse(`the ${array} must have ${size} numbers, got ${values?.length ?? "none"}`);
    if (!Array.from(values).every(Number.isFinite)) throw refuse(`the ${array} is not finite`);
  }
  const factor = choleskyFactor(covariance, featureCount);
  if (factor === undefined) throw refuse("the covariance is not positive definite");
  return { mean: Float64Array.from(mean), whitening: inverseTriangle(factor, featureCount) };
}

/** The model of this package. */
export async function tinyNiqeModel(): Promise<WhitenedModel> {
  const [{ packed }, { decodeElements }] = await Promise.all([
    import("./niqe-tiny.ts"),
    import("../weights/elements.ts"),
  ]);
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const numbers = Float64Array.from(decodeElements("float32", bytes), Number);
  const [mean, triangle] = [numbers.subarray(0, featureCount), numbers.subarray(featureCount)];
  const covariance = Float64Array.from({ length: featureCount ** 2 }, (_, at) => {
    const [row, column] = [Math.floor(at / featureCount), at % featureCount];
    const [low, high] = [Math.min(row, column), Math.max(row, column)];
    return triangle[(high * (high + 1)) / 2 + low];
  });
  return whiten("niqe: model=tiny", { mean, covariance });
}

/**
 * The model given, that of an `.npz` file with `mu_pris_param` and `cov_pris_param`, or by default the published one, from the first place that has it.
 *
 * @throws {ReconlossError} `missing-weights` where there is no such file; `file` or `checkpoint` for one without these arrays
 */
export async function loadNiqeModel(source: NiqeModel | WeightFile | undefined): Promise<WhitenedModel> {
  // Loaded when needed: most losses read no archive.
  const [{ isWeightFile, openWeightFile }, { readNpz }] = await Promise.all([
    import("../weights/given.ts"),
    import("../weights/npz.ts"),
  ]);
  if (source !== undefined && !isWeightFile(source)) {
    checkObject("niqe", "model", source);
    return whiten("niqe: model", source);
  }
  const file = await openWeightFile("niqe", source);
  try {
    const archive = await readNpz(file);
    const read = async (array: string) => (await archive.array(array)).values();
    return whiten(file.name, { mean: await read("mu_pris_param"), covariance: await read("cov_pris_param") });
  } finally {
    await file.close();
  }
}
