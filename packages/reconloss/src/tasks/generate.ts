import { type Random, ReconlossError, Tensor } from "@reconloss/core";
import { dcganGenerator } from "@reconloss/core/nets";
import { resize } from "../image/index.ts";
import { cutSquare } from "./patches.ts";
import type { Task } from "./task.ts";

const sizes = [32, 64] as const;
const latent = 64;

/** New images like the photographs, from random numbers. */
export function generate(size = 32): Task {
  const chosen = sizes.find((known) => known === size);
  if (chosen === undefined) {
    throw new ReconlossError("invalid-argument", `generate: size must be one of ${sizes.join(", ")}, got ${size}`);
  }
  return {
    name: "generate",
    defaults: { patch: size, batch: 16, learningRate: 2e-4, loss: "gan(features=32,depth=2)", steps: 5000 },
    latent,
    model: () => dcganGenerator({ size: chosen, latent }),
    leastSide: () => size,
    example: (photograph, _, random) => {
      const side = Math.min(photograph.width, photograph.height);
      const cut = {
        left: random.below(photograph.width - side + 1),
        top: random.below(photograph.height - side + 1),
        side,
        // Mirrored or not: the world stands upright.
        position: random.below(2),
      };
      const target = resize(cutSquare(photograph, cut), [size, size], "clean");
      return { input: latentNoise(latent, 1, random), target };
    },
  };
}

/** Inputs of a generator, [count, latent, 1, 1]. */
export function latentNoise(latent: number, count: number, random: Random): Tensor {
  return Tensor.from(
    Array.from({ length: count * latent }, () => random.normal()),
    [count, latent, 1, 1],
  );
}
