import { basename, resolve } from "node:path";
import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { type Command, Option } from "commander";
import {
  type Baseline,
  compareWithBaseline,
  earlierOf,
  parseTolerances,
  readBaselines,
  type Tolerance,
} from "../compare/baseline.ts";
import { type BaselineRecord, type Comparison, type Condition, checkConditions, summarise } from "../compare/index.ts";
import { readFileBytes, writeFileAtomically } from "../files.ts";
import { annotationsOf } from "./annotations.ts";
import { baselineFindings, type Checked, findingsOf, partsOf, type Unit } from "./findings.ts";
import { identityOf } from "./jobs.ts";
import { jsonFile } from "./json-option.ts";
import { toJunit } from "./junit.ts";
import { toMarkdown } from "./markdown.ts";
import { printMessage, printMessages, toFile } from "./messages.ts";
import { listOption } from "./repeated.ts";
import { printable, type Terminal } from "./terminal.ts";

/** The flags that let a comparison guard a build. */
export interface GateFlags {
  baseline?: string;
  tolerance?: string;
  junit?: string;
  summary?: string;
  annotate?: "github" | "none";
}

/** The title of a summary, from outputs and targets: `ours against HR`. */
export function titleOf(outputs: string, targets: string): string {
  return `${printable(basename(resolve(outputs)))} against ${printable(basename(resolve(targets)))}`;
}

/** Adds the options of {@link GateFlags}. */
export function addGateOptions(command: Command): Command {
  return command
    .option("--baseline <results.json>", "fail if a value is worse than in an earlier run's --json output")
    .addOption(
      listOption(
        "--tolerance <list>",
        "how much worse than the baseline a value may be: psnr=0.1 over all pairs and in each pair, any(psnr)=0.5 in each pair only; default: half of the last digit shown; repeatable",
      ),
    )
    .option("--junit <file.xml>", "write the result of each pair and condition as JUnit XML")
    .option("--summary <file.md>", "write a Markdown summary, such as for a CI job")
    .addOption(
      new Option("--annotate <where>", "annotate failures in the log of a workflow; default: github in GitHub Actions")
        .choices(["github", "none"])
        .default(undefined, "github in GitHub Actions, else none"),
    );
}

/** A comparison that gates look at: that of a method, where there are several; with its verdicts, where whoever made it checked conditions. */
export type Gated = Pick<Checked, "method" | "comparison"> &
  Partial<Pick<Checked, "verdicts">> & {
    /** The part of the frames of videos that was compared. */
    readonly planes?: string;
  };

/** The comparisons that gates check, and the unit that they count. */
export interface GateContext {
  readonly losses: readonly Loss[];
  /** Losses of the user's own. */
  readonly plugins?: readonly LossFactory[];
  readonly conditions?: readonly Condition[];
  /** The names of methods, where there are several. */
  readonly methods?: readonly string[];
  readonly unit?: Unit;
}

/** The gates of comparisons. */
export interface Gates {
  /**
   * Checks comparisons, one or those of methods, against conditions and the earlier run. Methods that only the earlier run has come behind them, with no pairs.
   */
  check(gated: readonly Gated[]): Checked[];
  /** The files to write, each by itself. */
  files(checked: readonly Checked[], title: string): (() => Promise<unknown>)[];
  /** Prints what fails, and marks it in the log. Returns whether a condition or the earlier run does. */
  printFailures(checked: readonly Checked[]): boolean;
}

/** The numbers of an earlier run, of its methods where it had several. */
interface Earlier {
  readonly file: string;
  readonly baselines: ReadonlyMap<string | undefined, Baseline>;
  readonly tolerances: ReadonlyMap<string, Tolerance>;
}

/** Reads an earlier run, and refuses one of something else than is compared. */
async function earlierRun(
  path: string,
  tolerance: string,
  { losses, plugins = [], methods, unit = "pair" }: GateContext,
): Promise<Earlier> {
  const tolerances = parseTolerances(tolerance, losses, plugins);
  const baselines = readBaselines(new TextDecoder().decode(await readFileBytes(path)), path);
  const named = [...baselines.keys()].flatMap((name) => name ?? []);
  const [had, has] = [named.length > 0, methods !== undefined];
  const words = (several: boolean) => (several ? "methods" : "one comparison");
  if (had !== has) {
    const problem = `${path} is of ${words(had)}${had ? ` (${named.join(", ")})` : ""}, and here ${has ? "are" : "is"} ${words(has)}`;
    throw new ReconlossError("invalid-argument", `baseline: ${problem}`);
  }
  for (const baseline of baselines.values()) {
    if (baseline.unit !== unit) {
      const problem = `${path} is of ${baseline.unit}s, and here are ${unit}s`;
      throw new ReconlossError("invalid-argument", `baseline: ${problem}`);
    }
    for (const loss of losses) earlierOf(loss, baseline);
  }
  return { file: path, baselines, tolerances };
}

