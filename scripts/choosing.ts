/**
 * `npm run choosing -- --data photographs/`: trains the same small networks with one loss after the other, optimises pixels under each, and writes docs/choosing.md
 * with its pictures: the text of choosing/page.md, with tables of what came out, which is recorded in choosing/results.json.
 *
 * Needs no graphics card, but about half an hour of two processor cores. What was computed stays in .cache/choosing: the script can be stopped and goes on, even
 * within a training. The rows of the trials that are named by --only are computed alone, the others stay as they were recorded.
 */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { jobsOf } from "./choosing/jobs.ts";
import { resultsPath, writePage } from "./choosing/page.ts";
import { projectOf } from "./choosing/project.ts";

const usage = `npm run choosing -- --data FOLDER [options]
  --data FOLDER      photographs to learn from
  --heldout FOLDER   photographs to judge by, besides those of the demo
  --weights FOLDER   weights of AlexNet, SqueezeNet and LPIPS (default: RECONLOSS_WEIGHTS)
  --only NAMES       do these alone: x4-l1,deblur-edge,enhance-times,noise-ssim,deblur-recorded
  --minutes N        stop after so long, and write no page; the next call goes on
  --page             compute nothing, write the page from what was recorded
`;

type Values = Readonly<Partial<Record<"data" | "heldout" | "weights" | "only" | "minutes", string>>>;

const root = fileURLToPath(new URL("..", import.meta.url));
const print = (text: string) => void process.stdout.write(`${text}\n`);

/** Does what was asked for; whether all of it was done. */
async function compute(data: string, { heldout, weights, only, minutes }: Values): Promise<boolean> {
  if (weights !== undefined) process.env.RECONLOSS_WEIGHTS = weights;
  process.env.RECONLOSS_OFFLINE = "1";
  const signal = minutes === undefined ? undefined : AbortSignal.timeout(Number(minutes) * 60_000);
  const folders = { cache: join(root, ".cache", "choosing"), pictures: join(root, "docs", "choosing") };
  const project = await projectOf({ ...folders, results: resultsPath }, { data, heldOut: heldout });
  const jobs = jobsOf(project);
  const chosen = (only?.split(",") ?? jobs.map(({ name }) => name)).map((name) => {
    const job = jobs.find((job) => job.name === name);
    if (job) return job;
    throw new Error(`there is no ${name}; there are ${jobs.map(({ name }) => name).join(", ")}`);
  });
  for (const job of chosen) {
    if (signal?.aborted) return false;
    const begun = performance.now();
    const finished = await job.run({ signal, print });
    print(`${job.name}: ${finished ? "done" : "stopped"} after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  }
  return !signal?.aborted;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      ...{ data: { type: "string" }, heldout: { type: "string" }, weights: { type: "string" } },
      ...{ only: { type: "string" }, minutes: { type: "string" }, page: { type: "boolean" } },
    },
  });
  if (!values.page) {
    if (values.data === undefined) {
      print(usage);
      process.exitCode = 2;
      return;
    }
    if (!(await compute(values.data, values))) return;
  }
  const path = join(root, "docs", "choosing.md");
  await writePage(path);
  print(`wrote ${relative(process.cwd(), path)}`);
}

await main();
