import type { WeightNormalisation } from "../definitions/pixel-weights.ts";
import type { EngineName } from "../engines/index.ts";
import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The options of a call beyond the two batches.
 *
 * @example
 * ```ts
 * import { l1, Tensor } from "@reconloss/core";
 * const [output, target] = [Tensor.from([0.5, 1, 0.5, 0], [1, 1, 2, 2]), Tensor.full([1, 1, 2, 2], 0.5)];
 * const weight = Tensor.from([1, 1, 0, 0], [1, 1, 2, 2]); // the upper row alone
 * await l1().value(output, target, { weight }); // 0.25
 * ```
 */
export interface EvaluateOptions {
  /**
   * The weight of each pixel, finite and not negative, [n or 1, 1 or c, h, w]: one for all channels or one for each. A mean over places becomes
   * sum(weight * error) / sum(weight), with 0 and 1 a mask. Every loss takes it, and says in its description which weight a window or a layer's position has;
   * losses that mix channels take the mean of a pixel's weights. With `reduction=sum` errors are multiplied, and nothing is divided. The map
   * stays as it is without weights.
   */
  weight?: Tensor;
  /**
   * Over what weights are divided by their sum. `image` (default): in each image by itself, so that all images count the same however much of them is
   * masked. `batch`: an image counts in the batch's value as much as its weights add up to (BasicSR's `weight`; a masked mean in PyTorch); images whose weights are all 0 are
   * allowed, and their own value is NaN.
   */
  weightNormalisation?: WeightNormalisation;
  /**
   * The tensor that the gradient is written to and returned in, in the output's shape. Default: a new tensor. A training loop that gives
   * the same one every time spares itself the making of an array as large as the batch, which takes longer than the simple losses themselves. It
   * must not share memory with the batches; where a call throws, it may hold part of a gradient.
   */
  into?: Tensor;
  /**
   * The model's inputs, [n, c, h, w] of any size: for a discriminator that is `conditional`, which needs it; other losses do not look at it.
   */
  input?: Tensor;
  /** The number of this training step, from 1, for terms of a sum that begin later ({@link weighted}). Default: after all beginnings. */
  step?: number;
  /**
   * The engine that evaluates the loss, and every term of a sum. Default: the first of these that supports what is asked for: `kernels` (fused SIMD kernels, of the losses that have one),
   * `tiles` (values of images too large for a network to be computed at once), `onnx` (the loss as a graph on ONNX Runtime). `reference`, on request only: float64 in plain
   * loops, for any loss, slow. One that does not support what is asked for is an error, `invalid-argument`.
   */
  engine?: EngineName;
  /**
   * The device of networks and of every loss that has no kernel: the CPU (default), or with `webgpu` a GPU, within 1e-3 of the CPU's values. A device that cannot be used is an error,
   * `missing-dependency`; `probeDevice` tells beforehand.
   */
  device?: Device;
}
