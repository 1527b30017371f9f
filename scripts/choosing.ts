/**
 * `npm run choosing -- --data photographs/`: trains the same small network with one loss after the other, optimises pixels under each, and writes docs/choosing.md
 * with its pictures.
 *
 * Needs no graphics card, but an hour or so. What was computed stays in .cache/choosing: the script can be stopped and goes on, even within a training.
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseLoss } from "../src/losses/index.ts";
import { gan } from "../src/train/index.ts";
import { CacheEntry } from "./choosing/cache.ts";
import { draw, drawingEntry, fromNoise, fromNoisy } from "./choosing/drawing.ts";
import { availableJudges, hasWeights } from "./choosing/judges.ts";
import { entryOf, type Setup, stepTimes, train } from "./choosing/networks.ts";
import { writePage } from "./choosing/page.ts";
import { denoisingTrials, pixelTrials, type Trial, trainings } from "./choosing/plan.ts";

const usage = `npm run choosing -- --data FOLDER [options]
  --data FOLDER      photographs to learn from
  --heldout FOLDER   photographs to judge by, besides those of the demo
  --weights FOLDER   weights of AlexNet, SqueezeNet and LPIPS (default: RECONLOSS_WEIGHTS)
  --about TEXT       what the page says of these photographs
  --only NAMES       do these alone: l1,l1-gan,noise-ssim,noisy-l1-tv
  --minutes N        stop after so long; the next call goes on
  --page             compute nothing, write the page from what there is
`;

/** Something that is computed once and kept. */
interface Job {
  readonly name: string;
  /** Whether it was finished. */
  run(): Promise<boolean>;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: "string" },
      heldout: { type: "string" },
      weights: { type: "string" },
      about: { type: "string" },
      only: { type: "string" },
      minutes: { type: "string" },
      page: { type: "boolean" },
    },
  });
  const say = (text: string) => process.stdout.write(`${text}\n`);
  if (values.data === undefined) {
    say(usage);
    process.exitCode = 2;
    return;
  }
  if (values.weights !== undefined) process.env.RECONLOSS_WEIGHTS = values.weights;
  process.env.RECONLOSS_OFFLINE = "1";
  const signal = values.minutes === undefined ? undefined : AbortSignal.timeout(Number(values.minutes) * 60_000);

  const root = fileURLToPath(new URL("..", import.meta.url));
  const cache = join(root, ".cache", "choosing");
  const setup: Setup = { data: values.data, heldOut: values.heldout, steps: 800, batch: 4, patch: 80 };
  const judges = await availableJudges();
  const known = async (trials: readonly Trial[]) => {
    const has = await Promise.all(trials.map(({ loss }) => hasWeights(parseLoss(loss, [gan]))));
    return trials.filter((_, index) => has[index]);
  };
  const plan = {
    trainings: await known(trainings),
    pixels: await known(pixelTrials),
    denoising: await known(denoisingTrials),
  };

  const [noise, noisy] = [await fromNoise(), await fromNoisy()];
  const drawings = [
    { subject: noise, trials: plan.pixels },
    { subject: noisy, trials: plan.denoising },
  ];
  const times = new CacheEntry<Readonly<Record<string, number>>>(cache, "times", { setup, trials: plan.trainings });
  const jobs: Job[] = [
    {
      name: "times",
      run: async () => {
        if ((await times.read()) === undefined) await times.write(await stepTimes(plan.trainings, setup));
        return true;
      },
    },
    ...drawings.flatMap(({ subject, trials }) =>
      trials.map((trial) => ({
        name: `${subject.name}-${trial.name}`,
        run: async () => (await draw(cache, trial, subject, judges)) !== undefined,
      })),
    ),
    ...plan.trainings.map((trial) => ({
      name: trial.name,
      run: async () => {
        const progress = (step: number) => say(`${trial.name}: step ${step} of ${setup.steps}`);
        return (await train(cache, trial, setup, judges, { signal, progress })) !== undefined;
      },
    })),
  ];
  const chosen = (values.only?.split(",") ?? jobs.map(({ name }) => name)).map((name) => {
    const job = jobs.find((job) => job.name === name);
    if (job === undefined) throw new Error(`there is no ${name}; there are ${jobs.map(({ name }) => name).join(", ")}`);
    return job;
  });
  for (const job of chosen) {
    if (values.page || signal?.aborted) continue;
    const begun = performance.now();
    const finished = await job.run();
    say(`${job.name}: ${finished ? "done" : "stopped"} after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
  if (!values.page && (values.only !== undefined || signal?.aborted)) return;
  const path = join(root, "docs", "choosing.md");
  const done = async (trials: readonly Trial[], entry: (trial: Trial) => CacheEntry<unknown>) => {
    const results = await Promise.all(trials.map((trial) => entry(trial).read()));
    return trials.filter((_, index) => results[index] !== undefined);
  };
  const computed = {
    trainings: await done(plan.trainings, (trial) => entryOf(cache, trial, setup)),
    pixels: await done(plan.pixels, (trial) => drawingEntry(cache, trial, noise)),
    denoising: await done(plan.denoising, (trial) => drawingEntry(cache, trial, noisy)),
  };
  await writePage(path, {
    cache,
    setup,
    about: values.about,
    judges,
    plan: computed,
    noise,
    noisy,
    times: (await times.read()) ?? {},
  });
  const all = trainings.length + pixelTrials.length + denoisingTrials.length;
  const shown = Object.values(computed).reduce((sum, { length }) => sum + length, 0);
  say(`wrote ${relative(process.cwd(), path)} with ${shown} of ${all} losses`);
}

await main();
