/**
 * `npx tsx scripts/refine-tiny-lpips.ts groups|train|agreement --cache FOLDER ...`: further weights of `lpips(net=tiny)`, from weights that it had before.
 *
 * `groups --photographs FOLDER --published FOLDER [--chunks N]` keeps groups to learn from in the cache folder, chunk by chunk: distorted crops, and crops that were reduced and enlarged
 * again by simple filters, by published networks for super-resolution (a folder that `npm install --prefix FOLDER @upscalerjs/esrgan-slim @upscalerjs/esrgan-legacy` has made), and by small
 * networks trained here with several losses, as they were after different numbers of steps. Every fourteenth photograph is held back: there are groups of these as well, to choose weights by.
 *
 * `train --weights MODULE [--chunks N] [--steps N --fall M]` learns from these chunks, from step M on at a rate that falls by half a cosine, and keeps its state in the cache folder. `refined-N.ts` there
 * is what came out after N steps, for `--weights` of both scripts that judge. `--weights first` is the first edition, in the network of the second.
 *
 * `agreement --weights MODULE [--chunks N]` says how far weights agree with the teacher on the groups that were held back, and on as many that were learned from.
 *
 * Each command goes on where it stopped. In processor time of one thread: a chunk, which is some 93 groups of each kind, half a minute; a network half a minute; a thousand steps two and a half minutes.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { initialize } from "../packages/core/src/nets/tensors.ts";
import { tiny, tinyFirst, tinyFirstWeights } from "../packages/core/src/nets/tiny.ts";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import { readStates, writeStates } from "../packages/core/src/train/checkpoint.ts";
import { writeFileAtomically } from "../packages/reconloss/src/files.ts";
import { adam, TrainingStep } from "../packages/reconloss/src/train/index.ts";
import { agreementOn } from "./tiny-lpips/agreement.ts";
import { batchOf } from "./tiny-lpips/batch.ts";
import type { Cached } from "./tiny-lpips/cache.ts";
import { readWeightsModule } from "./tiny-lpips/candidate.ts";
import { type Kind, keepChunks, keepHeldBack, kinds, openChunks, openHeldBack } from "./tiny-lpips/chunks.ts";
import { objectiveOf } from "./tiny-lpips/objective.ts";
import { tinyOf } from "./tiny-lpips/own-networks.ts";
import { parametersOf, trainable, trained, widened } from "./tiny-lpips/trainable.ts";
import { weightsModule } from "./tiny-lpips/weights-module.ts";

/** Everything that the result depends on, besides the groups, the code and the flags. */
const recipe = {
  seed: 23,
  groupsAtOnce: { enlarged: 4, distorted: 8 },
  learningRate: 6e-4,
  shares: { parts: 0.6, differ: 4, order: 0.4 },
  betas: [0.9, 0.99],
  warmup: 100,
  ema: 0.998,
} as const;

const {
  values: flags,
  positionals: [command],
} = parseArgs({
  allowPositionals: true,
  options: {
    photographs: { type: "string" },
    published: { type: "string" },
    cache: { type: "string" },
    weights: { type: "string" },
    chunks: { type: "string", default: "70" },
    steps: { type: "string", default: "12000" },
    fall: { type: "string", default: "3000" },
  },
});
const { photographs, published, cache, weights } = flags;
const [chunks, steps, fall] = [flags.chunks, flags.steps, flags.fall].map(Number);
const reportProgress = (text: string) => void process.stderr.write(`${text}\n`);
const began = performance.now();

/** The first edition's weights in the network of the second, to train on. */
async function wideFirst(): Promise<Record<string, Float32Array>> {
  const fresh = initialize(parametersOf(), (name) => new Random(recipe.seed, "wider", name));
  return widened(trainable(await tinyFirstWeights()), fresh, [tinyFirst, tiny]);
}

/** The groups of a step, of one of the chunks: the steps of a kind draw from it apart from all others, so that training goes on alike after a stop. */
function drawn(step: number, from: readonly Cached[], count: number): { cached: Cached; groups: number[] } {
  const random = new Random(recipe.seed, "step", step);
  const cached = random.pick(from);
  return { cached, groups: Array.from({ length: count }, () => random.below(cached.groups)) };
}

