import type { Device } from "@reconloss/core";
import type { MetricResult } from "@reconloss/core/metrics";
import { type Resizer, resizers } from "@reconloss/core/pixels";
import { Command, InvalidArgumentError, Option } from "commander";
import {
  type DistributionProgress,
  type DistributionReport,
  evaluateDistribution,
  type FeatureOptions,
  inceptionDims,
  type MetricName,
  metricNames,
  type SetReport,
} from "../distribution/index.ts";
import { writeSetReport } from "../report/index.ts";
import { deviceOption, keyOption, usableDevice, useWeightsFolder, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { tellPassedOver } from "./passed-over.ts";
import { addPixelOptions, type PixelFlags, pixelOptions } from "./pixel-options.ts";
import { type Progress, progressBar } from "./progress.ts";
import { plainTable } from "./table.ts";
import { coloursFor, printable, type Terminal, widthOf } from "./terminal.ts";

/** Failures that are told one by one. */
const failuresShown = 20;

/** What `distribution` and `stats` have in common: how images become features. */
export interface FeatureFlags extends PixelFlags {
  resize: Resizer;
  network: string;
  weights?: string;
  checkpoint?: string;
  key?: string;
  dims?: FeatureOptions["dims"];
  device: Device;
  batch: number;
  cache: string | boolean;
  progress: boolean;
  json?: boolean;
}

interface Flags extends FeatureFlags {
  metrics?: string;
  report?: string;
  isPreset: "torch-fidelity" | "adm" | "ignite";
  isSplits?: number;
  kidSubsets: number;
  kidSubsetSize: number;
  neighbours: number;
  seed: number;
  allowMismatch?: boolean;
}

/** A whole number of at least `least` on the command line. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`);
    }
    return value;
  };
}

/** `--dims` as the number it is. */
function dimsOf(text: string): FeatureOptions["dims"] {
  const dims = inceptionDims.find((known) => String(known) === text);
  if (dims === undefined) throw new InvalidArgumentError(`Allowed choices are ${inceptionDims.join(", ")}.`);
  return dims;
}

/** Adds the options of {@link FeatureFlags}. */
export function addFeatureOptions(command: Command): Command {
  const withFeatures = command
    .addOption(
      new Option("--resize <resizer>", "how images are brought to the network's size")
        .choices(resizers)
        .default("clean"),
    )
    .option(
      "--network <name>",
      "inception-fid, inception_v3, tiny (part of this package, no FID), or an ONNX file",
      "inception-fid",
    )
    .addOption(weightsOption())
    .option("--checkpoint <file>", "the network's weights themselves; default: found or downloaded by name")
    .addOption(keyOption())
    .addOption(deviceOption())
    .addOption(
      new Option("--dims <n>", "which of Inception's features fid, kid and pr are of; FID's are 2048")
        .choices(inceptionDims.map(String))
        .argParser((text) => dimsOf(text)),
    )
    .option("--batch <n>", "images that the network takes at once", wholeNumber(1), 4)
    .option("--cache <folder>", "where features are kept, so that interrupted work goes on")
    .option("--no-cache", "keep no features");
  return addPixelOptions(withFeatures)
    .option("--json", "print one JSON object instead of a table")
    .option("--no-progress", "no progress bar");
}

/** The options of the API that these flags stand for; a device that cannot be used is said, and is the CPU. */
export async function featureOptions(flags: FeatureFlags, terminal: Terminal) {
  useWeightsFolder(flags.weights);
  const { resize: resizer, network, checkpoint, key, dims, batch, cache } = flags;
  const store = cache === true ? undefined : cache;
  const device = await usableDevice(flags.device, terminal);
  return { resizer, network, weights: checkpoint, key, dims, device, batch, cache: store, ...pixelOptions(flags) };
}

/** A progress bar for each side, with images per second and the remaining time. */
export function sideProgress(terminal: Terminal, wanted: boolean) {
  let bar: Progress | undefined;
  let current: string | undefined;
  return {
    onProgress({ side, total }: DistributionProgress) {
      if (side !== current) {
        bar?.stop();
        bar = progressBar(total, side === "output" ? "outputs" : "reals", terminal.stderr, wanted, "images");
        current = side;
      }
      bar?.step();
    },
    stop: () => bar?.stop(),
  };
}

/** Warnings and images that could not be read, on stderr. */
export function tellProblems(
  terminal: Terminal,
  sets: readonly (SetReport | undefined)[],
  warnings: readonly string[],
): void {
  const { yellow, red } = coloursFor(terminal.stderr, terminal.env);
  const tell = (label: string, text: string) => void terminal.stderr.write(`${label} ${printable(text)}\n`);
  const failures = sets.flatMap((set) => set?.unreadable ?? []);
  for (const { name, reason } of failures.slice(0, failuresShown)) tell(red("failed:"), `${name}: ${reason}`);
  if (failures.length > failuresShown)
    tell(red("failed:"), `${failures.length - failuresShown} more; --json lists all`);
  for (const warning of warnings) tell(yellow("warning:"), warning);
  tellPassedOver(
    terminal,
    sets.flatMap((set) => (set ? [[set.path, set.passedOver] as const] : [])),
  );
}

/** `reconloss distribution`; `finish` receives the exit code. */
export function distributionCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const command = new Command("distribution")
    .description(
      "compare a set of outputs with a set of real images: FID, sFID, Inception Score, KID, precision and recall",
    )
    .argument("<outputs>", "a folder of images, or an .npz file of samples, of statistics, or of both")
    .argument("[reals]", "the same; not needed for the Inception Score alone")
    .option(
      "-m, --metrics <list>",
      `of ${metricNames.join(", ")}, separated by commas (default: fid; of network tiny: frechet)`,
    );
  return addFeatureOptions(command)
    .option("--allow-mismatch", "only warn of statistics that were made with another network or resizer")
    .option("--report <file.html>", "write a page to look at: nearest and farthest images, spectra")
    .addOption(
      new Option("--is-preset <name>", "whose Inception Score")
        .choices(["torch-fidelity", "adm", "ignite"])
        .default("torch-fidelity"),
    )
    .option("--is-splits <n>", "splits of the Inception Score; default: the preset's", wholeNumber(1))
    .option("--kid-subsets <n>", "subsets of the kernel distance", wholeNumber(1), 100)
    .option("--kid-subset-size <n>", "images in each of them", wholeNumber(2), 1000)
    .option("--neighbours <k>", "of precision and recall", wholeNumber(1), 3)
    .option("--seed <n>", "of shuffling and subsets, as numpy's RandomState", wholeNumber(0), 2020)
    .addHelpText(
      "after",
      `
Examples:
  reconloss distribution outputs/ reals/
  reconloss distribution outputs/ reals/ -m fid,sfid,is,kid,pr --json
  reconloss distribution samples.npz VIRTUAL_imagenet256_labeled.npz -m fid,sfid --resize legacy-tensorflow
  reconloss distribution a.npz b.npz                           (statistics, made before)
  reconloss distribution outputs/ reals/ --dims 64
  reconloss distribution outputs/ reals/ --network tiny        (no download)
  reconloss distribution outputs/ reals/ --network features.onnx

Features are kept on disk: the same command goes on where it was interrupted. Of a file with statistics and images, fid and sfid
are of the statistics, all else of the images.
Exit codes: 0 all well; 1 an image could not be read, or the numbers make no distance; 2 wrong usage; 3 the machine lacks something: weights,
room on the disk, a permission.`,
    )
    .action(async (outputs: string, reals: string | undefined, flags: Flags) => {
      await noteNewFolder(flags.report, terminal);
      const features = await featureOptions(flags, terminal);
      const progress = sideProgress(terminal, flags.progress);
      const report = await evaluateDistribution(outputs, reals, {
        ...features,
        metrics: flags.metrics?.split(",").map((name) => name.trim() as MetricName),
        inceptionScore: { preset: flags.isPreset, splits: flags.isSplits, seed: flags.seed },
        kernelDistance: { subsets: flags.kidSubsets, subsetSize: flags.kidSubsetSize, seed: flags.seed },
        precisionRecall: { neighbours: flags.neighbours },
        allowMismatch: flags.allowMismatch,
        details: flags.report !== undefined,
        onProgress: progress.onProgress,
      }).finally(progress.stop);
      // Printed before the page is written: a folder that cannot be written must not cost the numbers.
      terminal.stdout.write(`${flags.json ? JSON.stringify(report, undefined, 2) : table(report, terminal)}\n`);
      tellProblems(terminal, [report.outputs, report.reals], report.warnings);
      if (flags.report !== undefined) await writeSetReport(flags.report, report, pixelOptions(flags));
      const failed = report.outputs.unreadable.length + (report.reals?.unreadable.length ?? 0);
      finish(failed > 0 ? 1 : 0);
    });
}

