import { ReconlossError } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { Command, Option } from "commander";
import {
  type ClusterStatus,
  clusterStatus,
  type QueueOptions,
  type ShardEvent,
  type Submitted,
  submitShards,
  superviseShards,
  workShards,
} from "../cluster/index.ts";
import { exitCodes } from "../exit-codes.ts";
import { wholeNumber } from "./numbers.ts";
import { mergeCommand } from "./shards.ts";
import { plainTable } from "./table.ts";
import { printable, type Terminal, widthOf } from "./terminal.ts";
import { threadsOption } from "./threads.ts";

interface QueueFlags extends QueueOptions {
  json?: boolean;
}

const examples = `
Examples:
  reconloss shards plan distribution outputs/ reals/ --shards 40 -o work/   (what to compute, and in which shards)
  reconloss cluster submit work/ --redis redis://queue:6379
  reconloss cluster work work/                                    (on each machine; RECONLOSS_REDIS_URL is set)
  reconloss cluster status work/
  reconloss cluster merge work/                                   (the same as shards merge)

All machines must see the same work folder and the same inputs. Jobs contain only the number of a shard; pixels and features never pass through the queue.
Pass the user name and password of Redis as RECONLOSS_REDIS_USERNAME and RECONLOSS_REDIS_PASSWORD; rediss:// is Redis over TLS.
Exit codes: 0 success; 1 shards failed because of their input; 2 wrong usage; 3 this machine or the Redis server lacks something, and another attempt may succeed.`;

function addQueueOptions(command: Command): Command {
  return command
    .addOption(new Option("--redis <url>", "the Redis server; default: RECONLOSS_REDIS_URL"))
    .option("--redis-ca <file>", "certificates (PEM) to trust for rediss://; default: RECONLOSS_REDIS_CA")
    .option("--prefix <text>", "prefix of the keys in Redis", "reconloss")
    .option("--json", "print JSON");
}

/** The connection to the queue that the flags describe. */
function queueOf({ redis, redisCa, prefix }: QueueFlags): QueueOptions {
  return { ...(redis === undefined ? {} : { redis }), ...(redisCa === undefined ? {} : { redisCa }), prefix };
}

/** `reconloss cluster`; `finish` receives the exit code. */
export function clusterCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const print = (text: string) => void terminal.stdout.write(`${text}\n`);
  const submit = addQueueOptions(new Command("submit"))
    .description("add a job to the queue for each shard whose part is missing; may be repeated at any time")
    .argument("<work>", "the folder of a plan")
    .option("--attempts <n>", "attempts per shard before giving up", wholeNumber(1), 5)
    .option("--wait", "wait until all parts are written, and resubmit jobs that the queue loses")
    .action(async (work: string, flags: QueueFlags & { attempts: number; wait?: boolean }) => {
      const options = { ...queueOf(flags), attempts: flags.attempts };
      const printStatus = (status: Submitted) => print(flags.json ? JSON.stringify(status) : describeSubmitted(status));
      if (!flags.wait) return printStatus(await submitShards(work, options));
      let last = "";
      await withSignals((signal) =>
        superviseShards(work, {
          ...options,
          signal,
          onStatus: (status) => {
            const { added, ...rest } = status;
            // A look at which nothing has changed is not told.
            const text = JSON.stringify(rest);
            if (text !== last || added > 0) printStatus(status);
            last = text;
          },
        }),
      );
    });
  const work = addQueueOptions(new Command("work"))
    .description("take jobs from the queue and compute their shards, until all parts are written")
    .argument("<work>", "the folder of a plan")
    .option("--name <text>", "name of this worker in status; default: machine and process number")
    .option("--batch <n>", "batch size of the network", wholeNumber(1))
    .addOption(threadsOption())
    .option("--cache <folder>", "where to cache features of the current shard, such as a fast local disk")
    .option("--no-cache", "do not cache features")
    .option(
      "--lock-seconds <n>",
      "seconds after which the shard of a killed worker is given to another",
      wholeNumber(1),
      30,
    )
    .option(
      "--hung-seconds <n>",
      "seconds without a finished image after which the process of a shard is killed and the shard is retried",
      wholeNumber(1),
      600,
    )
    .option("--stay", "keep waiting for jobs when all parts are written")
    .action(async (folder: string, flags: QueueFlags & WorkFlags) => {
      const { batch, cache, name, json, threads } = flags;
      const report = await withSignals((signal) =>
        workShards(folder, {
          ...queueOf(flags),
          ...(batch === undefined ? {} : { batch }),
          ...(threads === undefined ? {} : { threads }),
          ...(cache === true ? {} : { cache: cache as string | false }),
          ...(name === undefined ? {} : { name }),
          lockSeconds: flags.lockSeconds,
          hungSeconds: flags.hungSeconds,
          stay: flags.stay === true,
          signal,
          onShard: (event) => print(json ? JSON.stringify(event) : describeEvent(event)),
        }),
      );
      const { computed, found, failed } = report;
      print(json ? JSON.stringify(report) : `${computed} computed, ${found} were there, ${failed} failed`);
    });
  const status = addQueueOptions(new Command("status"))
    .description("show the progress, from the parts on disk and the jobs in the queue")
    .argument("<work>", "the folder of a plan")
    .action(async (folder: string, flags: QueueFlags) => {
      const found = await clusterStatus(folder, queueOf(flags));
      print(flags.json ? JSON.stringify(found, undefined, 2) : describeStatus(found, terminal));
      const isOver = found.jobs.waiting + found.jobs.active + found.jobs.delayed === 0;
      finish(isOver && found.failed.length > 0 ? exitCodes.failed : exitCodes.ok);
    });
  return new Command("cluster")
    .description("compute the shards of a plan with any number of workers, distributed by a Redis queue")
    .addCommand(submit)
    .addCommand(work)
    .addCommand(status)
    .addCommand(mergeCommand(terminal, finish))
    .addHelpText("after", examples);
}

