/**
 * `npx tsx scripts/train-tiny-lpips.ts --photographs FOLDER --cache FOLDER`: the weights of the first edition of `lpips(net=tiny)`, from photographs and LPIPS-alex 0.1, on one machine always the same.
 *
 * Draws groups of distorted crops and asks the teacher about every pair (kept in the cache folder, 1.6 GB), then trains the network to give the same answers and writes
 * `packages/core/src/nets/tiny-first-weights.ts`. With `--minutes N` it stops after so long; the same command goes on where it stopped, as if it had not.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tinyFirst } from "../packages/core/src/nets/tiny.ts";
import { Random } from "../packages/core/src/random.ts";
import { readStates, writeStates } from "../packages/core/src/train/checkpoint.ts";
import { writeFileAtomically } from "../packages/reconloss/src/files.ts";
import { adam, cosineRate, TrainingStep } from "../packages/reconloss/src/train/index.ts";
import { batchOf } from "./tiny-lpips/batch.ts";
import { fillCache, openCache } from "./tiny-lpips/cache.ts";
import { side } from "./tiny-lpips/groups.ts";
import { objectiveOf } from "./tiny-lpips/objective.ts";
import { parametersOf, trained } from "./tiny-lpips/trainable.ts";
import { firstWeightsModule } from "./tiny-lpips/weights-module.ts";

/** Everything that the result depends on, besides the photographs and the code. */
export const recipe = {
  seed: 1,
  perPhotograph: 16,
  steps: 24000,
  groupsAtOnce: 8,
  learningRate: 2e-3,
  betas: [0.9, 0.99],
  warmup: 100,
  ema: 0.998,
} as const;

/** The groups of a step: every epoch takes each of them once, in an order of its own. */
function groupsOf(step: number, total: number): number[] {
  const perEpoch = Math.floor(total / recipe.groupsAtOnce);
  const epoch = Math.floor((step - 1) / perEpoch);
  const random = new Random(recipe.seed, "epoch", epoch);
  const order = Uint32Array.from({ length: total }, (_, index) => index);
  for (let last = total - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  const start = ((step - 1) % perEpoch) * recipe.groupsAtOnce;
  return [...order.subarray(start, start + recipe.groupsAtOnce)];
}

const { values: flags } = parseArgs({
  options: {
    photographs: { type: "string" },
    cache: { type: "string" },
    minutes: { type: "string", default: "Infinity" },
    out: {
      type: "string",
      default: fileURLToPath(new URL("../packages/core/src/nets/tiny-first-weights.ts", import.meta.url)),
    },
  },
});
if (flags.photographs === undefined || flags.cache === undefined) {
  throw new Error("usage: train-tiny-lpips.ts --photographs FOLDER --cache FOLDER [--minutes N] [--out FILE]");
}
const reportProgress = (text: string) => void process.stderr.write(`${text}\n`);
const began = performance.now();
const minutes = () => (performance.now() - began) / 60_000;

await fillCache(flags.cache, flags.photographs, recipe, reportProgress);
const cached = await openCache(flags.cache, side);
const step = new TrainingStep({
  name: "tiny-lpips",
  parameters: parametersOf(tinyFirst),
  objective: objectiveOf(tinyFirst, { parts: 1, differ: 0, order: 0 }),
  optimizer: adam(recipe.learningRate, { betas: recipe.betas }),
  schedule: cosineRate({ steps: recipe.steps, warmup: recipe.warmup }),
  ema: recipe.ema,
  seed: recipe.seed,
});
const state = join(flags.cache, "training.safetensors");
const metadata = { recipe: JSON.stringify(recipe) };
if (existsSync(state)) {
  const saved = await readStates(await readFile(state), state);
  if (saved.metadata.recipe !== metadata.recipe)
    throw new Error(`${state} is of another recipe: ${saved.metadata.recipe}`);
  step.restore(saved.states.training);
}
const save = () => writeFileAtomically(state, writeStates({ training: step.save() }, metadata));

let next = batchOf(cached, groupsOf(step.steps + 1, cached.groups));
let mean: number | undefined;
while (step.steps < recipe.steps && minutes() < Number(flags.minutes)) {
  const batch = await next;
  const taken = step.run(batch);
  // The next batch is read while this one is computed.
  next = batchOf(cached, groupsOf(step.steps + 2, cached.groups));
  const { total } = (await taken).report;
  mean = mean === undefined ? total : 0.98 * mean + 0.02 * total;
  if (step.steps % 100 === 0)
    reportProgress(
      `step ${step.steps} of ${recipe.steps}: apart by ${mean.toFixed(5)}, ${minutes().toFixed(1)} minutes`,
    );
  if (step.steps % 500 === 0) await save();
}
await next;
await save();
if (step.steps === recipe.steps) {
  await writeFile(flags.out, firstWeightsModule(trained(step.averaged, tinyFirst), "scripts/train-tiny-lpips.ts"));
  reportProgress(`wrote ${flags.out}`);
}
