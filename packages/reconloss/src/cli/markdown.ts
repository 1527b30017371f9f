import { counted } from "@reconloss/core/internal";
import { arrowOf, formatNumber } from "../compare/index.ts";
import { pairCount } from "../compare/summary.ts";
import { markdownTable, markdownText } from "../markdown.ts";
import { type Checked, conditionName, type Finding, findingsOf, subjectOf, type Unit, worstPair } from "./findings.ts";

/** Rows of failures that are listed. */
const mostListed = 50;

/** The losses of a comparison: over all pairs, before, and the worst pair. */
function lossTable({ comparison }: Checked, unit: Unit): string[] {
  const { losses, pairs, mean, statistics, baseline } = comparison;
  const changes = new Map(baseline?.overall.map((change) => [change.loss, change]));
  const rows = losses.map((loss) => {
    const { label, decimals, better } = loss;
    const number = (value: number | undefined) => formatNumber(value, decimals);
    const worst = worstPair(loss, pairs);
    const change = changes.get(label);
    return [
      markdownText(`${label} ${arrowOf(better)}`),
      number(mean[label]),
      ...(baseline ? [number(change?.before)] : []),
      ...(["min", "median", "max"] as const).map((name) => number(statistics[label]?.[name])),
      worst === undefined ? "–" : `${markdownText(worst.name)} (${number(worst.values[label])})`,
    ];
  });
  const head = ["loss", "mean", ...(baseline ? ["before"] : []), "min", "median", "max", `worst ${unit}`];
  return markdownTable(head, rows, (column) => column > 0 && column < head.length - 1);
}

/** The outcome of each condition, and of those on groups in each group. */
function conditionTable({ verdicts }: Checked): string[] {
  if (verdicts.length === 0) return [];
  const rows = verdicts.flatMap((verdict) => {
    const parts = verdict.groups ?? [{ ...verdict, group: undefined }];
    return parts.map(({ group, holds, value }) => [
      markdownText(conditionName(verdict, group)),
      value === undefined ? "–" : String(Number(value.toPrecision(7))),
      holds ? "fails" : "passes",
    ]);
  });
  return markdownTable(["condition to fail", "value", "outcome"], rows, (column) => column === 1);
}

/** The part of a page that is of one comparison. */
function section(checked: Checked, unit: Unit): string[] {
  const { method, comparison } = checked;
  const { protocol, baseline } = comparison;
  const count = counted(pairCount(comparison), unit, `${unit}s`);
  const against = baseline && counted(baseline.moved.length, "number", "numbers");
  return [
    ...(method === undefined ? [] : [`#### ${markdownText(method)}: ${count}`, ""]),
    ...(protocol ? [`Protocol ${markdownText(protocol.name)}: ${markdownText(protocol.summary)}`, ""] : []),
    ...lossTable(checked, unit),
    ...conditionTable(checked),
    ...(baseline ? [`Against ${markdownText(baseline.file)}: ${against} of ${unit}s moved.`, ""] : []),
  ];
}

function findingTable(findings: readonly Finding[]): string[] {
  if (findings.length === 0) return [];
  const shown = findings
    .slice(0, mostListed)
    .map((finding) => [finding.kind, markdownText(subjectOf(finding)), markdownText(finding.text)]);
  const left = findings.length - shown.length;
  return [...markdownTable(["", "of", "what"], shown, () => false), ...(left > 0 ? [`and ${left} more`, ""] : [])];
}

/** Comparisons as a page of Markdown for a job's summary: whether they passed, each loss over all pairs and its worst pair, and everything for which they fail. */
export function toMarkdown(checked: readonly Checked[], title = "", unit: Unit = "pair"): string {
  const findings = checked.flatMap((one) => findingsOf(one, unit));
  const count = checked.reduce((sum, { comparison }) => sum + pairCount(comparison), 0);
  return [
    `### reconloss compare: ${findings.length === 0 ? "passed" : "failed"}`,
    "",
    `${markdownText(title)}${title && ": "}${counted(count, unit, `${unit}s`)}`,
    "",
    ...checked.flatMap((one) => section(one, unit)),
    ...findingTable(findings),
  ].join("\n");
}
