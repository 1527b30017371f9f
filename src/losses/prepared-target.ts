import type { Tensor } from "../tensor.ts";
import type { Definition } from "./definition.ts";

/**
 * A target together with what one loss, or the terms of a sum, computed of it alone: a network's features. Made by `loss.prepareTarget`; every
 * loss takes it in place of the target, and one that it was not prepared for uses the target itself.
 *
 * The features belong to the target as it was then: prepare again after changing its data.
 */
export class PreparedTarget {
  readonly tensor: Tensor;
  /** @internal */
  readonly features: ReadonlyMap<Definition, readonly Tensor[]>;

  constructor(tensor: Tensor, features: ReadonlyMap<Definition, readonly Tensor[]> = new Map()) {
    this.tensor = tensor;
    this.features = features;
  }
}

/** What an output is compared with. */
export type Target = Tensor | PreparedTarget;

/** The images of a target. */
export function targetTensor(target: Target | undefined): Tensor | undefined {
  return target instanceof PreparedTarget ? target.tensor : target;
}
