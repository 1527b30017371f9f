import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import type { StateDict, TensorShapes } from "../nets/state-dict.ts";
import { formatShape, type Shape } from "../tensor.ts";
import { choice, number, type OptionsOf } from "./options.ts";

/** Weights that a loss is given: tensors by name, or the path of a checkpoint file. Default: resolved by name when first needed. */
export type WeightSource = StateDict | string;

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
 * The tensors of a loss's network.
 *
 * @param name - what the weights are called in the registry: `vgg16`
 * @param shapes - the tensors that are needed
 * @throws {ReconlossError} `missing-weights` where there is no such file; `checkpoint` for a tensor that is missing, misshapen or not finite
 */
export async function loadWeights(name: string, shapes: TensorShapes, source?: WeightSource): Promise<StateDict> {
  if (typeof source !== "object")
    throw new ReconlossError("missing-weights", `weights ${source ?? name} are not available`);
  for (const [tensor, shape] of Object.entries(shapes)) {
    const found = source[tensor];
    if (found === undefined) throw new ReconlossError("checkpoint", `${name}: tensor ${tensor} is missing`);
    if (found.shape.join() !== shape.join()) {
      const [got, expected] = [formatShape(found.shape), formatShape(shape)];
      throw new ReconlossError("checkpoint", `${name}: tensor ${tensor} must be ${expected}, got ${got}`);
    }
  }
  return source;
}

/** A network's tensors, loaded and checked when they are first needed. */
export class LazyWeights {
  readonly #load: () => Promise<StateDict>;
  #tensors?: StateDict;
  #loading?: Promise<void>;

  constructor(load: () => Promise<StateDict>) {
    this.#load = load;
  }

  /** Loads the tensors, once; after a failure, again. */
  prepare(): Promise<void> {
    this.#loading ??= this.#load().then(
      (tensors) => {
        this.#tensors = tensors;
      },
      (error) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  get tensors(): StateDict {
    if (this.#tensors === undefined) throw new Error("a definition was used before its prepare()");
    return this.#tensors;
  }
}
