import { differentiate } from "../packages/core/src/graph/autodiff.ts";
import { compile } from "../packages/core/src/graph/compile.ts";
import type { Ops } from "../packages/core/src/graph/ops.ts";
import type { InputDims } from "../packages/core/src/graph/program.ts";
import { type Float64Image, reference, toFloat64 } from "../packages/core/src/graph/reference.ts";
import { dimsOf, initialize, type Model } from "../packages/core/src/nets/index.ts";
import { Random } from "../packages/core/src/random.ts";
import { type Shape, Tensor } from "../packages/core/src/tensor.ts";
import { fnv1a32, seededTensor, seededWeights, uniform } from "./seeded-weights.ts";

type Tensors = Readonly<Record<string, Tensor>>;

function asTensors({ parameters, buffers }: Model, values: Readonly<Record<string, Float32Array>>): Tensors {
  const specs = Object.entries({ ...parameters, ...buffers });
  return Object.fromEntries(specs.map(([name, spec]) => [name, new Tensor(values[name], dimsOf(spec))]));
}

/** All tensors of a model with seeded values, as the goldens were made with. */
export function seededTensors(model: Model): Tensors {
  const specs = Object.entries({ ...model.parameters, ...model.buffers });
  return asTensors(model, seededWeights(Object.fromEntries(specs.map(([name, { shape }]) => [name, shape]))));
}

/** The model, with seeded values where it starts. */
export function seeded(model: Model): Model {
  const start = Object.entries(model.parameters).map(([name, spec]) => {
    const batchNorm = `${name.slice(0, name.lastIndexOf(".") + 1)}running_mean` in model.buffers;
    const initialize = (_: unknown, shape: readonly number[]) => seededTensor(name, shape, batchNorm);
    return [name, { ...spec, initialize }];
  });
  return { ...model, parameters: Object.fromEntries(start) };
}

/** Images of uniform numbers that follow from a name, as seeded_torch.py has them. */
export function seededBatch(name: string, shape: Shape): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return new Tensor(
    Float32Array.from({ length: count }, (_, i) => uniform(fnv1a32(name), i)),
    shape,
  );
}

/** All tensors of a model as it starts. */
export function startingTensors(model: Model, seed = 1): Tensors {
  return asTensors(
    model,
    initialize({ ...model.parameters, ...model.buffers }, (name) => new Random(seed, name)),
  );
}

/** The outputs of a model on the native runtime. */
export interface NativeForward {
  output: Tensor;
  /** The new values of buffers. */
  buffers: Tensors;
  /** Of the output's mean, with respect to the image. */
  gradient: Tensor;
}

/** A forward pass, and the gradient of the output's mean with respect to the image. */
function forwardAndGradient<T>(
  o: Ops<T>,
  model: Model,
  image: T,
  tensors: Readonly<Record<string, T>>,
  training: boolean,
) {
  const { output, buffers } = model.forward(o, image, tensors, training);
  const { gradients } = differentiate(
    o,
    ({ o, lift }, [x]) => {
      const lifted = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, lift(value)]));
      return o.mean(model.forward(o, x, lifted, training).output, "nchw");
    },
    [image],
  );
  return { output, buffers, gradient: gradients[0] };
}

/** A model on ONNX Runtime. */
export async function runModel(
  model: Model,
  image: Tensor,
  tensors: Tensors,
  training: boolean,
): Promise<NativeForward> {
  const dims: Record<string, InputDims> = {
    x: ["n", image.shape[1], "h", "w"],
    ...Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape])),
  };
  const program = await compile<string, string>(dims, (o, { x, ...values }) => {
    const { buffers, ...rest } = forwardAndGradient(o, model, x, values, training);
    const after = Object.entries(buffers).map(([name, value]) => [`after ${name}`, value]);
    return { ...rest, ...Object.fromEntries(after) };
  });
  const results = await program.run({ x: image, ...tensors });
  const tensor = (name: string) => Tensor.from(results[name].data, results[name].shape);
  const updated = Object.keys(model.buffers).filter((name) => `after ${name}` in results);
  return {
    output: tensor("output"),
    gradient: tensor("gradient"),
    buffers: Object.fromEntries(updated.map((name) => [name, tensor(`after ${name}`)])),
  };
}

/** The same on the reference backend. */
export function referenceModel(model: Model, image: Tensor, tensors: Tensors, training: boolean) {
  return forwardAndGradient(reference, model, toFloat64(image), toReference(tensors), training);
}

/** A model's output by the definition, and the gradient of a sum over it with respect to every parameter. */
export function referenceGradients(
  model: Model,
  image: Float64Image,
  tensors: Readonly<Record<string, Float64Image>>,
  weight: Float64Image,
  training: boolean,
): Record<string, Float64Image> {
  const names = Object.keys(model.parameters);
  const { gradients } = differentiate(
    reference,
    ({ o, lift }, values) => {
      const others = Object.keys(model.buffers).map((name) => [name, lift(tensors[name])]);
      const all = { ...Object.fromEntries(others), ...Object.fromEntries(names.map((name, i) => [name, values[i]])) };
      return o.sum(o.mul(model.forward(o, lift(image), all, training).output, lift(weight)), "nchw");
    },
    names.map((name) => tensors[name]),
  );
  return Object.fromEntries(names.map((name, i) => [name, gradients[i]]));
}

/** Tensors as values of the reference backend. */
export function toReference(tensors: Tensors): Record<string, Float64Image> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, toFloat64(tensor)]));
}
