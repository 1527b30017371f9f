import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { parseLoss, Random } from "../packages/core/src/index.ts";
import { registerGradients, tfLoss } from "../packages/core/src/tensorflow/index.ts";

// The program of fine-tuning.html: a published network for super-resolution goes on learning in the page, from a picture of it, by a loss of this library.
// In your own project, import from "@reconloss/core" and "@reconloss/core/tensorflow" instead of "../packages/core/src/...".

setWasmPaths("tfjs/"); // node_modules/@tensorflow/tfjs-backend-wasm/dist
await tf.setBackend("wasm"); // or webgl, webgpu
registerGradients(tf);

const network = await loadLayersModel("x2/model.json"); // node_modules/@upscalerjs/esrgan-slim/models/x2
const loss = tfLoss(tf, parseLoss("l1 + 0.1*lpips(net=tiny)"));
await loss.ready;

/** Twice as high and wide. The network takes and gives values up to 255. */
const enlarge = (small: tf.Tensor) => tf.div(network.apply(tf.mul(small, 255)) as tf.Tensor, 255);

/** Half as high and wide and noisy, which the network has not seen. */
function reduce(picture: tf.Tensor4D, seed: number): tf.Tensor {
  const small = tf.avgPool(picture, 2, 2, "valid");
  return tf.add(small, tf.randomNormal(small.shape, 0, 0.05, "float32", seed));
}

/** Part of a picture of the page, [1, side, side, 3] in [0, 1]; between 0 and 1, where in it. */
function patch(id: string, side: number, top: number, left: number): tf.Tensor4D {
  const pixels = tf.browser.fromPixels(document.getElementById(id) as HTMLImageElement);
  const [y, x] = [top * (pixels.shape[0] - side), left * (pixels.shape[1] - side)].map(Math.floor);
  return tf.expandDims(tf.div(tf.slice(pixels, [y, x, 0], [side, side, 3]), 255));
}

await Promise.all(Array.from(document.images, (image) => image.decode()));
const optimizer = tf.train.adam(1e-4);
const random = new Random(1);

function step(seed: number): void {
  const target = tf.concat([1, 2].map(() => patch("shown", 48, random.uniform(), random.uniform())));
  const small = reduce(target, seed);
  optimizer.minimize(() => loss(enlarge(small), target));
}

/** The loss of a picture that is not learnt from. */
function judge(): number {
  const target = patch("held-out", 128, 0.5, 0.5);
  return loss(enlarge(reduce(target, 0)), target).dataSync()[0];
}

const log = document.querySelector("output") as HTMLOutputElement;
log.value = `${tf.tidy(judge)}`;
for (let steps = 1; steps <= 30; steps++) {
  tf.tidy(() => step(steps));
  if (steps % 10 === 0) log.value += ` ${tf.tidy(judge)}`;
  await tf.nextFrame(); // the page shows it
}
