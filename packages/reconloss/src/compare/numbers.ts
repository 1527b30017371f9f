import type { Better, Loss } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import type { PairResult } from "./types.ts";

/**
 * A number as people read it, with this many digits after the decimal point; infinity as a sign, a dash where there is none, and a power of ten where the digits
 * would say that a number is 0 which is not.
 */
export function formatNumber(value: number | undefined, decimals: number): string {
  checkArguments("formatNumber", { value: [value, "number?"], decimals: [decimals, "count"] });
  if (value === undefined) return "–";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  const text = value.toFixed(decimals);
  return value !== 0 && Number(text) === 0 ? value.toExponential(1) : text;
}

/** The sign after a loss's name: ↑ higher is better, ↓ lower, ≈ closer to the target's own value. */
export function arrowOf(better: Better): string {
  checkArguments("arrowOf", { better: [better, "text"] });
  return { higher: "↑", lower: "↓", target: "≈" }[better];
}

/** Returns the badness of a value, larger being worse: of a prior its distance from the target's own value, NaN where that is not known. */
export function badness(better: Better, value: number, target = Number.NaN): number {
  checkArguments("badness", { better: [better, "text"], value: [value, "number"], target: [target, "number?"] });
  return { lower: value, higher: -value, target: Math.abs(value - target) }[better];
}

/**
 * Whether a is worse than b; what is not a number is worst of all.
 *
 * @param target - the target's own value, where better is closer to it
 * @example
 * ```ts
 * import { isWorse } from "reconloss/compare";
 * isWorse("higher", 28, 31); // true
 * isWorse("target", 0.02, 0.09, 0.066); // true: 0.046 away, not 0.024
 * ```
 */
export function isWorse(better: Better, a: number, b: number, target?: number): boolean {
  checkArguments("isWorse", {
    better: [better, "text"],
    a: [a, "number"],
    b: [b, "number"],
    target: [target, "number?"],
  });
  const [x, y] = [badness(better, a, target), badness(better, b, target)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && !Number.isNaN(y);
  return x > y;
}

/** The part of a pair that decides its rank by a loss. */
type Ranked = Pick<PairResult, "values" | "targetValues">;

/** Returns the badness of a pair by a loss, larger being worse; undefined where it has no number. */
export function badnessOf(loss: Pick<Loss, "label" | "better">, pair: Ranked): number | undefined {
  checkArguments("badnessOf", { loss: [loss, "object", ["label", "better"]], pair: [pair, "object", ["values"]] });
  const { label, better } = loss;
  const value = pair.values[label];
  return value === undefined ? undefined : badness(better, value, pair.targetValues?.[label]);
}

/** A sort order of pairs by one loss, worst first; those without a number come last. */
export function worstFirst(loss: Pick<Loss, "label" | "better">): (a: Ranked, b: Ranked) => number {
  return (a, b) => {
    const [x, y] = [badnessOf(loss, a), badnessOf(loss, b)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return Number(isWorse("lower", y, x)) - Number(isWorse("lower", x, y));
  };
}
