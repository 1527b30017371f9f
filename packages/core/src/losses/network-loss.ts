import { checkArguments, checkObject } from "../arguments.ts";
import { choice, number, type OptionsOf } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { weightsOf } from "../nets/table.ts";
import type { Shape } from "../tensor.ts";
import type { WeightFile } from "../weights/given.ts";
import type { NamedTensors, StateDict, TensorShapes } from "../weights/state-dict.ts";
import { Lazy } from "./lazy.ts";

/** Weights that a loss is given: tensors by name, or a checkpoint file. Default: the published file, looked for by its name when first needed. */
export type WeightSource = StateDict | WeightFile;

/** The options that say which numbers images have, the same for all losses that look through a network. */
export const rangeOptions = {
  range: choice(["unit", "signed"], "unit", "images are in [0, dataRange] or in [-dataRange, dataRange]"),
  dataRange: number(1, "value of white", { above: 0 }),
};

type RangeOptions = OptionsOf<typeof rangeOptions>;

/** The values of images under these options. */
export function imageRange({ range, dataRange }: RangeOptions): readonly [low: number, high: number] {
  return [range === "signed" ? -dataRange : 0, dataRange];
}

/** The images as three channels in [0, 1]; a grey image counts as a colour image with three equal channels. */
export function toUnitColour<T>(o: Ops<T>, x: T, options: RangeOptions): T {
  const [low, high] = imageRange(options);
  const colour = o.channels(x) === 1 ? o.concat([x, x, x]) : x;
  const shifted = low === 0 ? colour : o.sub(colour, low);
  return high - low === 1 ? shifted : o.div(shifted, high - low);
}

/** Returns the reason why a network does not take images of a shape, or undefined. */
export function refuseForNetwork([, c, h, w]: Shape, network: string, least: number): string | undefined {
  if (c !== 1 && c !== 3) return "but 1 or 3 channels are needed";
  if (Math.min(h, w) < least) return `but ${network} needs at least ${least}x${least} pixels for these layers`;
  return undefined;
}

/** Those of some weights that are files, looked for by name. */
export function weightFiles(names: readonly string[]): string[] {
  return names.filter((name) => !weightsOf(name)?.embedded);
}

/**
 * The tensors of a loss's network: those given, those of a checkpoint file, or by default those of the name: part of this package, or in the
 * registry, from the first place that has them.
 *
 * @param name - what the weights are called in the registry: `vgg16`
 * @param shapes - the tensors that are needed
 * @param also - tensors of the same network that the file may hold: those of later layers
 * @param nonNegative - whether a value below 0 is an error
 * @throws {ReconlossError} `missing-weights` where there is no such file; `checkpoint` for a tensor that is missing, misshapen, not finite, or
 * negative where that is refused
 */
export async function loadWeights(
  name: string,
  shapes: TensorShapes,
  source: WeightSource | undefined,
  { also = {}, nonNegative = false }: { also?: TensorShapes; nonNegative?: boolean } = {},
): Promise<StateDict> {
  const known = weightsOf(name);
  if (source === undefined && known?.embedded) return known.embedded();
  // Loaded when needed, as most losses need no files.
  const [{ isWeightFile, openWeightFile }, { readCheckpoint }, { readStateDict }] = await Promise.all([
    import("../weights/given.ts"),
    import("../weights/checkpoint.ts"),
    import("../weights/state-dict.ts"),
  ]);
  const options = { ignore: [...(known?.unused ?? []), ...Object.keys(also)], nonNegative };
  if (source !== undefined && !isWeightFile(source)) {
    return readStateDict(heldTensors(name, source), shapes, options);
  }
  const file = await openWeightFile(name, source);
  try {
    return await readStateDict(await readCheckpoint(file), shapes, options);
  } finally {
    await file.close();
  }
}

/** Tensors in memory, read like those of a file. */
function heldTensors(name: string, tensors: StateDict): NamedTensors {
  const file = `weights given for ${name}`;
  checkObject(file, "tensors", tensors);
  for (const [tensor, value] of Object.entries(tensors)) {
    checkArguments(file, { [tensor]: [value, "object", ["shape", "data"]] });
  }
  return {
    file,
    names: Object.keys(tensors),
    shape: (tensor) => tensors[tensor].shape,
    dtype: () => "float32",
    read: async (tensor) => tensors[tensor],
  };
}

/** A network's tensors, loaded and checked when they are first needed. */
export class LazyWeights extends Lazy<StateDict> {
  get tensors(): StateDict {
    return this.value;
  }
}
