import { ReconlossError } from "@reconloss/core";
import { counted, knownMetrics } from "@reconloss/core/internal";
import type { MetricFactory } from "@reconloss/core/metrics";
import { Command } from "commander";
import { exitCodes } from "../exit-codes.ts";
import {
  type Manifest,
  type Merged,
  planComparison,
  planDistribution,
  planStatistics,
  runShard,
  type ShardStatus,
  shardStatus,
} from "../shards/index.ts";
import { readManifest } from "../shards/manifest.ts";
import { withMerged } from "../shards/merge.ts";
import { addComparisonOptions, printComparison } from "./compare.ts";
import type { ComparisonFlags } from "./compare-flags.ts";
import {
  addDistributionOptions,
  addNetworkOptions,
  batchOption,
  type DistributionFlags,
  labelFiles,
  limitDownloadOption,
  type NetworkFlags,
  networkOptions,
  printDistribution,
} from "./distribution.ts";
import { addGateOptions, type GateFlags, prepareGates } from "./gates.ts";
import { jsonFile, printsJson } from "./json-option.ts";
import { addMeasureOptions, failOption, type MeasureFlags, measuresOf } from "./measures.ts";
import { requestedMetrics } from "./metric-options.ts";
import { useWeightsFolder, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { wholeNumber } from "./numbers.ts";
import { addInspectOption, addPairingOptions, inspectOf, type PairingFlags, pairingOf } from "./pairing-options.ts";
import { progressBar } from "./progress.ts";
import { printStatistics } from "./stats.ts";
import { coloursFor, jsonText, printable, type Terminal } from "./terminal.ts";
import { threadsOption, useThreads } from "./threads.ts";

interface PlanFlags {
  output: string;
  shards?: number;
  shardSize?: number;
  parts?: string;
  limitDownload?: number;
}

/** The flags of a plan of pairs. */
interface PairsFlags extends MeasureFlags, PairingFlags, PlanFlags {
  inspect: boolean;
}

/** The variables in which array jobs have the number of a task: of Slurm, of a Kubernetes Indexed Job, of AWS Batch. */
const arrayVariables = ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX"] as const;

/** `reconloss shards`; `finish` receives the exit code, `more` are metrics of the user's own. */
export function shardsCommand(
  terminal: Terminal,
  finish: (code: number) => void,
  more: readonly MetricFactory[] = [],
): Command {
  return new Command("shards")
    .description("split distribution, stats or compare into shards for several processes, with bit-identical results")
    .addCommand(planCommand(terminal, more))
    .addCommand(workCommand(terminal, finish))
    .addCommand(statusCommand(terminal, finish))
    .addCommand(mergeCommand(terminal, finish))
    .addHelpText(
      "after",
      `
Examples:
  reconloss shards plan distribution outputs/ reals/ -m fid,kid --shards 40 -o work/
  seq 0 39 | parallel -j 2 reconloss shards work work/ --shard {} --threads 1
  reconloss shards status work/
  reconloss shards merge work/

All processes must see the work folder and the images under the same paths. docs/scale.md has recipes for GNU parallel, Slurm, Kubernetes
and AWS Batch.`,
    );
}

function planCommand(terminal: Terminal, more: readonly MetricFactory[]): Command {
  const factories = knownMetrics(more);
  const addPlanOptions = (command: Command, items: string) =>
    command
      .requiredOption("-o, --output <folder>", "the work folder, which all processes must see")
      .option("--shards <n>", "number of shards", wholeNumber(1))
      .option("--shard-size <n>", `or the number of ${items} per shard`, wholeNumber(1))
      .option(
        "--parts <url>",
        "an address to PUT parts under, instead of the folder; credentials: RECONLOSS_PARTS_... (docs/scale.md)",
      );

  const addSetOptions = (command: Command) =>
    addNetworkOptions(addPlanOptions(command, "images")).addOption(limitDownloadOption());
  const ofSets = addSetOptions(
    addDistributionOptions(new Command("distribution").description("plan a run of reconloss distribution"), factories),
  ).option("--details", "also store the data for merge --report");
  ofSets.action(
    async (
      outputs: string,
      reals: string | undefined,
      flags: DistributionFlags & PlanFlags & { details?: boolean; plugin?: string[] },
    ) => {
      const metrics = requestedMetrics({ ...flags }, factories);
      await noteNewFolder(flags.output, terminal);
      const { allowMismatch, details, plugin, shards, shardSize, parts, limitDownload } = flags;
      const options = {
        ...(await networkOptions(flags, terminal)),
        metrics,
        labels: labelFiles(flags),
        allowMismatch,
        details,
        plugin,
        limitDownload,
      };
      printPlan(
        await planDistribution(flags.output, outputs, reals, { ...options, shards, shardSize, parts }),
        flags,
        terminal,
      );
    },
  );

  const ofStatistics = addSetOptions(
    new Command("stats")
      .description("plan a run of reconloss stats")
      .argument("<images>", "a set of images")
      .option("--sfid", "also compute the statistics of sFID"),
  );
  ofStatistics.action(async (images: string, flags: NetworkFlags & PlanFlags & { sfid?: boolean }) => {
    await noteNewFolder(flags.output, terminal);
    const { sfid: spatial, shards, shardSize, parts, limitDownload } = flags;
    const options = { ...(await networkOptions(flags, terminal)), spatial, limitDownload };
    printPlan(await planStatistics(flags.output, images, { ...options, shards, shardSize, parts }), flags, terminal);
  });

  const ofPairs = addPlanOptions(new Command("compare").description("plan a run of reconloss compare"), "pairs")
    .argument("<outputs>", "an image, or a folder of images")
    .argument("<targets>", "the target, or a folder of targets with the same names");
  addInspectOption(addPairingOptions(addMeasureOptions(ofPairs)));
  ofPairs.action(async (outputs: string, targets: string, flags: PairsFlags) => {
    await noteNewFolder(flags.output, terminal);
    const pairing = { ...(await pairingOf(flags)), ...inspectOf(flags) };
    const { pixels, metrics, fail, optional, device } = await measuresOf(flags, terminal);
    const { plugin, protocol, metricModel: models, shards, shardSize, parts } = flags;
    const what = { ...pixels, ...pairing, metrics, protocol, models, optional: [...optional], fail, plugin, device };
    printPlan(
      await planComparison(flags.output, outputs, targets, { ...what, shards, shardSize, parts }),
      flags,
      terminal,
    );
  });

  return new Command("plan")
    .description("split the work of a command into shards; takes that command's arguments and options")
    .addCommand(ofSets)
    .addCommand(ofStatistics)
    .addCommand(ofPairs);
}

function printPlan({ shards }: Manifest, { output }: PlanFlags, { stdout, stderr, env }: Terminal): void {
  const items = shards.flat().reduce((sum, { start, end }) => sum + end - start, 0);
  const empty = shards.filter((ranges) => ranges.length === 0).length;
  stdout.write(
    `${printable(output)}: ${counted(shards.length, "shard", "shards")}, ${counted(items, "item", "items")}\n`,
  );
  if (empty === 0) return;
  stderr.write(
    `${coloursFor(stderr, env).yellow("note:")} ${counted(empty, "shard is", "shards are")} empty: there are fewer blocks than shards\n`,
  );
}

interface WorkFlags {
  shard?: number;
  batch: number;
  threads?: number;
  cache: string | boolean;
  weights?: string;
  json?: boolean;
  progress: boolean;
}

function workCommand(terminal: Terminal, finish: (code: number) => void): Command {
  return new Command("work")
    .description("compute one shard, unless its part exists")
    .argument("<folder>", "the work folder")
    .option("--shard <i>", `number of the shard, from 0; default: ${arrayVariables.join(", ")}`, wholeNumber(0))
    .addOption(batchOption())
    .addOption(threadsOption())
    .option("--cache <folder>", "where to cache features while the shard is computed; default: in the work folder")
    .option("--no-cache", "do not cache features: an interrupted shard starts over")
    .addOption(weightsOption())
    .option("--json", "print one JSON object")
    .option("--no-progress", "no progress bar")
    .addHelpText(
      "after",
      `
The part is written atomically. A finished shard is not computed again, and several processes may safely compute the same shard.
SIGTERM and SIGINT stop the process after the current image; the next process resumes from there.
Exit codes: 0 the part is written, including a list of unreadable images, which merge reports; 1 and 2 the plan or its input is wrong, and would fail again;
3 the machine lacks something (weights, a version, disk space, a permission): try again, or on another machine; 143 and 130 stopped by SIGTERM
and SIGINT: try again.`,
    )
    .action(async (folder: string, flags: WorkFlags) => {
      useThreads(flags);
      finish(await work(folder, flags, terminal));
    });
}

/** The number of the shard, as it was said, or as an array job says it. */
function shardNumber({ shard }: WorkFlags, { env }: Terminal): number {
  if (shard !== undefined) return shard;
  const name = arrayVariables.find((variable) => env[variable]);
  if (name === undefined) {
    throw new ReconlossError("invalid-argument", `--shard is required, or one of ${arrayVariables.join(", ")}`);
  }
  const value = Number(env[name]);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new ReconlossError("invalid-argument", `${name} must be a whole number from 0, got ${env[name]}`);
}

/** The exit codes of programs that a signal ended. */
const bySignal: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 130, SIGTERM: 143 };

