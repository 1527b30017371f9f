import { basename, resolve } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { listNames } from "@reconloss/core/internal";
import { Command, Option } from "commander";
import { totalInWords } from "../compare/apply-protocol.ts";
import {
  type Comparison,
  comparePairs,
  mapStatisticsOf,
  type Outcome,
  protocols,
  toJson,
  unpairedFailures,
  type Verdict,
} from "../compare/index.ts";
import type { LoadOptions } from "../compare/load.ts";
import { csvPieces, failureLine, jsonLines, jsonPieces, outcomeLines } from "../compare/serialise.ts";
import { type NoteGroup, Outcomes, pairCount, summaryOf } from "../compare/summary.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Pairing } from "../image/index.ts";
import { judgementOf, type MethodOutputs, toLatex, toMarkdown } from "../judge/index.ts";
import { writeReport } from "../report/index.ts";
import { videoInputs } from "../video/files.ts";
import type { CompareFlags, ComparisonFlags } from "./compare-flags.ts";
import { refuseOthers } from "./compare-kinds.ts";
import { addWorkOptions, comparingBar, finishedPairs } from "./finished.ts";
import { addGateOptions, type Gates, prepareGates, titleOf } from "./gates.ts";
import { printIgnoredFiles } from "./ignored-files.ts";
import { addJsonOption, jsonFile, printsJson } from "./json-option.ts";
import { judgeOutputs } from "./judge.ts";
import { namesExplained } from "./judgement-table.ts";
import { MapsFolder } from "./maps-folder.ts";
import { addMeasureOptions, measuresOf } from "./measures.ts";
import {
  joined,
  printFailures,
  printLostFiles,
  printNotes,
  toFile,
  writeEach,
  writeOut,
  writePieces,
} from "./messages.ts";
import { noteNewFolder } from "./new-folder.ts";
import { wholeNumber } from "./numbers.ts";
import {
  addInspectOption,
  addListOption,
  addPairingOptions,
  inspectOf,
  pairsOf,
  printProposals,
} from "./pairing-options.ts";
import { comparisonTable } from "./table.ts";
import { coloursFor, printable, type Terminal, widthOf } from "./terminal.ts";
import { addVideoOptions, compareAsVideos } from "./video.ts";

/** Rows of a table on a terminal. */
const rowsShown = 40;

