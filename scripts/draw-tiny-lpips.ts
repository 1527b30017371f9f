/**
 * `npx tsx scripts/draw-tiny-lpips.ts TARGET PICTURE.png [LOSS]`: what a loss sees. Pixels that start as noise follow its gradient alone towards the target; the picture shows the noise, what
 * became of it and the target, side by side.
 */

import { parseLoss } from "../packages/core/src/losses/index.ts";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { readImage, writeImage } from "../packages/reconloss/src/image/index.ts";

const steps = 600;
const rate = 0.02;

const [from, to, spec = "lpips(net=tiny)"] = process.argv.slice(2);
if (to === undefined) throw new Error("usage: draw-tiny-lpips.ts TARGET PICTURE.png [LOSS]");
const target = await readImage(from);
const loss = parseLoss(spec);
const ready = await loss.prepareTarget(target);
const random = new Random("noise");
const noise = new Tensor(
  target.data.map(() => Math.min(1, Math.max(0, 0.5 + 0.2 * random.normal()))),
  target.shape,
);

// Adam (Kingma, Ba 2015), with pixels kept in [0, 1] and a rate that falls to 0.
const pixels = Tensor.from(noise.data, noise.shape);
const [first, second] = [new Float64Array(pixels.data.length), new Float64Array(pixels.data.length)];
for (let step = 1; step <= steps; step++) {
  const { value, grad } = await loss.valueAndGrad(pixels, ready);
  const now = rate * (1 - (step - 1) / steps);
  for (let i = 0; i < pixels.data.length; i++) {
    first[i] = 0.9 * first[i] + 0.1 * grad.data[i];
    second[i] = 0.99 * second[i] + 0.01 * grad.data[i] ** 2;
    const move = first[i] / (1 - 0.9 ** step) / (Math.sqrt(second[i] / (1 - 0.99 ** step)) + 1e-12);
    pixels.data[i] = Math.min(1, Math.max(0, pixels.data[i] - now * move));
  }
  if (step === 1 || step % 100 === 0) process.stdout.write(`step ${step}: ${spec} ${value.toFixed(5)}\n`);
}

/** Images of one size beside each other. */
function sideBySide(images: readonly Tensor[]): Tensor {
  const [, c, h, w] = images[0].shape;
  const result = new Float32Array(images.length * c * h * w);
  for (const [index, { data }] of images.entries()) {
    for (let row = 0; row < c * h; row++) {
      result.set(data.subarray(row * w, (row + 1) * w), (row * images.length + index) * w);
    }
  }
  return new Tensor(result, [1, c, h, images.length * w]);
}
await writeImage(to, sideBySide([noise, pixels, target]));
