import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { initializers, input, type LayersModel, layers, model, type SymbolicTensor } from "@tensorflow/tfjs-layers";
import { type Loss, Tensor } from "../packages/core/src/index.ts";
import { type Denoiser, runAsProgram } from "./denoising.ts";

// npx tsx examples/tensorflow.ts: a TensorFlow.js model learns by losses of this library.
// In your own project, import from "reconloss" instead of "../packages/core/src/index.ts".

/** Two convolutions that say what is to be added to the picture, [n, h, w, 3] in and out. Untrained, it gives its input. */
export function denoisingModel(channels: number): LayersModel {
  const picture = input({ shape: [null, null, 3] });
  const shared = { kernelSize: 3, padding: "same" } as const;
  const kernelInitializer = initializers.heNormal({ seed: 1 });
  const first = layers.conv2d({ ...shared, filters: channels, activation: "relu", kernelInitializer });
  const last = layers.conv2d({ ...shared, filters: 3, kernelInitializer: "zeros" });
  const correction = last.apply(first.apply(picture)) as SymbolicTensor;
  return model({ inputs: picture, outputs: layers.add().apply([picture, correction]) as SymbolicTensor });
}

/** Channels last, as TensorFlow.js has them. */
export function toTensorflow({ data, shape }: Tensor): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, [...shape]), [0, 2, 3, 1]));
}

/** Channels first, as our losses have them. */
function forward(model: LayersModel, input: tf.Tensor4D, training: boolean): tf.Tensor4D {
  return tf.transpose(model.apply(input, { training }) as tf.Tensor4D, [0, 3, 1, 2]);
}

async function output(model: LayersModel, input: tf.Tensor4D, training: boolean): Promise<Tensor> {
  const values = tf.tidy(() => forward(model, input, training));
  const tensor = new Tensor((await values.data()) as Float32Array, values.shape);
  values.dispose();
  return tensor;
}

/** The loss of a batch, and its gradient with respect to the model's trainable weights, by name. */
export async function valueAndGrads(model: LayersModel, input: tf.Tensor4D, target: Tensor, loss: Loss) {
  // First pass: the output leaves TensorFlow.js, and our loss says how it should change.
  const { value, grad } = await loss.valueAndGrad(await output(model, input, true), target);
  // Second pass: grad being constant, the gradient of sum(output * grad) is our loss's.
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const grads = tf.tidy(() => {
    const constant = tf.tensor4d(grad.data, grad.shape as [number, number, number, number]);
    return tf.variableGrads(() => tf.sum(tf.mul(forward(model, input, true), constant)), variables).grads;
  });
  return { value, grads };
}

export function createDenoiser(loss: Loss, channels = 8): Denoiser & { model: LayersModel } {
  const model = denoisingModel(channels);
  const optimizer = tf.train.adam(3e-3);
  return {
    model,
    async step(input, target) {
      const batch = toTensorflow(input);
      const { value, grads } = await valueAndGrads(model, batch, target, loss);
      optimizer.applyGradients(Object.entries(grads).map(([name, tensor]) => ({ name, tensor })));
      tf.dispose([batch, grads]);
      return value;
    },
    async apply(input) {
      const batch = toTensorflow(input);
      const tensor = await output(model, batch, false);
      batch.dispose();
      return tensor;
    },
  };
}

await runAsProgram(import.meta.url, createDenoiser);
