import type { Images } from "../definitions/definition.ts";
import { poolScores, scoresOf } from "../definitions/evaluate.ts";
import { ReconlossError } from "../errors.ts";
import type { Ops } from "../graph/ops.ts";
import { checkShapes, definitionForFramework, loadWeights } from "../losses/framework-loss.ts";
import type { Loss } from "../losses/loss.ts";
import { minimisedScore } from "../losses/minimised.ts";
import { formatShape, type Shape } from "../tensor.ts";
import { TensorflowBackend } from "./backend.ts";
import type { ResultOf, Tensorflow, TensorflowOps, TensorflowTensor, TensorOf } from "./framework.ts";
import { channelsLast, checkTensor, type LayoutOptions, layoutOf } from "./function.ts";
import { shapeOf } from "./layout.ts";
import { TapedFunction } from "./program.ts";

/** A loss as a function of TensorFlow.js tensors. */
export interface TensorflowLoss<Tensor, Result> {
  /**
   * The number that is minimised: the value, or its distance below the loss's `offset` where higher is better.
   *
   * @param output - [n, h, w, c], or [n, c, h, w] by the option `layout`; float32
   * @param target - of the same shape; not needed by a prior such as `tv`
   * @param weight - how much each pixel counts, not negative: [n or 1, h, w, 1 or c], or as the layout has it
   */
  (output: Tensor, target?: Tensor, weight?: Tensor): Result;
  /** Resolves when the weights that the loss is written with are loaded; a loss of pixels alone may be called before. */
  readonly ready: Promise<void>;
  /** The same with the target first, as `model.compile({ loss })` calls it. */
  readonly targetFirst: (target: Tensor, output: Tensor) => Result;
  /** The value that the loss reports, in decibels for `psnr`, with the target first, as `model.compile({ metrics })` calls it. */
  readonly metric: (target: Tensor, output: Tensor) => Result;
  /** Frees what is kept between calls: constants of the loss, such as weights of networks, for the shapes that it was called with. */
  dispose(): void;
}

/**
 * Makes a loss a function of TensorFlow.js tensors: synchronous, on the device where the tensors are, and differentiated by the tape of TensorFlow.js. It can be part of what
 * `tf.variableGrads`, `optimizer.minimize`, `model.fit` and `tf.customGrad` differentiate, with networks of the loss, dropout of the model and all.
 *
 * Value and gradient are those of {@link Loss.valueAndGrad} in float32, and gradients can be differentiated again. The tape takes the gradient of this library's definition, which is
 * finite where those of TensorFlow.js's own operations are not, and has what `wasm` lacks. The gradient by the output is computed with the value; gradients by target and weight when the tape
 * asks for them, which takes another pass.
 *
 * Values are not looked at, as that would wait for the device: neither NaN nor images of another range are refused.
 *
 * @param tf - TensorFlow.js, with its device chosen by `tf.setBackend` before or after
 * @param loss - of pixels, through networks, or a sum; weights are looked for as everywhere, and `ready` tells when they are there
 * @throws {ReconlossError} `invalid-argument` for what is no loss, and for losses that learn (`gan`), have terms that begin later, or are sums with a term that is averaged first; by the
 * function: `invalid-argument` before `ready`, for what is no float32 tensor or was disposed, and for a weight that the loss does not take; `shape` for shapes that do not fit or that the loss refuses
 *
 * @example
 * ```ts
 * import "@tensorflow/tfjs-backend-cpu";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-layers"; // with the gradients of TensorFlow.js's own operations
 * import { parseLoss } from "@reconloss/core";
 * import { tfLoss } from "@reconloss/core/tensorflow";
 * const loss = tfLoss(tf, parseLoss("l1 + 0.1*ssim + 0.1*lpips(net=tiny)"));
 * await loss.ready;
 * const gain = tf.variable(tf.scalar(0.5));
 * const [input, target] = [tf.fill([1, 32, 32, 3], 0.5), tf.fill([1, 32, 32, 3], 0.4)];
 * tf.train.sgd(0.1).minimize(() => loss(tf.mul(input, gain), target));
 * gain.dataSync()[0] > 0.5; // true
 * ```
 */
export function tfLoss<Tf extends Tensorflow>(
  tf: Tf,
  loss: Loss,
  options: LayoutOptions = {},
): TensorflowLoss<TensorOf<Tf>, ResultOf<Tf>> {
  const layout = layoutOf("tfLoss", tf, options);
  const definition = definitionForFramework("tfLoss", loss, "tfFunction");
  const { ready, check } = loadWeights("tfLoss", loss, definition);
  const ops = tf as unknown as TensorflowOps;
  const backend = new TensorflowBackend(ops);
  const functionOf = (pool: <V>(o: Ops<V>, scores: V) => V) =>
    new TapedFunction(
      backend,
      <V>(o: Ops<V>, [output, target, weight]: readonly V[]) => {
        const images: Images<V> = { output, target: target ?? output, state: {} };
        if (weight !== undefined) images.weight = weight;
        return pool(o, scoresOf(o, definition, images));
      },
      true,
    );
  const minimised = functionOf((o, scores) => minimisedScore(o, loss, definition, scores));
  const reported = functionOf((o, scores) => poolScores(o, definition, scores));

  const evaluate = (f: TapedFunction, output: unknown, target: unknown, weight?: unknown) => {
    check();
    return backend.tidy(() => {
      const images = checkedImages(ops, loss, layout, { output, target, weight });
      return ops.reshape(f.apply(images), []);
    });
  };
  const call = (output: unknown, target?: unknown, weight?: unknown) => evaluate(minimised, output, target, weight);
  const named = (f: TapedFunction) =>
    Object.defineProperty((target: unknown, output: unknown) => evaluate(f, output, target), "name", {
      value: loss.label,
    });
  const dispose = () => {
    minimised.dispose();
    reported.dispose();
    backend.dispose();
  };
  const result = Object.assign(call, { ready, targetFirst: named(minimised), metric: named(reported), dispose });
  return result as unknown as TensorflowLoss<TensorOf<Tf>, ResultOf<Tf>>;
}

/** The images of a call, channels last: output, then target where one is needed, then weight. */
function checkedImages(
  tf: TensorflowOps,
  loss: Loss,
  layout: "nhwc" | "nchw",
  given: Readonly<Record<"output" | "target" | "weight", unknown>>,
): TensorflowTensor[] {
  const read = (argument: keyof typeof given) => {
    const x = given[argument];
    checkTensor(loss.name, argument, x);
    if (x.shape.length === 4) return channelsLast(tf, x, layout);
    throw new ReconlossError("shape", `${loss.name}: ${argument} must be ${layout}, got shape [${x.shape}]`);
  };
  const format = ([n, c, h, w]: Shape) => formatShape(layout === "nhwc" ? [n, h, w, c] : [n, c, h, w]);
  const output = read("output");
  const target = loss.needsTarget ? read("target") : output;
  const shapes = { output: shapeOf(output), target: shapeOf(target) };
  const images = loss.needsTarget ? [output, target] : [output];
  if (given.weight === undefined) {
    checkShapes(loss, shapes, format);
    return images;
  }
  const weight = read("weight");
  checkShapes(loss, { ...shapes, weight: shapeOf(weight) }, format);
  return [output, target, weight];
}
