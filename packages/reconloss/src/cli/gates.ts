import { type Loss, type LossFactory, ReconlossError } from "@reconloss/core";
import { type Command, Option } from "commander";
import {
  type Baseline,
  compareWithBaseline,
  earlierOf,
  parseBaseline,
  parseTolerances,
  type Tolerance,
} from "../compare/baseline.ts";
import type { BaselineRecord, Comparison, Verdict } from "../compare/index.ts";
import { readFileBytes, writeFileAtomically } from "../files.ts";
import { annotationsOf } from "./annotations.ts";
import { baselineFindings, findingsOf } from "./findings.ts";
import { toJunit } from "./junit.ts";
import { toMarkdown } from "./markdown.ts";
import { listOption } from "./repeated.ts";
import { tell, tellSome } from "./tell.ts";
import type { Terminal } from "./terminal.ts";

/** The flags that let a comparison guard a build. */
export interface GateFlags {
  baseline?: string;
  tolerance?: string;
  junit?: string;
  summary?: string;
  annotate?: "github" | "none";
}

/** Adds the options of {@link GateFlags}. */
export function addGateOptions(command: Command): Command {
  return command
    .option("--baseline <results.json>", "fail where a number is worse than in what --json printed of an earlier run")
    .addOption(
      listOption(
        "--tolerance <list>",
        "how much worse than the baseline: psnr=0.1 over all pairs and in each, any(psnr)=0.5 in each; default: half of the last digit shown; repeatable",
      ),
    )
    .option("--junit <file.xml>", "write the outcome of each pair and condition as JUnit's XML")
    .option("--summary <file.md>", "write a page of Markdown, for the summary of a job")
    .addOption(
      new Option("--annotate <where>", "mark what fails in the log of a workflow; default: github where it runs there")
        .choices(["github", "none"])
        .default(undefined, "github in GitHub's workflows, else none"),
    );
}

/**
 * Refuses gates where they are not looked at.
 *
 * @param where - what is compared there
 */
export function refuseGates(flags: GateFlags, where: "several methods" | "videos"): void {
  for (const name of ["baseline", "tolerance", "junit", "summary", "annotate"] as const) {
    if (flags[name] === undefined) continue;
    const problem = `--${name} is of images of one method, not of ${where}; --fail is of all`;
    throw new ReconlossError("invalid-argument", problem);
  }
}

/** The gates of one comparison. */
export interface Gates {
  /** The comparison, with what became of the baseline. */
  judged(comparison: Comparison): Comparison;
  /** The files to write, each by itself. */
  files(comparison: Comparison, verdicts: readonly Verdict[], title: string): (() => Promise<void>)[];
  /** Marks what fails in the log. */
  annotate(comparison: Comparison, verdicts: readonly Verdict[]): void;
}

interface Earlier {
  baseline: Baseline;
  tolerances: ReadonlyMap<string, Tolerance>;
}

/** Reads what gates need before anything is measured, so that a mistake in it costs no measurement. */
export async function prepareGates(
  { baseline: path, tolerance, junit, summary, annotate }: GateFlags,
  losses: readonly Loss[],
  more: readonly LossFactory[],
  { stderr, env }: Terminal,
): Promise<Gates> {
  if (tolerance !== undefined && path === undefined) {
    throw new ReconlossError("invalid-argument", "--tolerance is of --baseline, which is not given");
  }
  let earlier: Earlier | undefined;
  if (path !== undefined) {
    const tolerances = parseTolerances(tolerance ?? "", losses, more);
    const text = new TextDecoder().decode(await readFileBytes(path));
    earlier = { baseline: parseBaseline(text, path), tolerances };
    for (const loss of losses) earlierOf(loss, earlier.baseline);
  }
  const isGithub = (annotate ?? (env.GITHUB_ACTIONS === "true" ? "github" : "none")) === "github";
  return {
    judged: (comparison) => {
      if (earlier === undefined) return comparison;
      return { ...comparison, baseline: compareWithBaseline(comparison, earlier.baseline, earlier.tolerances) };
    },
    files: (comparison, verdicts, title) => [
      ...(junit === undefined ? [] : [() => writeFileAtomically(junit, toJunit(comparison, verdicts))]),
      ...(summary === undefined ? [] : [() => writeFileAtomically(summary, toMarkdown(comparison, verdicts, title))]),
    ],
    annotate: (comparison, verdicts) => {
      // On stderr, which a workflow reads too: stdout may be JSON.
      if (isGithub) stderr.write(annotationsOf(findingsOf(comparison, verdicts)));
    },
  };
}

/** Says what is worse than in an earlier run, or missing on one side, and how many pairs are better. */
export function tellBaseline(record: BaselineRecord, terminal: Terminal): void {
  const { file, moved } = record;
  const lines = baselineFindings(record).map(({ about, text }) => `${about}: ${text}`);
  tellSome(terminal, "baseline:", lines, "; --json lists all");
  const better = moved.filter(({ worseBy }) => worseBy < 0).length;
  if (better > 0)
    tell(terminal, "yellow", "note:", `${better} numbers of pairs are better than in ${file}; --json lists them`);
}
