import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type DistortionName, distortions } from "../distortions/index.ts";

/** Distortions that are applied to an image one after the other. */
export interface DistortionSequence {
  readonly kinds: readonly DistortionName[];
  readonly strengths: readonly number[];
  readonly seed: number | string;
}

/** Applies a sequence of distortions to an image, and rounds the result to 8 bits as a file would. */
export function applyDistortions(image: Tensor, { kinds, strengths, seed }: DistortionSequence): Tensor {
  const result = kinds.reduce(
    (before, kind, index) => distortions[kind](before, strengths[index], new Random(seed, index)),
    image,
  );
  return new Tensor(
    result.data.map((value) => Math.round(value * 255) / 255),
    image.shape,
  );
}
