import { once } from "node:events";
import { basename, resolve } from "node:path";
import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { checkPixelRange, counted } from "@reconloss/core/internal";
import { Command, Option } from "commander";
import { modelOptionsUnder, totalInWords } from "../compare/apply-protocol.ts";
import {
  type Comparison,
  checkConditions,
  comparePairs,
  type Failure,
  findProtocol,
  type ModelMetricOptions,
  mapStatisticsOf,
  type Outcome,
  openModelMetric,
  parseConditions,
  protocols,
  toJson,
  unpairedFailures,
  type Verdict,
} from "../compare/index.ts";
import { defaultMetrics, measuresFor } from "../compare/measures.ts";
import { type ModelMetricText, modelMetricOptions, parseModelMetric } from "../compare/model-metric.ts";
import { csvPieces, jsonLines, jsonPieces } from "../compare/serialise.ts";
import { type NoteGroup, Outcomes, pairCount, summaryOf } from "../compare/summary.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { writePiecesAtomically } from "../files.ts";
import { type PixelOptions, pairPaths } from "../image/index.ts";
import { type LostMap, type MapFile, writeMapScales, writeMaps, writeReport } from "../report/index.ts";
import { deviceOption, type NetworkOptions, prepareNetworks, weightsOption } from "./networks.ts";
import { noteNewFolder } from "./new-folder.ts";
import { tellPassedOver } from "./passed-over.ts";
import { addPixelOptions, alphaOption, type PixelFlags, pixelOptions } from "./pixel-options.ts";
import { loadPlugins, type PluginOptions, pluginOption } from "./plugins.ts";
import { progressBar } from "./progress.ts";
import { listOption, RepeatableOption } from "./repeated.ts";
import { comparisonTable } from "./table.ts";
import { coloursFor, printable, type Terminal, widthOf } from "./terminal.ts";

/** Rows of a table on a terminal, and failures that are told one by one. */
const rowsShown = 40;
const failuresShown = 20;

/** What `compare` and a plan of it have in common: what is computed. */
export interface MeasureFlags extends NetworkOptions, PluginOptions, PixelFlags {
  metrics?: string;
  protocol?: string;
  metricModel?: readonly ModelMetricText[];
  fail?: string;
}

/** Where the numbers of pairs go. */
export interface ComparisonFlags {
  json?: boolean;
  csv?: string;
  jsonl?: string;
  report?: string;
}

interface Options extends MeasureFlags, ComparisonFlags {
  maps?: string;
  progress: boolean;
}

/** `reconloss compare`; `finish` receives the exit code. */
export function compareCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const command = new Command("compare").description("compare output images with their targets");
  return addComparisonOptions(addMeasureOptions(command))
    .option("--maps <folder>", "write each error map as a false-colour PNG")
    .option("--no-progress", "no progress bar")
    .addHelpText(
      "after",
      `
Protocols, of which reconloss protocols tells more:
${protocols.map(({ name, title }) => `  ${name.padEnd(12)}${title}`).join("\n")}
A metric of -m that is called as one of the protocol takes its place, others come beside it; the output says so.

Examples:
  reconloss compare output.png target.png
  reconloss compare outputs/ targets/ --report report.html
  reconloss compare outputs/ targets/ -m "psnr(channels=y-bt601,crop=4), ssim(channels=y-bt601,crop=4)"
  reconloss compare outputs/ targets/ --protocol sr-x4
  reconloss compare outputs/ targets/ --json --fail "psnr<30, ssim<0.9"
  reconloss compare outputs/ targets/ -m psnr --metric-model "mine=mine.onnx,better=lower" --fail "mine>0.2"
  reconloss compare outputs/ targets/ --fail "min(psnr)<25, p5(ssim)<0.9, any(deltaE.max>10)"

Conditions: psnr<30 is about the mean over pairs; mean, median, min, max, std and percentiles (p5) are written around the metric; any(...) is
about each pair. metric.max, metric.p99 are of the metric's map within an image; total<3 is about a protocol's total. A metric is named as it was typed, or by its name alone where
only one has it. Infinite numbers (psnr of identical images) are in no mean and hide nothing; a number that is missing fails.

Exit codes: 0 all well; 1 a pair failed, an image has no partner, or a --fail condition holds; 2 wrong usage;
3 the machine lacks something: weights, room on the disk, a permission.
"reconloss losses" tells which losses there are and what options they take.`,
    )
    .action(async (outputs: string, targets: string, options: Options) => {
      finish(await compare(outputs, targets, options, terminal));
    });
}

