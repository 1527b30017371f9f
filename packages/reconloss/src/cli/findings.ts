import type { Loss } from "@reconloss/core";
import { worsened } from "../compare/baseline.ts";
import { holdsOf, keyOf } from "../compare/conditions.ts";
import {
  type BaselineRecord,
  type Change,
  type Comparison,
  type PairResult,
  type Verdict,
  worstFirst,
} from "../compare/index.ts";
import { reasonFor } from "./tell.ts";

/** Something for which a comparison fails. */
export interface Finding {
  kind: "failed" | "condition" | "baseline";
  /** Its subject: a pair, a condition or a loss. */
  about: string;
  text: string;
  /** The pair's name, where it is about one. */
  pair?: string;
  /** Path of the output, where it is about one. */
  file?: string;
}

/** A number with as many digits as tell it from its neighbours, not all that it has. */
const shown = (value: number) => String(Number.isFinite(value) ? Number(value.toPrecision(7)) : value);

/** A change in words: `31.2 before, 30.9 now, worse by 0.3 (0.1 is allowed)`. */
export function changeInWords({ before, now, worseBy, tolerance }: Change): string {
  const amount = worseBy > 0 || Number.isNaN(now) ? `worse by ${shown(worseBy)}` : `better by ${shown(-worseBy)}`;
  return `${shown(before)} before, ${shown(now)} now, ${amount} (${shown(tolerance)} is allowed)`;
}

/** The pairs of which a condition on each pair holds. */
function pairsOf({ condition }: Verdict, pairs: readonly PairResult[]) {
  if (condition.over !== "any") return [];
  return pairs.filter(({ values }) => {
    const value = values[keyOf(condition)];
    return value !== undefined && holdsOf(condition, value);
  });
}

/** The numbers that are worse than in an earlier run, and what one of both runs lacks, which comes first. */
export function baselineFindings(baseline: BaselineRecord): Pick<Finding, "about" | "text" | "pair">[] {
  const about = (pair: string | undefined, loss: string | undefined) =>
    [pair, loss].filter((part) => part !== undefined).join(", ");
  const missing = baseline.missing.map(({ pair, loss, text }) => ({ about: about(pair, loss), text, pair }));
  const worse = worsened(baseline).map((change) => ({
    about: about(change.pair ?? "all pairs", change.loss),
    text: changeInWords(change),
    pair: change.pair,
  }));
  return [...missing, ...worse];
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
      const { text } = verdict.condition;
      const value = values[keyOf(verdict.condition)];
      return { kind: "condition", about: name, text: `${text}: it is ${shown(value)}`, pair: name, file: output };
    }),
  );
  const changes = (baseline ? baselineFindings(baseline) : []).map(
    ({ pair, ...rest }): Finding => ({
      ...{ kind: "baseline", ...rest },
      ...(pair === undefined ? {} : { pair, file: outputOf.get(pair) }),
    }),
  );
  return [...failures, ...conditions, ...ofPairs, ...changes];
}

/** The worst pair by a loss; undefined where none has a number. */
export function worstPair(loss: Loss, pairs: readonly PairResult[]): PairResult | undefined {
  return pairs.filter(({ values }) => values[loss.label] !== undefined).toSorted(worstFirst(loss))[0];
}
