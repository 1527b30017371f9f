import { differentiate } from "../graph/autodiff.ts";
import { compile, type InputDims, type Program, type ProgramOutput } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import { Tensor } from "../tensor.ts";
import type { Definition, Evaluation, Images, Wants } from "./definition.ts";

/** Everything that a definition can be asked for, as values of a backend. */
export interface DefinedValues<T> {
  /** [1, 1, 1, 1]. */
  value: T;
  /** [n, 1, 1, 1]. */
  perImage: T;
  grad?: T;
  map?: T;
}

/** The value of a batch from the scores of its images. */
export function poolScores<T>(o: Ops<T>, definition: Definition, scores: T): T {
  const say = (x: T) => definition.say?.(o, x) ?? x;
  return definition.poolScores ? say(o.mean(scores, "n")) : o.mean(say(scores), "n");
}

/** Evaluates a definition on any backend. */
export function evaluateDefinition<T>(
  o: Ops<T>,
  definition: Definition,
  images: Images<T>,
  wants: Wants,
): DefinedValues<T> {
  const scores = definition.score(o, images);
  const result: DefinedValues<T> = {
    value: poolScores(o, definition, scores),
    perImage: definition.say?.(o, scores) ?? scores,
  };
  if (wants.map && definition.map) result.map = definition.map(o, images);
  if (!wants.grad) return result;
  const { value, gradients } = differentiate(
    o,
    ({ o, lift }, [output]) => {
      const traced = { output, target: lift(images.target), weight: images.weight && lift(images.weight) };
      return poolScores(o, definition, definition.score(o, traced));
    },
    [images.output],
  );
  return { ...result, value, grad: gradients[0] };
}

type OutputName = keyof DefinedValues<unknown>;
type CompiledLoss = Program<"output" | "target" | "weight", OutputName>;

/** Sizes come and go, so each definition keeps only the programs that it used last. */
const programsKept = 8;
const programs = new WeakMap<Definition, Map<string, Promise<CompiledLoss>>>();

function programFor(definition: Definition, images: Images<Tensor>, wants: Wants): Promise<CompiledLoss> {
  const [, c, h, w] = images.output.shape;
  const size = definition.bySize ? [h, w] : ["h", "w"];
  const dims = ["n", c, ...size] as unknown as InputDims;
  const weight = images.weight && ([images.weight.shape[0] === 1 ? 1 : "n", 1, ...size] as unknown as InputDims);
  const key = JSON.stringify([dims, weight, wants.grad === true, wants.map === true]);
  const cache = programs.get(definition) ?? new Map<string, Promise<CompiledLoss>>();
  programs.set(definition, cache);
  const program =
    cache.get(key) ??
    compile(
      { output: dims, target: dims, ...(weight && { weight }) } as Record<keyof Images<unknown>, InputDims>,
      (o, inputs) => ({
        ...evaluateDefinition(o, definition, inputs, wants),
      }),
    );
  // Deleting and setting again moves the key to the end: the first one is the one unused for longest.
  cache.delete(key);
  cache.set(key, program);
  program.catch(() => cache.delete(key));
  if (cache.size > programsKept) cache.delete(cache.keys().next().value as string);
  return program;
}

function toTensor({ data, shape }: ProgramOutput): Tensor {
  return data instanceof Float32Array ? new Tensor(data, shape) : Tensor.from(data, shape);
}

/** Evaluates a definition natively; programs are compiled once for each combination of channels and wants. */
export async function evaluateGraph(definition: Definition, images: Images<Tensor>, wants: Wants): Promise<Evaluation> {
  const program = await programFor(definition, images, wants);
  const results: Partial<Record<OutputName, ProgramOutput>> = await program.run(images as Required<Images<Tensor>>);
  const { value, perImage, grad, map } = results;
  return {
    value: (value as ProgramOutput).data[0],
    perImage: Float64Array.from((perImage as ProgramOutput).data),
    ...(grad ? { grad: toTensor(grad) } : {}),
    ...(map ? { map: toTensor(map) } : {}),
  };
}
