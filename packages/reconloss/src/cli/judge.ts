import { basename, join, resolve } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { mapStatisticsOf, type Verdict } from "../compare/index.ts";
import { failureLine, outcomeLines } from "../compare/serialise.ts";
import { Outcomes } from "../compare/summary.ts";
import { exitCodes } from "../exit-codes.ts";
import {
  type JudgedMethod,
  type Judgement,
  judgementOf,
  judgementToCsv,
  judgementToJson,
  type MethodOutputs,
  toLatex,
  toMarkdown,
} from "../judge/index.ts";
import { compareMethods, type MethodsOptions } from "../judge/judge.ts";
import { checkMethods } from "../judge/judgement.ts";
import { writeMethodsReport } from "../report/index.ts";
import type { CompareFlags } from "./compare-flags.ts";
import { comparingBar, finishedPairs, type WorkFlags } from "./finished.ts";
import { prepareGates } from "./gates.ts";
import { printIgnoredFiles } from "./ignored-files.ts";
import { jsonFile, printsJson } from "./json-option.ts";
import { judgementText } from "./judgement-table.ts";
import { MapsFolder } from "./maps-folder.ts";
import { type CliMeasures, measuresOf } from "./measures.ts";
import { printFailures, printLostFiles, printNotes, toFile, writeEach, writeOut, writePieces } from "./messages.ts";
import { noteNewFolder } from "./new-folder.ts";
import { inspectOf, type PairingFlags, pairingOf, printProposals } from "./pairing-options.ts";
import type { Progress } from "./progress.ts";
import { coloursFor, printable, type Terminal, widthOf } from "./terminal.ts";

/** The folder of a method's error maps. */
function mapsFolderOf(folder: string, name: string): string {
  if (!/^\.*$/.test(name) && !/[/\\]/.test(name)) return join(folder, name);
  throw new ReconlossError(
    "invalid-argument",
    `--maps makes a folder for each method, but no folder can be named ${name}`,
  );
}

/** The comparisons of several methods, with how far they are, and with the pairs that were finished before. */
export async function compareOutputs(
  methods: readonly MethodOutputs[],
  targets: string,
  measures: CliMeasures,
  flags: WorkFlags & PairingFlags,
  terminal: Terminal,
  options: Pick<MethodsOptions, "maps" | "mapStatistics" | "inspect" | "only" | "onOutcome">,
): Promise<JudgedMethod[]> {
  const pairing = await pairingOf(flags);
  const finished = finishedPairs(flags, terminal);
  let progress: Progress | undefined;
  return compareMethods(methods, targets, measures, {
    ...options,
    ...{ device: measures.device, finished, jobs: flags.jobs, pairing },
    onPairs: (total) => {
      progress = comparingBar(total, finished, flags, terminal);
    },
    onOutcome: async (method, outcome) => {
      await options.onOutcome?.(method, outcome);
      progress?.step();
    },
  }).finally(async () => {
    progress?.stop();
    await finished?.close();
  });
}

