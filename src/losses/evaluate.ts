import { ReconlossError } from "../errors.ts";
import { differentiate } from "../graph/autodiff.ts";
import { compile, type InputDims, outputTensor, type Program, type ProgramOutput } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import { ProgramCache } from "../graph/program-cache.ts";
import { currentDevice } from "../graph/runtime.ts";
import { mapValues, prefixed, within } from "../records.ts";
import type { Tensor } from "../tensor.ts";
import type { Definition, Images, OwnEvaluation, Wants } from "./definition.ts";
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
  const say = (x: T) => definition.say?.(o, x) ?? x;
  return definition.poolScores ? say(batchMean(o, scores, share)) : batchMean(o, say(scores), share);
}

/** The score of each image; refuses a weight that the definition does not look at. */
function scoresOf<T>(o: Ops<T>, definition: Definition, images: Images<T>): T {
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

/** Evaluates a definition on any backend. */
export function evaluateDefinition<T>(
  o: Ops<T>,
  definition: Definition,
  images: Images<T>,
  wants: Wants,
): DefinedValues<T> {
  const { share } = images;
  const scores = scoresOf(o, definition, images);
  const result: DefinedValues<T> = {
    value: poolScores(o, definition, scores, share),
    perImage: definition.say?.(o, scores) ?? scores,
    scores,
  };
  if (wants.map && definition.map) result.map = definition.map(o, images);
  if (definition.terms) {
    const terms = Object.entries(definition.terms(o, images));
    result.terms = Object.fromEntries(terms.map(([name, scores]) => [name, batchMean(o, scores, share)]));
  }
  if (!wants.grad) return result;
  const { value, gradients } = differentiate(
    o,
    ({ o, lift }, [output]) => {
      const { target, weight, targetFeatures, state } = images;
      const traced = {
        output,
        target: lift(target),
        weight: weight && lift(weight),
        share: share && lift(share),
        targetFeatures: targetFeatures?.map(lift),
        state: state && mapValues(state, lift),
      };
      return poolScores(o, definition, definition.score(o, traced), traced.share);
    },
    [images.output],
  );
  return { ...result, value, grad: gradients[0] };
}

type CompiledProgram = Program<string, string>;

const programsKept = 8;
const programs = new WeakMap<Definition, ProgramCache>();

/** The program of a definition under this name on the current device, made if it is not there. */
export function programFor(
  definition: Definition,
  name: string,
  make: () => Promise<CompiledProgram>,
): Promise<CompiledProgram> {
  const cache = programs.get(definition) ?? new ProgramCache(programsKept);
  programs.set(definition, cache);
  return cache.get(`${currentDevice()} ${name}`, make);
}

/** The dims of a batch of images: height and width by number only where the mathematics depends on them. */
export function imageDims(definition: Definition, { shape: [, c, h, w] }: Tensor): InputDims {
  return definition.bySize ? ["n", c, h, w] : ["n", c, "h", "w"];
}

const featureName = (index: number) => `feature ${index}`;

/** What a definition computes of a target alone. */
export async function targetFeatures(definition: Definition, target: Tensor): Promise<Tensor[]> {
  const dims = imageDims(definition, target);
  const program = await programFor(definition, `target ${JSON.stringify(dims)}`, async () => {
    await definition.prepare?.();
    return compile<string, string>({ target: dims }, (o, { target }) =>
      Object.fromEntries((definition.targetFeatures?.(o, target) ?? []).map((x, index) => [featureName(index), x])),
    );
  });
  return Object.values(await program.run({ target })).map(outputTensor);
}

/** What a program gave, in a tensor of its own or copied to `into`. */
function toTensorIn(into: Tensor | undefined, output: ProgramOutput): Tensor {
  if (into === undefined) return outputTensor(output);
  into.data.set(output.data);
  return into;
}

/**
 * Evaluates a definition natively; programs are compiled once for each combination of channels and wants.
 *
 * @param into - where the gradient is written; default: a new tensor
 */
export async function evaluateGraph(
  definition: Definition,
  images: Images<Tensor>,
  wants: Wants,
  into?: Tensor,
): Promise<OwnEvaluation> {
  const { output, target, weight, share, targetFeatures = [] } = images;
  const dims = imageDims(definition, output);
  const inputs: Record<string, InputDims> = { output: dims, target: dims };
  if (weight) inputs.weight = [weight.shape[0] === 1 ? 1 : "n", weight.shape[1], dims[2], dims[3]];
  if (share) inputs.share = ["n", 1, 1, 1];
  for (const [index, { shape }] of targetFeatures.entries()) {
    inputs[featureName(index)] = ["n", shape[1], `h${index}`, `w${index}`];
  }
  const state = prefixed(definition.state?.() ?? {}, "state");
  for (const [name, { shape }] of Object.entries(state)) inputs[name] = shape;
  const key = JSON.stringify([inputs, wants.grad === true, wants.map === true]);
  const program = await programFor(definition, key, async () => {
    await definition.prepare?.();
    return compile<string, string>(inputs, (o, values) => {
      const features = targetFeatures.map((_, index) => values[featureName(index)]);
      const { terms = {}, ...rest } = evaluateDefinition(
        o,
        definition,
        {
          output: values.output,
          target: values.target,
          weight: values.weight,
          share: values.share,
          targetFeatures: features.length > 0 ? features : undefined,
          state: within(values, "state"),
        },
        wants,
      );
      return { ...rest, ...prefixed(terms, "term") };
    });
  });
  const results: Record<string, ProgramOutput> = await program.run({
    output,
    target,
    ...(weight && { weight }),
    ...(share && { share }),
    ...Object.fromEntries(targetFeatures.map((tensor, index) => [featureName(index), tensor])),
    ...state,
  });
  const { value, perImage, scores, grad, map } = results;
  const terms = mapValues(within(results, "term"), ({ data }) => data[0]);
  return {
    value: value.data[0],
    perImage: Float64Array.from(perImage.data),
    scores: Float64Array.from(scores.data),
    ...(grad ? { grad: toTensorIn(into, grad) } : {}),
    ...(map ? { map: outputTensor(map) } : {}),
    ...(Object.keys(terms).length > 0 ? { terms } : {}),
  };
}
