import "@tensorflow/tfjs-backend-wasm";
import { cpus } from "node:os";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { noisyPictures } from "../examples/denoising.ts";
import { denoisingModel, toTensorflow } from "../examples/tensorflow.ts";
import { registerGradients, tfLoss } from "../packages/core/src/tensorflow/index.ts";
import { type Loss, parseLoss, Tensor } from "../packages/reconloss/src/index.ts";

// npx tsx bench/tensorflow.ts: one training step of the example's model in TensorFlow.js, with the loss on the tape, and with a loss beside it, which takes the model twice.

const sizes = [
  { images: 2, side: 24, channels: 8 },
  { images: 4, side: 64, channels: 16 },
];
const specs = ["l1", "l1 + 0.1*ssim + 0.01*tv", "l1 + 0.1*lpips(net=tiny)"];
const rounds = 9;

type Step = (model: LayersModel, input: tf.Tensor4D, target: Tensor) => Promise<unknown>;

const forward = (model: LayersModel, input: tf.Tensor4D) => model.apply(input, { training: true }) as tf.Tensor4D;

/** One pass: the loss is part of what the tape differentiates. */
function onTape(loss: Loss, optimizer: tf.Optimizer): Step {
  const lossOf = tfLoss(tf, loss);
  return async (model, input, target) => {
    await lossOf.ready;
    tf.tidy(() => {
      const clean = toTensorflow(target);
      optimizer.minimize(() => lossOf(forward(model, input), clean), true)?.dataSync();
    });
  };
}

/** Two passes: the output leaves TensorFlow.js, and the loss's gradient comes back as a constant. */
function beside(loss: Loss, optimizer: tf.Optimizer): Step {
  const planar = (x: tf.Tensor4D) => tf.transpose(x, [0, 3, 1, 2]);
  return async (model, input, target) => {
    const output = tf.tidy(() => planar(forward(model, input)));
    const given = new Tensor((await output.data()) as Float32Array, output.shape);
    const { grad } = await loss.valueAndGrad(given, target);
    tf.tidy(() => {
      const constant = tf.tensor4d(grad.data, [...grad.shape]);
      optimizer.minimize(() => tf.sum(tf.mul(planar(forward(model, input)), constant)));
    });
    output.dispose();
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

await tf.setBackend("wasm");
registerGradients(tf);
console.log(
  `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; TensorFlow.js wasm; median of ${rounds} steps in ms`,
);
for (const { images, side, channels } of sizes) {
  const { input, target } = noisyPictures(images, side, "bench");
  const noisy = toTensorflow(input);
  for (const spec of specs) {
    const ways = { "on the tape": onTape, beside };
    const steps = Object.values(ways).map((way) => {
      const step = way(parseLoss(spec), tf.train.adam(1e-3));
      const model = denoisingModel(channels);
      return () => step(model, noisy, target);
    });
    const times = steps.map((): number[] => []);
    // The first rounds prepare.
    for (let round = -2; round < rounds; round++) {
      for (const [i, step] of steps.entries()) {
        const begin = performance.now();
        await step();
        if (round >= 0) times[i].push(performance.now() - begin);
      }
    }
    const [tape, twice] = times.map(median);
    const said = `${tape.toFixed(1)} on the tape, ${twice.toFixed(1)} beside it, ratio ${(tape / twice).toFixed(2)}`;
    console.log(`  ${images} images of ${side}x${side}, ${channels} channels, ${spec}: ${said}`);
  }
}
