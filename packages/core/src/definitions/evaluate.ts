import { ReconlossError } from "../errors.ts";
import { differentiate, type Traced } from "../graph/autodiff.ts";
import type { Ops } from "../graph/ops.ts";
import { mapValues } from "../records.ts";
import type { Definition, Images, Requested } from "./definition.ts";
import { batchMean } from "./pixel-weights.ts";

/** Everything that a definition can be asked for, as values of a backend. */
export interface DefinedValues<T> {
  /** [1, 1, 1, 1]. */
  value: T;
  /** [n, 1, 1, 1]. */
  perImage: T;
  /** [n, 1, 1, 1]. */
  scores: T;
  grad?: T;
  map?: T;
  /** Each [1, 1, 1, 1], a mean over the batch. */
  terms?: Readonly<Record<string, T>>;
}

/** The value of a batch from the scores of its images and, where they do not count the same, their shares. */
export function poolScores<T>(o: Ops<T>, definition: Definition, scores: T, share?: T): T {
  const toReported = (x: T) => definition.toReported?.(o, x) ?? x;
  return definition.poolScores ? toReported(batchMean(o, scores, share)) : batchMean(o, toReported(scores), share);
}

/** The score of each image; refuses a weight that the definition does not look at. */
export function scoresOf<T>(o: Ops<T>, definition: Definition, images: Images<T>): T {
  const { weight } = images;
  if (weight === undefined) return definition.score(o, images);
  let seen = false;
  const watched = Object.defineProperty({ ...images }, "weight", {
    enumerable: true,
    get: () => {
      seen = true;
      return weight;
    },
  });
  const scores = definition.score(o, watched);
  if (!seen) throw new ReconlossError("invalid-argument", "weight: the definition of this loss does not use one");
  return scores;
}

/** The same images in a differentiation by the output. */
export function liftImages<T>(
  { target, weight, share, targetFeatures, state, input }: Images<T>,
  output: Traced<T>,
  lift: (value: T) => Traced<T>,
): Images<Traced<T>> {
  return {
    output,
    target: lift(target),
    weight: weight && lift(weight),
    share: share && lift(share),
    targetFeatures: targetFeatures?.map(lift),
    state: state && mapValues(state, lift),
    input: input && lift(input),
  };
}

/** Evaluates a definition on any backend. */
export function evaluateDefinition<T>(
  o: Ops<T>,
  definition: Definition,
  images: Images<T>,
  requested: Requested,
): DefinedValues<T> {
  const { share } = images;
  const scores = scoresOf(o, definition, images);
  const result: DefinedValues<T> = {
    value: poolScores(o, definition, scores, share),
    perImage: definition.toReported?.(o, scores) ?? scores,
    scores,
  };
  if (requested.map && definition.map) result.map = definition.map(o, images);
  if (definition.terms) {
    const terms = Object.entries(definition.terms(o, images));
    result.terms = Object.fromEntries(terms.map(([name, scores]) => [name, batchMean(o, scores, share)]));
  }
  if (!requested.grad) return result;
  const { value, gradients } = differentiate(
    o,
    ({ o, lift }, [output]) => {
      const traced = liftImages(images, output, lift);
      return poolScores(o, definition, definition.score(o, traced), traced.share);
    },
    [images.output],
  );
  return { ...result, value, grad: gradients[0] };
}
