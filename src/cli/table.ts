import CliTable from "cli-table3";
import { type Comparison, decimalsFor, formatNumber, isWorse, worstFirst } from "../compare/index.ts";
import type { Loss } from "../losses/index.ts";
import { type Colours, printable } from "./terminal.ts";

/** How the table is laid out. */
export interface TableLayout {
  colours: Colours;
  /** Width of the terminal, where there is one. */
  columns?: number;
  /** The most rows; beyond that, the worst by the first loss. Default: all, in order. */
  rows?: number;
}

const lines = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
  ...{ bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" },
  ...{ left: "", "left-mid": "", right: "", "right-mid": "", middle: "  ", mid: "", "mid-mid": "" },
};

/** A table with a rule under its first row. Columns but the first hold numbers, which stand to the right, unless `textColumns` names them. */
export function plainTable(
  rows: readonly (readonly string[])[],
  ruleBefore: readonly number[] = [1],
  textColumns: readonly number[] = [0],
): string {
  const table = new CliTable({
    chars: lines,
    colAligns: rows[0].map((_, column) => (textColumns.includes(column) ? "left" : "right")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  const printed = table.toString().split("\n");
  const heights = rows.map((row) => Math.max(...row.map((cell) => cell.split("\n").length)));
  const rule = "─".repeat(Math.max(...printed.map((line) => visibleLength(line))));
  const out: string[] = [];
  for (const [index, height] of heights.entries()) {
    if (ruleBefore.includes(index)) out.push(rule);
    out.push(...printed.splice(0, height));
  }
  return out.map((line) => line.trimEnd()).join("\n");
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with escape
  return text.replace(/\u001b\[\d+m/g, "").length;
}

/** A specification over several lines, so that its column stays narrow, with an arrow to where better is. */
export function columnTitle({ spec, better }: Loss): string {
  const broken = spec.replaceAll("(", "\n(").replaceAll(",", ",\n").replaceAll(" + ", "\n+ ");
  return `${broken} ${better === "higher" ? "↑" : "↓"}`;
}

/** The end of a name that is longer than its column. */
function shorten(name: string, length: number): string {
  return name.length <= length ? name : `…${name.slice(name.length - length + 1)}`;
}

/** The comparison for people to read: a row for each pair, the worst of each column marked, and the mean. */
export function comparisonTable(comparison: Comparison, { colours, columns, rows }: TableLayout): string {
  const { losses, mean } = comparison;
  const [first] = losses;
  const cut = rows !== undefined && comparison.pairs.length > rows && first !== undefined;
  const pairs = cut ? comparison.pairs.toSorted(worstFirst(first.spec, first.better)).slice(0, rows) : comparison.pairs;

  const numbers = losses.map(({ spec, better }) => {
    const all = comparison.pairs.flatMap(({ values }) => values[spec] ?? []);
    const decimals = decimalsFor(all);
    const worst = all.reduce((worst, value) => (isWorse(better, value, worst) ? value : worst), all[0]);
    const differ = all.some((value) => value !== worst);
    const cell = (value: number | undefined) => {
      const text = formatNumber(value, decimals);
      return differ && value === worst ? colours.yellow(text) : text;
    };
    const cells = pairs.map(({ values }) => cell(values[spec]));
    return { cells, mean: formatNumber(mean[spec], decimals) };
  });

  const titles = losses.map(columnTitle);
  const width = titles.map((title, index) => {
    const texts = [...title.split("\n"), ...numbers[index].cells.map((cell) => cell)];
    return Math.max(...texts.map(visibleLength)) + 2;
  });
  const room = columns === undefined ? Number.POSITIVE_INFINITY : columns - width.reduce((sum, w) => sum + w, 0) - 1;
  const name = (text: string) => shorten(printable(text), Math.max(16, room));

  const table = plainTable(
    [
      ["", ...titles].map((title) =>
        title
          .split("\n")
          .map((line) => colours.bold(line))
          .join("\n"),
      ),
      ...pairs.map((pair, row) => [name(pair.name), ...numbers.map(({ cells }) => cells[row])]),
      [`mean of ${comparison.pairs.length}`, ...numbers.map((column) => column.mean)].map((text) => colours.bold(text)),
    ],
    [1, pairs.length + 1],
  );
  if (!cut) return table;
  const left = comparison.pairs.length - pairs.length;
  return `${table}\n${colours.dim(`the ${pairs.length} worst by ${first.spec}; ${left} more with --csv, --json or --report`)}`;
}
