import { choice, number, type OptionsOf } from "../definitions/options.ts";
import type { Ops } from "../graph/ops.ts";
import { tinyWeights } from "../nets/tiny.ts";
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

/** Why a network cannot look at images of a shape. */
export function refuseForNetwork([, c, h, w]: Shape, network: string, least: number): string | undefined {
  if (c !== 1 && c !== 3) return "but 1 or 3 channels are needed";
  if (Math.min(h, w) < least) return `but ${network} needs at least ${least}x${least} pixels for these layers`;
  return undefined;
}

/**
 * The most pixels of an output that each network compares with a target at once. LPIPS of so many takes, measured as the peak of a process, 1.2 GB with
 * AlexNet, 1.6 GB with SqueezeNet and 2.1 GB with VGG16, where a 1920x1080 image is just two tiles.
 */
export const pixelsAtOnce: Readonly<Record<string, number>> = {
  alexnet: 8_000_000,
  tiny: 8_000_000,
  squeezenet1_1: 3_400_000,
  vgg16: 1_250_000,
  vgg16_bn: 1_250_000,
  vgg19: 1_250_000,
  vgg19_bn: 1_250_000,
};

/** Weights that are part of this package. */
const embedded: Readonly<Record<string, () => Promise<StateDict>>> = { tiny: tinyWeights, "lpips-tiny": tinyWeights };

/** Those of some weights that are files, found or downloaded by name. */
export function weightFiles(names: readonly string[]): string[] {
  return names.filter((name) => !Object.hasOwn(embedded, name));
}

/** What else the files of networks hold: classifiers, and counters of training. */
export const passedOver = ["classifier.", "num_batches_tracked"];

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
  if (source === undefined && Object.hasOwn(embedded, name)) return embedded[name]();
  // Loaded when needed, as most losses need no files.
  const [{ isWeightFile, openWeightFile }, { readCheckpoint }, { readStateDict }] = await Promise.all([
    import("../weights/given.ts"),
    import("../weights/checkpoint.ts"),
    import("../weights/state-dict.ts"),
  ]);
  const options = { ignore: [...passedOver, ...Object.keys(also)], nonNegative };
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
  return {
    file: `weights given for ${name}`,
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
