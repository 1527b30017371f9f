import { ReconlossError } from "@reconloss/core";
import { edsr } from "@reconloss/core/nets";
import { enlarge, reduce } from "./degrade.ts";
import type { Colours } from "./patches.ts";
import { restorationTask, type Task } from "./task.ts";

const scales = [2, 3, 4] as const;

/** Small photographs made large: inputs are bicubic reductions, the baseline a bicubic enlargement. */
export function superResolution(scale = 2, colours: Colours = 3): Task {
  const chosen = scales.find((known) => known === scale);
  if (chosen === undefined) {
    throw new ReconlossError(
      "invalid-argument",
      `super-resolution: scale must be one of ${scales.join(", ")}, got ${scale}`,
    );
  }
  return restorationTask(
    "super-resolution",
    { patch: 24 * scale * 2, batch: 8, learningRate: 1e-3, loss: "l1", steps: 2000 },
    {
      colours,
      scale,
      // The cubic reaches two input pixels, which are `scale` target pixels each.
      margin: 2 * scale,
      degrade: (target) => reduce(target, scale),
      baseline: { name: "bicubic", of: (input) => enlarge(input, scale) },
    },
    () => edsr({ scale: chosen, colours }),
  );
}
