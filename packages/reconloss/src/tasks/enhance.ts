import type { Random, Tensor } from "@reconloss/core";
import { unet } from "@reconloss/core/nets";
import { expose, noise } from "./distort.ts";
import type { Colours } from "./patches.ts";
import { restorationTask, type Task } from "./task.ts";

/** The range of the share of light that is left. */
const light = [0.06, 0.35] as const;
/** The largest colour cast of the light, per channel. */
const cast = [0.75, 1.3] as const;
const mostNoise = 0.02;

/** Too little light, of the wrong colour, and the noise that comes with it. */
function degrade(target: Tensor, random: Random): Tensor {
  const gain = random.between(...light);
  const dark = expose(
    target,
    // Grey has no cast.
    target.shape[1] === 1 ? gain : [0, 1, 2].map(() => gain * random.between(...cast)),
  );
  return noise(dark, random.between(0, mostNoise), random.below(2 ** 32));
}

/** Dark photographs with a colour cast made bright; the baseline is the dark photograph. */
export function enhance(colours: Colours = 3): Task {
  return restorationTask(
    "enhance",
    { patch: 96, batch: 4, learningRate: 1e-3, loss: "l1", steps: 2000 },
    { colours, scale: 1, margin: 0, degrade, baseline: { name: "dark", of: (input) => input } },
    () => unet({ colours, channels: 16, depth: 3 }),
  );
}
