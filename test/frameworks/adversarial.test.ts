import * as jax from "@jax-js/jax";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { initializers, layers, sequential } from "@tensorflow/tfjs-layers";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { type Float64Image, reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { jaxFunction } from "../../packages/core/src/jax/index.ts";
import {
  adversarialObjectives,
  discriminatorLoss,
  generatorLoss,
  gradientPenalty,
  imageGradient,
  r1Penalty,
  wganGpPenalty,
} from "../../packages/core/src/losses/index.ts";
import { leakyRelu, sigmoid } from "../../packages/core/src/nets/activations.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { type ImageFunction, registerGradients, tfFunction } from "../../packages/core/src/tensorflow/index.ts";
import { randomTensor } from "../random.ts";
import { relativeError } from "./expected.ts";
import { fromJax, toJax } from "./jax.ts";
import { fromTensorflow, toTensorflow } from "./tensorflow.ts";

/** A value, and its gradient by each tensor that it was made of, in our order. */
interface Gradients {
  value: number;
  gradients: ArrayLike<number>[];
}

/** The same small discriminator in a framework: of functions over `Ops` that are made functions of the framework's tensors, value and gradients as the framework takes them. */
interface Judge {
  /** Of the logits of some images; gradients by the weights, then by the images. */
  ofLogits(f: ImageFunction, weights: Tensor[], images: Tensor[]): Promise<Gradients>;
  /** Of the gradient of the logits' sum by the image between two, as far from the one as `alpha` says; gradients by the weights. */
  ofSlope(f: ImageFunction, weights: Tensor[], between: Between): Promise<Gradients>;
}

interface Between {
  real: Tensor;
  fake: Tensor;
  /** 1 at the real and 0 at the fake image, [n, 1, 1, 1]. */
  alpha: Tensor;
}

/** Kernels [outputs, inputs, h, w] of three convolutions that make one logit of 8x8 pixels: with two strides, then of what is left, then of one pixel. */
const weights = [randomTensor([4, 3, 4, 4], 1, -0.3, 0.3), randomTensor([4, 4, 3, 3], 2, -0.3, 0.3)].concat(
  randomTensor([1, 4, 1, 1], 3, -2, 2),
);
const [real, fake] = [randomTensor([4, 3, 8, 8], 4, 0.3, 1), randomTensor([4, 3, 8, 8], 5, 0, 0.7)];
const alpha = randomTensor([4, 1, 1, 1], 6);

/** The discriminator by its definition: a leaky rectifier after the first convolution, tanh after the second. */
function discriminate<T>(o: Ops<T>, x: T, [first, second, last]: readonly T[]): T {
  const tanh = (x: T) => o.sub(o.mul(sigmoid(o, o.mul(x, 2)), 2), 1);
  return o.conv2d(tanh(o.conv2d(leakyRelu(o, o.conv2d(x, first, { stride: 2 })), second)), last);
}

function tensorflow(device: "cpu" | "wasm"): Judge {
  // Kernels are [h, w, inputs, outputs].
  const toKernel = (x: Tensor) => tf.tidy(() => tf.transpose(tf.tensor4d(x.data, [...x.shape]), [2, 3, 1, 0]));
  const fromKernel = (x: tf.Tensor) => tf.transpose(x, [3, 2, 0, 1]).dataSync();
  const discriminate = (x: tf.Tensor, [first, second, last]: tf.Tensor[]) => {
    const conv = (x: tf.Tensor, kernel: tf.Tensor, stride: number) =>
      tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, stride, "valid");
    return conv(tf.tanh(conv(tf.leakyRelu(conv(x, first, 2), 0.2), second, 1)), last, 1);
  };
  const open = async () => {
    await tf.setBackend(device);
    registerGradients(tf);
  };
  return {
    async ofLogits(f, weights, images) {
      await open();
      const inTensorflow = tfFunction(tf, f);
      const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) => {
        const [kernels, pictures] = [given.slice(0, weights.length), given.slice(weights.length)];
        return inTensorflow(...pictures.map((x) => discriminate(x, kernels)));
      })([...weights.map(toKernel), ...images.map(toTensorflow)]);
      const gradients = grads.map((grad, i) => (i < weights.length ? fromKernel(grad) : fromTensorflow(grad).data));
      return { value: value.dataSync()[0], gradients };
    },
    async ofSlope(f, weights, between) {
      await open();
      const [real, fake] = [between.real, between.fake].map(toTensorflow);
      const picture = tf.add(fake, tf.mul(toTensorflow(between.alpha), tf.sub(real, fake)));
      const inTensorflow = tfFunction(tf, f);
      const { value, grads } = tf.valueAndGrads((...kernels: tf.Tensor[]) =>
        inTensorflow(tf.grad((x: tf.Tensor) => tf.sum(discriminate(x, kernels)))(picture)),
      )(weights.map(toKernel));
      return { value: value.dataSync()[0], gradients: grads.map(fromKernel) };
    },
  };
}

