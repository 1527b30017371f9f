import { Random } from "../random.ts";
import { stack } from "./patches.ts";
import type { PhotographStore } from "./photographs.ts";
import type { Example, Task } from "./task.ts";

/** What {@link exampleBatch} draws. */
export interface BatchOptions {
  readonly seed: number;
  /** Side of the target's patches. */
  readonly patch: number;
  /** How many examples. */
  readonly batch: number;
}

/**
 * The batch of a step: which photographs, which squares of them, how they lie and how they are spoiled follows from the seed and the step alone, so that a
 * training that goes on sees what it would have seen.
 */
export async function exampleBatch(
  task: Task,
  store: PhotographStore,
  step: number,
  { seed, patch, batch }: BatchOptions,
): Promise<Example> {
  const photographs = await store.forStep(step);
  const random = new Random(seed, "patches", step);
  const examples = Array.from({ length: batch }, () => task.example(random.pick(photographs), patch, random));
  return { input: stack(examples.map(({ input }) => input)), target: stack(examples.map(({ target }) => target)) };
}
