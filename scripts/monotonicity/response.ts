import type { Better } from "../../packages/core/src/losses/loss.ts";
import { rankCorrelation } from "../tiny-lpips/correlation.ts";

/** The response of a loss to one distortion of one photograph, from the photograph itself to the strongest distortion. */
export interface Response {
  /** Whether each step up in strength has a strictly worse value. */
  readonly monotone: boolean;
  /** Spearman's rank correlation of strength and badness, in [-1, 1]; 0 where all values are equal. */
  readonly correlation: number;
}

/**
 * Returns how the values of a loss follow rising strengths of a distortion.
 *
 * @param values - one per strength, from that of the photograph itself, which of a prior (`better` is "target") is the ideal
 */
export function responseOf(values: readonly number[], better: Better): Response {
  const badness = values.map((value) => {
    if (better === "target") return Math.abs(value - values[0]);
    return better === "higher" ? -value : value;
  });
  // Infinite decibels have a rank, but no mean.
  const correlation = rankCorrelation(
    badness.map((_, i) => i),
    badness,
  );
  return {
    monotone: badness.every((value, i) => i === 0 || value > badness[i - 1]),
    correlation: Number.isNaN(correlation) ? 0 : correlation,
  };
}
