import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";

/** The factor of the learning rate at a step; steps count from 1. */
export type Schedule = (step: number) => number;

function checkSteps(caller: string, counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isInteger(value) && value >= 0) continue;
    throw new ReconlossError("invalid-argument", `${caller}: ${name} must be a whole number of steps, got ${value}`);
  }
}

/**
 * The learning rate as it is.
 *
 * @example
 * ```ts
 * import { constantRate } from "@reconloss/core/train";
 * constantRate()(1000); // 1
 * ```
 */
export function constantRate(): Schedule {
  return () => 1;
}

/**
 * Half a cosine from 1 down to `floor` at `steps` (Loshchilov, Hutter 2017, equation 5, without restarts), after a rise in `warmup` equal
 * steps.
 *
 * @throws {ReconlossError} `invalid-argument` for counts that are not whole numbers, or a warm-up longer than all steps
 * @example
 * ```ts
 * import { cosineRate } from "@reconloss/core/train";
 * const rate = cosineRate({ steps: 1000, warmup: 100 });
 * rate(50); // 0.5
 * rate(100); // 1
 * ```
 */
export function cosineRate(options: { steps: number; warmup?: number; floor?: number }): Schedule {
  checkArguments("cosineRate", { options: [options, "object", ["steps"]] });
  const { steps, warmup = 0, floor = 0 } = options;
  checkSteps("cosineRate", { steps, warmup });
  if (warmup > steps) {
    throw new ReconlossError(
      "invalid-argument",
      `cosineRate: a warm-up of ${warmup} steps is longer than all ${steps}`,
    );
  }
  return (step) => {
    if (step <= warmup) return step / Math.max(1, warmup);
    const done = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return floor + ((1 - floor) * (1 + Math.cos(Math.PI * done))) / 2;
  };
}

/**
 * The rate multiplied by `factor` after every `every` steps, as `torch.optim.lr_scheduler.StepLR`.
 *
 * @throws {ReconlossError} `invalid-argument` when `every` is not a whole number above 0
 * @example
 * ```ts
 * import { steppedRate } from "@reconloss/core/train";
 * steppedRate({ every: 10, factor: 0.5 })(21); // 0.25
 * ```
 */
export function steppedRate(options: { every: number; factor: number }): Schedule {
  checkArguments("steppedRate", { options: [options, "object", ["every", "factor"]] });
  const { every, factor } = options;
  checkSteps("steppedRate", { every: every || Number.NaN });
  return (step) => factor ** Math.floor((step - 1) / every);
}
