/**
 * `npx tsx scripts/refine-tiny-lpips.ts --photographs FOLDER --published FOLDER --cache FOLDER`: the weights of the second edition of `lpips(net=tiny)`, from those of the first.
 *
 * The first edition learned from distorted photographs alone. Its network is given more channels and learns from these still, and from groups of crops that were reduced and enlarged
 * again: by simple filters, by published networks for super-resolution (a folder that `npm install --prefix FOLDER @upscalerjs/esrgan-slim @upscalerjs/esrgan-legacy` has made), and by
 * small networks trained here with several losses. In rounds: networks are trained with `l1 + 0.1*lpips(net=tiny)` of what was learned so far, and images descended by its
 * gradient; the teacher says what these are worth, and they join the groups. Everything is kept in the cache folder, and the same command goes on at the round where it
 * stopped. What came out is `round-N.ts` there, for `--weights` of both scripts that judge.
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { initialize } from "../packages/core/src/nets/tensors.ts";
import { tiny, tinyFirst, tinyFirstWeights } from "../packages/core/src/nets/tiny.ts";
import { Random } from "../packages/core/src/random.ts";
import { Tensor } from "../packages/core/src/tensor.ts";
import type { StateDict } from "../packages/core/src/weights/state-dict.ts";
import { adam, TrainingStep } from "../packages/reconloss/src/train/index.ts";
import { batchOf } from "./tiny-lpips/batch.ts";
import { type Cached, fillCache, openCache } from "./tiny-lpips/cache.ts";
import { readWeightsModule } from "./tiny-lpips/candidate.ts";
import { enlargedSide, keepEnlargedGroups } from "./tiny-lpips/enlarged-groups.ts";
import { type Method, ownMethods, publishedMethods, simpleMethods } from "./tiny-lpips/enlargers.ts";
import { side } from "./tiny-lpips/groups.ts";
import { objectiveOf } from "./tiny-lpips/objective.ts";
import { type OwnNetwork, tinyOf } from "./tiny-lpips/own-networks.ts";
import { parametersOf, trainable, trained, widened } from "./tiny-lpips/trainable.ts";
import { weightsModule } from "./tiny-lpips/weights-module.ts";

/** Everything that the result depends on, besides the photographs, the published networks and the code. */
const recipe = {
  seed: 22,
  perPhotograph: 2,
  /** Steps of each round, and of every how many photographs its groups are. */
  rounds: [
    { steps: 1000, every: 1 },
    { steps: 1500, every: 1 },
    { steps: 1500, every: 1 },
    { steps: 8000, every: 1 },
  ],
  groupsAtOnce: 8,
  enlargedAtOnce: 4,
  learningRate: 1.2e-3,
  shares: { parts: 0.6, differ: 3, order: 0.15 },
  betas: [0.9, 0.99],
  warmup: 50,
  ema: 0.995,
  /** Of networks for super-resolution, of which the next in order takes the next. */
  networkSteps: [200, 400],
} as const;

const scales = [2, 3, 4] as const;
const ownLosses = [
  "l1",
  "l1 + 0.1*lpips(net=alex)",
  "l1 + 0.5*ssim",
  "l1 + 0.05*lpips(net=alex)",
  "l1 + 0.1*lpips(net=tiny,version=1)",
  "l1 + 0.3*lpips(net=alex)",
  "0.1*l1 + 0.3*lpips(net=alex)",
];
/** Published networks that take part; those that the judge uses do not. */
const packages: Readonly<Record<number, readonly string[]>> = {
  2: ["esrgan-slim", "esrgan-legacy/models/psnr-small"],
  3: ["esrgan-slim"],
  4: ["esrgan-slim", "esrgan-legacy/models/gans"],
};

const { values: flags } = parseArgs({
  options: {
    photographs: { type: "string" },
    published: { type: "string" },
    cache: { type: "string" },
    rounds: { type: "string", default: String(recipe.rounds.length) },
  },
});
const { photographs, published, cache } = flags;
if (!photographs || !published || !cache) {
  throw new Error("usage: refine-tiny-lpips.ts --photographs FOLDER --published FOLDER --cache FOLDER");
}
const reportProgress = (text: string) => void process.stderr.write(`${text}\n`);
const networks = { photographs, cache: join(cache, "networks") };
const moduleOf = (round: number) => join(cache, `round-${round}.ts`);

