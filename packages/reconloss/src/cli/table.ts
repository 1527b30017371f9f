import type { Loss } from "@reconloss/core";
import CliTable from "cli-table3";
import { arrowOf, badnessOf, type Comparison, formatNumber, isWorse, worstFirst } from "../compare/index.ts";
import { pairCount } from "../compare/summary.ts";
import { type Colours, printable } from "./terminal.ts";

/** The layout of the table. */
export interface TableLayout {
  colours: Colours;
  /** The most letters of a line; default: any number. */
  width?: number;
  /** The most rows; beyond that, the worst by the first loss. Default: all, in order. */
  rows?: number;
}

const lines = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ left: "", "left-mid": "", right: "", "right-mid": "", middle: "  ", mid: "", "mid-mid": "" },
};
/** Between columns. */
const gap = 2;
/** A column of text is not made narrower than this. */
const leastText = 12;

/**
 * A table with a rule under its first row. Columns but the first hold numbers, which stand to the right, unless `textColumns` names them.
 *
 * @param width - the most letters of a line: the widest columns of text are broken into lines until the table fits; default: any number
 */
export function plainTable(
  rows: readonly (readonly string[])[],
  ruleBefore: readonly number[] = [1],
  textColumns: readonly number[] = [0],
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = fitted(rows, textColumns, width);
  const table = new CliTable({
    chars: lines,
    colAligns: rows[0].map((_, column) => (textColumns.includes(column) ? "left" : "right")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  table.push(...cells);
  const printed = table.toString().split("\n");
  const heights = cells.map((row) => Math.max(...row.map((cell) => cell.split("\n").length)));
  const rule = "─".repeat(Math.max(...printed.map((line) => visibleLength(line.trimEnd()))));
  const out: string[] = [];
  for (const [index, height] of heights.entries()) {
    if (ruleBefore.includes(index)) out.push(rule);
    out.push(...printed.splice(0, height));
  }
  return out.map((line) => line.trimEnd()).join("\n");
}

/** The rows with their text broken into lines, the widest columns first, until they fit. */
function fitted(rows: readonly (readonly string[])[], textColumns: readonly number[], width: number): string[][] {
  const cells = rows.map((row) => [...row]);
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => cellWidth(row[column]))));
  let excess = widths.reduce((sum, one) => sum + one + gap, -gap) - width;
  while (excess > 0) {
    const widest = textColumns.reduce((a, b) => (widths[b] > widths[a] ? b : a));
    const rest = textColumns.filter((column) => column !== widest).map((column) => widths[column]);
    const least = Math.max(leastText, widths[widest] - excess, ...rest.map((one) => Math.min(one, widths[widest] - 1)));
    if (least >= widths[widest]) break;
    excess -= widths[widest] - least;
    widths[widest] = least;
  }
  return cells.map((row) => row.map((cell, column) => breakCell(cell, widths[column])));
}

function cellWidth(cell: string): number {
  return Math.max(...cell.split("\n").map(visibleLength));
}