/** `reconloss compare`; `finish` receives the exit code. */
export function compareCommand(terminal: Terminal, finish: (code: number) => void): Command {
  const command = new Command("compare")
    .description("compare output images with their targets, for one method or several")
    .usage("[options] <outputs> <targets>\n       reconloss compare [options] <name=outputs...> --targets <targets>")
    .argument(
      "[outputs...]",
      "an image or a folder of images; then its target, or a folder of targets with the same names",
    )
    .option("--targets <targets>", "the target or folder of targets for several methods, each given as name=outputs");
  addInspectOption(addListOption(addPairingOptions(command)));
  addGateOptions(addComparisonOptions(addMeasureOptions(command)))
    .option("--markdown <file>", "write the table of means as Markdown")
    .option("--latex <file>", "write the table of means as LaTeX (booktabs)")
    .option("--no-intervals", "omit intervals from the tables of means")
    .addOption(new Option("--seed <n>", "seed of the bootstrap for the intervals").argParser(wholeNumber(0)).default(0))
    .option("--stream", "print a line of JSON for each pair as soon as it is compared, instead of the table")
    .option("--maps <folder>", "write each error map as a false-colour PNG");
  return addVideoOptions(addWorkOptions(command))
    .addHelpText(
      "after",
      `
Protocols (reconloss protocols gives details):
${protocols.map(({ name, title }) => `  ${name.padEnd(12)}${title}`).join("\n")}
A metric of -m replaces the metric of the protocol with the same name; others are added. The output says so.

Examples:
  reconloss compare output.png target.png
  reconloss compare outputs/ targets/ --report report.html
  reconloss compare outputs/ targets/ -m "psnr(channels=y-bt601,crop=4), ssim(channels=y-bt601,crop=4)"
  reconloss compare outputs/ targets/ --protocol sr-x4
  reconloss compare outputs/ targets/ --json --fail "psnr<30, ssim<0.9"
  reconloss compare outputs/ targets/ -m psnr --metric-model "mine=mine.onnx,better=lower" --fail "mine>0.2"
  reconloss compare outputs/ targets/ --fail "min(psnr)<25, p5(ssim)<0.9, any(deltaE.max>10)"
  reconloss compare outputs/ targets/ --baseline results.json --tolerance "psnr=0.1, any(psnr)=0.5" --junit results.xml
  reconloss compare outputs/ targets/ --pair "{name}_x4.png={name}.png" --exclude "*_mask.png" --fit crop
  reconloss compare "runs/*/best.png" target.png
  reconloss compare --list pairs.csv
  reconloss compare outputs/ targets/ --masks masks/ --ignore 0,0,64,16
  reconloss compare bicubic=out/bic edsr=out/edsr ours=out/ours --targets HR/ -m "psnr(channels=y-bt601,crop=scale) as PSNR-Y, ssim" --scale 2 --latex table.tex
  reconloss compare out/ours Sets/ --fail "group(psnr<30)" --junit results.xml
  reconloss compare before=out/a ours=out/b --targets HR/ --fail "ours:psnr<30" --baseline results.json
  reconloss compare encoded.mp4 original.mp4 -m "psnr,ssim" --fail "p5(psnr)<30, any(ssim<0.8)" --report report.html

Several methods give a table of means over the images for which every method has a value. The best is bold, the second best underlined; † marks a difference from the best
that may be due to chance. Targets in folders (Set5/, Set14/) have their own columns. --csv is then this table. --fail and --baseline apply to each method separately;
ours:psnr<30 applies to one.

Conditions: psnr<30 tests the mean over pairs. For other statistics, write mean, harmonic-mean, median, min, max, std or a percentile (p5) around the metric. any(...) tests
each pair, and group(...) each data set or group of a list. Video frames count as pairs. metric.max and metric.p99 are statistics of the metric's map within an image; total<3
tests a protocol's total. Name a metric as you typed it, or by its bare name if only one metric has it. Infinite values (psnr of identical images) are left out of means;
a missing value fails.

Exit codes: 0 success; 1 a pair failed, an image has no partner, a --fail condition holds, or a value is worse than in the --baseline or missing on either side;
2 wrong usage; 3 the machine lacks something: weights, disk space, a permission.
"reconloss losses" lists all losses and their options.`,
    )
    .action(async (inputs: readonly string[], options: CompareFlags, command: Command) => {
      if (printsJson(options) && options.stream) {
        throw new ReconlossError(
          "invalid-argument",
          "--json and --stream both write to standard output; give --json a file",
        );
      }
      const { list } = options;
      if (list !== undefined) {
        if (inputs.length > 0 || options.targets !== undefined) {
          throw new ReconlossError("invalid-argument", "--list names the outputs and targets; omit them");
        }
        refuseOthers(command, "list");
        return finish(await compareImages(list, list, options, terminal));
      }
      if (options.targets !== undefined) {
        refuseOthers(command, "methods");
        return finish(await judgeOutputs(methodsOf(inputs), options.targets, options, terminal));
      }
      if (inputs.length !== 2) {
        const problem = inputs.length < 2 ? "missing required argument 'targets'" : "too many arguments";
        const form =
          "outputs and their targets (globs in quotes), or --list, or several methods, name=outputs, with --targets";
        throw new ReconlossError("invalid-argument", `${problem}: compare takes ${form}; got ${listNames(inputs)}`);
      }
      const [outputs, targets] = inputs;
      const kind = await videoInputs(outputs, targets, options.frames);
      refuseOthers(command, kind ?? "images");
      finish(
        kind === undefined
          ? await compareImages(outputs, targets, options, terminal)
          : await compareAsVideos(kind, outputs, targets, options, terminal),
      );
    });
}

