import type { Comparison, Verdict } from "../compare/index.ts";
import { changeInWords, type Finding, findingsOf } from "./findings.ts";

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
  suite: "pairs" | "conditions" | "baseline";
  name: string;
  properties?: Readonly<Record<string, number>>;
  failures: readonly string[];
}

const attribute = (name: string, value: string | number) => ` ${name}="${escaped(String(value))}"`;

function caseLines({ suite, name, properties = {}, failures }: Case): string[] {
  const open = `    <testcase${attribute("classname", `reconloss.${suite}`)}${attribute("name", name)}${attribute("time", 0)}`;
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

/** The cases of a comparison: each pair and what has no partner, each condition, and each loss of an earlier run over all pairs. */
function casesOf(
  { pairs, failed, baseline }: Comparison,
  verdicts: readonly Verdict[],
  findings: readonly Finding[],
): Case[] {
  const ofPairs = new Map<string, string[]>(pairs.map(({ name }) => [name, []]));
  for (const { pair, kind, text } of findings) {
    if (pair !== undefined) ofPairs.set(pair, [...(ofPairs.get(pair) ?? []), `${kind}: ${text}`]);
  }
  const values = new Map(pairs.map((pair) => [pair.name, pair.values]));
  const compared = new Set(pairs.map(({ output }) => output));
  const without = failed.filter(({ output }) => output === null || !compared.has(output));
  const rest = (kind: Finding["kind"], about: string) =>
    findings
      .filter((one) => one.pair === undefined && one.kind === kind && one.about === about)
      .map(({ text }) => text);
  return [
    ...[...ofPairs].map(([name, failures]): Case => ({ suite: "pairs", name, properties: values.get(name), failures })),
    ...without.map(
      ({ output, target, error }): Case => ({ suite: "pairs", name: output ?? target ?? "", failures: [error] }),
    ),
    ...verdicts.map(
      ({ condition: { text } }): Case => ({ suite: "conditions", name: text, failures: rest("condition", text) }),
    ),
    ...(baseline?.overall ?? []).map((change): Case => {
      const failures = rest("baseline", `all pairs, ${change.loss}`).length > 0 ? [changeInWords(change)] : [];
      return { suite: "baseline", name: change.loss, failures };
    }),
    ...(baseline?.missing ?? []).flatMap(({ pair, loss, text }): Case[] =>
      pair === undefined && loss !== undefined ? [{ suite: "baseline", name: loss, failures: [text] }] : [],
    ),
  ];
}

/** A comparison as JUnit's XML: a case for each pair, with its numbers as properties, each condition, and each loss of an earlier run. */
export function toJunit(comparison: Comparison, verdicts: readonly Verdict[] = []): string {
  const cases = casesOf(comparison, verdicts, findingsOf(comparison, verdicts));
  const countsOf = (some: readonly Case[]) =>
    attribute("tests", some.length) + attribute("failures", some.filter(({ failures }) => failures.length > 0).length);
  const suites = (["pairs", "conditions", "baseline"] as const).flatMap((suite) => {
    const own = cases.filter((one) => one.suite === suite);
    if (own.length === 0) return [];
    return [`  <testsuite${attribute("name", suite)}${countsOf(own)}>`, ...own.flatMap(caseLines), "  </testsuite>"];
  });
  const head = `<testsuites${attribute("name", "reconloss compare")}${countsOf(cases)}>`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...suites, "</testsuites>", ""].join("\n");
}