/** A cell with lines of at most this width, each in the cell's colours. */
function breakCell(cell: string, width: number): string {
  if (cellWidth(cell) <= width) return cell;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with escape
  const [, open = "", text = "", close = ""] = /^((?:\u001b\[\d+m)*)(.*?)((?:\u001b\[\d+m)*)$/s.exec(cell) ?? [];
  // Between words where there are any, else anywhere, as in a path.
  const part = new RegExp(`.{1,${width}}(?:\\s+|$)|.{1,${width}}`, "gu");
  const parts = text.split("\n").flatMap((line) => line.match(part) ?? [""]);
  return parts.map((words) => `${open}${words.trimEnd()}${close}`).join("\n");
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with escape
  return text.replace(/\u001b\[\d+m/g, "").length;
}

/** A label over several lines, so that its column stays narrow, with an arrow to where better is. */
export function columnTitle({ label, better }: Pick<Loss, "label" | "better">): string {
  const broken = label
    .replaceAll("(", "\n(")
    .replace(/,\s*/g, ",\n")
    .replace(/\s*\+\s*/g, "\n+ ");
  return `${broken} ${arrowOf(better)}`;
}

/** The end of a name that is longer than its column. */
function shorten(name: string, length: number): string {
  return name.length <= length ? name : `…${name.slice(name.length - length + 1)}`;
}

/** A column of numbers: a cell for each pair that is shown, then one for each row of the summary. */
interface Column {
  title: string;
  cells: string[];
  summary: string[];
}

/** The rows under the pairs. */
const summaryRows = ["mean", "std", "min", "median", "max", "n"] as const;

/** The columns of a loss: its numbers, and beside a prior's the target's own values. */
function columnsOf(loss: Loss, comparison: Comparison, shown: Comparison["pairs"], colours: Colours): Column[] {
  const { label, decimals, better } = loss;
  const { pairs, mean, measured, statistics, targetMean } = comparison;
  const count = pairCount(comparison);
  const all = pairs.flatMap((pair) => badnessOf(loss, pair) ?? []);
  const worst = all.reduce((worst, value) => (isWorse("lower", value, worst) ? value : worst), all[0]);
  const differ = all.some((value) => isWorse("lower", worst, value));
  const number = (value: number | undefined) => formatNumber(value, decimals);
  const n = statistics[label]?.n ?? 0;
  const column: Column = {
    title: columnTitle(loss),
    cells: shown.map((pair) => {
      const isWorst = differ && Object.is(badnessOf(loss, pair), worst);
      return isWorst ? colours.yellow(number(pair.values[label])) : number(pair.values[label]);
    }),
    summary: summaryRows.map((row) => {
      if (row === "mean") return number(mean[label]);
      if (row !== "n") return number(statistics[label]?.[row]);
      // A pooled mean has those of infinite number too.
      const counted = loss.definition?.poolScores ? measured[label] : n;
      return counted === count ? String(counted) : `${counted} of ${count}`;
    }),
  };
  if (better !== "target") return [column];
  const target: Column = {
    title: "target",
    cells: shown.map(({ targetValues }) => number(targetValues?.[label])),
    summary: summaryRows.map((row) => (row === "mean" ? number(targetMean[label]) : "")),
  };
  return [column, target];
}

/** With the gap before it. */
function columnWidth({ title, cells, summary }: Column): number {
  return gap + Math.max(...[title, ...cells, ...summary].map(cellWidth));
}

/** Columns side by side as far as they fit, the others below them. */
export function blocksOf(columns: readonly Column[], names: number, width: number): Column[][] {
  const blocks: Column[][] = [[]];
  let left = width - names;
  for (const column of columns) {
    const needed = columnWidth(column);
    const block = blocks[blocks.length - 1];
    if (needed > left && block.length > 0) {
      blocks.push([column]);
      left = width - names - needed;
    } else {
      block.push(column);
      left -= needed;
    }
  }
  return blocks;
}

/** The comparison for people to read: a row for each pair, the worst of each column marked, and what all pairs have in common. */
export function comparisonTable(comparison: Comparison, { colours, width, rows }: TableLayout): string {
  const { losses, pairs } = comparison;
  const [first] = losses;
  const cut = rows !== undefined && pairs.length > rows && first !== undefined;
  const shown = cut ? pairs.toSorted(worstFirst(first)).slice(0, rows) : pairs;
  const columns = losses.flatMap((loss) => columnsOf(loss, comparison, shown, colours));

  const longest = Math.max(
    ...summaryRows.map(({ length }) => length),
    ...shown.map(({ name }) => printable(name).length),
  );
  const room = width ?? Number.POSITIVE_INFINITY;
  const needed = columns.reduce((sum, column) => sum + columnWidth(column), 0);
  const names = Math.min(longest, Math.max(16, room - needed));
  const blocks = blocksOf(columns, names, room).map((block) => {
    const bold = (text: string) => text.split("\n").map(colours.bold).join("\n");
    const summary = pairCount(comparison) > 1 ? summaryRows : [];
    return plainTable(
      [
        ["", ...block.map(({ title }) => title)].map(bold),
        ...shown.map(({ name }, row) => [shorten(printable(name), names), ...block.map(({ cells }) => cells[row])]),
        ...summary.map((row, index) => [row, ...block.map(({ summary }) => summary[index])].map(bold)),
      ],
      summary.length > 0 ? [1, shown.length + 1] : [1],
    );
  });
  const table = blocks.join("\n\n");
  if (comparison.pairsNotHeld) {
    return `${table}\n${colours.dim(`over ${comparison.pairsNotHeld} pairs; --csv, --jsonl and --json list them`)}`;
  }
  if (!cut) return table;
  const left = pairs.length - shown.length;
  return `${table}\n${colours.dim(`the ${shown.length} worst by ${first.label}; ${left} more with --csv, --json or --report`)}`;
}