async function train(cache: string, weights: string): Promise<void> {
  const falling = (at: number) => (at < fall ? 1 : 0.5 + 0.5 * Math.cos((Math.PI * (at - fall)) / (steps - fall)));
  const step = new TrainingStep({
    name: "tiny-lpips",
    parameters: parametersOf(),
    objective: objectiveOf(tiny, recipe.shares),
    optimizer: adam(recipe.learningRate, { betas: recipe.betas }),
    schedule: (at) => Math.min(1, at / recipe.warmup) * falling(at),
    ema: recipe.ema,
    seed: recipe.seed,
    shards: 1,
  });
  const state = join(cache, "training.safetensors");
  const metadata = { recipe: JSON.stringify({ ...recipe, weights, chunks, steps, fall }) };
  if (existsSync(state)) {
    const saved = await readStates(await readFile(state), state);
    if (saved.metadata.recipe !== metadata.recipe)
      throw new Error(`${state} is of another recipe: ${saved.metadata.recipe}`);
    step.restore(saved.states.training);
  } else {
    const start = weights === "first" ? await wideFirst() : trainable(await readWeightsModule(weights));
    const { tensors } = step.save();
    const values = Object.entries(tensors).map(([name, { shape, data }]) => {
      const value = /^(?:parameter|ema)\/(.*)$/.exec(name);
      return [name, new Tensor(value ? Float32Array.from(start[value[1]]) : data, shape)];
    });
    step.restore({ steps: 0, tensors: Object.fromEntries(values) });
  }
  const from = {
    enlarged: await openChunks(cache, "enlarged", chunks),
    distorted: await openChunks(cache, "distorted", chunks),
  };
  const means: Record<string, number> = {};
  while (step.steps < steps) {
    const kind: Kind = step.steps % 2 === 0 ? "distorted" : "enlarged";
    const { cached, groups } = drawn(step.steps, from[kind], recipe.groupsAtOnce[kind]);
    const { report } = await step.run(await batchOf(cached, groups), kind === "enlarged" ? "ranked" : "");
    for (const [name, value] of Object.entries(report)) {
      const key = `${kind} ${name}`;
      means[key] = means[key] === undefined ? value : 0.98 * means[key] + 0.02 * value;
    }
    if (step.steps % 100 === 0) {
      const parts = Object.entries(means).map(([name, value]) => `${name} ${value.toFixed(4)}`);
      reportProgress(`step ${step.steps}: ${parts.join(", ")}; ${((performance.now() - began) / 1000).toFixed(0)} s`);
      await writeFileAtomically(state, writeStates({ training: step.save() }, metadata));
    }
    if (step.steps % 1000 === 0 || step.steps === steps) {
      const path = join(cache, `refined-${step.steps}.ts`);
      await writeFile(path, weightsModule(trained(step.averaged), "scripts/refine-tiny-lpips.ts"));
      reportProgress(`wrote ${path}`);
    }
  }
  for (const cached of [...from.enlarged, ...from.distorted]) await cached.close();
}

async function reportAgreement(cache: string, weights: string): Promise<void> {
  const loss = tinyOf(await readWeightsModule(weights))({ net: "tiny" });
  for (const kind of Object.keys(kinds) as Kind[]) {
    const heldBack = await openHeldBack(cache, kind);
    const learned = await openChunks(cache, kind, Math.min(chunks, heldBack.length));
    const most = Math.min(...heldBack.map(({ groups }) => groups));
    for (const [name, folders] of Object.entries({ "held back": heldBack, "learned from": learned })) {
      const { groups, share, rank, error } = await agreementOn(folders, loss, most);
      process.stdout.write(
        `${kind}, ${name}, ${groups} groups: agreement ${(100 * share).toFixed(2)} %, rank ${rank.toFixed(4)}, mean error / mean ${error.toFixed(4)}\n`,
      );
    }
    for (const cached of [...heldBack, ...learned]) await cached.close();
  }
}

if (command === "groups" && photographs && published && cache) {
  await keepHeldBack({ photographs, published, cache }, reportProgress);
  await keepChunks(chunks, { photographs, published, cache }, reportProgress);
} else if (command === "train" && cache && weights) {
  await train(cache, weights);
} else if (command === "agreement" && cache && weights) {
  await reportAgreement(cache, weights);
} else {
  throw new Error(
    "usage: refine-tiny-lpips.ts groups --photographs FOLDER --published FOLDER --cache FOLDER [--chunks N] | train --weights MODULE --cache FOLDER [--chunks N --steps N --fall M] | agreement --weights MODULE --cache FOLDER",
  );
}