async function work(folder: string, flags: WorkFlags, terminal: Terminal): Promise<number> {
  const { stdout, stderr, env } = terminal;
  const shard = shardNumber(flags, terminal);
  useWeightsFolder(flags.weights);
  const stop = new AbortController();
  let signalled: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    // Whoever asks twice does not want to wait.
    if (signalled !== undefined) process.exit(bySignal[signal]);
    signalled = signal;
    stop.abort();
  };
  let bar: ReturnType<typeof progressBar> | undefined;
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    const result = await runShard(folder, shard, {
      signal: stop.signal,
      batch: flags.batch,
      cache: flags.cache === true ? undefined : flags.cache,
      onProgress: ({ total }) => {
        bar ??= progressBar(total, `shard ${shard}`, stderr, flags.progress, "items");
        bar.step();
      },
    });
    bar?.stop();
    const summary = result.computed ? counted(result.total, "item", "items") : "done before";
    stdout.write(flags.json ? `${jsonText(result)}\n` : `shard ${shard}: ${summary}, ${printable(result.path)}\n`);
    return exitCodes.ok;
  } catch (error) {
    bar?.stop();
    if (signalled === undefined || error !== stop.signal.reason) throw error;
    stderr.write(`${coloursFor(stderr, env).yellow("stopped")} by ${signalled}; run the same command to resume\n`);
    return bySignal[signalled] as number;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

function statusCommand(terminal: Terminal, finish: (code: number) => void): Command {
  return new Command("status")
    .description("show the progress, from the parts on disk")
    .argument("<folder>", "the work folder")
    .option("--check", "also verify every byte of the parts")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      "\nExit codes: 0 success, finished or not; 1 a part is damaged, duplicated or from another plan, or the manifest was edited; 2 wrong usage.",
    )
    .action(async (folder: string, { check, json }: { check?: boolean; json?: boolean }) => {
      const status = await shardStatus(folder, { whole: check });
      terminal.stdout.write(`${json ? jsonText(status, 2) : statusText(status)}\n`);
      const { red } = coloursFor(terminal.stderr, terminal.env);
      for (const problem of status.problems) terminal.stderr.write(`${red("failed:")} ${printable(problem)}\n`);
      finish(status.problems.length > 0 ? exitCodes.failed : exitCodes.ok);
    });
}

