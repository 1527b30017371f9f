import type { Loss } from "@reconloss/core";
import { formatNumber, isWorse, type PairResult } from "../compare/index.ts";
import type { JudgedImage } from "./types.ts";

/** The best number of an image by a loss, as it is shown; undefined where fewer than two methods have one. */
export function bestOf({ label, better, decimals }: Loss, { pairs }: JudgedImage): string | undefined {
  const measured = pairs.filter((pair): pair is PairResult => pair?.values[label] !== undefined);
  if (measured.length < 2) return undefined;
  const best = measured.reduce((a, b) =>
    isWorse(better, a.values[label], b.values[label], a.targetValues?.[label]) ? b : a,
  );
  return formatNumber(best.values[label], decimals);
}