/** A row for each number, with what it is made of; below, the protocol. */
function table({ results, protocol, outputs, reals }: DistributionReport, { stdout, env }: Terminal): string {
  const rows = Object.values(results).flatMap(rowsOf);
  const count = ({ images }: SetReport) => images ?? "unknown";
  const decoded = Object.entries({ outputs, reals }).flatMap(([side, set]) =>
    set?.decode ? [`${side} decode ${set.decode}`] : [],
  );
  const ofStatistics = [outputs, reals].flatMap((set) =>
    set?.fromStatistics ? [`${set.fromStatistics.join(", ")} of the statistics in ${set.path}`] : [],
  );
  const facts = [
    `outputs ${count(outputs)}${reals ? `, reals ${count(reals)}` : ""} images`,
    ...decoded,
    ...ofStatistics,
    ...Object.entries(protocol).map(([key, value]) => `${key} ${value}`),
  ];
  return `${plainTable([["", "", ""], ...rows], [], [0, 2], widthOf(stdout, env))}\n\n${facts.join("; ")}`.trimStart();
}

function rowsOf(result: MetricResult): string[][] {
  const digits = (value: number) => value.toPrecision(7);
  if ("recall" in result) {
    const { precision, recall } = result as MetricResult & { precision: number; recall: number };
    const detail = `k = ${result.protocol.neighbours}`;
    // `pr(dims=64)` says of which features both are.
    const features = result.metric.slice("pr".length);
    return [
      [`precision${features} ↑`, digits(precision), detail],
      [`recall${features} ↑`, digits(recall), detail],
    ];
  }
  const details = [
    spreadOf(result),
    ...(["preset", "splits", "subsets", "subsetSize", "seed"] as const)
      .filter((key) => result.protocol[key] !== undefined)
      .map((key) => `${key} ${result.protocol[key]}`),
  ];
  const arrow = result.metric === "is" ? "↑" : "↓";
  return [[`${result.metric} ${arrow}`, digits(result.value), details.filter((detail) => detail !== "").join(", ")]];
}

/** How far the number would be another one with other subsets or splits, or why that is not known. */
function spreadOf(result: MetricResult): string {
  if ("std" in result) return `± ${(result as MetricResult & { std: number }).std.toPrecision(3)}`;
  return result.protocol.subsets === undefined ? "" : "no ±: every subset is the whole set";
}
