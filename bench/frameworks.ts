import { cpus } from "node:os";
import { noisyPictures } from "../examples/denoising.ts";
import * as jax from "../examples/jax.ts";
import * as native from "../examples/native.ts";
import * as tensorflow from "../examples/tensorflow.ts";
import { parseLoss } from "../packages/reconloss/src/index.ts";

// npx tsx bench/frameworks.ts: one training step of the examples' model in each framework, in turn, round after round.

const loss = parseLoss("l1 + 0.1*ssim + 0.01*tv");
const sizes = [
  { images: 2, side: 24, channels: 8 },
  { images: 4, side: 64, channels: 16 },
];
const rounds = 15;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; median of ${rounds} steps in ms`);
for (const { images, side, channels } of sizes) {
  const { input, target } = noisyPictures(images, side, "bench");
  const denoisers = Object.entries({ native, jax, tensorflow }).map(
    ([name, { createDenoiser }]) => [name, createDenoiser(loss, channels)] as const,
  );
  const contenders = [
    ...denoisers.map(([name, denoiser]) => [name, () => denoiser.step(input, target) as Promise<unknown>] as const),
    ["loss and its gradient alone", () => loss.valueAndGrad(input, target) as Promise<unknown>] as const,
  ];
  const times = contenders.map((): number[] => []);
  // The first rounds compile.
  for (let round = -3; round < rounds; round++) {
    for (const [i, [, run]] of contenders.entries()) {
      const begin = performance.now();
      await run();
      if (round >= 0) times[i].push(performance.now() - begin);
    }
  }
  console.log(`${images} images of ${side}x${side}, ${channels} channels`);
  for (const [i, [name]] of contenders.entries()) console.log(`  ${name}: ${median(times[i]).toFixed(1)}`);
}
