import type { Device } from "@reconloss/core";
import { knownMetrics } from "@reconloss/core/internal";
import type { MetricFactory, SetResult } from "@reconloss/core/metrics";
import { type Resizer, resizers } from "@reconloss/core/pixels";
import { Command, InvalidArgumentError, Option } from "commander";
import { arrowOf } from "../compare/index.ts";
import { countOf } from "../distribution/evaluate.ts";
import {
  type DistributionOptions,
  type DistributionProgress,
  type DistributionReport,
  evaluateDistribution,
  type FeatureOptions,
  inceptionDims,
  type SetReport,
} from "../distribution/index.ts";
import { parsePatches, patchSchema } from "../distribution/patches.ts";
import { withoutSecrets } from "../http.ts";
import { networkSchema, parseNetworkInput } from "../onnx/options.ts";
import { networkPresets } from "../onnx/presets.ts";
import { writeSetReport } from "../report/index.ts";
import { printIgnoredFiles } from "./ignored-files.ts";
import { addMetricOptions, requestedMetrics } from "./metric-options.ts";
import { deviceOption, keyOption, usableDevice, useWeightsFolder, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { wholeNumber } from "./numbers.ts";
import { addPixelOptions, type PixelFlags, pixelOptions } from "./pixel-options.ts";
import { pluginOption } from "./plugins.ts";
import { type Progress, progressBar } from "./progress.ts";
import { plainTable } from "./table.ts";
import { coloursFor, jsonText, printable, type Terminal, widthOf } from "./terminal.ts";

/** Failures that are told one by one. */
const failuresShown = 20;

/** Flags of the extraction of features. */
export interface NetworkFlags extends PixelFlags {
  resize?: Resizer;
  input?: ReturnType<typeof parseNetworkInput>;
  network?: string;
  weights?: string;
  checkpoint?: string;
  key?: string;
  dims?: FeatureOptions["dims"];
  patches?: ReturnType<typeof parsePatches>;
  device: Device;
}

/** Flags that `distribution` and `stats` share: the extraction of features, and the resources of this machine for it. */
export interface FeatureFlags extends NetworkFlags {
  batch: number;
  cache: string | boolean;
  limitDownload?: number;
  progress: boolean;
  json?: boolean;
}

/** Files of classes. */
export interface LabelFlags {
  outputLabels?: string;
  realLabels?: string;
}

/** Flags that `distribution` and `shards plan distribution` share. */
export interface DistributionFlags extends NetworkFlags, LabelFlags {
  metrics?: string;
  allowMismatch?: boolean;
}

interface Flags extends DistributionFlags, FeatureFlags {
  report?: string;
}

/** `--dims` as the number it is. */
function dimsOf(text: string): FeatureOptions["dims"] {
  const dims = inceptionDims.find((known) => String(known) === text);
  if (dims === undefined) throw new InvalidArgumentError(`Allowed choices are ${inceptionDims.join(", ")}.`);
  return dims;
}

/** Adds the options of {@link NetworkFlags}. */
export function addNetworkOptions(command: Command): Command {
  const withNetwork = command
    .addOption(
      new Option("--resize <resizer>", "how images are resized to the network's input size")
        .choices(resizers)
        .default(undefined, "the network's own, else clean"),
    )
    .option(
      "--network <name>",
      `inception-fid, inception_v3, tiny (part of this package), ${Object.keys(networkPresets).join(", ")} (with --checkpoint), or an ONNX file (default: inception-fid)`,
    )
    .option(
      "--input <options>",
      `input and output of an ONNX file, as "mean=0.5,std=0.5,size=224"; options: ${Object.keys(networkSchema).join(", ")}`,
      parseNetworkInput,
    )
    .addOption(weightsOption())
    .option(
      "--checkpoint <file>",
      "a file with the network's weights (for dinov2 and clip, an ONNX file); default: found or downloaded by name",
    )
    .addOption(keyOption())
    .addOption(deviceOption())
    .addOption(
      new Option("--dims <n>", "number of Inception features, for all metrics except sfid and is; FID uses 2048")
        .choices(inceptionDims.map(String))
        .argParser((text) => dimsOf(text)),
    )
    .option(
      "--patches <options>",
      `compute metrics on patches of this size: 256, as FID/256 of HiFiC, or "256,places=grid"; options: ${Object.keys(patchSchema).join(", ")}`,
      parsePatches,
    );
  return addPixelOptions(withNetwork);
}

/** `--batch`. */
export function batchOption(): Option {
  return new Option("--batch <n>", "batch size of the network").argParser(wholeNumber(1)).default(4);
}

/** `--limit-download`. */
export function limitDownloadOption(): Option {
  return new Option(
    "--limit-download <bytes>",
    "largest file to download from a server without range requests; default: 1 GiB",
  ).argParser(wholeNumber(0));
}

/** Adds the options of {@link FeatureFlags}. */
export function addFeatureOptions(command: Command): Command {
  return addNetworkOptions(command)
    .addOption(batchOption())
    .option("--cache <folder>", "where to cache features, so that interrupted work can resume")
    .option("--no-cache", "do not cache features")
    .addOption(limitDownloadOption())
    .option("--json", "print one JSON object instead of a table")
    .option("--no-progress", "no progress bar");
}

/** The options of the API that these flags stand for; a device that cannot be used is said, and is the CPU. */
export async function networkOptions(flags: NetworkFlags, terminal: Terminal) {
  useWeightsFolder(flags.weights);
  const { resize: resizer, network, input: onnx, checkpoint, key, dims, patches } = flags;
  const device = await usableDevice(flags.device, terminal);
  return { resizer, network, onnx, weights: checkpoint, key, dims, patches, device, ...pixelOptions(flags) };
}

/** The same for {@link FeatureFlags}. */
export async function featureOptions(flags: FeatureFlags, terminal: Terminal) {
  const { batch, cache, limitDownload } = flags;
  return {
    ...(await networkOptions(flags, terminal)),
    batch,
    cache: cache === true ? undefined : cache,
    limitDownload,
  };
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
export function printProblems(
  terminal: Terminal,
  sets: readonly (SetReport | undefined)[],
  warnings: readonly string[],
): void {
  const { yellow, red } = coloursFor(terminal.stderr, terminal.env);
  const printMessage = (label: string, text: string) => void terminal.stderr.write(`${label} ${printable(text)}\n`);
  const failures = sets.flatMap((set) => set?.unreadable ?? []);
  for (const { name, reason } of failures.slice(0, failuresShown)) printMessage(red("failed:"), `${name}: ${reason}`);
  if (failures.length > failuresShown)
    printMessage(red("failed:"), `${failures.length - failuresShown} more; --json lists all`);
  for (const warning of warnings) printMessage(yellow("warning:"), warning);
  printIgnoredFiles(
    terminal,
    sets.flatMap((set) => (set ? [[set.path, set.ignoredFiles] as const] : [])),
  );
}

/** The kinds of inputs that `distribution` and `stats` take as a set of images. */
export const setsHelp = `
Sets of images:
  images/                        a folder with its subfolders
  list.txt, list.jsonl           one path or address per line ({"path": ..., "label": ...}), relative to the list
  shard-{000..199}.tar           tar shards, as webdataset and img2dataset write them; also .zip and .parquet (with package hyparquet)
  samples.npy, samples.npz       8-bit samples [n, h, w, 3] (in .npz, arr_0)
  a.tar::b.zip                   several sets; all except folders may be http or https addresses, read in parts as needed`;

/** `reconloss distribution`; `finish` receives the exit code, `more` are metrics of the user's own. */
export function distributionCommand(
  terminal: Terminal,
  finish: (code: number) => void,
  more: readonly MetricFactory[] = [],
): Command {
  const factories = knownMetrics(more);
  const command = new Command("distribution").description(
    "compare a set of outputs with a set of real images by network features",
  );
  return addFeatureOptions(addDistributionOptions(command, factories))
    .option("--report <file.html>", "write an HTML report: nearest and farthest images, spectra")
    .addHelpText(
      "after",
      `${setsHelp}

Examples:
  reconloss distribution outputs/ reals/
  reconloss distribution outputs/ reals/ -m fid,sfid,is,kid,pr --json
  reconloss distribution outputs/ reals/ -m "kid(kernel=rbf,sigma=5),pr(neighbours=5)"
  reconloss distribution samples.npz VIRTUAL_imagenet256_labeled.npz -m fid,sfid --resize legacy-tensorflow
  reconloss distribution a.npz b.npz                           (statistics computed before)
  reconloss distribution "out-{00..15}.tar" https://example.org/reals.zip
  reconloss distribution outputs/ reals/ --dims 64
  reconloss distribution outputs/ reals/ --patches 256         (for large images: FID/256)
  reconloss distribution outputs/ reals/ --network tiny        (no download)
  reconloss distribution outputs/ reals/ --network features.onnx

Features are cached on disk, so the same command resumes where it was interrupted. For a file with statistics and images, fid and sfid
use the statistics, and all other metrics the images.
Exit codes: 0 success; 1 an image could not be read, or no distance could be computed; 2 wrong usage; 3 the machine lacks something: weights,
disk space, a permission.`,
    )
    .action(async (outputs: string, reals: string | undefined, flags: Flags) => {
      const metrics = requestedMetrics({ ...flags }, factories);
      await noteNewFolder(flags.report, terminal);
      const features = await featureOptions(flags, terminal);
      const progress = sideProgress(terminal, flags.progress);
      const report = await evaluateDistribution(outputs, reals, {
        ...features,
        metrics,
        labels: labelFiles(flags),
        allowMismatch: flags.allowMismatch,
        details: flags.report !== undefined,
        onProgress: progress.onProgress,
      }).finally(progress.stop);
      finish(await printDistribution(report, flags, { ...pixelOptions(flags), outputs, reals }, terminal));
    });
}

/** Adds the arguments and options of {@link DistributionFlags} but those of the network. */
export function addDistributionOptions(command: Command, factories: readonly MetricFactory[]): Command {
  const withSides = command
    .argument("<outputs>", "a set of images, or an .npz file of statistics, or both (see below)")
    .argument("[reals]", "the set of real images, in the same form; not needed for metrics of the outputs alone");
  return addMetricOptions(withSides, factories)
    .option("--output-labels <file.csv>", "the outputs' classes, one row per image: name,class (default: subfolders)")
    .option("--real-labels <file.csv>", "the classes of the real images")
    .option("--allow-mismatch", "only warn about statistics computed with another network or resizer")
    .addOption(pluginOption());
}

/** The files of both sides' classes, where classes come from files. */
export function labelFiles({ outputLabels, realLabels }: LabelFlags): DistributionOptions["labels"] {
  return outputLabels === undefined && realLabels === undefined
    ? undefined
    : { output: outputLabels, real: realLabels };
}

/** Prints the numbers, tells what is wrong, writes the page where one is wanted, and returns the exit code. */
export async function printDistribution(
  report: DistributionReport,
  { json, report: page }: { json?: boolean; report?: string },
  images: NonNullable<Parameters<typeof writeSetReport>[2]>,
  terminal: Terminal,
): Promise<number> {
  // Printed before the page is written: a folder that cannot be written must not cost the numbers.
  terminal.stdout.write(`${json ? jsonText(report, 2) : table(report, terminal)}\n`);
  printProblems(terminal, [report.outputs, report.reals], report.warnings);
  if (page !== undefined) await writeSetReport(page, report, images);
  const failed = report.outputs.unreadable.length + (report.reals?.unreadable.length ?? 0);
  return failed > 0 ? 1 : 0;
}

/** A row for each number, with what it is made of; below, the protocol. */
function table({ results, protocol, outputs, reals }: DistributionReport, { stdout, env }: Terminal): string {
  const rows = Object.values(results).flatMap(rowsOf);
  const decoded = Object.entries({ outputs, reals }).flatMap(([side, set]) =>
    set?.decode ? [`${side} decode ${set.decode}`] : [],
  );
  const ofStatistics = [outputs, reals].flatMap((set) =>
    set?.fromStatistics ? [`${set.fromStatistics.join(", ")} from the statistics in ${withoutSecrets(set.path)}`] : [],
  );
  const facts = [
    // What both are is said once.
    reals
      ? `outputs ${countOf(outputs).replace(/(?<=\d) images?$/, "")}, reals ${countOf(reals)}`
      : `outputs ${countOf(outputs)}`,
    ...decoded,
    ...ofStatistics,
    ...Object.entries(protocol).map(([key, value]) => `${key} ${value}`),
  ];
  return `${plainTable([["", "", ""], ...rows], [], [0, 2], widthOf(stdout, env))}\n\n${facts.join("; ")}`.trimStart();
}

function rowsOf({ numbers, detail }: SetResult): string[][] {
  return numbers.map(({ name, value, better }) => [`${name} ${arrowOf(better)}`, value.toPrecision(7), detail]);
}
