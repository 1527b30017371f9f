import { checkArguments, described } from "../arguments.ts";
import type { Learner } from "../definitions/learner.ts";
import { ReconlossError } from "../errors.ts";
import type { Loss } from "./loss.ts";

/** The steps of a training at which a term of a sum begins and has its full weight. */
export interface TermSchedule {
  /** The number of steps before it, in which its weight is 0 and its learners do not learn. Default 0. */
  readonly start?: number;
  /** In how many equal steps its weight then rises to the whole. Default 1: at once. */
  readonly warmup?: number;
}

/** A weight and the loss that it multiplies, and when it begins where that is not at once. */
export type Term = readonly [weight: number, loss: Loss, schedule?: TermSchedule];

/** A term that begins later, as results call it. */
export interface LaterTerm extends Required<TermSchedule> {
  readonly label: string;
}

/** The share of its weight that a term has at a step, from 1; the whole where no step is given. */
export function factorAt({ start = 0, warmup = 1 }: TermSchedule, step = Number.POSITIVE_INFINITY): number {
  return Math.min(1, Math.max(0, (step - start) / warmup));
}

/** Whether a schedule changes anything. */
export function isLater({ start = 0, warmup = 1 }: TermSchedule = {}): boolean {
  return start > 0 || warmup > 1;
}

/** The suffix of a term in the grammar: `@2000`, or `@2000..2500` with a warm-up. */
export function scheduleText(schedule: TermSchedule = {}): string {
  if (!isLater(schedule)) return "";
  const { start = 0, warmup = 1 } = schedule;
  return warmup > 1 ? `@${start}..${start + warmup}` : `@${start}`;
}

/** The learners of a term, from the term's own beginning. */
export function learningLater(learner: Learner, schedule: TermSchedule | undefined): Learner {
  if (schedule === undefined || !isLater(schedule)) return learner;
  let hasBegun = false;
  return {
    notes: learner.notes,
    update: async (real, fake, options = {}) => {
      hasBegun = factorAt(schedule, options.step) > 0;
      return hasBegun ? learner.update(real, fake, options) : {};
    },
    undo: () => {
      if (hasBegun) learner.undo?.();
    },
    save: () => learner.save(),
    restore: (state) => learner.restore(state),
  };
}

/** Refuses a schedule that is not in whole steps. */
export function checkSchedule({ spec }: Loss, schedule: TermSchedule = {}): void {
  checkArguments("weighted", { [`the schedule of ${spec}`]: [schedule, "object"] });
  for (const [name, least] of [
    ["start", 0],
    ["warmup", 1],
  ] as const) {
    const steps = schedule[name] ?? least;
    if (Number.isSafeInteger(steps) && steps >= least) continue;
    const problem = `${name} of ${spec} must be a whole number of steps, at least ${least}, got ${described(steps)}`;
    throw new ReconlossError("invalid-argument", `weighted: ${problem}`);
  }
}
