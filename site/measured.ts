import { readFileSync } from "node:fs";
import { join } from "node:path";
import { documents, root } from "./links.ts";
import { anchorOf } from "./markdown.ts";
import { fits } from "./navigation.ts";

/** The rows of a table of a document that are about one loss. */
export interface MeasuredRows {
  readonly path: string;
  /** The document's first heading, and the one that the table stands under. */
  readonly title: string;
  readonly heading: string;
  readonly anchor: string;
  /** The table's first lines, and those of the loss. */
  readonly table: readonly string[];
}

/** The documents whose tables are of measurements. */
const documentsOfNumbers = ["docs/performance*.md", "docs/benchmarks.md", "docs/precision.md", "docs/monotonicity.md"];

const cells = (line: string) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());

/** Returns how the rows of a table with these columns name a loss: in a column `loss`, or by the beginning of `job`, of the rows that no other contender has. */
function naming(columns: readonly string[]): (row: readonly string[]) => string | undefined {
  const [loss, job, contender] = ["loss", "job", "contender"].map((name) => columns.indexOf(name));
  if (loss === 0) return (row) => /^`([\w-]+)(?:\([^`]*\))?`$/.exec(row[loss])?.[1];
  if (job === -1) return () => undefined;
  return (row) =>
    contender === -1 || row[contender] === "reconloss" ? /^([\w-]+)(?: \d+)?, /.exec(row[job])?.[1] : undefined;
}

/** Returns the rows about each loss in the tables of these documents that name losses: measured times, precision, what it is blind to. */
export function measuredRows(names: readonly string[]): Map<string, MeasuredRows[]> {
  const found = new Map<string, MeasuredRows[]>(names.map((name) => [name, []]));
  for (const path of documents().filter((path) => documentsOfNumbers.some((pattern) => fits(path, pattern)))) {
    let title = "";
    let heading = "";
    let head: readonly string[] | undefined;
    let nameOf = (_row: readonly string[]): string | undefined => undefined;
    const lines = readFileSync(join(root, path), "utf8").split("\n");
    for (const [i, line] of lines.entries()) {
      if (/^#+ /.test(line)) heading = line.replace(/^#+ /, "");
      if (/^# /.test(line)) title = heading;
      if (!line.startsWith("|")) {
        head = undefined;
        continue;
      }
      if (head === undefined) {
        head = /^\|[\s:|-]+\|$/.test(lines[i + 1] ?? "") ? [line, lines[i + 1]] : [];
        nameOf = naming(cells(line));
        continue;
      }
      const name = nameOf(cells(line));
      const rows = head.length > 0 && name !== undefined ? found.get(name) : undefined;
      if (rows === undefined) continue;
      const last = rows.at(-1);
      if (last?.path === path && last.heading === heading && last.table[0] === head[0]) {
        rows[rows.length - 1] = { ...last, table: [...last.table, line] };
      } else rows.push({ path, title, heading, anchor: anchorOf(heading.replaceAll("`", "")), table: [...head, line] });
    }
  }
  return found;
}
