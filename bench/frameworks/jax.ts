import * as jax from "@jax-js/jax";
import { jaxLoss } from "../../packages/core/src/jax/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { type MakeSteps, type ModelCase, pictures } from "./cases.ts";

const { lax, nn, numpy: np, tree } = jax;

type Weights = { kernel: jax.Array; bias: jax.Array }[];
type State = [weights: Weights, mean: Weights, square: Weights];

function initialWeights({ layers, channels }: ModelCase): Weights {
  const random = new Random(1);
  return Array.from({ length: layers }, (_, i) => {
    const [inputs, outputs] = [i === 0 ? 3 : channels, i === layers - 1 ? 3 : channels];
    const deviation = i === layers - 1 ? 0 : Math.sqrt(2 / (9 * inputs));
    const kernel = Float32Array.from({ length: outputs * inputs * 9 }, () => deviation * random.normal());
    return { kernel: np.array(kernel).reshape([outputs, inputs, 3, 3]), bias: np.zeros([outputs, 1, 1]) };
  });
}

/** Convolutions that say what is to be added to the picture. */
function forward(weights: Weights, picture: jax.Array): jax.Array {
  const inner = weights
    .slice(0, -1)
    .reduce((x, { kernel, bias }) => nn.relu(lax.conv(x, kernel, [1, 1], "SAME").add(bias)), picture.ref);
  const { kernel, bias } = weights[weights.length - 1];
  return picture.add(lax.conv(inner, kernel, [1, 1], "SAME").add(bias));
}

/** A step of Adam. */
function adam([weights, mean, square]: State, grads: Weights): State {
  mean = tree.map((m: jax.Array, g: jax.Array) => m.mul(0.9).add(g.mul(0.1)), mean, tree.ref(grads));
  square = tree.map((s: jax.Array, g: jax.Array) => s.mul(0.999).add(np.square(g).mul(0.001)), square, grads);
  const moved = (w: jax.Array, m: jax.Array, s: jax.Array) => w.sub(m.mul(1e-3).div(np.sqrt(s).add(1e-8)));
  return [tree.map(moved, weights, tree.ref(mean), tree.ref(square)), mean, square];
}

const toJax = ({ data, shape }: Tensor) => np.array(data as Float32Array<ArrayBuffer>).reshape([...shape]);

/** The layers that stay as they are, and the state of the others. */
function learner(given: ModelCase) {
  const weights = initialWeights(given);
  const head = weights.slice(-given.learning);
  const zeros = () => tree.map((w: jax.Array) => np.zerosLike(w), tree.ref(head)) as Weights;
  return { body: weights.slice(0, -given.learning), state: [head, zeros(), zeros()] as State };
}

const changed = ([head]: State) => head[head.length - 1].bias.ref.data();

/**
 * A step with the loss inside, everything in one `jit`; with it beside, where the output leaves jax-js and the pullback waits in between; and with it beside and the model run again for its gradient,
 * in a `jit`.
 */
export const jaxSteps: MakeSteps = async (loss, given) => {
  const { input, target } = pictures(given);
  const [x, y] = [input, target].map(toJax);
  const inJax = jaxLoss(jax, loss);
  await inJax.ready;
  const [inside, pulled, twice] = [1, 2, 3].map(() => learner(given));
  const step = jax.jit((state: State, body: Weights, x: jax.Array, y: jax.Array) => {
    const lossOf = (head: Weights) => inJax(forward([...body, ...head], x), y);
    return adam(state, jax.grad(lossOf)(tree.ref(state[0])) as Weights);
  });
  const apply = jax.jit((head: Weights, body: Weights, x: jax.Array) => forward([...body, ...head], x));
  const update = jax.jit(adam);
  const again = jax.jit((state: State, body: Weights, x: jax.Array, g: jax.Array) => {
    const sum = (head: Weights) =>
      forward([...body, ...head], x)
        .mul(g)
        .sum();
    return adam(state, jax.grad(sum)(tree.ref(state[0])) as Weights);
  });
  const gradientOf = async (output: jax.Array) => {
    const { shape } = output;
    const given = new Tensor((await output.data()) as Float32Array, shape);
    return toJax((await loss.valueAndGrad(given, target)).grad);
  };
  return {
    inside: async () => {
      inside.state = step(inside.state, tree.ref(inside.body), x.ref, y.ref) as State;
      await changed(inside.state);
    },
    beside: async () => {
      const f = (head: Weights) => apply(head, tree.ref(pulled.body), x.ref);
      const [output, pullback] = jax.vjp(f, [tree.ref(pulled.state[0])]);
      const [grads] = pullback(await gradientOf(output)) as [Weights];
      pullback.dispose();
      pulled.state = update(pulled.state, grads) as State;
      await changed(pulled.state);
    },
    "beside, twice forward": async () => {
      const g = await gradientOf(apply(tree.ref(twice.state[0]), tree.ref(twice.body), x.ref) as jax.Array);
      twice.state = again(twice.state, tree.ref(twice.body), x.ref, g) as State;
      await changed(twice.state);
    },
  };
};