const { lax, nn, numpy: np } = jax;

/** Differentiated within `jit`, as a step is. */
const jaxJs: Judge = (() => {
  const discriminate = (x: jax.Array, [first, second, last]: jax.Array[]) => {
    const strided = nn.leakyRelu(lax.conv(x, first, [2, 2], "VALID"), 0.2);
    return lax.conv(np.tanh(lax.conv(strided, second, [1, 1], "VALID")), last, [1, 1], "VALID");
  };
  const take = (f: (...given: jax.Array[]) => jax.Array, given: Tensor[]): Gradients => {
    const differentiated = jax.jit(jax.valueAndGrad(f, { argnums: given.map((_, i) => i) }));
    const [value, gradients] = differentiated(...(given.map(toJax) as [jax.Array])) as [jax.Array, jax.Array[]];
    return { value: value.item(), gradients: gradients.map((grad) => fromJax(grad).data) };
  };
  return {
    async ofLogits(f, weights, images) {
      const inJax = jaxFunction(jax, f);
      return take(
        (...given) => {
          const [kernels, pictures] = [given.slice(0, weights.length), given.slice(weights.length)];
          const owned = () => kernels.map((kernel) => kernel.ref);
          return inJax(...pictures.map((x) => discriminate(x, owned())));
        },
        [...weights, ...images],
      );
    },
    async ofSlope(f, weights, { real, fake, alpha }) {
      const inJax = jaxFunction(jax, f);
      return take((...kernels) => {
        const [x, y, part] = [real, fake, alpha].map(toJax);
        const picture = y.ref.add(part.mul(x.sub(y)));
        const sum = (x: jax.Array) =>
          discriminate(
            x,
            kernels.map((kernel) => kernel.ref),
          ).sum();
        return inJax(jax.grad(sum)(picture) as jax.Array);
      }, weights);
    },
  };
})();

const judges: Readonly<Record<string, Judge>> = {
  "TensorFlow.js, cpu": tensorflow("cpu"),
  "TensorFlow.js, wasm": tensorflow("wasm"),
  "jax-js, wasm": jaxJs,
};

function expectClose(got: Gradients, expected: { value: Float64Image; gradients: readonly Float64Image[] }): void {
  expect(relativeError([got.value], expected.value.data)).toBeLessThan(1e-4);
  for (const [i, { data }] of expected.gradients.entries())
    expect(relativeError(got.gradients[i], data)).toBeLessThan(1e-3);
}

