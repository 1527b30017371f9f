import { checkArguments } from "../arguments.ts";
import type { Ops } from "../graph/ops.ts";
import type { Random } from "../random.ts";
import type { Shape } from "../tensor.ts";
import type { Initializer } from "./initializers.ts";

/** A tensor that a model is made of. */
export interface TensorSpec {
  /** PyTorch's shape, the one in checkpoints. */
  readonly shape: readonly number[];
  /** The shape of its value, of as many elements: by default a vector is one number per channel, [1, c, 1, 1], and four axes stay as they are. */
  readonly dims?: Shape;
  readonly initialize: Initializer;
}

/** What a forward pass gives. */
export interface Forward<T> {
  readonly output: T;
  /** The new values of the buffers that the pass changes: running statistics, the vectors of power iterations. None outside training. */
  readonly buffers: Readonly<Record<string, T>>;
}

/**
 * A network that can be trained: a function over `Ops` of an image batch and of named tensors, which are values like any other and so
 * can be differentiated by.
 */
export interface Model {
  readonly name: string;
  /** What training changes, by PyTorch's names. */
  readonly parameters: Readonly<Record<string, TensorSpec>>;
  /** What a forward pass in training changes, by PyTorch's names. */
  readonly buffers: Readonly<Record<string, TensorSpec>>;
  /** @throws {ReconlossError} `shape` for images of a size that the network does not take; absent: any size */
  checkSize?(height: number, width: number): void;
  /**
   * @param x - [n, channels, h, w]
   * @param tensors - the values of all parameters and buffers, by name, in their `dims`
   * @param training - whether statistics are the batch's and buffers are updated
   */
  forward<T>(o: Ops<T>, x: T, tensors: Readonly<Record<string, T>>, training: boolean): Forward<T>;
}

/** The shape of a tensor's value. */
export function dimsOf(spec: TensorSpec): Shape {
  checkArguments("dimsOf", { spec: [spec, "object", ["shape"]] });
  const { shape, dims } = spec;
  if (dims) return dims;
  return shape.length === 1 ? [1, shape[0], 1, 1] : (shape as unknown as Shape);
}

/** First values of some tensors; each tensor has its own stream of random numbers, so its values do not depend on the others. */
export function initialize(
  specs: Readonly<Record<string, TensorSpec>>,
  randomFor: (name: string) => Random,
): Record<string, Float32Array> {
  checkArguments("initialize", { specs: [specs, "object"], randomFor: [randomFor, "function"] });
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape, initialize }]) => [name, initialize(randomFor(name), shape)]),
  );
}
