import { checkFunction, checkObject } from "../arguments.ts";
import type { TensorflowTensor as T, TensorflowOps } from "./framework.ts";
import { registerSecondGradients } from "./second-gradients.ts";
import { none, padded, spread } from "./zeros.ts";

type Pair = [number, number];

/** The attributes of a convolution's kernel in TensorFlow.js. */
interface ConvolutionAttributes {
  strides: number | Pair;
  pad: "same" | "valid" | number | [Pair, Pair, Pair, Pair];
  dataFormat?: "NHWC" | "NCHW";
  dimRoundingMode?: "floor" | "round" | "ceil";
  filterShape?: number[];
  inputShape?: number[];
}

type Kernel = (tf: TensorflowOps, inputs: Record<string, T>, attributes: ConvolutionAttributes) => T;

/** The table of kernels of TensorFlow.js. */
interface Registry {
  registerKernel(kernel: { kernelName: string; backendName: string; kernelFunc: (call: never) => unknown }): void;
  unregisterKernel(kernelName: string, backendName: string): void;
  getKernel(kernelName: string, backendName: string): object | undefined;
}

const both = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

/** Zeros before and after one axis. */
function padding(
  pad: ConvolutionAttributes["pad"],
  axis: 0 | 1,
  { size, kernel, stride }: Record<"size" | "kernel" | "stride", number>,
): Pair {
  if (pad === "valid") return none;
  if (typeof pad === "number") return [pad, pad];
  if (pad !== "same") return pad[axis + 1];
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0);
  return [total >> 1, total - (total >> 1)];
}

/** The sizes of a convolution along both axes. */
function windowsOf(attributes: ConvolutionAttributes, sizes: number[], kernel: number[]) {
  const strides = both(attributes.strides);
  return ([0, 1] as const).map((axis) => {
    const one = { size: sizes[axis], kernel: kernel[axis], stride: strides[axis] };
    return { ...one, pads: padding(attributes.pad, axis, one) };
  });
}

/** By the filter: a convolution in which images take the place of channels, and the gradient that of the filter. */
const byFilter: Kernel = (tf, { x, dy }, attributes) => {
  const [kh, kw, inputs, outputs] = attributes.filterShape as number[];
  const windows = windowsOf(attributes, x.shape.slice(1, 3), [kh, kw]);
  const images = tf.transpose(padded(tf, x, windows[0].pads, windows[1].pads), [3, 1, 2, 0]);
  const filter = tf.transpose(dy, [1, 2, 0, 3]);
  const steps = windows.map(({ stride }) => stride) as Pair;
  const correlation = tf.conv2d(images, filter, [1, 1], [none, none, none, none], "NHWC", steps);
  // What the last stride leaves over belongs to no place of the filter.
  return tf.transpose(tf.slice(correlation, [0, 0, 0, 0], [inputs, kh, kw, outputs]), [1, 2, 0, 3]);
};

/** The places of a depthwise filter: of each the part of the padded images that it is multiplied with. */
function* placesOf(windows: ReturnType<typeof windowsOf>, [h, w]: number[]) {
  const [rows, columns] = windows;
  for (let p = 0; p < rows.kernel; p++)
    for (let q = 0; q < columns.kernel; q++) {
      const end = [p + (h - 1) * rows.stride + 1, q + (w - 1) * columns.stride + 1];
      yield { start: [p, q], end };
    }
}

/** By a depthwise filter [kh, kw, c, m]: at each of its places the sum of products. */
const byDepthwiseFilter: Kernel = (tf, { x, dy }, attributes) => {
  const [kh, kw, c, m] = attributes.filterShape as number[];
  const windows = windowsOf(attributes, x.shape.slice(1, 3), [kh, kw]);
  const wide = padded(tf, x, windows[0].pads, windows[1].pads);
  const [n, h, w] = dy.shape;
  const gradient = tf.reshape(dy, [n * h * w, c, m]);
  const [rows, columns] = windows;
  const sums = Array.from(placesOf(windows, [h, w]), ({ start, end }) => {
    const seen = tf.stridedSlice(wide, [0, ...start, 0], [n, ...end, c], [1, rows.stride, columns.stride, 1]);
    return tf.sum(tf.mul(tf.reshape(seen, [n * h * w, c, 1]), gradient), [0], true);
  });
  return tf.reshape(tf.concat(sums, 0), [kh, kw, c, m]);
};

