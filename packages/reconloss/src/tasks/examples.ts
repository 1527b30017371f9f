import { Random } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { stack } from "./patches.ts";
import type { PhotographStore } from "./photographs.ts";
import type { Example, Task } from "./task.ts";

/** The settings of what {@link exampleBatch} draws. */
export interface BatchOptions {
  readonly seed: number;
  /** Side of the target's patches. */
  readonly patch: number;
  /** The number of examples. */
  readonly batch: number;
}

/**
 * The batch of a step: which photographs, which squares of them, how they lie and how they are spoiled follows from the seed and the step alone, so that a
 * training that goes on sees what it would have seen.
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { Tensor } from "reconloss";
 * import { writeImage } from "reconloss/image";
 * import { exampleBatch, makeTask, PhotographStore } from "reconloss/tasks";
 * const folder = await mkdtemp(join(tmpdir(), "reconloss-"));
 * await writeImage(join(folder, "a.png"), Tensor.full([1, 3, 64, 64], 0.5));
 * const [task, patch] = [makeTask("super-resolution", { scale: 2 }), 16];
 * const photographs = [{ name: "a.png", path: join(folder, "a.png") }];
 * const store = new PhotographStore(photographs, { leastSide: task.leastSide(patch), limitPixels: 1e6, seed: 1 });
 * const { input, target } = await exampleBatch(task, store, 0, { seed: 1, patch, batch: 4 });
 * input.shape; // [4, 3, 8, 8]
 * target.shape; // [4, 3, 16, 16]
 * ```
 */
export async function exampleBatch(
  task: Task,
  store: PhotographStore,
  step: number,
  options: BatchOptions,
): Promise<Example> {
  checkArguments("exampleBatch", {
    task: [task, "object"],
    store: [store, "object"],
    step: [step, "number"],
    options: [options, "object"],
  });
  const { seed, patch, batch } = options;
  const photographs = await store.forStep(step);
  const random = new Random(seed, "patches", step);
  const examples = Array.from({ length: batch }, () => task.example(random.pick(photographs), patch, random));
  return { input: stack(examples.map(({ input }) => input)), target: stack(examples.map(({ target }) => target)) };
}
