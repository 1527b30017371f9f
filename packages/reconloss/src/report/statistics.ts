import type { Loss } from "@reconloss/core";
import { badnessOf, isWorse, type PairResult, worstFirst } from "../compare/index.ts";

/** The ranks of pairs by one loss. */
export interface Ranking {
  /** Those that have the loss, worst first. */
  pairs: PairResult[];
  /** The number of pairs that are worse than this one, plus 1: 1 is the worst. Equal values have equal ranks. */
  rankOf(pair: PairResult): number | undefined;
}

/** Ranks pairs by a loss. */
export function rank(loss: Pick<Loss, "label" | "better">, all: readonly PairResult[]): Ranking {
  const pairs = all.filter((pair) => badnessOf(loss, pair) !== undefined).toSorted(worstFirst(loss));
  const badness = pairs.map((pair) => badnessOf(loss, pair) as number);
  const ranks = new Map<PairResult, number>();
  let place = 1;
  for (const [index, pair] of pairs.entries()) {
    if (index > 0 && isWorse("lower", badness[index - 1], badness[index])) place = index + 1;
    ranks.set(pair, place);
  }
  return { pairs, rankOf: (pair) => ranks.get(pair) };
}

/** At most `limit` items: the first of each order in turn, then the second of each, and so on. */
export function firstInTurn<T>(orders: readonly (readonly T[])[], limit: number): ReadonlySet<T> {
  const chosen = new Set<T>();
  const longest = Math.max(0, ...orders.map(({ length }) => length));
  for (let place = 0; place < longest; place++) {
    for (const order of orders) if (chosen.size < limit && place < order.length) chosen.add(order[place]);
  }
  return chosen;
}

/** At most `limit` pairs: the worst by each loss in turn, so that whichever loss sorts them, its worst are there. */
export function chooseWorst(losses: readonly Loss[], pairs: readonly PairResult[], limit: number): PairResult[] {
  const rankings = losses.map((loss) => rank(loss, pairs).pairs);
  const chosen = firstInTurn(rankings, limit);
  return pairs.filter((pair) => chosen.has(pair));
}