interface WorkFlags {
  name?: string;
  batch?: number;
  threads?: number;
  cache: string | boolean;
  lockSeconds: number;
  hungSeconds: number;
  stay?: boolean;
}

/** Ends work at the first SIGINT or SIGTERM. */
async function withSignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const signals = ["SIGINT", "SIGTERM"] as const;
  const end = () =>
    abort.abort(new ReconlossError("missing-dependency", "stopped by a signal; the missing shards remain to be done"));
  for (const signal of signals) process.once(signal, end);
  try {
    return await work(abort.signal);
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}

function describeSubmitted({ shards, done, added, queued, failed }: Submitted): string {
  const facts = [
    `${done} of ${counted(shards, "part is", "parts are")} there`,
    `${counted(added, "shard", "shards")} submitted`,
    `${queued} in the queue already`,
  ];
  return [...facts, ...(failed.length > 0 ? [`${failed.length} given up`] : [])].join(", ");
}

function describeEvent({ shard, outcome, total, reason }: ShardEvent): string {
  const outcomes = {
    computed: "computed",
    found: "its part was there",
    failed: "failed",
    "handed-back": "handed back",
  };
  return printable(
    `shard ${shard}: ${outcomes[outcome]}${total === undefined ? "" : `, ${total}`}${reason ? `: ${reason}` : ""}`,
  );
}

/** Failed shards that are told one by one. */
const failedShown = 20;

function describeStatus(status: ClusterStatus, { stdout, env }: Terminal): string {
  const { jobs, active, failed, workers, rate, remainingSeconds } = status;
  const facts = [
    `${status.done.length} of ${counted(status.shards, "part", "parts")}, ${status.itemsDone} of ${counted(status.items, "item", "items")}`,
    counted(workers, "worker", "workers"),
    `jobs: ${jobs.active} active, ${jobs.waiting} waiting, ${jobs.delayed} to be retried, ${jobs.failed} given up`,
    ...(status.withoutJob > 0
      ? [`${counted(status.withoutJob, "missing shard has", "missing shards have")} no job: submit again`]
      : []),
    ...(rate > 0 ? [`${rate.toPrecision(3)} items/s over all workers`] : []),
    ...(remainingSeconds === undefined ? [] : [`about ${Math.ceil(remainingSeconds / 60)} min left`]),
  ];
  const rows = active.map(({ shard, worker, done, total, rate: own }) => [
    `shard ${shard}`,
    `${done}/${total}`,
    `${own.toPrecision(3)}/s`,
    worker ?? "",
  ]);
  const lines = [
    facts.join("; "),
    ...(rows.length > 0 ? [plainTable([["", "", "", ""], ...rows], [], [0, 3], widthOf(stdout, env)).trimStart()] : []),
    ...failed.slice(0, failedShown).map(({ shard, reason }) => `given up: shard ${shard}: ${reason}`),
    ...(failed.length > failedShown ? [`${failed.length - failedShown} more; --json lists all`] : []),
    ...status.problems,
  ];
  return lines.map(printable).join("\n");
}
