import { arrowOf, type Comparison, formatNumber, type Verdict } from "../compare/index.ts";
import { pairCount } from "../compare/summary.ts";
import { findingsOf, worstPair } from "./findings.ts";
import { printable } from "./terminal.ts";

/** Rows of failures that are listed. */
const mostListed = 50;

/** Text of a cell: nothing of it is Markdown's or HTML's. */
function cell(text: string): string {
  return printable(text).replace(/[\\`*_{}[\]<>()#+!|~&@]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[] = [],
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, column) => (numbers.includes(column) ? "---:" : "---"))),
    ...rows.map(line),
    "",
  ];
}

/** A comparison as a page of Markdown for a job's summary: whether it passed, each loss over all pairs and its worst pair, and everything for which it fails. */
export function toMarkdown(comparison: Comparison, verdicts: readonly Verdict[] = [], title = ""): string {
  const { losses, pairs, mean, statistics, baseline, protocol } = comparison;
  const findings = findingsOf(comparison, verdicts);
  const count = pairCount(comparison);
  const outcome = findings.length === 0 ? "passed" : "failed";
  const lines = [
    `### reconloss compare: ${outcome}`,
    "",
    `${cell(title)}${title && ": "}${count} ${count === 1 ? "pair" : "pairs"}`,
    "",
  ];
  if (protocol) lines.push(`Protocol ${cell(protocol.name)}: ${cell(protocol.summary)}`, "");
  const changes = new Map(baseline?.overall.map((change) => [change.loss, change]));
  const rows = losses.map((loss) => {
    const { label, decimals, better } = loss;
    const number = (value: number | undefined) => formatNumber(value, decimals);
    const worst = worstPair(loss, pairs);
    const change = changes.get(label);
    return [
      cell(`${label} ${arrowOf(better)}`),
      number(mean[label]),
      ...(baseline ? [number(change?.before)] : []),
      ...(["min", "median", "max"] as const).map((name) => number(statistics[label]?.[name])),
      worst === undefined ? "–" : `${cell(worst.name)} (${number(worst.values[label])})`,
    ];
  });
  const head = ["loss", "mean", ...(baseline ? ["before"] : []), "min", "median", "max", "worst pair"];
  lines.push(
    ...table(
      head,
      rows,
      head.flatMap((_, column) => (column > 0 && column < head.length - 1 ? [column] : [])),
    ),
  );
  if (verdicts.length > 0) {
    const states = verdicts.map(({ condition, holds, value }) => [
      cell(condition.text),
      value === undefined ? "–" : String(Number(value.toPrecision(7))),
      holds ? "fails" : "passes",
    ]);
    lines.push(...table(["condition to fail", "value", "outcome"], states, [1]));
  }
  if (baseline) {
    const moved = baseline.moved.length;
    lines.push(`Against ${cell(baseline.file)}: ${moved} ${moved === 1 ? "number" : "numbers"} of pairs moved.`, "");
  }
  if (findings.length > 0) {
    const shown = findings.slice(0, mostListed).map(({ kind, about, text }) => [kind, cell(about), cell(text)]);
    lines.push(...table(["", "of", "what"], shown));
    if (findings.length > mostListed) lines.push(`and ${findings.length - mostListed} more`, "");
  }
  return lines.join("\n");
}
