import { checkArguments } from "../arguments.ts";
import type { Random } from "../random.ts";
import type { Shape } from "../tensor.ts";
import type { Initializer } from "./initializers.ts";

/** A tensor that a network is made of. */
export interface TensorSpec {
  /** PyTorch's shape, the one in checkpoints. */
  readonly shape: readonly number[];
  /** The shape of its value, of as many elements: by default a vector is one number per channel, [1, c, 1, 1], and four axes stay as they are. */
  readonly dims?: Shape;
  readonly initialize: Initializer;
}

/** Tensors by PyTorch's names. */
export type TensorSpecs = Readonly<Record<string, TensorSpec>>;

/** The shape of a tensor's value. */
export function dimsOf(spec: TensorSpec): Shape {
  checkArguments("dimsOf", { spec: [spec, "object", ["shape"]] });
  const { shape, dims } = spec;
  if (dims) return dims;
  return shape.length === 1 ? [1, shape[0], 1, 1] : (shape as unknown as Shape);
}

/** First values of some tensors; each tensor has its own stream of random numbers, so its values do not depend on the others. */
export function initialize(specs: TensorSpecs, randomFor: (name: string) => Random): Record<string, Float32Array> {
  checkArguments("initialize", { specs: [specs, "object"], randomFor: [randomFor, "function"] });
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, initialize }]) => [name, initialize(randomFor(name), shape)]),
  );
}
