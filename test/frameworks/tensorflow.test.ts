import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { initializers, input, layers, model, type SymbolicTensor, sequential } from "@tensorflow/tfjs-layers";
import { describe, expect, test } from "vitest";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { parseLoss } from "../../packages/core/src/grammar.ts";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { defineLoss } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { tfFunction, tfLoss } from "../../packages/core/src/tensorflow/index.ts";
import { randomTensor } from "../random.ts";
import { fromTensorflow, toTensorflow } from "./tensorflow.ts";

await tf.setBackend("cpu");

const [output, target] = [randomTensor([2, 3, 12, 13], 1), randomTensor([2, 3, 12, 13], 2)];
const weight = randomTensor([2, 1, 12, 13], 3);

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Array.from(expected).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
  return Array.from(got).reduce((max, x, i) => Math.max(max, Math.abs(x - expected[i])), 0) / largest;
}

/** Two convolutions with dropout and batch norm between them. */
function denoiser() {
  const shared = { kernelSize: 3, padding: "same" } as const;
  const picture = input({ shape: [null, null, 3] });
  const features = layers
    .conv2d({ ...shared, filters: 4, kernelInitializer: initializers.heNormal({ seed: 1 }) })
    .apply(picture);
  const dropped = layers
    .dropout({ rate: 0.1, seed: 2 })
    .apply(layers.activation({ activation: "relu" }).apply(layers.batchNormalization().apply(features)));
  const correction = layers.conv2d({ ...shared, filters: 3, kernelInitializer: "zeros" }).apply(dropped);
  return model({
    inputs: picture,
    outputs: layers.add().apply([picture, correction] as SymbolicTensor[]) as SymbolicTensor,
  });
}

describe("training", () => {
  test("optimizer.minimize trains a model with dropout and batch norm, and 500 steps leak no tensors", async () => {
    const loss = tfLoss(tf, parseLoss("l1 + 0.1*ssim(size=5)"));
    await loss.ready;
    const network = denoiser();
    const clean = tf.fill([2, 8, 8, 3], 0.25);
    const noisy = tf.add(clean, tf.randomNormal([2, 8, 8, 3], 0, 0.1, "float32", 3)) as tf.Tensor4D;
    const optimizer = tf.train.adam(3e-3);
    const step = () =>
      tf.tidy(() => {
        const value = optimizer.minimize(
          () => loss(network.apply(noisy, { training: true }) as tf.Tensor, clean),
          true,
        );
        return value!.dataSync()[0];
      });
    const before = loss(network.predict(noisy) as tf.Tensor, clean).dataSync()[0];
    step();
    const { numTensors } = tf.memory();
    for (let i = 0; i < 500; i++) step();
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(loss(network.predict(noisy) as tf.Tensor, clean).dataSync()[0]).toBeLessThan(0.6 * before);
  });

  test("model.fit accepts it as a loss, and reports its value as a metric", async () => {
    const loss = tfLoss(tf, parseLoss("mse"));
    const quality = tfLoss(tf, parseLoss("psnr"));
    const network = sequential({
      layers: [layers.conv2d({ inputShape: [8, 8, 3], filters: 3, kernelSize: 1, kernelInitializer: "zeros" })],
    });
    network.compile({ optimizer: tf.train.adam(0.05), loss: loss.targetFirst, metrics: [quality.metric] });
    const pictures = toTensorflow(randomTensor([8, 3, 8, 8], 4));
    const { history } = await network.fit(pictures, pictures, { epochs: 4, batchSize: 4, shuffle: false });
    expect(history.loss.at(-1)).toBeLessThan(history.loss[0] as number);
    // The metric is named by the loss, and higher where the loss is lower.
    expect(history.psnr.at(-1)).toBeGreaterThan(history.psnr[0] as number);
    const outputs = network.predict(pictures) as tf.Tensor;
    const given = new Tensor(fromTensorflow(outputs).data as Float32Array, [8, 3, 8, 8]);
    const [, reported] = network.evaluate(pictures, pictures, { batchSize: 8 }) as tf.Scalar[];
    expect(reported.dataSync()[0]).toBeCloseTo(await parseLoss("psnr").value(given, randomTensor([8, 3, 8, 8], 4)), 3);
  });

  test.each(["nhwc", "nchw"] as const)(
    "model.fit on %s images reports loss and value, and 500 steps leak no tensors",
    async (layout) => {
      const [loss, quality] = ["ssim(size=3) + l1", "psnr"].map((spec) => tfLoss(tf, parseLoss(spec), { layout }));
      const first = layout === "nchw";
      const dataFormat = first ? ("channelsFirst" as const) : ("channelsLast" as const);
      const shared = { filters: 3, kernelSize: 1, dataFormat, kernelInitializer: "zeros" } as const;
      const network = sequential({ layers: [layers.conv2d({ ...shared, inputShape: first ? [3, 4, 5] : [4, 5, 3] })] });
      network.compile({ optimizer: tf.train.adam(1e-3), loss: loss.targetFirst, metrics: [quality.metric] });
      const [all, some] = [500, 2].map((count) => {
        const pictures = randomTensor([count, 3, 4, 5], count);
        return first ? tf.tensor4d(pictures.data, [count, 3, 4, 5]) : toTensorflow(pictures);
      });
      const fit = (pictures: tf.Tensor) => network.fit(pictures, pictures, { batchSize: 1, epochs: 1 });
      await fit(some);
      const { numTensors } = tf.memory();
      const { history } = await fit(all);
      expect(tf.memory().numTensors).toBe(numTensors);
      expect(history.loss).toHaveLength(1);

      const outputs = network.predict(some) as tf.Tensor4D;
      const given = first ? { data: outputs.dataSync(), shape: outputs.shape } : fromTensorflow(outputs);
      const [output, target] = [new Tensor(given.data as Float32Array, [2, 3, 4, 5]), randomTensor([2, 3, 4, 5], 2)];
      const reported = network.evaluate(some, some, { batchSize: 2 }) as tf.Scalar[];
      const expected = [parseLoss("ssim(size=3) + l1"), parseLoss("psnr")];
      for (const [i, loss] of expected.entries())
        expect(reported[i].dataSync()[0]).toBeCloseTo(await loss.value(output, target), 4);
    },
  );
});

