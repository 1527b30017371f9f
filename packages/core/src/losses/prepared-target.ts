import type { Definition } from "../definitions/definition.ts";
import { resolveInput, resolveInputSync } from "../pixels/input.ts";
import { type ImageBatch, tensorOf } from "../pixels/prepared-image.ts";
import type { ImageInput } from "../pixels/sources.ts";
import type { Tensor } from "../tensor.ts";

/**
 * A target together with what one loss, or the terms of a sum, computed of it alone: a network's features. Made by `loss.prepareTarget`; every
 * loss takes it in place of the target, and one that it was not prepared for uses the target itself.
 *
 * The features belong to the target as it was then: prepare again after changing its data.
 *
 * @example
 * ```ts
 * import { l1, PreparedTarget, Tensor } from "@reconloss/core";
 * const target: PreparedTarget = await l1().prepareTarget(Tensor.full([1, 3, 8, 8], 0.5));
 * await l1().value(Tensor.full([1, 3, 8, 8], 0.25), target); // 0.25
 * ```
 */
export class PreparedTarget {
  /** @internal */
  readonly image: ImageBatch;
  /** @internal */
  readonly features: ReadonlyMap<Definition, readonly Tensor[]>;

  constructor(image: ImageBatch, features: ReadonlyMap<Definition, readonly Tensor[]> = new Map()) {
    this.image = image;
    this.features = features;
  }

  /** The target as float32 planes. */
  get tensor(): Tensor {
    return tensorOf(this.image);
  }
}

/** The target that an output is compared with: see {@link ImageInput}. */
export type Target = ImageInput | PreparedTarget;

/** A target whose samples are at hand. */
export type ReadTarget = ImageBatch | PreparedTarget;

/** Any target as losses compute with it, under the name that errors begin with. */
export function resolveTarget(name: string, target: unknown): ReadTarget | Promise<ReadTarget> {
  return target instanceof PreparedTarget ? target : resolveInput(name, "target", target);
}

/** The same where its samples are at hand. */
export function resolveTargetSync(name: string, target: unknown): ReadTarget {
  return target instanceof PreparedTarget ? target : resolveInputSync(name, "target", target);
}

/** The images of a target. */
export function targetImage(target: ReadTarget): ImageBatch {
  return target instanceof PreparedTarget ? target.image : target;
}
