import type { AdaptedSum, Images } from "../definitions/definition.ts";
import { liftImages } from "../definitions/evaluate.ts";
import { ReconlossError } from "../errors.ts";
import { pullback } from "../graph/autodiff.ts";
import type { Ops } from "../graph/ops.ts";
import type { Forward, Model } from "../nets/model.ts";
import { mapValues } from "../records.ts";

/** The epsilon added to the length that another is divided by (taming-transformers, `calculate_adaptive_weight`). */
const least = 1e-4;
/** The largest weight that follows from gradients. */
const most = 1e4;

/**
 * The parameter of a model at which gradients are compared.
 *
 * @throws {ReconlossError} `invalid-argument` for a model without one
 */
export function lastLayerOf({ name, parameters, lastLayer }: Model): string {
  const isMatrix = (parameter: string) => parameters[parameter].shape.length > 1;
  const found = lastLayer ?? Object.keys(parameters).findLast(isMatrix);
  if (found !== undefined && Object.hasOwn(parameters, found)) return found;
  const problem = `an adaptive weight follows from gradients at the last layer; the model ${name} has no ${found ?? "parameter that is a matrix or a kernel"}`;
  throw new ReconlossError("invalid-argument", `createTrainer: ${problem}`);
}

/** The objective of a step for a model and a sum with adaptive weights. */
export interface Adapted<T> {
  readonly forward: Forward<T>;
  /** [1, 1, 1, 1], with the gradient of the sum in which the weights are constants. */
  readonly loss: T;
  /** The weights that follow from gradients, before those that the sum gives, each [1, 1, 1, 1]. */
  readonly weights: Readonly<Record<string, T>>;
}

function length<T>(o: Ops<T>, x: T): T {
  return o.root(o.sum(o.square(x), "nchw"));
}

/**
 * A model's output and a sum whose adaptive terms are multiplied by |d fixed / d last layer| / (|d term / d last layer| + 1e-4), at most 1e4, through which no gradient flows (Esser et al. 2021, VQGAN, equation
 * 7; taming-transformers, `calculate_adaptive_weight`). Each half of the sum is differentiated by the output once: its gradient goes back through the last layer alone for the lengths, and what both add up to
 * through the whole model.
 *
 * @param images - what the sum compares with the output
 */
export function adapted<T>(
  o: Ops<T>,
  { model, sum, lastLayer }: { readonly model: Model; readonly sum: AdaptedSum; readonly lastLayer: string },
  tensors: Readonly<Record<string, T>>,
  input: T,
  images: (output: T) => Images<T>,
): Adapted<T> {
  let forward: Forward<T> | undefined;
  const { value: output, pull } = pullback(
    o,
    ({ o, lift }, [last]) => {
      const found = model.forward(o, lift(input), { ...mapValues(tensors, lift), [lastLayer]: last }, true);
      forward = { output: found.output.value, buffers: mapValues(found.buffers, ({ value }) => value) };
      return found.output;
    },
    [tensors[lastLayer]],
  );
  // From here on, nothing knows how the output came about.
  const fixed = o.stopGradient(output);
  type Score = <U>(o: Ops<U>, images: Images<U>) => U;
  const part = (score: Score) => {
    const { value, pull: back } = pullback(
      o,
      ({ o, lift }, [x]) => o.mean(score(o, liftImages(images(fixed), x, lift)), "n"),
      [fixed],
    );
    const gradient = o.stopGradient(back(o.scalar(1))[0]);
    return { value: o.stopGradient(value), gradient, length: o.stopGradient(length(o, pull(gradient)[0])) };
  };
  const rest = part((o, images) => sum.fixed(o, images));
  let { value, gradient } = rest;
  const weights: Record<string, T> = {};
  for (const term of sum.adaptive) {
    const own = part((o, images) => term.score(o, images));
    const weight = o.minimum(o.div(rest.length, o.add(own.length, least)), most);
    weights[term.name] = weight;
    const factor = o.mul(weight, term.weight(o, images(fixed)));
    value = o.add(value, o.mul(own.value, factor));
    gradient = o.add(gradient, o.mul(own.gradient, factor));
  }
  // A sum with that gradient by the output, of which nothing is left in the value.
  const slope = o.sum(o.mul(output, o.stopGradient(gradient)), "nchw");
  const loss = o.add(o.stopGradient(value), o.sub(slope, o.stopGradient(slope)));
  return { forward: forward as Forward<T>, loss, weights };
}
