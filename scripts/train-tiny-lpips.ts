/**
 * `npx tsx scripts/train-tiny-lpips.ts --photographs FOLDER --cache FOLDER`: the weights of `lpips(net=tiny)`, from photographs and LPIPS-alex 0.1, on one machine always the same.
 *
 * Draws groups of distorted crops and asks the teacher about every pair (kept in the cache folder, 1.6 GB), then trains the network to give the same answers and writes
 * `packages/core/src/nets/tiny-weights.ts`. With `--minutes N` it stops after so long; the same command goes on where it stopped, as if it had not.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { tinyTensors } from "../packages/core/src/nets/tiny.ts";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { readStates, writeStates } from "../packages/core/src/train/checkpoint.ts";
import { writeFileAtomically } from "../packages/reconloss/src/files.ts";
import { adam, cosineRate, TrainingStep } from "../packages/reconloss/src/train/index.ts";
import { type Cached, fillCache, groupBytes, openCache } from "./tiny-lpips/cache.ts";
import { members, pairs, side } from "./tiny-lpips/groups.ts";
import { packHalves } from "./tiny-lpips/half.ts";
import { objective } from "./tiny-lpips/objective.ts";
import { cells, layers } from "./tiny-lpips/teacher.ts";
import { parameters, trained } from "./tiny-lpips/trainable.ts";

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

/** What the objective takes of some groups: the images of each, and the teacher's answers, layer by layer. */
async function batchOf(cached: Cached, groups: readonly number[]): Promise<Record<string, Tensor>> {
  const count = groups.length;
  const images = new Float32Array(count * groupBytes);
  const area = cells * cells;
  const maps = new Float32Array(count * layers * pairs.length * area);
  const values = new Float32Array(count * layers * pairs.length);
  for (const [index, group] of groups.entries()) {
    const bytes = await cached.images(group);
    for (let at = 0; at < groupBytes; at++) images[index * groupBytes + at] = bytes[at] / 255;
    for (let pair = 0; pair < pairs.length; pair++) {
      for (let layer = 0; layer < layers; layer++) {
        const from = (group * pairs.length + pair) * layers + layer;
        const to = (index * layers + layer) * pairs.length + pair;
        values[to] = cached.parts[from];
        maps.set(cached.maps.subarray(from * area, (from + 1) * area), to * area);
      }
    }
  }
  return {
    images: new Tensor(images, [count, 3 * members, side, side]),
    maps: new Tensor(maps, [count, layers * pairs.length, cells, cells]),
    values: new Tensor(values, [count, layers * pairs.length, 1, 1]),
  };
}

/** The module that carries the weights. */
function weightsModule(tensors: Readonly<Record<string, Tensor>>): string {
  const weights = trained(tensors);
  const values = Object.keys(tinyTensors()).flatMap((name) => [...weights[name].data]);
  const packed = packHalves(values);
  return [
    "/** Written by scripts/train-tiny-lpips.ts: the weights of the network in tiny.ts, of this project's own training; see docs/tiny-lpips.md. */",
    "export const packed =",
    `  "${packed}";`,
    "",
  ].join("\n");
}

const { values: flags } = parseArgs({
  options: {
    photographs: { type: "string" },
    cache: { type: "string" },
    minutes: { type: "string", default: "Infinity" },
    out: {
      type: "string",
      default: fileURLToPath(new URL("../packages/core/src/nets/tiny-weights.ts", import.meta.url)),
    },
  },
});
if (flags.photographs === undefined || flags.cache === undefined) {
  throw new Error("usage: train-tiny-lpips.ts --photographs FOLDER --cache FOLDER [--minutes N] [--out FILE]");
}
const tell = (text: string) => void process.stderr.write(`${text}\n`);
const began = performance.now();
const minutes = () => (performance.now() - began) / 60_000;

await fillCache(flags.cache, flags.photographs, recipe, tell);
const cached = await openCache(flags.cache);
const step = new TrainingStep({
  name: "tiny-lpips",
  parameters,
  objective,
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
    tell(`step ${step.steps} of ${recipe.steps}: apart by ${mean.toFixed(5)}, ${minutes().toFixed(1)} minutes`);
  if (step.steps % 500 === 0) await save();
}
await next;
await save();
if (step.steps === recipe.steps) {
  await writeFile(flags.out, weightsModule(step.averaged));
  tell(`wrote ${flags.out}`);
}
