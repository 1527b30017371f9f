import { FinishedPairs } from "../compare/index.ts";
import { type Progress, progressBar } from "./progress.ts";
import { tell } from "./tell.ts";
import type { Terminal } from "./terminal.ts";

/** What `--cache` and `--no-cache` say: the pairs that were finished before. A folder that was not named need not be there to be written. */
export function finishedPairs({ cache }: { cache: string | boolean }, terminal: Terminal): FinishedPairs | undefined {
  if (cache === false) return undefined;
  if (typeof cache === "string") return new FinishedPairs(cache);
  return new FinishedPairs(undefined, ({ message }) => tell(terminal, "yellow", "note:", `${message}; none are kept`));
}

/** How far the comparison of pairs is. */
export function comparingBar(
  total: number,
  finished: FinishedPairs | undefined,
  { progress }: { progress: boolean },
  { stderr }: Terminal,
): Progress {
  const known = () => (finished?.found ? `, ${finished.found} computed before` : "");
  return progressBar(total, "comparing", stderr, progress, "pairs", known);
}
