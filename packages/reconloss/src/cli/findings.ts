import type { Loss } from "@reconloss/core";
import { counted } from "@reconloss/core/internal";
import { worsened } from "../compare/baseline.ts";
import { holdsOf, keyOf } from "../compare/conditions.ts";
import {
  type BaselineRecord,
  type Change,
  type Comparison,
  type Measured,
  type PairResult,
  type Verdict,
  worstFirst,
} from "../compare/index.ts";
import type { Unit } from "../compare/types.ts";

export type { Unit };

/** A comparison that was checked, with the results of its baseline in it: that of a method, where there are several. */
export interface Checked {
  readonly method?: string;
  readonly comparison: Comparison;
  readonly verdicts: readonly Verdict[];
}

/** Something for which a comparison fails. */
export interface Finding {
  kind: "failed" | "condition" | "baseline";
  /** Whose it is, where there are several. */
  method?: string;
  /** Its subject: a pair, a condition, of a group perhaps, or a loss. */
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

/** The name of a condition, and of one of the groups that it is about: `group(psnr<30), Set14`. */
export function conditionName({ condition: { text, method } }: Verdict, group?: string): string {
  const own = method === undefined ? text : text.slice(method.length + 1).trim();
  return group === undefined ? own : `${own}, ${group}`;
}

/** The reason why a condition holds for some pairs: `it is 8.1, of 3 pairs`, or the number is missing. */
function reasonFor(isTotal: boolean, { value, of, measured, missing }: Measured, unit: Unit): string {
  const pairs = (count: number) => counted(count, unit, `${unit}s`);
  if (isTotal && value === undefined) return "there is no total";
  if (measured === 0) return `no ${unit} has a value`;
  if (missing > 0) return `${missing} of ${pairs(measured + missing)} lack a value`;
  return `it is ${value}, of ${of < measured ? `${of} of ` : ""}${pairs(measured)}`;
}

/** The parts of a verdict that are told by themselves: the groups and the pairs of none, or all pairs. */
export function partsOf(verdict: Verdict, unit: Unit): { name: string; reason?: string }[] {
  const { condition, groups, missing } = verdict;
  const part = (one: Measured, group?: string) => {
    const name = conditionName(verdict, group);
    return one.holds ? { name, reason: reasonFor(condition.over === "total", one, unit) } : { name };
  };
  if (groups === undefined) return [part(verdict)];
  const none = missing - groups.reduce((sum, group) => sum + group.missing, 0);
  const rest = { name: conditionName(verdict), reason: `${counted(none, unit, `${unit}s`)} in no group` };
  return [...groups.map((one) => part(one, one.group)), ...(none > 0 ? [rest] : [])];
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
    [pair, loss].filter((part) => part !== undefined).join(", ") || "all";
  const missing = baseline.missing.map(({ pair, loss, text }) => ({ about: about(pair, loss), text, pair }));
  const worse = worsened(baseline).map((change) => ({
    about: about(change.pair ?? "all pairs", change.loss),
    text: changeInWords(change),
    pair: change.pair,
  }));
  return [...missing, ...worse];
}

/** Everything for which a comparison fails, each once. */
export function findingsOf({ method, comparison, verdicts }: Checked, unit: Unit): Finding[] {
  const { pairs, failed, baseline } = comparison;
  const keyOfPair = ({ output, target }: { output: string | null; target: string | null }) => `${output}\0${target}`;
  const nameOf = new Map(pairs.map((pair) => [keyOfPair(pair), pair.name]));
  const outputOf = new Map(pairs.map(({ name, output }) => [name, output]));
  const failures = failed.map((failure): Omit<Finding, "method"> => {
    const { output, target, loss, error } = failure;
    const path = output ?? target ?? "";
    // What failed as a whole has no number, and is no pair of those that have.
    const pair = loss === undefined ? undefined : nameOf.get(keyOfPair(failure));
    return {
      kind: "failed",
      about: pair ?? path,
      text: loss ? `${loss}: ${error}` : error,
      ...(pair && { pair }),
      file: path,
    };
  });
  const conditions = verdicts.flatMap((verdict) =>
    partsOf(verdict, unit).flatMap(({ name, reason }) =>
      reason === undefined ? [] : [{ kind: "condition" as const, about: name, text: reason }],
    ),
  );
  const ofPairs = verdicts
    .filter(({ holds }) => holds)
    .flatMap((verdict) =>
      pairsOf(verdict, pairs).map(({ name, output, values }) => {
        const text = `${conditionName(verdict)}: it is ${shown(values[keyOf(verdict.condition)])}`;
        return { kind: "condition" as const, about: name, text, pair: name, file: output };
      }),
    );
  const changes = (baseline ? baselineFindings(baseline) : []).map(({ pair, ...rest }) => ({
    ...{ kind: "baseline" as const, ...rest },
    ...(pair === undefined ? {} : { pair, file: outputOf.get(pair) }),
  }));
  const whose = method === undefined ? {} : { method };
  return [...failures, ...conditions, ...ofPairs, ...changes].map((finding) => ({ ...whose, ...finding }));
}

/** The subject of a finding, with its method. */
export const subjectOf = ({ method, about }: Finding) => (method === undefined ? about : `${method}: ${about}`);

/** The worst pair by a loss; undefined where none has a number. */
export function worstPair(loss: Loss, pairs: readonly PairResult[]): PairResult | undefined {
  return pairs.filter(({ values }) => values[loss.label] !== undefined).toSorted(worstFirst(loss))[0];
}
