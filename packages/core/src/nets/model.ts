import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { counted } from "../text.ts";
import type { Layer } from "./layer.ts";
import { passWith } from "./passes.ts";
import type { TensorSpecs } from "./tensors.ts";

/** The result of a forward pass. */
export interface Forward<T> {
  readonly output: T;
  /** The new values of the buffers that the pass changes: running statistics, the vectors of power iterations. None outside training. */
  readonly buffers: Readonly<Record<string, T>>;
  /** Of a discriminator that judges at several scales: its logits at the coarser ones. */
  readonly coarser?: readonly T[];
  /** Of a discriminator: what its layers give before the logits, in order, each [n, c, h, w]. */
  readonly features?: readonly T[];
}

/**
 * A network that can be trained: a function over `Ops` of an image batch and of named tensors, which are values like any other and so
 * can be differentiated by.
 */
export interface Model {
  readonly name: string;
  /** The trained tensors, by PyTorch's names. */
  readonly parameters: TensorSpecs;
  /** The tensors that a forward pass in training updates, by PyTorch's names. */
  readonly buffers: TensorSpecs;
  /** The parameter at which gradients of the loss are compared, for terms with an adaptive weight: the last layer's. Default: the last parameter that is a matrix or a kernel, and no bias. */
  readonly lastLayer?: string;
  /** @throws {ReconlossError} `shape` for images of a size that the network does not take; absent: any size */
  checkSize?(height: number, width: number): void;
  /**
   * @param x - [n, channels, h, w]
   * @param tensors - the values of all parameters and buffers, by name, in their `dims`
   * @param training - whether statistics are the batch's and buffers are updated
   */
  forward<T>(o: Ops<T>, x: T, tensors: Readonly<Record<string, T>>, training: boolean): Forward<T>;
}

/** The shapes that a model accepts, for messages before anything runs. */
export interface InputRules {
  readonly channels: number;
  /** Throws if images of this size, where it is known, do not fit. */
  readonly refuse?: (h: number, w: number) => void;
}

/**
 * A layer as a model.
 *
 * @throws {ReconlossError} from `forward`: `shape` for images that do not fit, as far as their size is known while the graph is
 * built; `checkpoint` for a tensor that is missing
 */
export function model(name: string, { channels, refuse }: InputRules, layer: Layer): Model {
  return {
    name,
    parameters: layer.parameters,
    buffers: layer.buffers,
    ...(refuse && { checkSize: refuse }),
    forward(o, x, tensors, training) {
      const dims = o.dims(x);
      const [, c, h, w] = dims;
      if (c !== channels) {
        const found = dims.map((dim) => dim ?? "?").join("x");
        throw new ReconlossError(
          "shape",
          `${name}: x must have ${counted(channels, "channel", "channels")}, got ${found}`,
        );
      }
      if (h !== undefined && w !== undefined) refuse?.(h, w);
      const buffers: Record<string, typeof x> = {};
      const features: (typeof x)[] = [];
      const update = (key: string, value: typeof x) => {
        buffers[key] = o.stopGradient(value);
      };
      const see = (value: typeof x) => features.push(value);
      const output = layer.apply(passWith(o, name, tensors, { training, update, see }), x);
      return { output, buffers, ...(features.length > 0 && { features }) };
    },
  };
}

/** Refuses images smaller than `least` pixels on a side. */
export function atLeast(name: string, least: number): (h: number, w: number) => void {
  return (h, w) => {
    if (Math.min(h, w) >= least) return;
    throw new ReconlossError("shape", `${name}: images must be at least ${least}x${least}, got ${h}x${w}`);
  };
}