function statusText({ shards, done, missing, items, itemsDone }: ShardStatus): string {
  const facts = `${done.length} of ${counted(shards, "shard", "shards")}, ${itemsDone} of ${counted(items, "item", "items")}`;
  return missing.length === 0 ? `${facts}` : `${facts}; missing: ${spans(missing)}`;
}

/** Ascending numbers as spans, as `--array` of Slurm takes them: `0-3,7`. */
function spans(numbers: readonly number[]): string {
  const found: [first: number, last: number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** `reconloss shards merge`, and `reconloss cluster merge`. */
export function mergeCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const command = addComparisonOptions(
    new Command("merge")
      .description("merge the parts of all shards, and print what the plain command prints")
      .argument("<folder>", "the work folder")
      .option("--statistics <file.npz>", "where to write the statistics, for a plan of stats")
      .addOption(weightsOption()),
  );
  return addGateOptions(command.addOption(failOption()))
    .addHelpText(
      "after",
      `
The values are bit-identical to those of reconloss distribution or compare. --csv and --jsonl list pairs; more than 10,000 pairs are not printed in a table.
--report for sets needs plan --details. --fail adds to the conditions of the plan, and can test only those statistics of maps that the plan measures.
Exit codes: as for those commands; also 1 if a part is missing, damaged, duplicated or from another plan.`,
    )
    .action(async (folder: string, flags: MergeFlags) => finish(await merge(folder, flags, terminal)));
}

interface MergeFlags extends ComparisonFlags, GateFlags {
  fail?: string;
  statistics?: string;
  weights?: string;
}

/** Of more pairs than this no rows are printed, and none are in memory. */
const pairsHeld = 10_000;

/** The options that each kind of work takes, beside `--json` in place of a table. */
const taken = {
  compare: ["json", "csv", "jsonl", "report", "fail", "baseline", "tolerance", "junit", "summary", "annotate"],
  distribution: ["report"],
  stats: ["statistics"],
} as const;

async function merge(folder: string, flags: MergeFlags, terminal: Terminal): Promise<number> {
  const { csv, jsonl, report, statistics, fail, baseline, junit, summary } = flags;
  await checkTaken(folder, flags);
  await noteNewFolder([jsonFile(flags), csv, jsonl, report, statistics, junit, summary], terminal);
  useWeightsFolder(flags.weights);
  // These look at each pair, and a page shows the worst of all.
  const isOfEach = [report, baseline, junit, summary].some((path) => path !== undefined);
  const options = { ...(isOfEach ? {} : { mostHeld: pairsHeld }), ...(fail === undefined ? {} : { fail }) };
  return withMerged(folder, options, (merged) => printMerged(merged, flags, terminal));
}

/** Refuses options that the kind of a plan does not take. */
async function checkTaken(folder: string, { weights: _, ...flags }: MergeFlags): Promise<void> {
  const { kind } = await readManifest(folder);
  const possible: readonly string[] = taken[kind as keyof typeof taken] ?? [];
  const wrong = Object.entries({ ...flags, json: jsonFile(flags) }).find(
    ([name, value]) => value !== undefined && !possible.includes(name),
  );
  if (wrong) throw new ReconlossError("invalid-argument", `--${wrong[0]} does not apply to a plan of ${kind}`);
}

async function printMerged(merged: Merged, flags: MergeFlags, terminal: Terminal): Promise<number> {
  const { report, statistics } = flags;
  if (merged.kind === "compare") {
    const { comparison, verdicts, plugins } = merged;
    const gates = await prepareGates(flags, { losses: comparison.losses, plugins }, terminal);
    const [checked] = gates.check([{ comparison, verdicts: verdicts ?? [] }]);
    return printComparison({ ...merged, comparison: checked.comparison, gates }, flags, terminal);
  }
  if (merged.kind === "distribution" && report !== undefined && merged.report.details === undefined) {
    const why = "images and spectra need a plan made with --details, and images on both sides";
    terminal.stderr.write(
      `${coloursFor(terminal.stderr, terminal.env).yellow("note:")} the report has values only: ${why}\n`,
    );
  }
  if (merged.kind === "distribution")
    return printDistribution(merged.report, { ...flags, json: printsJson(flags) }, merged.pixels, terminal);
  if (statistics === undefined) {
    throw new ReconlossError("invalid-argument", "--statistics is required: the file to write the statistics to");
  }
  return printStatistics(merged, { output: statistics, json: printsJson(flags) }, terminal);
}