/** Adds the arguments and options of {@link MeasureFlags}. */
export function addMeasureOptions(command: Command): Command {
  const withPairs = command
    .argument("<outputs>", "an image, or a folder of images")
    .argument("<targets>", "the target, or a folder with the targets under the same names")
    .addOption(
      listOption("-m, --metrics <list>", "losses with their options, separated by commas; repeatable").default(
        undefined,
        defaultMetrics,
      ),
    )
    .addOption(
      new Option(
        "--protocol <name>",
        `how others judge such outputs, metrics and pixels: ${protocols.map(({ name }) => name).join(", ")}`,
      ).argParser((name: string) => findProtocol(name).name),
    )
    .addOption(
      new RepeatableOption(
        "--metric-model <name=file.onnx,...>",
        `a metric that an ONNX file computes of output and target, or of the output alone; better=lower or better=higher must follow; options: ${modelMetricOptions.join(", ")}; repeatable`,
      ).argParser((text: string, before: readonly ModelMetricText[] = []) => [...before, parseModelMetric(text)]),
    )
    .addOption(
      listOption(
        "--fail <conditions>",
        "exit with 1 if one holds, or a pair lacks its number: psnr<30,any(ssim<0.8); repeatable",
      ),
    );
  return addPixelOptions(withPairs, alphaOption({ compares: true }))
    .addOption(pluginOption())
    .addOption(weightsOption())
    .addOption(deviceOption());
}

/** Adds the options of {@link ComparisonFlags}. */
export function addComparisonOptions(command: Command): Command {
  return command
    .option("--json", "print one JSON object instead of a table")
    .option("--csv <file>", "write a table of all pairs")
    .option("--jsonl <file>", "write a line of JSON for each pair")
    .option("--report <file.html>", "write a page to look at: images, error maps, distributions");
}

/** What these flags stand for, with the weights that it takes on this machine. */
export async function measuresOf(flags: MeasureFlags, terminal: Terminal) {
  const said = pixelOptions(flags);
  const { losses: plugins } = await loadPlugins(flags);
  const own = await openModels(flags, plugins);
  const { protocol } = flags;
  const metrics = flags.metrics ?? (protocol === undefined ? defaultMetrics : undefined);
  const asked = { metrics: flags.metrics, protocol, models: own, plugins, pixels: said };
  const { losses, pixels, applied, optional: mayLack } = measuresFor(asked);
  checkPixelRange(losses, "files");
  const conditions = flags.fail === undefined ? undefined : parseConditions(flags.fail, losses, plugins, applied);
  const optional = new Set(mayLack);
  for (const { label } of conditions ?? []) optional.delete(label);
  const device = await prepareNetworks(losses, flags, terminal, own.length > 0);
  return { pixels, metrics, applied, losses, conditions, optional, device };
}

