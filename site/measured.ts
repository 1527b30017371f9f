import { readFileSync } from "node:fs";
import { join } from "node:path";
import { documents, root } from "./links.ts";
import { anchorOf } from "./markdown.ts";
import { fits } from "./navigation.ts";

/** The rows of a table of a document that are about one loss. */
export interface MeasuredRows {
  readonly path: string;
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

/** Returns the rows about each loss in the tables of these documents whose first column is `loss`: measured times, precision, what it is blind to. */
export function measuredRows(names: readonly string[]): Map<string, MeasuredRows[]> {
  const found = new Map<string, MeasuredRows[]>(names.map((name) => [name, []]));
  for (const path of documents().filter((path) => documentsOfNumbers.some((pattern) => fits(path, pattern)))) {
    let heading = "";
    let head: readonly string[] | undefined;
    const lines = readFileSync(join(root, path), "utf8").split("\n");
    for (const [i, line] of lines.entries()) {
      if (/^#+ /.test(line)) heading = line.replace(/^#+ /, "");
      if (!line.startsWith("|")) {
        head = undefined;
        continue;
      }
      if (head === undefined) {
        head = cells(line)[0] === "loss" && /^\|[\s:|-]+\|$/.test(lines[i + 1] ?? "") ? [line, lines[i + 1]] : [];
        continue;
      }
      const name = /^`([\w-]+)(?:\([^`]*\))?`$/.exec(cells(line)[0])?.[1];
      const rows = head.length > 0 && name !== undefined ? found.get(name) : undefined;
      if (rows === undefined) continue;
      const last = rows.at(-1);
      if (last?.path === path && last.heading === heading && last.table[0] === head[0]) {
        rows[rows.length - 1] = { ...last, table: [...last.table, line] };
      } else rows.push({ path, heading, anchor: anchorOf(heading.replaceAll("`", "")), table: [...head, line] });
    }
  }
  return found;
}
