import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { initializers, input, type LayersModel, layers, model, type SymbolicTensor } from "@tensorflow/tfjs-layers";
import { type Loss, Tensor } from "../packages/core/src/index.ts";
import { tfLoss } from "../packages/core/src/tensorflow/index.ts";
import { type Denoiser, runAsProgram } from "./denoising.ts";

// npx tsx examples/tensorflow.ts: a TensorFlow.js model with dropout learns by losses of this library, on its own tape.
// In your own project, import from "reconloss" and "@reconloss/core/tensorflow" instead of "../packages/core/src/...".

/** Two convolutions that say what is to be added to the picture, [n, h, w, 3] in and out. Untrained, it gives its input. */
export function denoisingModel(channels: number): LayersModel {
  const picture = input({ shape: [null, null, 3] });
  const shared = { kernelSize: 3, padding: "same" } as const;
  const kernelInitializer = initializers.heNormal({ seed: 1 });
  const features = layers
    .conv2d({ ...shared, filters: channels, activation: "relu", kernelInitializer })
    .apply(picture);
  const dropped = layers.dropout({ rate: 0.05, seed: 2 }).apply(features);
  const correction = layers.conv2d({ ...shared, filters: 3, kernelInitializer: "zeros" }).apply(dropped);
  const output = layers.add().apply([picture, correction as SymbolicTensor]);
  return model({ inputs: picture, outputs: output as SymbolicTensor });
}

/** Channels last, as TensorFlow.js has them. */
export function toTensorflow({ data, shape }: Tensor): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, [...shape]), [0, 2, 3, 1]));
}

export function createDenoiser(loss: Loss, channels = 8): Denoiser & { model: LayersModel } {
  const model = denoisingModel(channels);
  const optimizer = tf.train.adam(3e-3);
  const lossOf = tfLoss(tf, loss);
  return {
    model,
    async step(input, target) {
      await lossOf.ready;
      return tf.tidy(() => {
        const [noisy, clean] = [input, target].map(toTensorflow);
        const value = optimizer.minimize(
          () => lossOf(model.apply(noisy, { training: true }) as tf.Tensor, clean),
          true,
        );
        return (value as tf.Scalar).dataSync()[0];
      });
    },
    async apply(input) {
      const [data, shape] = tf.tidy(() => {
        const output = tf.transpose(model.apply(toTensorflow(input)) as tf.Tensor4D, [0, 3, 1, 2]);
        return [output.dataSync() as Float32Array, output.shape] as const;
      });
      return new Tensor(data, shape);
    },
  };
}

await runAsProgram(import.meta.url, createDenoiser);