async function compare(outputs: string, targets: string, options: Options, terminal: Terminal): Promise<number> {
  const { pixels, applied, losses, conditions, optional, device } = await measuresOf(options, terminal);
  for (const path of [options.csv, options.jsonl, options.report, options.maps]) await noteNewFolder(path, terminal);
  const { pairs, unpaired, passedOver } = await pairPaths(outputs, targets);

  const progress = progressBar(pairs.length, "comparing", terminal.stderr, options.progress);
  const { maps: folder } = options;
  const mapStatistics = mapStatisticsOf(conditions ?? []);
  const compareOptions = { ...pixels, maps: folder !== undefined, optional, mapStatistics, device };
  const outcomes: Outcome[] = [];
  const mapFiles: MapFile[] = [];
  const lostMaps: LostMap[] = [];
  try {
    for await (const outcome of comparePairs(pairs, losses, compareOptions)) {
      if (folder !== undefined && outcome.result) {
        const { files, lost } = await writeMaps(folder, outcome.result.name, losses, outcome.maps);
        mapFiles.push(...files);
        lostMaps.push(...lost);
      }
      outcomes.push({ ...outcome, maps: {} });
      progress.step();
    }
  } finally {
    progress.stop();
  }
  const all = new Outcomes(losses);
  for (const outcome of outcomes) all.add(outcome);
  const comparison: Comparison = {
    ...summaryOf(losses, all, unpairedFailures(unpaired), optional, applied),
    ...(passedOver === undefined ? {} : { passedOver }),
  };
  const verdicts = conditions && checkConditions(conditions, comparison);
  const lost = lostMaps.slice(0, 1).map(({ error }) => {
    const missing = counted(lostMaps.length, "error map is", "error maps are");
    return new ReconlossError("file", `${missing} missing: ${error.message}`, { cause: error.cause });
  });
  const writeScales = async () => {
    if (folder !== undefined) await writeMapScales(folder, mapFiles);
  };
  return tellComparison(
    {
      ...{ outputs, targets, comparison, verdicts, pixels, lost },
      noteGroups: all.groups,
      async *outcomes() {
        yield* outcomes;
      },
      more: [writeScales],
    },
    options,
    terminal,
  );
}

/** What came of two inputs. */
interface Told {
  readonly outputs: string;
  readonly targets: string;
  readonly comparison: Comparison;
  readonly verdicts?: readonly Verdict[];
  readonly pixels: PixelOptions;
  readonly noteGroups: readonly NoteGroup[];
  /** All pairs, each time it is called. */
  outcomes(): AsyncIterable<Outcome>;
  /** What could not be written so far. */
  readonly lost?: readonly ReconlossError[];
  /** What else is to be written. */
  readonly more?: readonly (() => Promise<void>)[];
}

/** Prints the numbers, writes the files that are wanted, and returns the exit code. */
export async function tellComparison(
  { outputs, targets, comparison, verdicts, pixels, noteGroups, outcomes, lost: before = [], more = [] }: Told,
  options: ComparisonFlags,
  terminal: Terminal,
): Promise<number> {
  const { passedOver } = comparison;
  // Printed before files are written: a folder that cannot be written must not cost the numbers.
  await print({ comparison, verdicts, noteGroups, outcomes }, options, terminal);
  tellPassedOver(terminal, [
    [outputs, passedOver?.output],
    [targets, passedOver?.target],
  ]);
  const lost = [...before];
  // Each by itself: a report that cannot be written must not cost the CSV file.
  const attempt = async (write: () => Promise<void>) => {
    await write().catch((error) => {
      if (!(error instanceof ReconlossError)) throw error;
      lost.push(error);
    });
  };
  const { csv, jsonl, report } = options;
  const write = (path: string, pieces: AsyncIterable<string>) =>
    attempt(() =>
      writePiecesAtomically(path, async (file) => {
        for await (const some of joined(pieces)) await file.appendFile(some);
      }),
    );
  if (csv !== undefined) await write(csv, csvPieces(comparison, outcomes()));
  if (jsonl !== undefined) await write(jsonl, jsonLines(comparison, outcomes()));
  for (const last of more) await attempt(last);
  if (report !== undefined) {
    const title = `${printable(basename(resolve(outputs)))} against ${printable(basename(resolve(targets)))}`;
    await attempt(() => writeReport(report, comparison, { title, ...pixels }));
  }

  const held = (verdicts ?? []).filter(({ holds }) => holds);
  for (const verdict of held) tell(terminal, "red", "fail:", reasonFor(verdict));
  for (const { message } of lost) tell(terminal, "red", "error:", message);
  if (comparison.failed.length > 0 || held.length > 0) return exitCodes.failed;
  return Math.max(exitCodes.ok, ...lost.map(exitCodeOf));
}

/** The metrics that models of the user's own compute. */
async function openModels(
  { metricModel: texts = [], protocol }: MeasureFlags,
  plugins: readonly LossFactory[],
): Promise<Loss[]> {
  const opened: Loss[] = [];
  for (const { name, path, options } of texts) {
    if (opened.some((other) => other.name === name)) {
      throw new ReconlossError("invalid-argument", `--metric-model: ${name} is listed twice`);
    }
    const known = modelOptionsUnder(protocol, name, options) as unknown as ModelMetricOptions;
    opened.push(await openModelMetric(name, path, known, plugins));
  }
  return opened;
}

