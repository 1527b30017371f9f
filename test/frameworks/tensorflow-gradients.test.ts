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

test.each(["cpu", "wasm"])("on %s the gradients of convolutions are those of TensorFlow.js", async (device) => {
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
