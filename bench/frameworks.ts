import { cpus } from "node:os";
import { noisyPictures } from "../examples/denoising.ts";
import * as jax from "../examples/jax.ts";
import * as native from "../examples/native.ts";
import * as tensorflow from "../examples/tensorflow.ts";
import { parseLoss } from "../packages/reconloss/src/index.ts";
import { median, timesInTurn } from "./in-turn.ts";

// npx tsx bench/frameworks.ts: one training step of the examples' model in each framework, in turn, round after round.

const loss = parseLoss("l1 + 0.1*ssim + 0.01*tv");
const sizes = [
  { images: 2, side: 24, channels: 8 },
  { images: 4, side: 64, channels: 16 },
];
const rounds = 15;

console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; median of ${rounds} steps in ms`);
for (const { images, side, channels } of sizes) {
  const { input, target } = noisyPictures(images, side, "bench");
  const contenders: Record<string, () => Promise<unknown>> = {};
  for (const [name, { createDenoiser }] of Object.entries({ native, jax, tensorflow })) {
    const denoiser = createDenoiser(loss, channels);
    contenders[name] = () => denoiser.step(input, target);
  }
  contenders["loss and its gradient alone"] = () => loss.valueAndGrad(input, target);
  // The first rounds compile.
  const times = await timesInTurn(contenders, rounds, 3);
  console.log(`${images} images of ${side}x${side}, ${channels} channels`);
  for (const [name, values] of Object.entries(times)) console.log(`  ${name}: ${median(values).toFixed(1)}`);
}
