import { type Array as JaxArray, jit, lax, nn, numpy as np, tree, vjp } from "@jax-js/jax";
import { type Loss, Random, Tensor } from "../packages/core/src/index.ts";
import { type Denoiser, runAsProgram } from "./denoising.ts";

// npx tsx examples/jax.ts: a jax-js model learns by losses of this library.
// In your own project, import from "reconloss" instead of "../packages/core/src/index.ts".
// A jax-js function frees its arguments: x.ref, tree.ref(xs) are for those that are used again.

/** For each convolution, its kernel [outputs, inputs, 3, 3] and bias [outputs, 1, 1]. */
export type Weights = { kernel: JaxArray; bias: JaxArray }[];

/** Random kernels (He's rule), and zeros in the last layer. */
export function initialWeights(channels: number): Weights {
  const layer = (inputs: number, outputs: number, deviation: number) => {
    const random = new Random(1);
    const kernel = Float32Array.from({ length: outputs * inputs * 9 }, () => deviation * random.normal());
    return { kernel: np.array(kernel).reshape([outputs, inputs, 3, 3]), bias: np.zeros([outputs, 1, 1]) };
  };
  return [layer(3, channels, Math.sqrt(2 / (9 * 3))), layer(channels, 3, 0)];
}

/** Two convolutions that say what is to be added to the picture, [n, 3, h, w] in and out. Untrained, it gives its input. */
export const denoise = jit(([first, last]: Weights, picture: JaxArray) => {
  const inner = nn.relu(lax.conv(picture.ref, first.kernel, [1, 1], "SAME").add(first.bias));
  return picture.add(lax.conv(inner, last.kernel, [1, 1], "SAME").add(last.bias));
});

export function toJax({ data, shape }: Tensor): JaxArray {
  return np.array(data).reshape([...shape]);
}

async function toTensor(array: JaxArray): Promise<Tensor> {
  const { shape } = array;
  return new Tensor((await array.data()) as Float32Array, shape);
}

/** The loss of a batch, and its gradient with respect to the weights, in their order. */
export async function valueAndGrads(weights: Weights, input: JaxArray, target: Tensor, loss: Loss) {
  // The pullback waits, with what the forward pass has left it, until our loss has said how the output should change.
  const [output, pullback] = vjp((weights: Weights) => denoise(weights, input), [weights]);
  const { value, grad } = await loss.valueAndGrad(await toTensor(output), target);
  const [grads] = pullback(toJax(grad));
  pullback.dispose();
  return { value, grads: grads as Weights };
}

/** Adam's weights and running means after one more step. */
const adam = jit((weights: Weights, mean: Weights, square: Weights, grads: Weights, rate: JaxArray) => {
  mean = tree.map((m: JaxArray, g: JaxArray) => m.mul(0.9).add(g.mul(0.1)), mean, tree.ref(grads));
  square = tree.map((s: JaxArray, g: JaxArray) => s.mul(0.999).add(np.square(g).mul(0.001)), square, grads);
  const moved = (w: JaxArray, m: JaxArray, s: JaxArray) => w.sub(m.mul(rate.ref).div(np.sqrt(s).add(1e-8)));
  weights = tree.map(moved, weights, tree.ref(mean), tree.ref(square));
  rate.dispose();
  return [weights, mean, square];
});

export function createDenoiser(loss: Loss, channels = 8): Denoiser {
  let weights = initialWeights(channels);
  let [mean, square] = [1, 2].map(() => tree.map((w: JaxArray) => np.zerosLike(w), tree.ref(weights)) as Weights);
  let steps = 0;
  return {
    async step(input, target) {
      const { value, grads } = await valueAndGrads(tree.ref(weights), toJax(input), target, loss);
      steps++;
      const rate = (3e-3 * Math.sqrt(1 - 0.999 ** steps)) / (1 - 0.9 ** steps);
      [weights, mean, square] = adam(weights, mean, square, grads, rate);
      return value;
    },
    apply: (input) => toTensor(denoise(tree.ref(weights), toJax(input))),
  };
}

await runAsProgram(import.meta.url, createDenoiser);
