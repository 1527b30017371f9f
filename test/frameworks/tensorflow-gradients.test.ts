import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-layers";
import { expect, test } from "vitest";
import { registerGradients } from "../../packages/core/src/tensorflow/index.ts";

await tf.setBackend("cpu");

type Pad = "same" | "valid" | number;
const cases: readonly [name: string, side: number, kernel: number, strides: number, pad: Pad][] = [
  ["same", 7, 3, 1, "same"],
  ["same, stride 2", 8, 3, 2, "same"],
  ["same, stride 3, even kernel", 11, 4, 3, "same"],
  ["valid, stride 2, rows left over", 8, 3, 2, "valid"],
  ["padding 2", 6, 3, 1, 2],
];

const image = (side: number, channels: number) =>
  tf.randomNormal([2, side, side, channels], 0, 1, "float32", 1) as tf.Tensor4D;

/** The gradients by image and filter of what depends on every output differently. */
function gradients(depthwise: boolean, [, side, kernel, strides, pad]: (typeof cases)[number]) {
  const filter = tf.randomNormal([kernel, kernel, 3, 2], 0, 1, "float32", 2) as tf.Tensor4D;
  const convolution = (x: tf.Tensor, w: tf.Tensor) => {
    const [picture, k] = [x as tf.Tensor4D, w as tf.Tensor4D];
    const result = depthwise
      ? tf.depthwiseConv2d(picture, k, strides, pad, "NHWC", 1)
      : tf.conv2d(picture, k, strides, pad, "NHWC", 1);
    return tf.sum(tf.square(result)) as tf.Scalar;
  };
  return tf
    .grads(convolution)([image(side, 3), filter])
    .map((x) => Array.from(x.dataSync()));
}

// What the device cpu of TensorFlow.js 4.22 gives by itself.
const expected = [false, true].map((depthwise) => cases.map((one) => gradients(depthwise, one)));
registerGradients(tf);

test.each(["cpu", "wasm"])("on %s, gradients of convolutions equal TensorFlow.js's own", async (device) => {
  await tf.setBackend(device);
  for (const [kind, depthwise] of [false, true].entries())
    for (const [index, one] of cases.entries()) {
      const got = gradients(depthwise, one);
      for (const [which, values] of expected[kind][index].entries()) {
        const largest = Math.max(...values.map(Math.abs));
        const error = Math.max(...values.map((value, i) => Math.abs(value - got[which][i])));
        expect(error / largest, `${one[0]}, ${depthwise ? "depthwise" : "plain"}, ${which}`).toBeLessThan(1e-5);
      }
    }
});

/** The second derivative of each activation, by its formula. */
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const bell = (x: number) => sigmoid(x) * (1 - sigmoid(x));
const beside = (f: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) =>
  tf.slice(f(tf.stack([x, tf.zerosLike(x)], 1)), [0, 0], [-1, 1]);
const activations: Readonly<Record<string, [f: (x: tf.Tensor) => tf.Tensor, second: (x: number) => number]>> = {
  tanh: [tf.tanh, (x) => -2 * Math.tanh(x) * (1 - Math.tanh(x) ** 2)],
  sigmoid: [tf.sigmoid, (x) => bell(x) * (1 - 2 * sigmoid(x))],
  softplus: [tf.softplus, bell],
  exp: [tf.exp, Math.exp],
  elu: [tf.elu, (x) => (x > 0 ? 0 : Math.exp(x))],
  selu: [tf.selu, (x) => (x > 0 ? 0 : 1.0507009873554805 * 1.6732632423543772 * Math.exp(x))],
  // Of x and 0 it is the sigmoid.
  softmax: [beside(tf.softmax), (x) => bell(x) * (1 - 2 * sigmoid(x))],
  swish: [(x) => tf.mul(x, tf.sigmoid(x)), (x) => 2 * bell(x) + x * bell(x) * (1 - 2 * sigmoid(x))],
  relu: [tf.relu, () => 0],
  relu6: [tf.relu6, () => 0],
  leakyRelu: [tf.leakyRelu, () => 0],
  prelu: [(x) => tf.prelu(x, tf.scalar(0.1)), () => 0],
  "clipByValue times x": [(x) => tf.mul(x, tf.clipByValue(x, -1, 1)), (x) => (Math.abs(x) < 1 ? 2 : 0)],
  "square of the largest": [(x) => tf.square(tf.max(x)), (x) => (x === 1.5 ? 2 : 0)],
};

test.each(Object.entries(activations))("gradients of %s are differentiable", async (_, [f, second]) => {
  const at = [-1.5, -0.5, 0.25, 1.5];
  for (const device of ["cpu", "wasm"]) {
    await tf.setBackend(device);
    const slope = (x: tf.Tensor) => tf.grad((x: tf.Tensor) => tf.sum(f(x)))(x);
    const got = tf
      .grad((x: tf.Tensor) => tf.sum(slope(x)))(tf.tensor1d(at))
      .dataSync();
    for (const [i, x] of at.entries()) expect(got[i], `${device}, ${x}`).toBeCloseTo(second(x), 4);
  }
});