describe("gradients", () => {
  test("flow through to the output's inputs, within a user's customGrad too", async () => {
    const loss = tfLoss(tf, parseLoss("mse"));
    const [x, y] = [output, target].map(toTensorflow);
    const { grads } = tf.variableGrads(() => {
      const doubled = tf.customGrad((x) => ({
        value: tf.mul(x as tf.Tensor, 2),
        gradFunc: (dy: tf.Tensor) => tf.mul(dy, 2),
      }));
      return loss(doubled(tf.mul(gain, x)), y);
    }, [gain]);
    // d/dg mean((2 g x - y)^2) at g = 0.5 is mean(4 x (x - y)).
    const expected =
      output.data.reduce((sum, value, i) => sum + 4 * value * (value - target.data[i]), 0) / output.data.length;
    expect(grads[gain.name].dataSync()[0]).toBeCloseTo(expected, 5);
  });

  const gain = tf.variable(tf.scalar(0.5), true, "gain");

  test.each(["mse", "charbonnier(eps=0.1)", "ssim(size=5)", "tv(form=isotropic,eps=0.1)", "lpips(net=tiny)"])(
    "of the gradient of %s: a penalty on it equals float64",
    async (spec) => {
      const loss = parseLoss(spec);
      const shape = [1, 3, 20, 20] as const;
      const [a, b] = [randomTensor(shape, 1), randomTensor(shape, 2)];
      const inTensorflow = tfLoss(tf, loss);
      await inTensorflow.ready;
      const y = toTensorflow(b);
      const penalty = (x: tf.Tensor) =>
        tf.sum(tf.square(tf.grad((x: tf.Tensor) => inTensorflow(x, y))(x))) as tf.Scalar;
      const { value, grad } = tf.valueAndGrad(penalty)(toTensorflow(a));
      const expected = differentiate(
        reference,
        ({ o, lift }, [x]) => {
          const images = { output: x, target: lift(toFloat64(b)) };
          const gradient = evaluateDefinition(o, loss.definition!, images, { grad: true }).grad!;
          return o.sum(o.square(gradient), "nchw");
        },
        [toFloat64(a)],
      );
      expect(relativeError(value.dataSync(), expected.value.data)).toBeLessThan(1e-4);
      expect(relativeError(fromTensorflow(grad).data, expected.gradients[0].data)).toBeLessThan(1e-3);
    },
  );

  test("with respect to target and weight are available", () => {
    const loss = tfLoss(tf, parseLoss("mse"));
    const definition = parseLoss("mse").definition!;
    const [, byTarget, byWeight] = tf.grads((x: tf.Tensor, y: tf.Tensor, w: tf.Tensor) => loss(x, y, w))(
      [output, target, weight].map(toTensorflow),
    );
    const { gradients } = differentiate(
      reference,
      ({ o, lift }, [y, w]) =>
        o.mean(definition.score(o, { output: lift(toFloat64(output)), target: y, weight: w }), "n"),
      [target, weight].map(toFloat64),
    );
    expect(relativeError(fromTensorflow(byTarget).data, gradients[0].data)).toBeLessThan(1e-5);
    expect(relativeError(fromTensorflow(byWeight).data, gradients[1].data)).toBeLessThan(1e-4);
  });

  test.each([
    "l1",
    "ssim",
    "psnr",
    "rmse",
    "ms-gmsd(weights=1:2)",
    "deltaE",
    "lpips(net=tiny)",
    "tv(form=isotropic,eps=1e-9)",
  ])("of %s are finite for identical and for flat images", async (spec) => {
    const loss = tfLoss(tf, parseLoss(spec));
    await loss.ready;
    const flat = tf.fill([1, 20, 20, 3], 0.5);
    const picture = toTensorflow(randomTensor([1, 3, 20, 20], 5));
    for (const [a, b] of [
      [picture, picture],
      [flat, flat],
      [flat, picture],
    ]) {
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x, b))(a);
      expect(Number.isFinite(value.dataSync()[0])).toBe(true);
      expect(grad.dataSync().every(Number.isFinite)).toBe(true);
    }
  });
});

