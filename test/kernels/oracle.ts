import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { type Shape, Tensor } from "../../packages/core/src/tensor.ts";

/** Value, gradient and map of a definition in float64, on the reference backend. */
export interface Expected {
  perImage: Float64Array;
  /** d perImage / d output. */
  grad: Float64Array;
  map?: { data: Float64Array; shape: Shape };
}

/** The results of the definition for these images. */
export function expected(
  definition: Definition,
  output: Tensor,
  target = output,
  requested = { grad: true, map: true },
): Expected {
  const result = evaluateDefinition(
    reference,
    definition,
    { output: toFloat64(output), target: toFloat64(target) },
    requested,
  );
  const n = output.shape[0];
  return {
    perImage: result.perImage.data,
    // The definition's gradient is that of the mean over the batch.
    grad: result.grad?.data.map((value) => value * n) ?? new Float64Array(0),
    map: result.map,
  };
}

/**
 * The largest difference of two gradients, relative to the largest entry of the expected one; `least`: what that entry counts as at least.
 */
export function gradientError(actual: ArrayLike<number>, wanted: Float64Array, least = 0): number {
  let [largest, difference] = [least, 0];
  for (let i = 0; i < wanted.length; i++) {
    largest = Math.max(largest, Math.abs(wanted[i]));
    difference = Math.max(difference, Math.abs(actual[i] - wanted[i]));
    if (!Number.isFinite(actual[i])) return Number.POSITIVE_INFINITY;
  }
  return largest === 0 ? difference : difference / largest;
}

/** |actual - wanted| relative to |wanted|; `least`: what |wanted| counts as at least. */
export function valueError(actual: number, wanted: number, least = 0): number {
  return actual === wanted ? 0 : Math.abs(actual - wanted) / Math.max(Math.abs(wanted), least);
}

/** Reproducible images that resemble what losses meet, by name. */
export const scenes: Record<string, (shape: Shape, random: () => number) => Tensor> = {
  random: (shape, random) => build(shape, () => random()),
  smooth: (shape, random) => {
    const [a, b, phase] = [random() * 0.5, random() * 0.5, random() * 6];
    return build(shape, (_, c, y, x) => 0.5 + 0.4 * Math.sin(a * x + b * y + phase + c) + 0.02 * (random() - 0.5));
  },
  "flat and bright": (shape, random) => build(shape, () => 0.95 + 0.01 * (random() - 0.5)),
  "flat halves": (shape, random) => build(shape, (_, __, ___, x) => (x % 64 < 32 ? 0.02 : 0.97) + 0.01 * random()),
  constant: (shape, random) => {
    const level = random();
    return build(shape, () => level);
  },
  extremes: (shape, random) => build(shape, () => Math.round(random())),
};

function build(shape: Shape, sample: (n: number, c: number, y: number, x: number) => number): Tensor {
  const data = new Float32Array(shape[0] * shape[1] * shape[2] * shape[3]);
  let i = 0;
  for (let n = 0; n < shape[0]; n++)
    for (let c = 0; c < shape[1]; c++)
      for (let y = 0; y < shape[2]; y++) for (let x = 0; x < shape[3]; x++) data[i++] = sample(n, c, y, x);
  return new Tensor(data, shape);
}