/** By the input of a depthwise convolution: the gradient, spread by the stride, with the filter turned around. */
const byDepthwiseInput: Kernel = (tf, { dy, filter }, attributes) => {
  const [n, height, width, c] = attributes.inputShape as number[];
  const [kh, kw, , m] = filter.shape;
  const windows = windowsOf(attributes, [height, width], [kh, kw]);
  const apart = windows.reduce((x, { stride }, index) => spread(tf, x, index + 1, stride), dy);
  const [rows, columns] = windows.map(({ size, kernel, pads: [before] }, index): Pair => {
    const reach = kernel - 1;
    return [reach - before, size - apart.shape[index + 1] + before];
  });
  const turned = tf.reshape(tf.reverse(tf.reverse(filter, 0), 1), [kh, kw, c * m, 1]);
  const each = tf.depthwiseConv2d(
    padded(tf, apart, rows, columns),
    turned,
    [1, 1],
    [none, none, none, none],
    "NHWC",
    [1, 1],
  );
  return tf.reshape(tf.sum(tf.reshape(each, [n * height * width, c, m]), [2], true), [n, height, width, c]);
};

const kernels: Readonly<Record<string, Kernel>> = {
  Conv2DBackpropFilter: byFilter,
  DepthwiseConv2dNativeBackpropFilter: byDepthwiseFilter,
  DepthwiseConv2dNativeBackpropInput: byDepthwiseInput,
};

/**
 * Lets convolutional models of TensorFlow.js learn on its device `wasm`, which has no gradients of convolutions by their filters
 * ([tfjs#8474](https://github.com/tensorflow/tfjs/issues/8474)), and in a fraction of the time on `cpu`: registers kernels for both that take those gradients by the devices' own convolutions.
 *
 * Convolutions with channels last, of any stride and padding, depthwise ones too; TensorFlow.js takes no gradients of those with a dilation. Once for each TensorFlow.js; the convolutions of other devices are left
 * as they are.
 *
 * On every device it lets the tape differentiate gradients of activations again, as penalties on a discriminator's slope do: TensorFlow.js 4.22 refuses that for `leakyRelu`, `prelu`, `selu` and others that compare,
 * and leaves terms out for `tanh`, `sigmoid`, `exp`, `elu` and `softmax` ([tfjs#3252](https://github.com/tensorflow/tfjs/issues/3252)).
 *
 * @param tf - TensorFlow.js, with the devices imported before
 * @throws {ReconlossError} `invalid-argument` for what is no TensorFlow.js
 *
 * @example
 * ```ts
 * import "@tensorflow/tfjs-backend-wasm";
 * import * as tf from "@tensorflow/tfjs-core";
 * import { layers, sequential } from "@tensorflow/tfjs-layers";
 * import { parseLoss } from "@reconloss/core";
 * import { registerGradients, tfLoss } from "@reconloss/core/tensorflow";
 * await tf.setBackend("wasm");
 * registerGradients(tf);
 * const model = sequential({ layers: [layers.conv2d({ inputShape: [8, 8, 3], filters: 3, kernelSize: 3, padding: "same" })] });
 * model.compile({ optimizer: "adam", loss: tfLoss(tf, parseLoss("l1")).targetFirst });
 * const pictures = tf.randomUniform([4, 8, 8, 3]);
 * await model.fit(pictures, pictures, { epochs: 2 });
 * ```
 */
export function registerGradients(tf: object): void {
  checkObject("registerGradients", "tf", tf);
  for (const needed of ["registerKernel", "unregisterKernel", "getKernel", "registerGradient", "getGradient", "tidy"]) {
    checkFunction("registerGradients", `tf.${needed}`, tf[needed as never]);
  }
  const [ops, registry] = [tf as TensorflowOps, tf as Registry];
  registerSecondGradients(tf);
  for (const backendName of ["cpu", "wasm"]) {
    // A device that was not imported has no kernels at all.
    if (registry.getKernel("Conv2D", backendName) === undefined) continue;
    for (const [kernelName, kernel] of Object.entries(kernels)) {
      if (registry.getKernel(kernelName, backendName)) registry.unregisterKernel(kernelName, backendName);
      const kernelFunc = ({ inputs, attrs }: { inputs: Record<string, T>; attrs: ConvolutionAttributes }) =>
        ops.tidy(() => kernel(ops, inputs, attrs));
      registry.registerKernel({ kernelName, backendName, kernelFunc });
    }
  }
}