/** Methods as they were typed: `ours=out/ours`, or outputs alone, which have the name of their folder. */
export function methodsOf(inputs: readonly string[]): MethodOutputs[] {
  return inputs.map((text) => {
    const { name, outputs = text } = /^(?<name>[^=/\\]*)=(?<outputs>.*)$/s.exec(text)?.groups ?? {};
    if (outputs === "") throw new ReconlossError("invalid-argument", `${text}: the path of its outputs is missing`);
    return { name: name ?? basename(resolve(outputs)), outputs };
  });
}

/** Adds the options of {@link ComparisonFlags}. */
export function addComparisonOptions(command: Command): Command {
  return addJsonOption(command)
    .option("--csv <file>", "write a table of all pairs")
    .option("--jsonl <file>", "write a line of JSON for each pair")
    .option(
      "--report <file.html>",
      "write an HTML report with images and error maps; for several methods, side by side",
    );
}

/** Compares images with their targets, or the pairs of a list, and returns the exit code. */
async function compareImages(
  outputs: string,
  targets: string,
  options: CompareFlags,
  terminal: Terminal,
): Promise<number> {
  const { pixels, applied, losses, plugins, conditions, optional, device } = await measuresOf(options, terminal);
  const gates = await prepareGates(options, { losses, plugins, conditions }, terminal);
  const { csv, jsonl, markdown, latex, report, maps: folder, intervals, jobs, junit, summary } = options;
  const by = applied && { name: applied.protocol.name, changed: applied.changed };
  const files = [jsonFile(options), csv, jsonl, markdown, latex, report, folder, junit, summary];
  await noteNewFolder(files, terminal);
  const pairing = await pairsOf({ outputs, targets, list: options.list }, options);
  const { pairs, unpaired, ignoredFiles } = pairing;

  const finished = finishedPairs(options, terminal);
  const progress = comparingBar(pairs.length, finished, options, terminal);
  const mapStatistics = mapStatisticsOf(conditions ?? []);
  const compareOptions = {
    ...pixels,
    maps: folder !== undefined,
    optional,
    mapStatistics,
    device,
    finished,
    jobs,
    ...inspectOf(options),
  };
  const all = new Outcomes(losses);
  const maps = folder === undefined ? undefined : new MapsFolder(folder, losses);
  try {
    for await (const outcome of comparePairs(pairs, losses, compareOptions)) {
      await maps?.add(outcome);
      all.add({ ...outcome, maps: {} });
      if (options.stream) await writeOut(terminal.stdout, outcomeLines(outcome, by));
      progress.step();
    }
  } finally {
    progress.stop();
    await finished?.close();
  }
  const missing = unpairedFailures(unpaired);
  if (options.stream) for (const failure of missing) await writeOut(terminal.stdout, failureLine(failure, by));
  const summarised = {
    ...summaryOf(losses, all, missing, optional, applied),
    ...(ignoredFiles === undefined ? {} : { ignoredFiles }),
  };
  const [{ comparison, verdicts }] = gates.check([{ comparison: summarised }]);
  const method = { name: basename(resolve(outputs)), outputs, comparison };
  const table = () => judgementOf({ methods: [method], targets, losses, applied }, options);
  return printComparison(
    {
      ...{ outputs, targets, comparison, pixels, pairing, lost: maps?.lost, gates },
      verdicts: conditions && verdicts,
      noteGroups: all.groups,
      async *outcomes() {
        yield* all.held ?? [];
      },
      more: [
        ...toFile(markdown, (path) => writePieces(path, [toMarkdown(table(), { intervals })])),
        ...toFile(latex, (path) => writePieces(path, [toLatex(table(), { intervals })])),
        ...(maps === undefined ? [] : [() => maps.writeScales()]),
      ],
    },
    options,
    terminal,
  );
}

