import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { jaxJs } from "./jax.ts";
import { tensorflow } from "./tensorflow.ts";

/** Numbers in our order, whatever the framework's is. */
export interface Numbers {
  data: ArrayLike<number>;
  shape: readonly number[];
}

/** A framework on one of its devices, as the tests of all frameworks call it. Images are in our order. */
export interface Framework {
  /** Whether it divides by multiplying with reciprocals, which moves lumas that lie half way between two levels to one side of it. */
  readonly reciprocals?: boolean;
  /** A function over `Ops` of images in the framework's own tensors. */
  compute(
    f: <T>(o: Ops<T>, inputs: T[]) => Record<string, T>,
    inputs: readonly Tensor[],
  ): Promise<Record<string, Numbers>>;
  /** The results of a loss as a function of the framework: the number that is minimised, and its gradient by the output, which the framework takes. */
  differentiate(
    loss: Loss,
    images: { readonly output: Tensor; readonly target: Tensor; readonly weight?: Tensor },
  ): Promise<{ value: number; grad: Numbers }>;
}

/** The frameworks that every operation and every loss is tested in. */
export const frameworks: readonly { name: string; load(): Promise<Framework> }[] = [
  { name: "TensorFlow.js, cpu", load: () => tensorflow("cpu") },
  { name: "TensorFlow.js, wasm", load: () => tensorflow("wasm") },
  { name: "jax-js, wasm", load: () => jaxJs("wasm") },
];
