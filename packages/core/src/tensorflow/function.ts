import { checkFunction, checkNames, checkObject, described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { TensorflowBackend } from "./backend.ts";
import type { ResultOf, Tensorflow, TensorflowOps, TensorflowTensor, TensorOf } from "./framework.ts";
import { type ImageFunction, TapedFunction } from "./program.ts";

/** The layout of images in TensorFlow.js tensors. */
export interface LayoutOptions {
  /** The order of the axes: channels last, as layers of TensorFlow.js have them, or first. Default `nhwc`. */
  readonly layout?: "nhwc" | "nchw";
}

/** A function of tensors, which the tape differentiates. */
export interface TensorflowFunction<Tensor, Result> {
  (...inputs: Tensor[]): Result;
  /** Frees what is kept between calls. */
  dispose(): void;
}

/** Checks what a function of this module is given besides its mathematics. */
export function layoutOf(name: string, tf: unknown, options: LayoutOptions): "nhwc" | "nchw" {
  checkObject(name, "tf", tf);
  for (const needed of ["customGrad", "tidy", "engine"]) checkFunction(name, `tf.${needed}`, tf[needed as never]);
  checkObject(name, "options", options);
  checkNames(name, "options", options, ["layout"]);
  const { layout = "nhwc" } = options;
  if (layout === "nhwc" || layout === "nchw") return layout;
  throw new ReconlossError("invalid-argument", `${name}: layout must be nhwc | nchw, got ${described(layout)}`);
}

/** Refuses what is no tensor of float32, and what was freed: operations would take what its memory holds now. */
export function checkTensor(name: string, argument: string, x: unknown): asserts x is TensorflowTensor {
  const { shape, dtype, isDisposed } = (typeof x === "object" && x !== null ? x : {}) as Partial<TensorflowTensor>;
  if (!Array.isArray(shape) || typeof dtype !== "string") {
    throw new ReconlossError("invalid-argument", `${name}: ${argument} must be a tensor of tf, got ${described(x)}`);
  }
  if (isDisposed) throw new ReconlossError("invalid-argument", `${name}: ${argument} is disposed`);
  if (dtype !== "float32") {
    throw new ReconlossError("invalid-argument", `${name}: ${argument} must be float32, got ${dtype}`);
  }
}

/** Images as the backend has them, channels last. */
export function channelsLast(tf: TensorflowOps, x: TensorflowTensor, layout: "nhwc" | "nchw"): TensorflowTensor {
  return layout === "nchw" ? tf.transpose(x, [0, 2, 3, 1]) : x;
}

/** A tensor as a batch: images, vectors [n, c], a number for each image [n], or one number. */
function toBatch(tf: TensorflowOps, place: number, x: unknown, layout: "nhwc" | "nchw"): TensorflowTensor {
  checkTensor("tfFunction", `input ${place}`, x);
  const { shape } = x;
  if (shape.length === 4) return channelsLast(tf, x, layout);
  if (shape.length <= 2) return tf.reshape(x, [shape[0] ?? 1, 1, 1, shape[1] ?? 1]);
  throw new ReconlossError("shape", `tfFunction: input ${place} must have 4 axes, or at most 2, got [${shape}]`);
}

/**
 * Makes a function over `Ops`, of one number, a function of TensorFlow.js tensors that its tape differentiates, on any of its devices: the objectives and penalties of adversarial
 * training on logits of a model in TensorFlow.js.
 *
 * Gradients are this library's by all inputs, any number of times: a gradient may be part of what is differentiated again.
 *
 * @param tf - TensorFlow.js
 * @param f - its inputs are the tensors [n, c, h, w], whichever layout they come in; vectors [n, c] are images of one pixel; its result is [1, 1, 1, 1]
 * @returns a function of as many tensors as `f` looks at, float32, with one number as its result
 * @throws {ReconlossError} `invalid-argument` for what is no TensorFlow.js, and by the function for what is no float32 tensor; `shape` for tensors of three axes, or of more than four, and
 * where the result is more than one number
 *
 * @example
 * ```ts
 * import "@tensorflow/tfjs-backend-cpu";
 * import * as tf from "@tensorflow/tfjs-core";
 * import { discriminatorLoss } from "@reconloss/core";
 * import { tfFunction } from "@reconloss/core/tensorflow";
 * const hinge = tfFunction(tf, (o, [onReal, onFake]) => {
 *   const { real, fake } = discriminatorLoss(o, { real: onReal, fake: onFake }, { objective: "hinge" });
 *   return o.add(real, fake);
 * });
 * const logits = [[[0.5], [2]], [[-2], [0]]].map((values) => tf.tensor2d(values));
 * hinge(...logits).dataSync()[0]; // 0.75: (0.5 + 0) / 2 + (0 + 1) / 2
 * ```
 */
export function tfFunction<Tf extends Tensorflow>(
  tf: Tf,
  f: ImageFunction,
  options: LayoutOptions = {},
): TensorflowFunction<TensorOf<Tf>, ResultOf<Tf>> {
  const layout = layoutOf("tfFunction", tf, options);
  checkFunction("tfFunction", "f", f);
  const ops = tf as unknown as TensorflowOps;
  const backend = new TensorflowBackend(ops);
  const taped = new TapedFunction(
    backend,
    (o, inputs) => {
      const result = f(o, inputs);
      const dims = o.dims(result);
      if (dims.every((dim) => dim === 1)) return result;
      throw new ReconlossError("shape", `tfFunction: f must give one number, got ${dims.join("x")}`);
    },
    true,
  );
  const apply = (...inputs: TensorOf<Tf>[]) => {
    if (inputs.length === 0) throw new ReconlossError("invalid-argument", "tfFunction: got no tensor");
    return backend.tidy(() => {
      const batches = inputs.map((input, place) => toBatch(ops, place, input, layout));
      return ops.reshape(taped.apply(batches), []);
    });
  };
  const dispose = () => {
    taped.dispose();
    backend.dispose();
  };
  return Object.assign(apply, { dispose }) as unknown as TensorflowFunction<TensorOf<Tf>, ResultOf<Tf>>;
}
