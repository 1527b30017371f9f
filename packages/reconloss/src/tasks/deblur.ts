import type { Random, Tensor } from "@reconloss/core";
import { unet } from "@reconloss/core/nets";
import { motion, seenThrough } from "./degrade.ts";
import { blur, noise } from "./distort.ts";
import type { Colours } from "./patches.ts";
import { restorationTask, type Task } from "./task.ts";

/** Standard deviations of a photograph out of focus, in pixels. */
const sigmas = [1, 2] as const;
/** Pixels that a camera moves while the shutter is open. */
const lengths = [4, 9] as const;
const mostNoise = 0.005;

/** Every other photograph is out of focus, the others were taken by a camera that moved; a little noise comes on top. */
function degrade(target: Tensor, random: Random): Tensor {
  const blurred =
    random.below(2) === 0
      ? blur(target, random.between(...sigmas))
      : seenThrough(target, motion(random.between(...lengths), random.between(0, Math.PI)));
  return noise(blurred, random.between(0, mostNoise), random.below(2 ** 32));
}

/** Blurred photographs made sharp; the baseline is the blurred photograph. */
export function deblur(colours: Colours = 3): Task {
  return restorationTask(
    "deblur",
    { patch: 64, batch: 8, learningRate: 1e-3, loss: "l1", steps: 2000 },
    { colours, scale: 1, margin: 8, degrade, baseline: { name: "blurred", of: (input) => input } },
    () => unet({ colours, channels: 24 }),
  );
}
