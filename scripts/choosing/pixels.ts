import { ReconlossError } from "../../packages/core/src/errors.ts";
import { type Loss, weighted } from "../../packages/core/src/losses/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

/** Settings of an optimisation of pixels. */
export interface PixelOptions {
  readonly steps: number;
  /** At first; it falls along half a cosine to 0. */
  readonly learningRate: number;
  /** After which step the pixels are looked at besides the end. */
  readonly lookAfter?: number;
  /** The real images of a discriminator at each step, where the loss has one. Default: the target. */
  readonly real?: (step: number) => Tensor;
}

/** The result of an optimisation of pixels. */
export interface OptimisedPixels {
  readonly output: Tensor;
  /** The pixels when they were looked at; where they were not, those at the end. */
  readonly early: Tensor;
  /** The values of the loss, before each step and at the end. */
  readonly values: readonly number[];
}

/** Independent uniform noise in [0, 1]. */
export function uniformNoise(shape: Tensor["shape"], seed: number): Tensor {
  const random = new Random(seed, "uniform noise");
  const length = shape.reduce((product, size) => product * size, 1);
  return new Tensor(
    Float32Array.from({ length }, () => random.uniform()),
    shape,
  );
}

/**
 * Adam on pixels: what a loss alone makes of an image. `valueAndGrad` gives the direction, everything else are these lines. Pixels stay in [0, 1].
 */
export async function optimisePixels(
  loss: Loss,
  start: Tensor,
  target: Tensor,
  { steps, learningRate, lookAfter = steps, real = () => target }: PixelOptions,
): Promise<OptimisedPixels> {
  // A sum is always minimised, whatever direction its terms are better in.
  const minimised = weighted([[1, loss]]);
  const pixels = Float32Array.from(start.data);
  const [mean, square] = [new Float64Array(pixels.length), new Float64Array(pixels.length)];
  let early = start;
  const values: number[] = [];
  for (let step = 1; step <= steps; step++) {
    const output = new Tensor(pixels, start.shape);
    const { value, grad } = await minimised.valueAndGrad(output, target);
    values.push(value);
    for (const learner of minimised.learners ?? []) await learner.update(real(step), output);
    const rate = (learningRate / 2) * (1 + Math.cos((Math.PI * (step - 1)) / steps));
    const [meanScale, squareScale] = [1 / (1 - 0.9 ** step), 1 / (1 - 0.999 ** step)];
    for (let i = 0; i < pixels.length; i++) {
      const slope = grad.data[i];
      mean[i] = 0.9 * mean[i] + 0.1 * slope;
      square[i] = 0.999 * square[i] + 0.001 * slope * slope;
      const moved = pixels[i] - (rate * mean[i] * meanScale) / (Math.sqrt(square[i] * squareScale) + 1e-8);
      pixels[i] = Math.min(1, Math.max(0, moved));
    }
    if (step === lookAfter) early = new Tensor(Float32Array.from(pixels), start.shape);
  }
  const output = new Tensor(pixels, start.shape);
  values.push(await minimised.value(output, target));
  if (!values.every(Number.isFinite)) throw new ReconlossError("non-finite", `optimisePixels: ${loss.spec} gave NaN`);
  return { output, early, values };
}

/**
 * The first step after which the value has made all but a hundredth of the way from where it began to `end`, and does not go back beyond that;
 * `undefined` where it never does.
 */
export function stepsTo(values: readonly number[], end: number): number | undefined {
  const enough = end + 0.01 * (values[0] - end);
  const before = values.findLastIndex((value) => value > enough);
  return before < values.length - 1 ? before + 1 : undefined;
}
