import type { Random, Tensor } from "@reconloss/core";
import type { Model } from "@reconloss/core/nets";
import type { Pixels } from "../image/index.ts";
import { asFile, type Colours, cutSquare, randomCut, withoutBorder } from "./patches.ts";

/** The default settings of a training. */
export interface TaskDefaults {
  /** Side of the target's patches, in pixels. */
  readonly patch: number;
  /** Patches in a step. */
  readonly batch: number;
  readonly learningRate: number;
  /** The loss, as the grammar writes it. */
  readonly loss: string;
  readonly steps: number;
}

/** An input of a network, and the output that it should give. */
export interface Example {
  readonly input: Tensor;
  readonly target: Tensor;
}

/** The degradation of images that a network is to restore. */
export interface Restoration {
  /** Channels of inputs and targets. */
  readonly colours: Colours;
  /** Target pixels per input pixel, along either axis. */
  readonly scale: number;
  /** The margin around a place that its degradation depends on, in pixels of the target; a multiple of `scale`. */
  readonly margin: number;
  /** An input made of a target [1, colours, h, w], spoiled as the random numbers have it: [1, colours, h / scale, w / scale], in [0, 1] as the target. */
  degrade(target: Tensor, random: Random): Tensor;
  /** The baseline without a network: the input in the target's size, and its name. */
  readonly baseline: { readonly name: string; of(input: Tensor): Tensor };
}

/** The channels of a task's images. */
export function coloursOf({ restoration }: Pick<Task, "restoration">): Colours {
  return restoration?.colours ?? 3;
}

/** Something that a network can learn from photographs. */
export interface Task {
  readonly name: string;
  readonly defaults: TaskDefaults;
  /** For tasks whose inputs are spoiled photographs. */
  readonly restoration?: Restoration;
  /** The divisor of heights and widths of inputs, where the network is not this task's own. Default 1. */
  readonly multiple?: number;
  /** The length of inputs that are random numbers of the standard normal distribution, for generators. */
  readonly latent?: number;
  /** The network that learns it. */
  model(): Model;
  /** The least width and height that a photograph must have for patches of this side. */
  leastSide(patch: number): number;
  /** One input and its target, [1, c, h, w] each. */
  example(photograph: Pixels, patch: number, random: Random): Example;
}

/** A task whose inputs are spoiled photographs. */
export function restorationTask(
  name: string,
  defaults: TaskDefaults,
  restoration: Restoration,
  model: () => Model,
): Task {
  const leastSide = (patch: number) => patch + 2 * restoration.margin;
  return {
    name,
    defaults,
    restoration,
    model,
    leastSide,
    example: (photograph, patch, random) => {
      const whole = cutSquare(photograph, randomCut(photograph, leastSide(patch), random), restoration.colours);
      return withMarginCut(restoration, whole, random);
    },
  };
}

/** An image as a target, and the input made of it, as an 8-bit file would hold it; the margin around both is used and left out. */
export function withMarginCut({ margin, scale, degrade }: Restoration, image: Tensor, random: Random): Example {
  return {
    input: asFile(withoutBorder(degrade(image, random), margin / scale)),
    target: withoutBorder(image, margin),
  };
}
