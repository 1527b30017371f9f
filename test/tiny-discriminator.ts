import { differentiate, type Traced, type Tracing } from "../packages/core/src/graph/autodiff.ts";
import { compile } from "../packages/core/src/graph/compile.ts";
import type { Ops } from "../packages/core/src/graph/ops.ts";
import type { InputDims } from "../packages/core/src/graph/program.ts";
import { reference, toFloat64 } from "../packages/core/src/graph/reference.ts";
import { leakyRelu, softplus } from "../packages/core/src/nets/activations.ts";
import type { Model } from "../packages/core/src/nets/index.ts";
import { activation, chain } from "../packages/core/src/nets/layer.ts";
import { conv } from "../packages/core/src/nets/layers.ts";
import { model } from "../packages/core/src/nets/model.ts";
import type { Tensor } from "../packages/core/src/tensor.ts";
import { type GoldenCase, readTensor } from "./golden.ts";
import { seededTensors } from "./models.ts";

/** The activations that the goldens were made with. */
export const tinyActivations = { leaky: activation(leakyRelu), softplus: activation(softplus) };

/** The goldens' tiny discriminator: three convolutions, logits [n, 1, h / 4, w / 4]. */
export function tinyDiscriminator(kind: keyof typeof tinyActivations): Model {
  const activation = tinyActivations[kind];
  return model(
    "tiny",
    { channels: 3 },
    chain(
      conv("conv0", 3, 8, 4, { stride: 2, padding: 1 }),
      activation,
      conv("conv1", 8, 16, 4, { stride: 2, padding: 1 }),
      activation,
      conv("conv2", 16, 1, 3, { padding: 1 }),
    ),
  );
}

/** The images of a case, and the tiny discriminator's seeded tensors, by name. */
export function tinyInputs(golden: GoldenCase, discriminator: Model): Record<string, Tensor> {
  const images = Object.entries(golden.inputs).map(([name, path]) => [name, readTensor(path as string)]);
  return { ...Object.fromEntries(images), ...seededTensors(discriminator) };
}

/** Numbers of any backend. */
export type Numbers = Readonly<Record<string, ArrayLike<number>>>;

/** Runs a function over `Ops` of named tensors. */
export type Backend = (
  tensors: Readonly<Record<string, Tensor>>,
  f: <T>(o: Ops<T>, values: Readonly<Record<string, T>>) => Readonly<Record<string, T>>,
) => Promise<Numbers>;

/** Both backends: the definition in float64, and ONNX Runtime. */
export const backends: Readonly<Record<string, Backend>> = {
  reference: async (tensors, f) => {
    const values = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toFloat64(tensor)]));
    return Object.fromEntries(Object.entries(f(reference, values)).map(([name, { data }]) => [name, data]));
  },
  "ONNX Runtime": async (tensors, f) => {
    const dims = Object.fromEntries(
      Object.entries(tensors).map(([name, { shape }]): [string, InputDims] => [name, shape]),
    );
    const program = await compile<string, string>(dims, (o, values) => f(o, values));
    return Object.fromEntries(Object.entries(await program.run(tensors)).map(([name, { data }]) => [name, data]));
  },
};

/** A number, and its gradient with respect to the values of some names: `value`, and `d name` for each. */
export function valueAndGradients<T>(
  o: Ops<T>,
  values: Readonly<Record<string, T>>,
  names: readonly string[],
  f: (o: Ops<Traced<T>>, values: Readonly<Record<string, Traced<T>>>, tracing: Tracing<T>) => Traced<T>,
): Record<string, T> {
  const { value, gradients } = differentiate(
    o,
    (tracing, inputs) => {
      const lifted = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tracing.lift(value)]));
      const moving = Object.fromEntries(names.map((name, i) => [name, inputs[i]]));
      return f(tracing.o, { ...lifted, ...moving }, tracing);
    },
    names.map((name) => values[name]),
  );
  return { value, ...Object.fromEntries(names.map((name, i) => [`d ${name}`, gradients[i]])) };
}
