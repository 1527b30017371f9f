import "@tensorflow/tfjs-backend-wasm";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { resize } from "../packages/core/src/pixels/index.ts";
import { registerGradients, tfLoss } from "../packages/core/src/tensorflow/index.ts";
import { readImage } from "../packages/reconloss/src/image/index.ts";
import { lpips, parseLoss, psnr, Random, Tensor } from "../packages/reconloss/src/index.ts";

// npx tsx bench/fine-tuning.ts TRAIN HELD_OUT [TRUNK HEADS] [STEPS] [LOSS]: what fine-tuning of @upscalerjs/esrgan-slim x2 in TensorFlow.js, by a loss on its tape, does to photographs that it does
// not learn from. TRAIN and HELD_OUT are folders; small images are made by bicubic interpolation, as the network was trained for; TRUNK and HEADS are files of LPIPS-alex's weights.

const [train, heldOut, trunk, heads, steps = "300", spec = "l1 + 0.1*lpips(net=tiny)"] = process.argv.slice(2);
const [side, batch, rate] = [64, 4, 1e-4];

const files = (folder: string) =>
  readdirSync(folder)
    .toSorted()
    .map((name) => join(folder, name));

/** A photograph, or part of it, of even sides. */
async function read(path: string, corner = (_: number) => 0, part = Number.POSITIVE_INFINITY): Promise<Tensor> {
  const { data, shape } = await readImage(path);
  const [height, width] = [shape[2], shape[3]];
  const [h, w] = [height, width].map((size) => 2 * Math.floor(Math.min(size, part) / 2));
  const [top, left] = [corner(height - h + 1), corner(width - w + 1)];
  const at = (i: number) => {
    const [plane, rest] = [Math.floor(i / (h * w)), i % (h * w)];
    return data[(plane * height + top + Math.floor(rest / w)) * width + left + (rest % w)];
  };
  return new Tensor(
    Float32Array.from({ length: 3 * h * w }, (_, i) => at(i)),
    [1, 3, h, w],
  );
}

const halved = (image: Tensor) => resize(image, [image.shape[2] / 2, image.shape[3] / 2], "clean");

const toTensorflow = ({ data, shape }: Tensor) => tf.transpose(tf.tensor4d(data, [...shape]), [0, 2, 3, 1]);

await tf.setBackend("wasm");
registerGradients(tf);
// What the package exports are addresses of these files.
const folder = new URL("../node_modules/@upscalerjs/esrgan-slim/models/x2/", import.meta.url);
const { modelTopology, weightsManifest } = JSON.parse(readFileSync(new URL("model.json", folder), "utf8"));
const [{ paths, weights: weightSpecs }] = weightsManifest;
const weightData = Uint8Array.from(readFileSync(new URL(paths[0], folder))).buffer;
const network = await loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
const enlarge = (small: tf.Tensor) => tf.div(network.apply(tf.mul(small, 255)) as tf.Tensor, 255) as tf.Tensor4D;

const judges = {
  psnr: psnr({ clamp: true }),
  "lpips(net=alex)": lpips({ net: "alex" }, trunk ? { trunk, heads } : {}),
};

async function judge(): Promise<string> {
  const sums = Object.values(judges).map(() => 0);
  const photographs = files(heldOut);
  for (const path of photographs) {
    const target = await read(path);
    const data = tf.tidy(() => {
      const enlarged = tf.transpose(enlarge(toTensorflow(halved(target))), [0, 3, 1, 2]);
      return tf.clipByValue(enlarged, 0, 1).dataSync() as Float32Array;
    });
    const output = new Tensor(data, target.shape);
    for (const [i, loss] of Object.values(judges).entries()) sums[i] += await loss.value(output, target);
  }
  return Object.keys(judges)
    .map((name, i) => `${name} ${(sums[i] / photographs.length).toFixed(4)}`)
    .join(", ");
}

const loss = tfLoss(tf, parseLoss(spec));
await loss.ready;
const optimizer = tf.train.adam(rate);
const random = new Random(1, "fine-tuning");
const photographs = files(train);
console.log(`${spec}: ${steps} steps of ${batch} patches of ${side}x${side}`);
console.log(`published: ${await judge()}`);
for (let step = 1; step <= Number(steps); step++) {
  const patches: Tensor[] = [];
  while (patches.length < batch) {
    const path = photographs[random.below(photographs.length)];
    patches.push(await read(path, (count) => random.below(count), side));
  }
  tf.tidy(() => {
    const [input, target] = [patches.map(halved), patches].map((images) => tf.concat(images.map(toTensorflow)));
    optimizer.minimize(() => loss(enlarge(input), target));
  });
  if (step % 100 === 0) console.log(`${step} steps: ${await judge()}`);
}
