import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { firstNonFinite } from "../tensor.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { isFloating } from "./elements.ts";
import { matchNames, noteOfNames } from "./names.ts";

/** A tensor of a checkpoint: PyTorch's shape and order. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors of a checkpoint by the names that the official implementation gives them. */
export type StateDict = Readonly<Record<string, WeightTensor>>;

/** The tensors that a network needs: their names and shapes. */
export type TensorShapes = Readonly<Record<string, readonly number[]>>;

/** The part of a checkpoint that {@link readStateDict} needs, so that tensors in memory can take a file's place. */
export type NamedTensors = Pick<Checkpoint, "file" | "names" | "shape" | "dtype" | "read">;

/** Options of {@link readStateDict}. */
export interface StateDictOptions {
  /**
   * Tensors that the file may have besides the expected ones: each entry is a prefix such as `classifier.`, or a last part such as
   * `num_batches_tracked`. Default: none, so that any other tensor is an error.
   */
  ignore?: readonly string[];
  /** Expected tensors that may be missing; they are then left out. Default: none. */
  optional?: ReadonlySet<string>;
  /** Refuse values below 0, as the heads of LPIPS must be. Default false. */
  nonNegative?: boolean;
  /** Takes what there is to say of a file that fits, such as which prefix was taken off its names. Default: nothing is said. */
  onNote?: (note: string) => void;
}

/**
 * Reads exactly the expected tensors as float32, row-major. Names match as they are, or after one prefix that all of them have, such as
 * `module.`, `_orig_mod.` or `model.`; and with or without torchvision's `features.`. Every other difference is an error that says how the names
 * differ: nothing is left out, guessed or filled in.
 *
 * @param shapes What the network needs. Any other tensor in the file must be covered by `ignore`, but for the `n_averaged` of PyTorch's AveragedModel.
 * @throws {ReconlossError} `checkpoint` when a tensor is missing, has another shape, is not of a floating type, holds NaN or infinity (also
 * after rounding float64 to float32), is negative where that is refused, or was not expected.
 * @example
 * ```ts
 * import { bytesSource, readCheckpoint, readStateDict } from "@reconloss/core/weights";
 *
 * const header = '{"module.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
 * const file = new Uint8Array(8 + header.length + 8);
 * file[0] = header.length;
 * file.set(new TextEncoder().encode(header), 8);
 * const checkpoint = await readCheckpoint(bytesSource("bias.safetensors", file));
 * const { bias } = await readStateDict(checkpoint, { bias: [2] });
 * Array.from(bias.data); // [0, 0]
 * ```
 */
export async function readStateDict<Shapes extends TensorShapes>(
  checkpoint: NamedTensors,
  shapes: Shapes,
  options: StateDictOptions = {},
): Promise<Record<keyof Shapes & string, WeightTensor>> {
  checkArguments("readStateDict", {
    checkpoint: [checkpoint, "object", ["file", "names"]],
    shapes: [shapes, "object"],
    options: [options, "object?"],
  });
  const { ignore = [], optional = new Set(), nonNegative = false, onNote } = options;
  const matched = matchNames(checkpoint.names, Object.keys(shapes), { ignore, optional });
  const problems = [...matched.missing, ...shapeProblems(checkpoint, shapes, matched.stored), ...matched.unexpected];
  if (problems.length > 0) throw new ReconlossError("checkpoint", `${checkpoint.file}: ${problems.join("; ")}`);
  const note = noteOfNames(matched);
  if (note !== undefined) onNote?.(`${checkpoint.file}: ${note}`);

  const weights: Record<string, WeightTensor> = {};
  for (const name of Object.keys(shapes)) {
    const storedName = matched.stored.get(name);
    if (storedName === undefined) continue;
    const { shape, data } = await checkpoint.read(storedName);
    const values = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
    checkValues(checkpoint.file, name, values, nonNegative);
    weights[name] = { shape, data: values };
  }
  return weights as Record<keyof Shapes & string, WeightTensor>;
}

/**
 * Describes a file as the weights of a network, without reading its tensors: nothing where all names are as expected, the prefix that they
 * have, or how they differ. Tensors that are missing are no difference where some are there: a file may have the first layers alone.
 */
export function describeStateDict(
  checkpoint: NamedTensors,
  shapes: TensorShapes,
  options: Pick<StateDictOptions, "ignore"> = {},
): string[] {
  checkArguments("describeStateDict", {
    checkpoint: [checkpoint, "object", ["file", "names"]],
    shapes: [shapes, "object"],
    options: [options, "object?"],
  });
  const { ignore = [] } = options;
  const names = Object.keys(shapes);
  const partial = matchNames(checkpoint.names, names, { ignore, optional: new Set(names) });
  const matched =
    partial.stored.size > 0 ? partial : matchNames(checkpoint.names, names, { ignore, optional: new Set() });
  const note = noteOfNames(matched);
  return [
    ...(note === undefined ? [] : [note]),
    ...matched.missing,
    ...shapeProblems(checkpoint, shapes, matched.stored),
    ...matched.unexpected,
  ];
}

/** The problems with the shapes and types of the tensors that were found. */
function shapeProblems(checkpoint: NamedTensors, shapes: TensorShapes, stored: ReadonlyMap<string, string>): string[] {
  const wrong: string[] = [];
  for (const [name, storedName] of stored) {
    const [shape, found] = [shapes[name], checkpoint.shape(storedName)];
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis])) {
      wrong.push(`${name} has shape [${found.join(", ")}], expected [${shape.join(", ")}]`);
    } else if (!isFloating(checkpoint.dtype(storedName))) {
      wrong.push(`${name} is ${checkpoint.dtype(storedName)}, expected a floating type`);
    }
  }
  return wrong;
}

function checkValues(file: string, name: string, values: Float32Array, nonNegative: boolean): void {
  const broken = firstNonFinite(values);
  if (broken >= 0) {
    throw new ReconlossError("checkpoint", `${file}: ${name} has ${values[broken]} at element ${broken}`);
  }
  if (!nonNegative) return;
  const negative = values.findIndex((value) => value < 0);
  if (negative >= 0) {
    throw new ReconlossError(
      "checkpoint",
      `${file}: ${name} has ${values[negative]} at element ${negative}, but must not be negative`,
    );
  }
}
