import type { Loss } from "../packages/core/src/index.ts";
import { constant, kaimingNormal, type Model } from "../packages/core/src/nets/index.ts";
import { adam, createTrainer } from "../packages/core/src/train/index.ts";
import { type Denoiser, runAsProgram } from "./denoising.ts";

// npx tsx examples/native.ts: the same model as in tensorflow.ts and jax.ts, trained by this library alone.

/** Two convolutions that say what is to be added to the picture, [n, 3, h, w] in and out. Untrained, it gives its input. */
export function denoisingModel(channels: number): Model {
  return {
    name: "denoiser",
    parameters: {
      "first.weight": { shape: [channels, 3, 3, 3], initialize: kaimingNormal(9 * 3) },
      "first.bias": { shape: [channels], initialize: constant(0) },
      "last.weight": { shape: [3, channels, 3, 3], initialize: constant(0) },
      "last.bias": { shape: [3], initialize: constant(0) },
    },
    buffers: {},
    forward: (o, picture, weights) => {
      const conv = (x: typeof picture, name: string) =>
        o.add(o.conv2d(x, weights[`${name}.weight`], { padding: 1 }), weights[`${name}.bias`]);
      return { output: o.add(picture, conv(o.relu(conv(picture, "first")), "last")), buffers: {} };
    },
  };
}

export function createDenoiser(loss: Loss, channels = 8): Denoiser {
  const trainer = createTrainer({ model: denoisingModel(channels), loss, optimizer: adam(3e-3) });
  return {
    step: async (input, target) => (await trainer.step(input, target)).value,
    apply: (input) => trainer.apply(input),
  };
}

await runAsProgram(import.meta.url, createDenoiser);
