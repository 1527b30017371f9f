import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";

/** Refuses what is not a whole number from `least` to `most`. */
export function checkCount(name: string, argument: string, value: number, least = 1, most = 4096): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new ReconlossError(
    "invalid-argument",
    `${name}: ${argument} must be a whole number from ${least} to ${most}, got ${value}`,
  );
}

/** Refuses what is not one of some words or numbers. */
export function checkChoice<V>(name: string, argument: string, value: V, choices: readonly V[]): void {
  if (choices.includes(value)) return;
  throw new ReconlossError(
    "invalid-argument",
    `${name}: ${argument} must be ${choices.join(" | ")}, got ${described(value)}`,
  );
}
