import type { Definition } from "../definitions/definition.ts";
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
