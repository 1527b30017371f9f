import { evaluateDefinition } from "../definitions/evaluate.ts";
import { reference as backend, type Float64Image, toFloat64, toTensor } from "../graph/reference.ts";
import { mapValues } from "../records.ts";
import type { Tensor } from "../tensor.ts";
import { type Engine, planesOf } from "./engine.ts";

function toTensorIn(into: Tensor | undefined, value: Float64Image): Tensor {
  if (into === undefined) return toTensor(value);
  into.data.set(value.data);
  return into;
}

/** Evaluates any definition in float64 with plain loops: slow, and what other engines are held against. Features of a prepared target are computed anew. */
export const reference = {
  name: "reference",
  refusal: () => undefined,
  evaluate: async (definition, { images, requested, into }) => {
    const { output, target, weight, share, input } = planesOf(images);
    await definition.prepare?.();
    const compared = toFloat64(output);
    const values = evaluateDefinition(
      backend,
      definition,
      {
        output: compared,
        target: target === output ? compared : toFloat64(target),
        weight: weight && toFloat64(weight),
        share: share && toFloat64(share),
        state: mapValues(definition.state?.() ?? {}, toFloat64),
        input: input && toFloat64(input),
      },
      requested,
    );
    return {
      value: values.value.data[0],
      perImage: values.perImage.data,
      scores: values.scores.data,
      ...(values.grad && { grad: toTensorIn(into, values.grad) }),
      ...(values.map && { map: toTensor(values.map) }),
      ...(values.terms && { terms: mapValues(values.terms, ({ data }) => data[0]) }),
    };
  },
} as const satisfies Engine;