describe("images", () => {
  test("in NCHW give the same as in NHWC", () => {
    const loss = parseLoss("l1 + 0.1*ssim(size=5)");
    const [last, first] = [tfLoss(tf, loss), tfLoss(tf, loss, { layout: "nchw" })];
    const [x, y, w] = [output, target, weight].map((tensor) => tf.tensor4d(tensor.data, [...tensor.shape]));
    const byPlane = tf.valueAndGrad((x: tf.Tensor) => first(x, y, w))(x);
    const byPixel = tf.valueAndGrad((x: tf.Tensor) => last(x, toTensorflow(target), toTensorflow(weight)))(
      toTensorflow(output),
    );
    expect(byPlane.value.dataSync()[0]).toBeCloseTo(byPixel.value.dataSync()[0], 6);
    expect(relativeError(byPlane.grad.dataSync(), fromTensorflow(byPixel.grad).data)).toBeLessThan(1e-6);
  });

  test.each(["l1", "mse(channels=y-bt601)", "ssim(size=5)", "tv", "lpips(net=tiny)"])(
    "with pixel weights: %s equals the loss itself",
    async (spec) => {
      const loss = parseLoss(spec);
      const [a, b, w] = [1, 2, 3].map((seed) => randomTensor([2, seed === 3 ? 1 : 3, 20, 21], seed));
      const inTensorflow = tfLoss(tf, loss);
      await inTensorflow.ready;
      const { value, grad } = await loss.valueAndGrad(a, b, { weight: w, engine: "reference" });
      const [y, counts] = [b, w].map(toTensorflow);
      const got = tf.valueAndGrad((x: tf.Tensor) => inTensorflow(x, y, counts))(toTensorflow(a));
      const sign = loss.better === "higher" ? -1 : 1;
      expect(relativeError(got.value.dataSync(), [sign === 1 ? value : loss.offset - value])).toBeLessThan(1e-4);
      expect(
        relativeError(
          fromTensorflow(got.grad).data,
          grad.data.map((x) => sign * x),
        ),
      ).toBeLessThan(1e-3);
    },
  );

  test("have a loss that is minimised, and a metric that is reported", async () => {
    const { metric, targetFirst, ready } = tfLoss(tf, parseLoss("ssim(size=5)"));
    await ready;
    const value = await parseLoss("ssim(size=5)").value(output, target);
    const [x, y] = [output, target].map(toTensorflow);
    expect(metric(y, x).dataSync()[0]).toBeCloseTo(value, 5);
    expect(targetFirst(y, x).dataSync()[0]).toBeCloseTo(1 - value, 5);
    expect(metric.name).toBe("ssim(size=5)");
  });
});

