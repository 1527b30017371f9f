import { type Checked, changeInWords, type Finding, findingsOf, partsOf, type Unit } from "./findings.ts";

/** Text in XML 1.0, which has no place for most control characters and for lone surrogates. */
function escaped(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML does not take
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu, "\ufffd")
      .replace(/[&<>"'\n\r\t]/g, (letter) => `&#${letter.charCodeAt(0)};`)
  );
}

interface Case {
  name: string;
  properties?: Readonly<Record<string, number>>;
  failures: readonly string[];
}

/** Cases under one name. */
interface Suite {
  name: string;
  /** With a dot between its parts, which readers take apart. */
  classname: string;
  cases: readonly Case[];
}

const attribute = (name: string, value: string | number) => ` ${name}="${escaped(String(value))}"`;

function caseLines(classname: string, { name, properties = {}, failures }: Case): string[] {
  const open = `    <testcase${attribute("classname", classname)}${attribute("name", name)}${attribute("time", 0)}`;
  const values = Object.entries(properties);
  if (values.length === 0 && failures.length === 0) return [`${open}/>`];
  const listed = values.map(([key, value]) => `<property${attribute("name", key)}${attribute("value", value)}/>`);
  return [
    `${open}>`,
    ...(values.length > 0 ? [`      <properties>${listed.join("")}</properties>`] : []),
    // One, since readers of the format take the first.
    ...(failures.length > 0 ? [`      <failure${attribute("message", failures.join("; "))}/>`] : []),
    "    </testcase>",
  ];
}

/** The cases of pairs: each of them, and what has no partner or could not be compared. */
function pairCases({ comparison: { pairs, failed } }: Checked, findings: readonly Finding[]): Case[] {
  const failuresOf = new Map<string, string[]>(pairs.map(({ name }) => [name, []]));
  for (const { pair, kind, text } of findings) {
    if (pair !== undefined) failuresOf.set(pair, [...(failuresOf.get(pair) ?? []), `${kind}: ${text}`]);
  }
  const values = new Map(pairs.map((pair) => [pair.name, pair.values]));
  return [
    ...[...failuresOf].map(([name, failures]): Case => ({ name, properties: values.get(name), failures })),
    ...failed.flatMap(({ output, target, loss, error }): Case[] =>
      loss === undefined ? [{ name: output ?? target ?? "", failures: [error] }] : [],
    ),
  ];
}

/** The cases of an earlier run: each loss over all pairs, and losses that one of both runs lacks, or the whole of it. */
function baselineCases({ comparison: { baseline } }: Checked, findings: readonly Finding[]): Case[] {
  if (baseline === undefined) return [];
  const isWorse = (about: string) => findings.some((one) => one.kind === "baseline" && one.about === about);
  return [
    ...baseline.overall.map((change): Case => {
      const failures = isWorse(`all pairs, ${change.loss}`) ? [changeInWords(change)] : [];
      return { name: change.loss, failures };
    }),
    ...baseline.missing.flatMap(({ pair, loss, text }): Case[] =>
      pair === undefined ? [{ name: loss ?? "all", failures: [text] }] : [],
    ),
  ];
}

/** The suites of a comparison: pairs, conditions, of each group where they are about these, and the losses of an earlier run. */
function suitesOf(checked: Checked, unit: Unit): Suite[] {
  const { method, verdicts } = checked;
  const findings = findingsOf(checked, unit);
  const conditions = verdicts.flatMap((verdict) =>
    partsOf(verdict, unit).map(({ name, reason }): Case => ({ name, failures: reason === undefined ? [] : [reason] })),
  );
  const suites = { [`${unit}s`]: pairCases(checked, findings), conditions, baseline: baselineCases(checked, findings) };
  return Object.entries(suites).flatMap(([kind, cases]) => {
    if (cases.length === 0) return [];
    const name = method === undefined ? kind : `${method}: ${kind}`;
    return [{ name, classname: ["reconloss", ...(method === undefined ? [] : [method]), kind].join("."), cases }];
  });
}

/** Comparisons as JUnit's XML: a case for each pair, with its numbers as properties, each condition, and each loss of an earlier run. */
export function toJunit(checked: readonly Checked[], unit: Unit = "pair"): string {
  const suites = checked.flatMap((one) => suitesOf(one, unit));
  const countsOf = (some: readonly Case[]) =>
    attribute("tests", some.length) + attribute("failures", some.filter(({ failures }) => failures.length > 0).length);
  const lines = suites.flatMap(({ name, classname, cases }) => [
    `  <testsuite${attribute("name", name)}${countsOf(cases)}>`,
    ...cases.flatMap((one) => caseLines(classname, one)),
    "  </testsuite>",
  ]);
  const all = countsOf(suites.flatMap(({ cases }) => cases));
  const head = `<testsuites${attribute("name", "reconloss compare")}${all}>`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...lines, "</testsuites>", ""].join("\n");
}
