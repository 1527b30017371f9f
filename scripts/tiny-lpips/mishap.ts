import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type DistortionName, distortions } from "../distortions/index.ts";

/** One thing after the other that happens to an image. */
export interface Mishap {
  readonly kinds: readonly DistortionName[];
  readonly strengths: readonly number[];
  readonly seed: number | string;
}

/** What becomes of an image, as an 8-bit file would keep it. */
export function happen(image: Tensor, { kinds, strengths, seed }: Mishap): Tensor {
  const result = kinds.reduce(
    (before, kind, index) => distortions[kind](before, strengths[index], new Random(seed, index)),
    image,
  );
  return new Tensor(
    result.data.map((value) => Math.round(value * 255) / 255),
    image.shape,
  );
}
