import * as tf from "@tensorflow/tfjs-core";
import { initializers, input, type LayersModel, layers, model, type SymbolicTensor } from "@tensorflow/tfjs-layers";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { tfLoss } from "../../packages/core/src/tensorflow/index.ts";
import { gpuLoss } from "../../packages/core/src/webgpu/index.ts";
import { type MakeSteps, type ModelCase, pictures } from "./cases.ts";

/** Convolutions that say what is to be added to the picture. */
function modelOf({ layers: count, learning, channels }: ModelCase): LayersModel {
  const picture = input({ shape: [null, null, 3] });
  let x = picture;
  for (let i = 0; i < count; i++) {
    const isLast = i === count - 1;
    const options = { kernelSize: 3, padding: "same" as const, trainable: i >= count - learning };
    const kernelInitializer = isLast ? "zeros" : initializers.heNormal({ seed: i });
    const filters = isLast ? 3 : channels;
    const activation = isLast ? "linear" : "relu";
    x = layers.conv2d({ ...options, filters, activation, kernelInitializer }).apply(x) as SymbolicTensor;
  }
  return model({ inputs: picture, outputs: layers.add().apply([picture, x]) as SymbolicTensor });
}

const forward = (network: LayersModel, x: tf.Tensor4D) => network.apply(x, { training: true }) as tf.Tensor4D;
const planar = (x: tf.Tensor4D): tf.Tensor4D => tf.transpose(x, [0, 3, 1, 2]);
const toTensorflow = ({ data, shape }: Tensor) =>
  tf.tidy(() => tf.transpose(tf.tensor4d(data, [...shape]), [0, 2, 3, 1]));

/** The way of a model and optimiser of its own, and what all ways end with: a weight that has changed is read. */
function learner(given: ModelCase) {
  const network = modelOf(given);
  const optimizer = tf.train.adam(1e-3);
  const weights = network.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const [last] = weights.slice(-1);
  const minimise = (f: () => tf.Scalar) => optimizer.minimize(f, false, weights);
  return { network, minimise, changed: () => last.data() };
}

/** A step with the loss on the tape; and with it beside, where the output leaves TensorFlow.js, and the model runs again for the gradient that comes back. */
export const tensorflowSteps: MakeSteps = async (loss, given) => {
  const { input: noisy, target } = pictures(given);
  const [x, y] = [noisy, target].map(toTensorflow);
  const onTape = tfLoss(tf, loss);
  await onTape.ready;
  const [inside, outside, onGpu] = [1, 2, 3].map(() => learner(given));
  const ways = {
    "on the tape": async () => {
      tf.tidy(() => void inside.minimise(() => onTape(forward(inside.network, x), y)));
      await inside.changed();
    },
    beside: async () => {
      const output = tf.tidy(() => planar(forward(outside.network, x)));
      const { grad } = await loss.valueAndGrad(new Tensor((await output.data()) as Float32Array, output.shape), target);
      output.dispose();
      tf.tidy(() => {
        const constant = tf.tensor4d(grad.data, [...grad.shape]);
        outside.minimise(() => tf.sum(tf.mul(planar(forward(outside.network, x)), constant)));
      });
      await outside.changed();
    },
  };
  if (tf.getBackend() !== "webgpu") return ways;
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  const lossOnGpu = gpuLoss(device, loss);
  const clean = tf.tidy(() => planar(y)).dataToGPU();
  const shape = target.shape;
  return {
    ...ways,
    "beside, on the GPU": async () => {
      const output = tf.tidy(() => planar(forward(onGpu.network, x)));
      const { buffer, tensorRef } = output.dataToGPU();
      const { grad } = await lossOnGpu.valueAndGrad(
        { buffer: buffer as GPUBuffer, shape },
        { buffer: clean.buffer as GPUBuffer, shape },
      );
      tf.dispose([output, tensorRef]);
      tf.tidy(() => {
        const constant = tf.tensor({ buffer: grad.buffer as GPUBuffer }, [...shape]) as tf.Tensor4D;
        onGpu.minimise(() => tf.sum(tf.mul(planar(forward(onGpu.network, x)), constant)));
      });
      await onGpu.changed();
      grad.dispose();
    },
  };
};
