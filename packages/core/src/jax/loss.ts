import { scoresOf } from "../definitions/evaluate.ts";
import { checkShapes, definitionForFramework, loadWeights } from "../losses/framework-loss.ts";
import type { Loss } from "../losses/loss.ts";
import { minimisedScore } from "../losses/minimised.ts";
import type { Shape } from "../tensor.ts";
import type { Jax, JaxArray } from "./framework.ts";
import { checkArray, evaluate, type LayoutOptions, layoutOf } from "./function.ts";

/** A loss as a pure function of jax-js arrays. */
export interface JaxLoss<A extends JaxArray> {
  /**
   * The number that is minimised: the value, or its distance below the loss's `offset` where higher is better; an array without axes. The arguments are freed, as those of any jax-js function:
   * `x.ref` is for those that are used again.
   *
   * @param output - [n, c, h, w], or [n, h, w, c] by the option `layout`, or one image without n, as under `vmap`
   * @param target - of the same shape; not needed by a prior such as `tv`
   * @param weight - how much each pixel counts, not negative: of the shape of `output`, or with 1 image or 1 channel
   */
  (output: A, target?: A, weight?: A): A;
  /** Resolves when the weights that the loss is written with are loaded; a loss of pixels alone may be called before. */
  readonly ready: Promise<void>;
}

/**
 * Makes a loss a pure function of jax-js arrays, in its operations: differentiated by its `grad` together with the model, on its devices, with dropout of the model and all, and compiled by its
 * `jit` together with the rest of a step.
 *
 * Value and gradient are those of {@link Loss.valueAndGrad} in float32, at ties and borders too. Derivatives are jax-js's, of operations that are written so that they are this library's;
 * there are those by target and weight too.
 *
 * Values are not looked at, as that would wait for the device: neither NaN nor images of another range are refused. jax-js divides by multiplying with reciprocals, so a preset that rounds
 * to levels (`ssim(preset=pyiqa)`) may round what lies half way between two of them to the other.
 *
 * @param jax - the module, its device chosen by `jax.defaultDevice`: `import * as jax from "@jax-js/jax"`
 * @param loss - of pixels, through networks, or a sum; weights are looked for as everywhere, and `ready` tells when they are there
 * @throws {ReconlossError} `invalid-argument` for what is no loss, and for losses that learn (`gan`), have terms that begin later, or are sums with a term that is averaged first; by the
 * function: `invalid-argument` before `ready`, for what is no array of float32, and for a weight that the loss does not take; `shape` for shapes that do not fit or that the loss refuses
 *
 * @example
 * ```ts
 * import * as jax from "@jax-js/jax";
 * import { parseLoss } from "@reconloss/core";
 * import { jaxLoss } from "@reconloss/core/jax";
 * const loss = jaxLoss(jax, parseLoss("l1 + 0.1*ssim"));
 * await loss.ready;
 * const step = jax.jit(jax.grad((gain: jax.Array, input: jax.Array, target: jax.Array) => loss(input.mul(gain), target)));
 * const [input, target] = [0.5, 0.4].map((value) => jax.numpy.full([1, 3, 16, 16], value));
 * step(jax.numpy.array(0.5), input, target).item() < 0; // true: a larger gain is better
 * ```
 */
export function jaxLoss<A extends JaxArray>(jax: Jax<A>, loss: Loss, options: LayoutOptions = {}): JaxLoss<A> {
  const layout = layoutOf("jaxLoss", jax, options);
  const definition = definitionForFramework("jaxLoss", loss, "jaxFunction");
  const { ready, check } = loadWeights("jaxLoss", loss, definition);

  const call = (output: A, target?: A, weight?: A): A => {
    const given = Object.entries({ output, target, weight }).filter(
      ([argument, x]) => argument === "output" || x !== undefined,
    ) as [string, A][];
    return evaluate<A>(jax, loss.name, Object.fromEntries(given), layout, (o, batches) => {
      check();
      const named = Object.fromEntries(given.map(([argument], place) => [argument, batches[place]]));
      if (loss.needsTarget) checkArray(loss.name, "target", target);
      const images = { output: named.output, target: loss.needsTarget ? named.target : named.output };
      const shapeOf = (x: A) => o.dims(x) as Shape;
      const shapes = { output: shapeOf(images.output), target: shapeOf(images.target) };
      checkShapes(loss, named.weight ? { ...shapes, weight: shapeOf(named.weight) } : shapes);
      const scores = scoresOf(o, definition, { ...images, ...(named.weight && { weight: named.weight }), state: {} });
      return minimisedScore(o, loss, definition, scores);
    });
  };
  return Object.assign(call, { ready });
}
