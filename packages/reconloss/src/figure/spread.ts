import type { Loss } from "@reconloss/core";
import { badnessOf, statisticOf } from "../compare/index.ts";
import type { JudgedImage } from "../judge/types.ts";

/** The difference between methods on an image by a loss: the standard deviation of its finite numbers (of priors, of their distances from the target's own value); 0 of fewer than two. */
export function spreadOf(loss: Pick<Loss, "label" | "better">, { pairs }: JudgedImage): number {
  const numbers = pairs.flatMap((pair) => (pair && badnessOf(loss, pair)) ?? []).filter(Number.isFinite);
  return numbers.length < 2 ? 0 : statisticOf("std", numbers);
}

/** The images by how far methods differ on them, the first most; equal ones in their order. */
export function bySpread(loss: Pick<Loss, "label" | "better">, images: readonly JudgedImage[]): JudgedImage[] {
  return images.toSorted((a, b) => spreadOf(loss, b) - spreadOf(loss, a));
}