/** The mathematics of adversarial training on a discriminator of the framework, which differentiates it; expected values are of the same discriminator by its definition in float64. */
describe.each(Object.entries(judges))("%s", (_, judge) => {
  const objectives = adversarialObjectives.flatMap((objective) =>
    ([false, true, "paired"] as const).map((relativistic) => ({ objective, relativistic })),
  );

  test.each(objectives)("$objective, relativistic $relativistic", async (options) => {
    const functions: ImageFunction[] = [
      (o, [real, fake]) => {
        const halves = discriminatorLoss(o, { real, fake }, options);
        return o.add(halves.real, halves.fake);
      },
      (o, [real, fake]) => generatorLoss(o, { real, fake }, options),
    ];
    for (const f of functions) {
      const expected = differentiate(
        reference,
        ({ o }, given) => {
          const kernels = given.slice(0, weights.length);
          return f(
            o,
            given.slice(weights.length).map((x) => discriminate(o, x, kernels)),
          );
        },
        [...weights, real, fake].map(toFloat64),
      );
      expectClose(await judge.ofLogits(f, weights, [real, fake]), expected);
    }
  });

  const [atReal, atFake] = [1, 0].map((value) => ({ ...alpha, data: alpha.data.map(() => value) }) as Tensor);
  const places = { R1: atReal, R2: atFake, "between the two": alpha };

  test.each(Object.entries(places))("gradient penalty: %s", async (_, alpha) => {
    const [x, y, part] = [real, fake, alpha].map(toFloat64);
    const expected = differentiate(
      reference,
      ({ o, lift }, kernels) => {
        const picture = o.add(lift(y), o.mul(lift(part), o.sub(lift(x), lift(y))));
        const slope = imageGradient(o, (inner, x) => discriminate(inner.o, x, kernels.map(inner.lift)), picture);
        return r1Penalty(o, slope.gradient);
      },
      weights.map(toFloat64),
    );
    const penalty: ImageFunction = (o, [gradient]) => r1Penalty(o, gradient);
    expectClose(await judge.ofSlope(penalty, weights, { real, fake, alpha }), expected);
  });

  test("the penalty of WGAN-GP", async () => {
    const expected = differentiate(
      reference,
      ({ o, lift }, kernels) =>
        gradientPenalty(o, (inner, x) => discriminate(inner.o, x, kernels.map(inner.lift)), {
          real: lift(toFloat64(real)),
          fake: lift(toFloat64(fake)),
          alpha: lift(toFloat64(alpha)),
        }),
      weights.map(toFloat64),
    );
    const penalty: ImageFunction = (o, [gradient]) => wganGpPenalty(o, gradient);
    expectClose(await judge.ofSlope(penalty, weights, { real, fake, alpha }), expected);
  });
});

test("a discriminator of TensorFlow.js layers trains by WGAN-GP with its generator, without leaking tensors", async () => {
  await tf.setBackend("cpu");
  registerGradients(tf);
  const kernelInitializer = initializers.glorotNormal({ seed: 1 });
  const shape = { inputShape: [8, 8, 3], filters: 4, kernelSize: 4, strides: 4, kernelInitializer };
  const discriminator = sequential({
    layers: [layers.conv2d(shape), layers.leakyReLU(), layers.flatten(), layers.dense({ units: 1, kernelInitializer })],
  });
  const judge = (x: tf.Tensor) => discriminator.apply(x, { training: true }) as tf.Tensor;
  const objective = tfFunction(tf, (o, [real, fake]) => {
    const halves = discriminatorLoss(o, { real, fake }, { objective: "wgan" });
    return o.add(halves.real, halves.fake);
  });
  const penalty = tfFunction(tf, (o, [gradient]) => wganGpPenalty(o, gradient));
  const fooled = tfFunction(tf, (o, [fake]) => generatorLoss(o, { fake }, { objective: "wgan" }));
  const [pictures, part] = [real, alpha].map(toTensorflow);
  const generated = tf.variable(toTensorflow(fake));
  const ofDiscriminator = discriminator.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const [optimizer, ofGenerator] = [tf.train.adam(0.01), tf.train.sgd(0.5)];
  const step = () =>
    tf.tidy(() => {
      const value = optimizer.minimize(
        () => {
          const between = tf.add(generated, tf.mul(part, tf.sub(pictures, generated)));
          const slope = tf.grad((x: tf.Tensor) => tf.sum(judge(x)))(between);
          return tf.add(objective(judge(pictures), judge(generated)), tf.mul(penalty(slope), 10));
        },
        true,
        ofDiscriminator,
      );
      return value!.dataSync()[0];
    });
  const first = step();
  const { numTensors } = tf.memory();
  for (let i = 0; i < 40; i++) step();
  expect(tf.memory().numTensors).toBe(numTensors);
  expect(step()).toBeLessThan(Math.min(0, first));
  const before = fooled(judge(generated)).dataSync()[0];
  for (let i = 0; i < 10; i++) ofGenerator.minimize(() => fooled(judge(generated)), false, [generated]);
  expect(fooled(judge(generated)).dataSync()[0]).toBeLessThan(before);
});