/** `reconloss compare a=... b=... --targets ...`. */
export async function judgeOutputs(
  methods: readonly MethodOutputs[],
  targets: string,
  options: CompareFlags,
  terminal: Terminal,
): Promise<number> {
  checkMethods(methods);
  const { csv, jsonl, markdown, latex, report, maps: folder, intervals, stream, junit, summary } = options;
  const names = methods.map(({ name }) => name);
  const measures = await measuresOf(options, terminal, { methods: names });
  const { losses, applied, conditions, pixels, plugins } = measures;
  const gates = await prepareGates(options, { losses, plugins, conditions, methods: names }, terminal);
  const maps = new Map(
    folder === undefined
      ? []
      : methods.map(({ name }) => [name, new MapsFolder(mapsFolderOf(folder, name), losses)] as const),
  );
  const files = [jsonFile(options), csv, jsonl, markdown, latex, report, folder, junit, summary];
  await noteNewFolder(files, terminal);
  const by = applied && { name: applied.protocol.name, changed: applied.changed };
  // In the file method by method, whatever the order in which pairs come.
  const lines = new Map(names.map((name): [string, string[]] => [name, []]));
  const missing: string[] = [];
  const take = async (line: string, list: string[] | undefined) => {
    if (stream) await writeOut(terminal.stdout, line);
    if (jsonl !== undefined) list?.push(line);
  };
  const compared = await compareOutputs(methods, targets, measures, options, terminal, {
    maps: folder !== undefined,
    mapStatistics: mapStatisticsOf(conditions ?? []),
    ...inspectOf(options),
    onOutcome: async (method, outcome) => {
      await maps.get(method)?.add(outcome);
      await take(outcomeLines(outcome, by, { method }), lines.get(method));
    },
  });
  for (const { name: method, comparison } of compared) {
    const alone = comparison.failed.filter(({ output, target }) => output === null || target === null);
    for (const failure of alone) await take(failureLine(failure, by, { method }), missing);
  }
  const judgement = judgementOf({ methods: compared, targets, losses, applied }, options);
  const checked = gates.check(compared.map(({ name: method, comparison }) => ({ method, comparison })));
  const verdicts = new Map<string, readonly Verdict[]>(checked.map(({ method = "", verdicts }) => [method, verdicts]));
  const baselines = checked.flatMap(({ method = "", comparison: { baseline } }) =>
    baseline === undefined ? [] : [[method, baseline] as const],
  );
  const json = () =>
    judgementToJson(judgement, conditions && verdicts, baselines.length > 0 ? new Map(baselines) : undefined);

  // Printed before files are written: a folder that cannot be written must not cost the numbers.
  await print(judgement, json, options, terminal);
  const lost = [
    ...[...maps.values()].flatMap((one) => one.lost),
    ...(await writeEach([
      ...toFile(jsonFile(options), (path) => writePieces(path, [json()])),
      ...toFile(csv, (path) => writePieces(path, [judgementToCsv(judgement)])),
      ...toFile(jsonl, (path) => writePieces(path, [...lines.values(), missing].flat())),
      ...toFile(markdown, (path) => writePieces(path, [toMarkdown(judgement, { intervals })])),
      ...toFile(latex, (path) => writePieces(path, [toLatex(judgement, { intervals })])),
      ...[...maps.values()].map((one) => () => one.writeScales()),
      ...gates.files(checked, `${names.map(printable).join(", ")} against ${printable(basename(resolve(targets)))}`),
      ...toFile(report, (path) => writeMethodsReport(path, judgement, pixels)),
    ])),
  ];
  const fails = gates.printFailures(checked);
  const code = printLostFiles(lost, terminal);
  return judgement.failed.length > 0 || fails ? exitCodes.failed : code;
}

async function print(
  judgement: Judgement,
  json: () => string,
  options: CompareFlags,
  terminal: Terminal,
): Promise<void> {
  const { stdout, env } = terminal;
  const { methods, losses, images } = judgement;
  if (printsJson(options)) await writeOut(stdout, `${json()}\n`);
  else if (!options.stream && images.some(({ pairs }) => pairs.some((pair) => pair !== undefined))) {
    const layout = { colours: coloursFor(stdout, env), width: widthOf(stdout, env) };
    await writeOut(stdout, `${judgementText(judgement, layout, options.intervals)}\n`);
  }
  for (const { name, comparison } of methods) {
    const { pairs, notes, failed } = comparison;
    const all = new Outcomes(losses);
    all.add({ failures: [], notes, maps: {} });
    printNotes(all.groups, pairs.length, terminal, name);
    printFailures(failed, terminal, name);
  }
  printProposals(methods, terminal);
  printIgnoredFiles(
    terminal,
    methods.flatMap(({ outputs, comparison: { ignoredFiles } }) => [
      [outputs, ignoredFiles?.output] as const,
      [judgement.targets, ignoredFiles?.target] as const,
    ]),
  );
}
