import type { Command } from "commander";
import { FinishedPairs } from "../compare/index.ts";
import { printMessage } from "./messages.ts";
import { wholeNumber } from "./numbers.ts";
import { type Progress, progressBar } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** The flags of commands that compare pairs about their work. */
export interface WorkFlags {
  cache: string | boolean;
  jobs?: number;
  progress: boolean;
}

/** Adds the options of {@link WorkFlags}. */
export function addWorkOptions(command: Command): Command {
  return command
    .option("--cache <folder>", "where to cache the results of finished pairs, so that interrupted work can resume")
    .option("--no-cache", "do not cache results")
    .option(
      "--jobs <n>",
      "number of pairs to process at a time; more jobs take more memory and change no value",
      wholeNumber(1),
    )
    .option("--no-progress", "no progress bar or progress lines");
}

/** The pairs that were finished before, by `--cache` and `--no-cache`. A folder that was not named need not be there to be written. */
export function finishedPairs({ cache }: { cache: string | boolean }, terminal: Terminal): FinishedPairs | undefined {
  if (cache === false) return undefined;
  if (typeof cache === "string") return new FinishedPairs(cache);
  return new FinishedPairs(undefined, ({ message }) =>
    printMessage(terminal, "yellow", "note:", `${message}; results are not cached`),
  );
}

/** The progress of a comparison of pairs. */
export function comparingBar(
  total: number,
  finished: FinishedPairs | undefined,
  { progress }: { progress: boolean },
  { stderr }: Terminal,
): Progress {
  const known = () => (finished?.found ? `, ${finished.found} computed before` : "");
  return progressBar(total, "comparing", stderr, progress, "pairs", known);
}
