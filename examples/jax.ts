import * as jax from "@jax-js/jax";
import { type Array as JaxArray, jit, lax, nn, numpy as np, random, tree, valueAndGrad } from "@jax-js/jax";
import { type Loss, Random, Tensor } from "../packages/core/src/index.ts";
import { type JaxLoss, jaxLoss } from "../packages/core/src/jax/index.ts";
import { type Denoiser, runAsProgram } from "./denoising.ts";

// npx tsx examples/jax.ts: a jax-js model with dropout learns by losses of this library; model, loss, gradient and optimiser are one program.
// In your own project, import from "@reconloss/core" and "@reconloss/core/jax" instead.
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

/**
 * Two convolutions that say what is to be added to the picture, [n, 3, h, w] in and out. Untrained, it gives its input.
 *
 * @param key - of the random numbers by which a tenth of what is between the two is left out, in training
 */
export function denoise([first, last]: Weights, picture: JaxArray, key?: JaxArray): JaxArray {
  let inner = nn.relu(lax.conv(picture.ref, first.kernel, [1, 1], "SAME").add(first.bias));
  if (key) inner = np.where(random.bernoulli(key, 0.9, inner.shape), inner.ref.div(0.9), np.zerosLike(inner));
  return picture.add(lax.conv(inner, last.kernel, [1, 1], "SAME").add(last.bias));
}

export function toJax({ data, shape }: Tensor): JaxArray {
  return np.array(data).reshape([...shape]);
}

async function toTensor(array: JaxArray): Promise<Tensor> {
  const { shape } = array;
  return new Tensor((await array.data()) as Float32Array, shape);
}

/** The loss of a batch, and its gradient with respect to the weights. */
export function valueAndGrads(
  loss: JaxLoss<JaxArray>,
  weights: Weights,
  input: JaxArray,
  target: JaxArray,
  key?: JaxArray,
) {
  return valueAndGrad((weights: Weights) => loss(denoise(weights, input, key), target))(weights) as [JaxArray, Weights];
}

/** The weights, and Adam's running means of their gradients and of the squares of these. */
type State = [weights: Weights, mean: Weights, square: Weights];

/** One step of Adam: the loss, and the next state. */
function createStep(loss: JaxLoss<JaxArray>) {
  return jit(([weights, mean, square]: State, input: JaxArray, target: JaxArray, key: JaxArray, rate: JaxArray) => {
    const [value, grads] = valueAndGrads(loss, tree.ref(weights), input, target, key);
    mean = tree.map((m: JaxArray, g: JaxArray) => m.mul(0.9).add(g.mul(0.1)), mean, tree.ref(grads));
    square = tree.map((s: JaxArray, g: JaxArray) => s.mul(0.999).add(np.square(g).mul(0.001)), square, grads);
    const moved = (w: JaxArray, m: JaxArray, s: JaxArray) => w.sub(m.mul(rate.ref).div(np.sqrt(s).add(1e-8)));
    weights = tree.map(moved, weights, tree.ref(mean), tree.ref(square));
    rate.dispose();
    return [value, [weights, mean, square]] as [JaxArray, State];
  });
}

const apply = jit((weights: Weights, picture: JaxArray) => denoise(weights, picture));

export function createDenoiser(loss: Loss, channels = 8): Denoiser {
  const inJax = jaxLoss(jax, loss);
  const takeStep = createStep(inJax);
  const weights = initialWeights(channels);
  const zeros = () => tree.map((w: JaxArray) => np.zerosLike(w), tree.ref(weights)) as Weights;
  let state: State = [weights, zeros(), zeros()];
  let steps = 0;
  return {
    async step(input, target) {
      await inJax.ready;
      steps++;
      const rate = (3e-3 * Math.sqrt(1 - 0.999 ** steps)) / (1 - 0.9 ** steps);
      const [value, next] = takeStep(state, toJax(input), toJax(target), random.key(steps), np.array(rate));
      state = next;
      return (await value.data())[0];
    },
    apply: (input) => toTensor(apply(tree.ref(state[0]), toJax(input))),
  };
}

await runAsProgram(import.meta.url, createDenoiser);