/** The record of a method that one of both runs lacks. */
const without = (file: string, text: string): BaselineRecord => ({
  ...{ file, pass: false, overall: [], moved: [] },
  missing: [{ text }],
});

/** Refuses an earlier run of another part of the frames, whose numbers have the same names. */
function checkPlanes(planes: string | undefined, before: Baseline | undefined, file: string): void {
  if (planes === undefined || before?.planes === undefined || before.planes === planes) return;
  const problem = `${file} is of --planes ${before.planes}, and here are --planes ${planes}`;
  throw new ReconlossError("invalid-argument", `baseline: ${problem}; they cannot be compared`);
}

/** Holds comparisons against an earlier run. */
function held(gated: readonly Gated[], { file, baselines, tolerances }: Earlier): Gated[] {
  const ofNow = gated.map((one) => {
    const baseline = baselines.get(one.method);
    checkPlanes(one.planes, baseline, file);
    const record = baseline
      ? compareWithBaseline(one.comparison, baseline, tolerances)
      : without(file, `${file} lacks it`);
    return { ...one, comparison: { ...one.comparison, baseline: record } };
  });
  const gone = [...baselines.keys()].filter((name) => gated.every(({ method }) => method !== name));
  const nothing: Comparison = summarise([], []);
  const ofBefore = gone.map((method) => ({
    ...(method === undefined ? {} : { method }),
    comparison: { ...nothing, baseline: without(file, `only ${file} has it`) },
    verdicts: [],
  }));
  return [...ofNow, ...ofBefore];
}

/** The conditions that are of a method, or of all. */
const conditionsOn = (conditions: readonly Condition[], name: string | undefined) =>
  conditions.filter(({ method }) => method === undefined || method === name);

/** Reads what gates need before anything is measured, so that a mistake in it costs no measurement. */
export async function prepareGates(
  { baseline: path, tolerance, junit, summary, annotate, json }: GateFlags & { readonly json?: string },
  context: GateContext,
  terminal: Terminal,
): Promise<Gates> {
  const { conditions = [], unit = "pair" } = context;
  const { stderr, env } = terminal;
  if (tolerance !== undefined && path === undefined) {
    throw new ReconlossError("invalid-argument", "--tolerance needs --baseline");
  }
  const results = jsonFile({ json });
  if (path !== undefined && results !== undefined && (await identityOf(path)) === (await identityOf(results))) {
    const problem = `--json ${results} would replace the baseline, also where this run is worse; choose another file`;
    throw new ReconlossError("invalid-argument", problem);
  }
  const earlier = path === undefined ? undefined : await earlierRun(path, tolerance ?? "", context);
  const isGithub = (annotate ?? (env.GITHUB_ACTIONS === "true" ? "github" : "none")) === "github";
  return {
    check: (gated) =>
      (earlier === undefined ? gated : held(gated, earlier)).map(({ verdicts, ...one }) => ({
        ...one,
        verdicts: verdicts ?? checkConditions(conditionsOn(conditions, one.method), one.comparison),
      })),
    files: (checked, title) => [
      ...toFile(junit, (file) => writeFileAtomically(file, toJunit(checked, unit))),
      ...toFile(summary, (file) => writeFileAtomically(file, toMarkdown(checked, title, unit))),
    ],
    printFailures: (checked) => {
      for (const one of checked) printVerdicts(one, unit, terminal);
      for (const one of checked) printBaseline(one, unit, terminal);
      // On stderr, which a workflow reads too: stdout may be JSON.
      if (isGithub) stderr.write(annotationsOf(checked.flatMap((one) => findingsOf(one, unit))));
      return checked.some(
        ({ verdicts, comparison }) => verdicts.some(({ holds }) => holds) || comparison.baseline?.pass === false,
      );
    },
  };
}

/** The prefix of lines about a method. */
const prefixOf = ({ method }: Checked) => (method === undefined ? "" : `${method}: `);

/** Says which conditions hold, and why. */
function printVerdicts(checked: Checked, unit: Unit, terminal: Terminal): void {
  for (const { name, reason } of checked.verdicts.flatMap((verdict) => partsOf(verdict, unit))) {
    if (reason !== undefined) printMessage(terminal, "red", "fail:", `${prefixOf(checked)}${name}: ${reason}`);
  }
}

/** Says what is worse than in an earlier run, or missing on one side, and how many pairs are better. */
function printBaseline(checked: Checked, unit: Unit, terminal: Terminal): void {
  const record = checked.comparison.baseline;
  if (record === undefined) return;
  const { file, moved } = record;
  const lines = baselineFindings(record).map(({ about, text }) => `${about}: ${text}`);
  printMessages(terminal, "baseline:", lines, "; --json lists all", prefixOf(checked));
  const better = moved.filter(({ worseBy }) => worseBy < 0).length;
  if (better === 0) return;
  const text = `${prefixOf(checked)}${better} values of ${unit}s are better than in ${file}; --json lists them`;
  printMessage(terminal, "yellow", "note:", text);
}
