/**
 * Training steps against PyTorch's, in turn on the same machine: `tsx bench/train.ts [jobs] [rounds]`, jobs `super-resolution` and `discriminator`.
 * `RECONLOSS_PYTHON` names a Python interpreter that has torch; without it only our own times are measured.
 */
import { l1 } from "../packages/core/src/losses/l1.ts";
import { edsr } from "../packages/core/src/nets/edsr.ts";
import { patchGan } from "../packages/core/src/nets/patch-gan.ts";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { adam, adversarial, createTrainer, r1 } from "../packages/reconloss/src/train/index.ts";
import { compare, turn } from "./in-turn.ts";
import { startPeer } from "./peer.ts";

function images(seed: string, n: number, size: number): Tensor {
  const random = new Random(seed);
  return Tensor.from(
    Array.from({ length: n * 3 * size * size }, () => random.uniform()),
    [n, 3, size, size],
  );
}

/** A step of each kind, for images of a size: the small ones for super-resolution, both sides for a discriminator. */
const steps: Record<string, (size: number, batch: number) => () => Promise<unknown>> = {
  "super-resolution": (size, batch) => {
    const trainer = createTrainer({ model: edsr(), loss: l1(), optimizer: adam(1e-4) });
    const [small, large] = [images("small", batch, size), images("large", batch, 2 * size)];
    return () => trainer.step(small, large);
  },
  discriminator: (size, batch) => {
    const game = adversarial({ discriminator: patchGan(), objective: "hinge", penalty: r1(10) });
    const [real, fake] = [images("real", batch, size), images("fake", batch, size)];
    return () => game.update(real, fake);
  },
};
const sizes: Record<string, [size: number, batch: number][]> = {
  "super-resolution": [
    [32, 8],
    [48, 16],
  ],
  discriminator: [
    [64, 4],
    [96, 8],
  ],
};

const [jobs = Object.keys(steps).join(), rounds = "7"] = process.argv.slice(2);
const python = process.env.RECONLOSS_PYTHON;
const peer = python === undefined ? undefined : startPeer(python, "train_peer.py");
if (peer) console.log(await peer.hello);
for (const job of jobs.split(",")) {
  for (const [size, batch] of sizes[job]) {
    const step = steps[job](size, batch);
    const [ours, theirs]: number[][] = [[], []];
    for (let round = 0; round < Number(rounds); round++) {
      await turn();
      await step();
      const start = performance.now();
      await step();
      ours.push(performance.now() - start);
      await turn();
      const [, time] = (await peer?.ask(job, size, batch, 2)) ?? [];
      if (time !== undefined) theirs.push(time);
    }
    console.log(`${job} ${size}x${size} batch ${batch}: ${compare(ours, theirs)}`);
  }
}
peer?.end();
