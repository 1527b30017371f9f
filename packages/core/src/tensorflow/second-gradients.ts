import type { TensorflowTensor as T, TensorflowOps } from "./framework.ts";

/** The operations of TensorFlow.js that these gradients use. */
interface Operations extends TensorflowOps {
  tanh(x: T): T;
  sigmoid(x: T): T;
  softmax(x: T, axis: number): T;
  registerGradient(gradient: {
    kernelName: string;
    inputsToSave: string[];
    gradFunc: (dy: T, saved: T[], attributes: object) => Record<string, () => T>;
  }): void;
  getGradient(kernelName: string): object | undefined;
}

type Gradient = (tf: Operations, dy: T, x: T) => T;

/**
 * Gradients that TensorFlow.js 4.22 takes by the result of the operation. Its tape has no way from there to the operand, so that it leaves out what gradients of them come to
 * ([tfjs#3252](https://github.com/tensorflow/tfjs/issues/3252)); by the operand it has one.
 */
const byOperand: Readonly<Record<string, readonly [operand: string, gradient: Gradient]>> = {
  Tanh: ["x", (tf, dy, x) => tf.mul(dy, oneLess(tf, square(tf, tf.tanh(x))))],
  Sigmoid: [
    "x",
    (tf, dy, x) => {
      const y = tf.sigmoid(x);
      return tf.mul(dy, tf.mul(y, oneLess(tf, y)));
    },
  ],
  Exp: ["x", (tf, dy, x) => tf.mul(dy, tf.exp(x))],
  Elu: ["x", (tf, dy, x) => tf.where(tf.greater(x, tf.scalar(0)), dy, tf.mul(dy, tf.exp(tf.minimum(x, tf.scalar(0)))))],
  Softmax: [
    "logits",
    (tf, dy, x) => {
      const last = x.shape.length - 1;
      const y = tf.softmax(x, last);
      const weighted = tf.mul(dy, y);
      return tf.sub(weighted, tf.mul(tf.sum(weighted, [last], true), y));
    },
  ],
};

/** The kernels that compare, and the names of their operands: gradients of `leakyRelu`, `prelu`, `selu`, `max` and of clamps compare. */
const comparisons: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ["Equal", "NotEqual", "Greater", "Less", "LessEqual", "LogicalAnd", "LogicalOr"].map((name) => [name, ["a", "b"]]),
  ),
  LogicalNot: ["x"],
};

const square = (tf: Operations, x: T) => tf.mul(x, x);
const oneLess = (tf: Operations, x: T) => tf.sub(tf.scalar(1), x);

/** Lets the tape differentiate gradients of activations again: those of {@link byOperand}, and of comparisons, which are 0. */
export function registerSecondGradients(namespace: object): void {
  const tf = namespace as Operations;
  for (const [kernelName, [operand, gradient]] of Object.entries(byOperand)) {
    const gradFunc = (dy: T, [x]: T[]) => ({ [operand]: () => gradient(tf, dy, x) });
    tf.registerGradient({ kernelName, inputsToSave: [operand], gradFunc });
  }
  for (const [kernelName, operands] of Object.entries(comparisons)) {
    if (tf.getGradient(kernelName)) continue;
    const gradFunc = (_: T, saved: T[]) =>
      Object.fromEntries(operands.map((name, index) => [name, () => tf.zeros(saved[index].shape)]));
    tf.registerGradient({ kernelName, inputsToSave: [...operands], gradFunc });
  }
}
