import type { Failure, Note, Outcome, PairResult } from "./types.ts";

/** A number that JSON keeps: it has no infinity, no NaN and no negative zero, which become words. */
function asWord(_: string, value: unknown): unknown {
  if (Object.is(value, -0)) return "-0";
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

/** The same back. */
const asNumbers = (values: Readonly<Record<string, number | string>>) =>
  Object.fromEntries(Object.entries(values).map(([label, value]) => [label, Number(value)]));

/** All of an outcome but its maps, as one line of JSON that gives the same bits back. */
export function lineOf({ maps: _, ...row }: Outcome): string {
  return JSON.stringify(row, asWord);
}

/** The outcome of a line. */
export function outcomeOf(line: string): Outcome {
  const { result, failures, notes } = JSON.parse(line) as Omit<Outcome, "maps">;
  const read: Outcome = { failures: failures as Failure[], notes: notes as Note[], maps: {} };
  if (result === undefined) return read;
  const { values, scores, targetValues, ...rest } = result;
  const numbers: Pick<PairResult, "values" | "scores" | "targetValues"> = { values: asNumbers(values) };
  if (scores !== undefined) numbers.scores = asNumbers(scores);
  if (targetValues !== undefined) numbers.targetValues = asNumbers(targetValues);
  return { ...read, result: { ...rest, ...numbers } };
}
