import { ReconlossError } from "../errors.ts";
import { firstNonFinite } from "../tensor.ts";
import { type Checkpoint, listNames } from "./checkpoint.ts";
import { isFloating } from "./elements.ts";

/** A tensor of a checkpoint: PyTorch's shape and order. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors of a checkpoint by the names that the official implementation gives them. */
export type StateDict = Readonly<Record<string, WeightTensor>>;

/** The tensors that a network needs: their names and shapes. */
export type TensorShapes = Readonly<Record<string, readonly number[]>>;

/** What {@link readStateDict} needs of a checkpoint, so that tensors in memory can take a file's place. */
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
}

/**
 * One spelling for the names of a tensor: without the `module.` that DataParallel adds, and with the `features.` that is lost when only
 * that part of a torchvision network was saved.
 */
function canonicalName(name: string): string {
  const bare = name.replace(/^(module\.)+/, "");
  return /^\d/.test(bare) ? `features.${bare}` : bare;
}

/**
 * Reads exactly the expected tensors as float32, row-major. Names match with or without the prefixes `module.` and `features.`. Every
 * difference is an error that names the tensors: nothing is left out, guessed or filled in.
 *
 * @param shapes What the network needs. Any other tensor in the file must be covered by `ignore`.
 * @throws {ReconlossError} `checkpoint` when a tensor is missing, has another shape, is not of a floating type, holds NaN or infinity (also
 * after rounding float64 to float32), is negative where that is refused, or was not expected.
 * @example
 * ```ts
 * import { bytesSource, readCheckpoint, readStateDict } from "reconloss/weights";
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
  { ignore = [], optional = new Set(), nonNegative = false }: StateDictOptions = {},
): Promise<Record<keyof Shapes & string, WeightTensor>> {
  const stored = storedNames(checkpoint);
  const problems = [
    ...missingAndMisshapen(checkpoint, shapes, stored, optional),
    ...unexpected(Object.keys(shapes).map(canonicalName), stored, ignore),
  ];
  if (problems.length > 0) throw new ReconlossError("checkpoint", `${checkpoint.file}: ${problems.join("; ")}`);

  const weights: Record<string, WeightTensor> = {};
  for (const name of Object.keys(shapes)) {
    const storedName = stored.get(canonicalName(name));
    if (storedName === undefined) continue;
    const { shape, data } = await checkpoint.read(storedName);
    const values = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array);
    checkValues(checkpoint.file, name, values, nonNegative);
    weights[name] = { shape, data: values };
  }
  return weights as Record<keyof Shapes & string, WeightTensor>;
}

/** Canonical name -> name in the file. */
function storedNames(checkpoint: NamedTensors): Map<string, string> {
  const stored = new Map<string, string>();
  for (const name of checkpoint.names) {
    const canonical = canonicalName(name);
    const other = stored.get(canonical);
    if (other !== undefined) {
      throw new ReconlossError("checkpoint", `${checkpoint.file}: ${other} and ${name} name the same tensor`);
    }
    stored.set(canonical, name);
  }
  return stored;
}

function missingAndMisshapen(
  checkpoint: NamedTensors,
  shapes: TensorShapes,
  stored: Map<string, string>,
  optional: ReadonlySet<string>,
): string[] {
  const missing: string[] = [];
  const wrong: string[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const storedName = stored.get(canonicalName(name));
    if (storedName === undefined) {
      if (!optional.has(name)) missing.push(name);
      continue;
    }
    const found = checkpoint.shape(storedName);
    if (found.length !== shape.length || found.some((size, axis) => size !== shape[axis])) {
      wrong.push(`${name} has shape [${found.join(", ")}], expected [${shape.join(", ")}]`);
    } else if (!isFloating(checkpoint.dtype(storedName))) {
      wrong.push(`${name} is ${checkpoint.dtype(storedName)}, expected a floating type`);
    }
  }
  return missing.length > 0 ? [`missing tensors: ${listNames(missing)}`, ...wrong] : wrong;
}

function unexpected(known: readonly string[], stored: Map<string, string>, ignore: readonly string[]): string[] {
  const wanted = new Set(known);
  const extra = [...stored].filter(
    ([canonical]) =>
      !wanted.has(canonical) &&
      !ignore.some((rule) => canonical.startsWith(rule) || canonical === rule || canonical.endsWith(`.${rule}`)),
  );
  return extra.length > 0 ? [`unexpected tensors: ${listNames(extra.map(([, name]) => name))}`] : [];
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