/** The results of two inputs. */
interface ComparisonOutput {
  readonly outputs: string;
  readonly targets: string;
  readonly comparison: Comparison;
  readonly verdicts?: readonly Verdict[];
  readonly pixels: LoadOptions;
  readonly pairing?: Pick<Pairing, "proposal">;
  readonly noteGroups: readonly NoteGroup[];
  /** All pairs, each time it is called. */
  outcomes(): AsyncIterable<Outcome>;
  /** The errors of files that could not be written so far. */
  readonly lost?: readonly ReconlossError[];
  /** The gates of a build. */
  readonly gates: Gates;
  /** Other files that are to be written. */
  readonly more?: readonly (() => Promise<unknown>)[];
}

/** Prints the numbers, writes the files that are wanted, and returns the exit code. */
export async function printComparison(
  {
    outputs,
    targets,
    comparison,
    verdicts,
    pixels,
    pairing,
    noteGroups,
    outcomes,
    lost: before = [],
    gates,
    more = [],
  }: ComparisonOutput,
  options: ComparisonFlags,
  terminal: Terminal,
): Promise<number> {
  const { ignoredFiles } = comparison;
  // Printed before files are written: a folder that cannot be written must not cost the numbers.
  await print({ comparison, verdicts, noteGroups, outcomes }, options, terminal);
  printIgnoredFiles(terminal, [
    [outputs, ignoredFiles?.output],
    [targets, ignoredFiles?.target],
  ]);
  printProposals([pairing ?? {}], terminal);
  const { csv, jsonl, report } = options;
  const json = jsonFile(options);
  const title = titleOf(outputs, targets);
  const checked = [{ comparison, verdicts: verdicts ?? [] }];
  const lost = [
    ...before,
    ...(await writeEach([
      ...toFile(json, (path) => writePieces(path, jsonOf({ comparison, verdicts, outcomes }))),
      ...toFile(csv, (path) => writePieces(path, csvPieces(comparison, outcomes()))),
      ...toFile(jsonl, (path) => writePieces(path, jsonLines(comparison, outcomes()))),
      ...more,
      ...gates.files(checked, title),
      ...toFile(report, (path) => writeReport(path, comparison, { title, ...pixels })),
    ])),
  ];

  const fails = gates.printFailures(checked);
  const code = printLostFiles(lost, terminal);
  return comparison.failed.length > 0 || fails ? exitCodes.failed : code;
}

/** The comparison as JSON, in pieces. */
function jsonOf({ comparison, verdicts, outcomes }: Pick<ComparisonOutput, "comparison" | "verdicts" | "outcomes">) {
  return comparison.pairsNotHeld ? jsonPieces(comparison, verdicts, outcomes) : [toJson(comparison, verdicts)];
}

async function print(
  {
    comparison,
    verdicts,
    noteGroups,
    outcomes,
  }: Pick<ComparisonOutput, "comparison" | "verdicts" | "noteGroups" | "outcomes">,
  options: ComparisonFlags,
  terminal: Terminal,
): Promise<void> {
  const { stdout, env } = terminal;
  const count = pairCount(comparison);
  if (printsJson(options)) {
    const pieces = jsonOf({ comparison, verdicts, outcomes });
    for await (const some of joined(pieces)) await writeOut(stdout, some);
    stdout.write("\n");
  } else if (count > 0 && !options.stream) {
    const rows = stdout.isTTY ? rowsShown : undefined;
    const layout = { colours: coloursFor(stdout, env), width: widthOf(stdout, env), rows };
    stdout.write(`${comparisonTable(comparison, layout)}\n`);
    for (const line of namesExplained(comparison.losses)) {
      stdout.write(`${coloursFor(stdout, env).dim(printable(line))}\n`);
    }
    printProtocol(comparison, terminal);
  }
  printNotes(noteGroups, count, terminal);
  printFailures(comparison.failed, terminal);
}

/** Prints the protocol that the numbers were made by, under the table. */
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
