/**
 * `npm run choosing -- --data photographs/`: trains the same small networks with one loss after the other, optimises pixels under each, and writes docs/choosing.md
 * with its pictures: the text of choosing/page.md, with tables of what came out.
 *
 * Needs no graphics card, but about half an hour of two processor cores. What was computed stays in .cache/choosing: the script can be stopped and goes on, even
 * within a training.
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writePage } from "./choosing/page.ts";
import { computedOf, jobsOf, projectOf } from "./choosing/project.ts";

const usage = `npm run choosing -- --data FOLDER [options]
  --data FOLDER      photographs to learn from
  --heldout FOLDER   photographs to judge by, besides those of the demo
  --about TEXT       what the page says of these photographs
  --weights FOLDER   weights of AlexNet, SqueezeNet and LPIPS (default: RECONLOSS_WEIGHTS)
  --only NAMES       compute these alone, and write no page: x4-l1,deblur-edge,enhance-times,noise-ssim
  --minutes N        stop after so long, and write no page; the next call goes on
  --page             compute nothing, write the page from what there is
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ data: { type: "string" }, heldout: { type: "string" }, about: { type: "string" } },
      ...{ weights: { type: "string" }, only: { type: "string" }, minutes: { type: "string" } },
      page: { type: "boolean" },
    },
  });
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  if (values.data === undefined) {
    say(usage);
    process.exitCode = 2;
    return;
  }
  if (values.weights !== undefined) process.env.RECONLOSS_WEIGHTS = values.weights;
  process.env.RECONLOSS_OFFLINE = "1";
  const signal = values.minutes === undefined ? undefined : AbortSignal.timeout(Number(values.minutes) * 60_000);

  const root = fileURLToPath(new URL("..", import.meta.url));
  const project = await projectOf(join(root, ".cache", "choosing"), {
    ...{ data: values.data, heldOut: values.heldout },
  });
  if (!values.page) {
    const jobs = jobsOf(project);
    const chosen = (values.only?.split(",") ?? jobs.map(({ name }) => name)).map((name) => {
      const job = jobs.find((job) => job.name === name);
      if (job) return job;
      throw new Error(`there is no ${name}; there are ${jobs.map(({ name }) => name).join(", ")}`);
    });
    for (const job of chosen) {
      if (signal?.aborted) return;
      const begun = performance.now();
      const finished = await job.run({ signal, say });
      say(`${job.name}: ${finished ? "done" : "stopped"} after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    }
    if (values.only !== undefined || signal?.aborted) return;
  }
  const path = join(root, "docs", "choosing.md");
  await writePage(path, await computedOf(project), values.about);
  say(`wrote ${relative(process.cwd(), path)}`);
}

await main();