/** Why a condition holds: `min(psnr)<25: it is 8.1`, or the number is missing. */
function reasonFor({ condition: { text, over }, value, of, measured, missing }: Verdict): string {
  const pairs = (count: number) => counted(count, "pair", "pairs");
  if (over === "total" && value === undefined) return `${text}: the total is not given`;
  if (measured === 0) return `${text}: no pair has the number`;
  if (missing > 0) return `${text}: ${missing} of ${pairs(measured + missing)} lack the number`;
  return `${text}: it is ${value}, of ${of < measured ? `${of} of ` : ""}${pairs(measured)}`;
}

async function print(
  { comparison, verdicts, noteGroups, outcomes }: Pick<Told, "comparison" | "verdicts" | "noteGroups" | "outcomes">,
  options: ComparisonFlags,
  terminal: Terminal,
): Promise<void> {
  const { stdout, env } = terminal;
  const count = pairCount(comparison);
  if (options.json) {
    const pieces = comparison.pairsNotHeld
      ? jsonPieces(comparison, verdicts, outcomes)
      : [toJson(comparison, verdicts)];
    for await (const some of joined(pieces)) await writeOut(stdout, some);
    stdout.write("\n");
  } else if (count > 0) {
    const rows = stdout.isTTY ? rowsShown : undefined;
    const layout = { colours: coloursFor(stdout, env), width: widthOf(stdout, env), rows };
    stdout.write(`${comparisonTable(comparison, layout)}\n`);
    printProtocol(comparison, terminal);
  }
  printNotes(noteGroups, count, terminal);
  printFailures(comparison.failed, terminal);
}

/** Letters that are written at once. */
const lettersAtOnce = 2 ** 16;

/** Pieces of text as longer ones. */
async function* joined(pieces: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  let text = "";
  for await (const piece of pieces) {
    text += piece;
    if (text.length < lettersAtOnce) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** Writes to a stream, and waits where it has enough for now. */
async function writeOut(stream: Terminal["stdout"], text: string): Promise<void> {
  if (stream.write(text) === false) await once(stream as unknown as NodeJS.WritableStream, "drain");
}

/** What the numbers were made by, under the table. */
function printProtocol({ protocol }: Comparison, { stdout, env }: Terminal): void {
  if (protocol === undefined) return;
  const { dim, yellow } = coloursFor(stdout, env);
  const { name, summary, source, changed, beside, total } = protocol;
  const line = (label: string, text: string, paint: (text: string) => string = dim) =>
    stdout.write(`${paint(`${label}: ${printable(text)}`)}\n`);
  stdout.write("\n");
  line("protocol", `${name}: ${summary}`);
  line("source", source);
  for (const change of changed) line("changed", change, yellow);
  if (beside.length > 0) line("beside it", beside.join(", "));
  if (total) line(total.name, totalInWords(total), total.value === undefined ? yellow : String);
}

function tell({ stderr, env }: Terminal, colour: "red" | "yellow", label: string, text: string): void {
  stderr.write(`${coloursFor(stderr, env)[colour](label)} ${printable(text)}\n`);
}

/** What is true of many pairs is said once. */
function printNotes(groups: readonly NoteGroup[], pairs: number, terminal: Terminal): void {
  for (const { note, count } of groups) {
    const { kind, name, loss, text } = note;
    const of = pairs === 1 ? "the pair" : `${count} of ${pairs} pairs`;
    const said = kind === "left-out" ? `${loss} is left out of ${of}: ${text} (${name})` : `in ${of}, ${text}`;
    tell(terminal, "yellow", "note:", said);
  }
}

function printFailures(failed: readonly Failure[], terminal: Terminal): void {
  for (const { output, target, error } of failed.slice(0, failuresShown)) {
    tell(terminal, "red", "failed:", `${output ?? target}: ${error}`);
  }
  const left = failed.length - failuresShown;
  if (left > 0) tell(terminal, "red", "failed:", `${left} more; --json and --csv list all`);
}
