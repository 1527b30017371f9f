import * as tf from "@tensorflow/tfjs-core";
// With the layers come the gradients of TensorFlow.js's own operations.
import "@tensorflow/tfjs-layers";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { TensorflowBackend } from "../../packages/core/src/tensorflow/backend.ts";
import type { TensorflowOps, TensorflowTensor } from "../../packages/core/src/tensorflow/framework.ts";
import { tfLoss } from "../../packages/core/src/tensorflow/index.ts";
import { shapeOf } from "../../packages/core/src/tensorflow/layout.ts";
import { Program } from "../../packages/core/src/tensorflow/program.ts";
import type { Framework, Numbers } from "./frameworks.ts";

/** Channels last, as TensorFlow.js has them. */
export function toTensorflow({ data, shape }: Tensor): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, [...shape]), [0, 2, 3, 1]));
}

/** Numbers of a tensor in our order. */
export function fromTensorflow(x: tf.Tensor): Numbers {
  return { data: tf.tidy(() => tf.transpose(x, [0, 3, 1, 2]).dataSync()), shape: shapeOf(x) };
}

/** The same without waiting for the device, of which GPUs are slow at that. */
async function read(x: tf.Tensor): Promise<Numbers> {
  const planar = tf.transpose(x, [0, 3, 1, 2]);
  const data = await planar.data();
  planar.dispose();
  return { data, shape: shapeOf(x) };
}

/** TensorFlow.js on one of its devices, which is imported before. */
export async function tensorflow(device: "cpu" | "wasm" | "webgl" | "webgpu"): Promise<Framework> {
  const choose = async () => {
    if (!(await tf.setBackend(device))) throw new Error(`TensorFlow.js has no ${device} here`);
  };
  await choose();
  return {
    async compute(f, inputs) {
      await choose();
      let names: string[] = [];
      const build = <T>(o: Ops<T>, x: readonly T[]) => {
        const results = f(o, [...x]);
        names = Object.keys(results);
        return Object.values(results);
      };
      const program = new Program(new TensorflowBackend(tf as unknown as TensorflowOps), build);
      const results = program.run(inputs.map(toTensorflow) as unknown as TensorflowTensor[]) as unknown as tf.Tensor[];
      const numbers = await Promise.all(results.map(read));
      return Object.fromEntries(names.map((name, index) => [name, numbers[index]]));
    },
    async differentiate(loss, { output, target, weight }) {
      await choose();
      const f = tfLoss(tf, loss);
      await f.ready;
      const [y, w] = [target, weight].map((tensor) => tensor && toTensorflow(tensor));
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => f(x, y, w))(toTensorflow(output));
      f.dispose();
      return { value: (await value.data())[0], grad: await read(grad) };
    },
  };
}
