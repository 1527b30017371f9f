import type { Definition, OwnEvaluation } from "../definitions/definition.ts";
import { evaluateDefinition } from "../definitions/evaluate.ts";
import { compile } from "../graph/compile.ts";
import type { Ops } from "../graph/ops.ts";
import { type InputDims, outputTensor, type ProgramOutput } from "../graph/program.ts";
import { mapValues, prefixed, within } from "../records.ts";
import type { Device } from "../runtimes/index.ts";
import type { Tensor } from "../tensor.ts";
import { type Engine, planesOf } from "./engine.ts";
import { imageDims, programFor } from "./programs.ts";

const featureName = (index: number) => `feature ${index}`;

/** The features that a definition computes of a target alone. */
export async function targetFeatures(definition: Definition, target: Tensor, device: Device): Promise<Tensor[]> {
  const dims = imageDims(definition, target);
  const program = await programFor(definition, `target ${JSON.stringify(dims)}`, device, async () => {
    await definition.prepare?.();
    const build = <T>(o: Ops<T>, { target }: Record<string, T>) =>
      Object.fromEntries((definition.targetFeatures?.(o, target) ?? []).map((x, index) => [featureName(index), x]));
    return compile<string, string>({ target: dims }, build, { device });
  });
  return Object.values(await program.run({ target })).map(outputTensor);
}

/** Returns an output of a program, in a tensor of its own or copied to `into`. */
function toTensorIn(into: Tensor | undefined, output: ProgramOutput): Tensor {
  if (into === undefined) return outputTensor(output);
  into.data.set(output.data);
  return into;
}

/** Evaluates definitions as graphs on ONNX Runtime; programs are compiled once for each combination of channels and wants. */
export const onnx = {
  name: "onnx",
  refusal: () => undefined,
  evaluate: async (definition, { images, requested, into, device }): Promise<OwnEvaluation> => {
    const { output, target, weight, share, input, targetFeatures = [] } = planesOf(images);
    const dims = imageDims(definition, output);
    const inputs: Record<string, InputDims> = { output: dims, target: dims };
    if (weight) inputs.weight = [weight.shape[0] === 1 ? 1 : "n", weight.shape[1], dims[2], dims[3]];
    if (share) inputs.share = ["n", 1, 1, 1];
    if (input) inputs.input = ["n", input.shape[1], "input h", "input w"];
    for (const [index, { shape }] of targetFeatures.entries()) {
      inputs[featureName(index)] = ["n", shape[1], `h${index}`, `w${index}`];
    }
    const state = prefixed(definition.state?.() ?? {}, "state");
    for (const [name, { shape }] of Object.entries(state)) inputs[name] = shape;
    const key = JSON.stringify([inputs, requested.grad === true, requested.map === true]);
    const program = await programFor(definition, key, device, async () => {
      await definition.prepare?.();
      const build = <T>(o: Ops<T>, values: Record<string, T>) => {
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
            input: values.input,
          },
          requested,
        );
        return { ...rest, ...prefixed(terms, "term") };
      };
      return compile<string, string>(inputs, build, { device });
    });
    const results: Record<string, ProgramOutput> = await program.run({
      output,
      target,
      ...(weight && { weight }),
      ...(share && { share }),
      ...(input && { input }),
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
  },
} as const satisfies Engine;