/** Of the first edition, in a network of the second. */
async function startingWeights(): Promise<StateDict> {
  const fresh = initialize(parametersOf(), (name) => new Random(recipe.seed, "wider", name));
  const wide = widened(trainable(await tinyFirstWeights()), fresh, [tinyFirst, tiny]);
  return trained(Object.fromEntries(Object.entries(wide).map(([name, data]) => [name, { data }])));
}

const own = (scale: OwnNetwork["scale"], loss: string, seed: number): OwnNetwork => {
  return { scale, loss, seed, steps: recipe.networkSteps[seed % 2], patch: 24 * scale };
};

/** The groups of a step, of one of the folders. */
function drawn(random: Random, of: readonly Cached[], count: number): { cached: Cached; groups: number[] } {
  const cached = random.pick(of);
  return { cached, groups: Array.from({ length: count }, () => random.below(cached.groups)) };
}

await fillCache(join(cache, "distorted"), photographs, recipe, reportProgress);
const distorted = [await openCache(join(cache, "distorted"), side)];

const known: Record<number, Method[]> = {};
for (const scale of scales) {
  known[scale] = [
    ...simpleMethods(scale),
    ...(await publishedMethods(join(published, "node_modules"), packages[scale], scale)),
    ...(await ownMethods(
      ownLosses.map((loss, index) => own(scale, loss, 201 + index)),
      networks,
      reportProgress,
    )),
  ];
}

const folders: Cached[] = [];
for (const [round, { steps, every }] of recipe.rounds.slice(0, Number(flags.rounds)).entries()) {
  const weights = round === 0 ? await startingWeights() : await readWeightsModule(moduleOf(round));
  const always: Record<number, Method[]> = {};
  if (round > 0) {
    for (const scale of scales) {
      const seed = 301 + 10 * round + scale;
      always[scale] = await ownMethods(
        [own(scale, "l1 + 0.1*lpips(net=tiny)", seed)],
        { ...networks, against: { name: `round ${round}`, weights } },
        reportProgress,
      );
    }
  }
  const folder = join(cache, `groups-${round}`);
  await keepEnlargedGroups(
    folder,
    photographs,
    {
      ...{ seed: recipe.seed + round, perPhotograph: 1, every, name: `round ${round}`, methods: known },
      ...{ always: round === 0 ? undefined : always, tiny: tinyOf(weights)({ net: "tiny" }) },
    },
    reportProgress,
  );
  for (const scale of scales) known[scale].push(...(always[scale] ?? []));
  folders.push(await openCache(folder, enlargedSide));
  if (existsSync(moduleOf(round + 1))) continue;

  const last = round === recipe.rounds.length - 1;
  const step = new TrainingStep({
    name: "tiny-lpips",
    parameters: parametersOf(),
    objective: objectiveOf(tiny, recipe.shares),
    optimizer: adam(recipe.learningRate, { betas: recipe.betas }),
    // Constant, and in the last round half a cosine to 0.
    schedule: (at) => Math.min(1, at / recipe.warmup) * (last ? 0.5 + 0.5 * Math.cos((Math.PI * at) / steps) : 1),
    ema: recipe.ema,
    seed: recipe.seed,
    shards: 1,
  });
  const { tensors } = step.save();
  const start = trainable(weights);
  step.restore({
    steps: 0,
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => {
        const value = /^(?:parameter|ema)\/(.*)$/.exec(name);
        return [name, new Tensor(value ? Float32Array.from(start[value[1]]) : data, shape)];
      }),
    ),
  });
  const random = new Random(recipe.seed, "round", round);
  const means: Record<string, number> = {};
  const began = performance.now();
  while (step.steps < steps) {
    const ranked = step.steps % 2 !== 0;
    const { cached, groups } = ranked
      ? drawn(random, folders, recipe.enlargedAtOnce)
      : drawn(random, distorted, recipe.groupsAtOnce);
    const { report } = await step.run(await batchOf(cached, groups), ranked ? "ranked" : "");
    for (const [name, value] of Object.entries(report)) {
      const key = `${ranked ? "enlarged " : ""}${name}`;
      means[key] = means[key] === undefined ? value : 0.97 * means[key] + 0.03 * value;
    }
    if (step.steps % 100 === 0) {
      const parts = Object.entries(means).map(([name, value]) => `${name} ${value.toFixed(4)}`);
      reportProgress(
        `round ${round} step ${step.steps}: ${parts.join(", ")}; ${((performance.now() - began) / 1000).toFixed(0)} s`,
      );
    }
  }
  await writeFile(moduleOf(round + 1), weightsModule(trained(step.averaged), "scripts/refine-tiny-lpips.ts"));
  reportProgress(`wrote ${moduleOf(round + 1)}`);
}