test("dispose frees all memory, and calls leak none", () => {
  const before = tf.memory().numTensors;
  tf.tidy(() => {
    const loss = tfLoss(tf, parseLoss("ssim(size=5) + 0.1*fft"));
    const [x, y] = [output, target].map(toTensorflow);
    const call = () => tf.tidy(() => void tf.valueAndGrad((x: tf.Tensor) => loss(x, y))(x));
    call();
    const between = tf.memory().numTensors;
    call();
    expect(tf.memory().numTensors).toBe(between);
    loss(x, y).dispose();
    const evaluated = tf.memory().numTensors;
    loss(x, y).dispose();
    expect(tf.memory().numTensors).toBe(evaluated);
    loss.dispose();
  });
  expect(tf.memory().numTensors).toBe(before);
});

describe("errors", () => {
  const x = toTensorflow(output);
  const inTensorflow = (spec: string) => tfLoss(tf, parseLoss(spec));

  test("a loss with weights throws before ready", () => {
    expect(() => inTensorflow("lpips(net=tiny)")(x, x)).toThrow(
      "lpips(net=tiny): weights are not loaded yet; await ready",
    );
  });

  test.each([
    ["gan", "gan trains a discriminator beside the model; use tfFunction with generatorLoss"],
    ["l1 + 0.1*mse@5", "counts the steps of a trainer (mse)"],
    ["l1 + 0.1*psnr(pooling=dataset)", "has a term that is averaged before it is reported"],
  ])("%s is rejected", (spec, message) => {
    expect(() => inTensorflow(spec)).toThrow(message);
  });

  test("name the invalid shape, type or option", () => {
    const l1 = inTensorflow("l1");
    expect(() => l1(x)).toThrow("l1: target must be a tensor of tf, got undefined");
    expect(() => l1(x, tf.zeros([2, 12, 13, 1]))).toThrow("l1: output is 2x12x13x3 but target is 2x12x13x1");
    expect(() => l1(tf.zeros([12, 13, 3]), x)).toThrow("l1: output must be nhwc, got shape [12,13,3]");
    expect(() => l1(x, tf.cast(x, "int32"))).toThrow("l1: target must be float32, got int32");
    const freed = tf.zeros([2, 12, 13, 3]);
    freed.dispose();
    expect(() => l1(freed, x)).toThrow("l1: output is disposed");
    const none = tf.zeros([0, 12, 13, 3]);
    expect(() => l1(none, none)).toThrow("l1: output is 0x12x13x3, but no axis may be empty");
    expect(() => l1(x, x, tf.zeros([2, 12, 1, 1]))).toThrow(
      "l1: weight must have the shape of output, 2x12x13x3, or 1 image or 1 channel of it, got 2x12x1x1",
    );
    expect(() => inTensorflow("ssim")(tf.zeros([1, 5, 20, 3]), tf.zeros([1, 5, 20, 3]))).toThrow(
      "ssim: output is 1x5x20x3, but",
    );
    const weightless = defineLoss({
      ...{ name: "brightness", summary: "an example", better: "lower", source: "an example", options: {} },
      define: () => ({ score: (o, { output }) => o.mean(output, "chw") }),
    });
    expect(() => tfLoss(tf, weightless())(x, x, x)).toThrow("weight: the definition of this loss does not use one");
    expect(() => tfLoss(tf, parseLoss("l1"), { layout: "nwhc" as "nhwc" })).toThrow(
      'layout must be nhwc | nchw, got "nwhc"',
    );
    expect(() => tfLoss({} as typeof tf, parseLoss("l1"))).toThrow(
      "tfLoss: tf.customGrad must be a function, got undefined",
    );
    expect(() => tfFunction(tf, (o, [x]) => o.abs(x))(x)).toThrow("tfFunction: f must give one number, got 2x3x12x13");
  });
});
