import type { Loss } from "@reconloss/core";
import { worsened } from "../compare/baseline.ts";
import { operators } from "../compare/conditions.ts";
import type { BaselineRecord, Change, Comparison, PairResult, Verdict } from "../compare/index.ts";
import { badness } from "../compare/numbers.ts";
import { reasonFor } from "./tell.ts";

/** Something for which a comparison fails. */
export interface Finding {
  kind: "failed" | "condition" | "baseline";
  /** What it is about: a pair, a condition or a loss. */
  about: string;
  text: string;
  /** The pair's name, where it is about one. */
  pair?: string;
  /** Path of the output, where it is about one. */
  file?: string;
}

/** A number with as many digits as tell it from its neighbours, not all that it has. */
const shown = (value: number) => String(Number.isFinite(value) ? Number(value.toPrecision(7)) : value);

/** What a number was and is: `31.2 before, 30.9 now, worse by 0.3 (0.1 is allowed)`. */
export function changeInWords({ before, now, worseBy, tolerance }: Change): string {
  const amount = worseBy > 0 || Number.isNaN(now) ? `worse by ${shown(worseBy)}` : `better by ${shown(-worseBy)}`;
  return `${shown(before)} before, ${shown(now)} now, ${amount} (${shown(tolerance)} is allowed)`;
}

/** The pairs of which a condition on each pair holds. */
function pairsOf({ condition: { label, map, operator, limit, over } }: Verdict, pairs: readonly PairResult[]) {
  if (over !== "any") return [];
  return pairs.filter(({ values }) => {
    const value = values[map ? `${label}.${map}` : label];
    return value !== undefined && (Number.isNaN(value) || operators[operator](value, limit));
  });
}

/** What differs between an earlier run and this one, worst first. */
function ofBaseline(baseline: BaselineRecord, fileOf: (pair: string) => string | undefined): Finding[] {
  const about = (pair: string | undefined, loss: string | undefined) =>
    [pair, loss].filter((part) => part !== undefined).join(", ");
  const missing = baseline.missing.map(({ pair, loss, text }) => ({ about: about(pair, loss), text, pair }));
  const worse = worsened(baseline).map((change) => ({
    about: about(change.pair ?? "all pairs", change.loss),
    text: changeInWords(change),
    pair: change.pair,
  }));
  return [...missing, ...worse].map(({ pair, ...rest }) => ({
    ...{ kind: "baseline", ...rest },
    ...(pair === undefined ? {} : { pair, file: fileOf(pair) }),
  }));
}

/** Everything for which a comparison fails, each once. */
export function findingsOf({ pairs, failed, baseline }: Comparison, verdicts: readonly Verdict[] = []): Finding[] {
  const nameOf = new Map(pairs.map(({ name, output }) => [output, name]));
  const outputOf = new Map(pairs.map(({ name, output }) => [name, output]));
  const failures = failed.map(({ output, target, loss, error }): Finding => {
    const path = output ?? target ?? "";
    const pair = output === null ? undefined : nameOf.get(output);
    return {
      kind: "failed",
      about: pair ?? path,
      text: loss ? `${loss}: ${error}` : error,
      ...(pair && { pair }),
      file: path,
    };
  });
  const held = verdicts.filter(({ holds }) => holds);
  const conditions = held.map((verdict): Finding => {
    const { text } = verdict.condition;
    return { kind: "condition", about: text, text: reasonFor(verdict).slice(text.length + 2) };
  });
  const ofPairs = held.flatMap((verdict) =>
    pairsOf(verdict, pairs).map(({ name, output, values }): Finding => {
      const { text, label, map } = verdict.condition;
      const value = values[map ? `${label}.${map}` : label];
      return { kind: "condition", about: name, text: `${text}: it is ${shown(value)}`, pair: name, file: output };
    }),
  );
  const moved = baseline ? ofBaseline(baseline, (pair) => outputOf.get(pair)) : [];
  return [...failures, ...conditions, ...ofPairs, ...moved];
}

/** How bad a pair is, for an order of losses that have one. */
export function worstPair({ label, better }: Loss, pairs: readonly PairResult[]): PairResult | undefined {
  let worst: PairResult | undefined;
  const bad = ({ values, targetValues }: PairResult) => badness(better, values[label], targetValues?.[label]);
  for (const pair of pairs) {
    if (pair.values[label] === undefined) continue;
    if (worst === undefined || bad(pair) > bad(worst)) worst = pair;
  }
  return worst;
}
