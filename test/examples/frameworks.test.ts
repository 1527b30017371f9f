import * as jaxJs from "@jax-js/jax";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, test } from "vitest";
import { type Denoiser, noisyPictures, train } from "../../examples/denoising.ts";
import * as jax from "../../examples/jax.ts";
import * as native from "../../examples/native.ts";
import * as tensorflow from "../../examples/tensorflow.ts";
import { jaxLoss } from "../../packages/core/src/jax/index.ts";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import { tfLoss } from "../../packages/core/src/tensorflow/index.ts";
import { sgd, TrainingStep } from "../../packages/reconloss/src/train/index.ts";

const loss = parseLoss("l1 + 0.1*ssim + 0.01*tv");
const { input, target } = noisyPictures(2, 24, "gradient");

/** The two kernels and two biases in PyTorch's order and shapes: [outputs, inputs, 3, 3] and [outputs]. */
type Values = number[][];
const shapes = [[8, 3, 3, 3], [8], [3, 8, 3, 3], [3]];

/** The framework's example, with any weights. */
interface Bridge {
  createDenoiser(): Denoiser;
  loss(weights: Values): Promise<number>;
  grads(weights: Values): Promise<Values>;
}

async function readAll(arrays: readonly { data(): Promise<ArrayLike<number>> }[]): Promise<Values> {
  return Promise.all(arrays.map(async (array) => Array.from(await array.data())));
}

function tensorflowBridge(): Bridge {
  const { model, apply } = tensorflow.createDenoiser(loss);
  const [batch, wanted] = [input, target].map(tensorflow.toTensorflow);
  const lossOf = tfLoss(tf, loss);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const assign = (weights: Values) =>
    tf.tidy(() => {
      for (const [i, variable] of variables.entries()) {
        const value = tf.tensor(weights[i], shapes[i]);
        // TensorFlow.js keeps kernels as [height, width, inputs, outputs].
        variable.assign(shapes[i].length === 4 ? tf.transpose(value, [2, 3, 1, 0]) : value);
      }
    });
  return {
    createDenoiser: () => tensorflow.createDenoiser(loss),
    async loss(weights) {
      assign(weights);
      return loss.value(await apply(input), target);
    },
    async grads(weights) {
      assign(weights);
      // As the model is applied, without dropout.
      const { grads } = tf.variableGrads(() => lossOf(model.apply(batch) as tf.Tensor, wanted), variables);
      const ordered = variables.map(({ name }) => grads[name]);
      return readAll(ordered.map((grad) => (grad.rank === 4 ? tf.transpose(grad, [3, 2, 0, 1]) : grad)));
    },
  };
}

function jaxBridge(): Bridge {
  const toWeights = ([kernel0, bias0, kernel1, bias1]: Values): jax.Weights => {
    const array = (values: number[], shape: number[]) => jaxJs.numpy.array(Float32Array.from(values)).reshape(shape);
    return [
      { kernel: array(kernel0, shapes[0]), bias: array(bias0, [8, 1, 1]) },
      { kernel: array(kernel1, shapes[2]), bias: array(bias1, [3, 1, 1]) },
    ];
  };
  const inJax = jaxLoss(jaxJs, loss);
  const valueAndGrads = (weights: Values) =>
    jax.valueAndGrads(inJax, toWeights(weights), jax.toJax(input), jax.toJax(target));
  return {
    createDenoiser: () => jax.createDenoiser(loss),
    loss: async (weights) => valueAndGrads(weights)[0].item(),
    grads: (weights) => readAll(valueAndGrads(weights)[1].flatMap(({ kernel, bias }) => [kernel, bias])),
  };
}

/** The same model over `Ops`, and its step, which knows nothing of bridges. */
function nativeBridge(): Bridge {
  const model = native.denoisingModel(8);
  const names = Object.keys(model.parameters);
  const stepAt = (weights: Values) =>
    new TrainingStep({
      name: "native",
      parameters: Object.fromEntries(
        names.map((name, i) => [name, { ...model.parameters[name], initialize: () => Float32Array.from(weights[i]) }]),
      ),
      objective: (o, tensors, { input, target }) => {
        const { output } = model.forward(o, input, tensors, true);
        return { loss: o.mean(loss.definition!.score(o, { output, target }), "n") };
      },
      optimizer: sgd(0),
    });
  return {
    createDenoiser: () => native.createDenoiser(loss),
    loss: async (weights) => (await stepAt(weights).run({ input, target })).loss,
    async grads(weights) {
      const grads = await stepAt(weights).gradients({ input, target });
      return names.map((name) => Array.from(grads[name].data));
    },
  };
}

/** Neither trained nor special: every layer says something. */
const random = new Random(7);
const weights = shapes.map((shape) =>
  Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.fround(0.1 * random.normal())),
);

const bridges = { tensorflow: tensorflowBridge(), jax: jaxBridge(), native: nativeBridge() };

describe.each(Object.entries(bridges))("%s", (_, bridge) => {
  test("the gradient of the weights equals finite differences of the loss", async () => {
    const grads = await bridge.grads(weights);
    // Small enough that few pixels cross the kink of l1 between the two points: measured, the difference is within 6e-4.
    const step = 2 ** -10;
    for (const [index, grad] of grads.entries()) {
      const size = grad.map(Math.abs);
      const largest = Math.max(...size);
      for (const place of new Set([0, grad.length - 1, size.indexOf(largest)])) {
        const lossAt = (change: number) =>
          bridge.loss(weights.with(index, weights[index].with(place, weights[index][place] + change)));
        const difference = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
        expect(Math.abs(grad[place] - difference)).toBeLessThan(1e-3 * largest);
      }
    }
  });

  test("training lowers the loss and raises PSNR", async () => {
    const denoiser = bridge.createDenoiser();
    const lossNow = async () => loss.value(await denoiser.apply(input), target);
    const lossBefore = await lossNow();
    const { losses, before, after } = await train(denoiser, 20);
    expect(losses).toHaveLength(20);
    expect(await lossNow()).toBeLessThan(0.96 * lossBefore);
    expect(after).toBeGreaterThan(before + 0.3);
  });
});

test.each(["tensorflow", "jax"] as const)(
  "%s: the gradient of the weights equals that of model and loss in one graph",
  async (name) => {
    const expected = await bridges.native.grads(weights);
    for (const [index, grad] of (await bridges[name].grads(weights)).entries()) {
      const largest = Math.max(...expected[index].map(Math.abs));
      const error = Math.max(...grad.map((value, i) => Math.abs(value - expected[index][i])));
      expect(error).toBeLessThan(1e-5 * largest);
    }
  },
);

test("tensorflow: a step leaks no tensors", async () => {
  const denoiser = tensorflow.createDenoiser(loss);
  await denoiser.step(input, target);
  const { numTensors } = tf.memory();
  await denoiser.step(input, target);
  await denoiser.apply(input);
  expect(tf.memory().numTensors).toBe(numTensors);
});
