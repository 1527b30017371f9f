import { normalBeyond } from "./normal.ts";

/** Up to so many differences the distribution is exact. */
const mostExact = 50;

/** The absolute values' ranks from 1, doubled so that the mean rank of equal ones is a whole number too, and how many each rank has. */
function doubledRanks(differences: readonly number[]): { ranks: number[]; ties: number[] } {
  const sizes = differences.map(Math.abs);
  const order = sizes.map((_, i) => i).sort((a, b) => sizes[a] - sizes[b]);
  const ranks = new Array<number>(sizes.length);
  const ties: number[] = [];
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && sizes[order[end]] === sizes[order[start]]) end++;
    for (const i of order.slice(start, end)) ranks[i] = start + 1 + end;
    ties.push(end - start);
    start = end;
  }
  return { ranks, ties };
}

/** The number of choices of signs that give each sum of the positive ranks. */
function signCounts(ranks: readonly number[]): Float64Array {
  const counts = new Float64Array(ranks.reduce((sum, rank) => sum + rank, 1));
  counts[0] = 1;
  let most = 0;
  for (const rank of ranks) {
    for (let sum = most; sum >= 0; sum--) counts[sum + rank] += counts[sum];
    most += rank;
  }
  return counts;
}

/**
 * Wilcoxon's signed-rank test of paired differences, two-sided: the probability of a sum of ranks as far from the middle, were each difference as likely of one sign as of the other.
 * Zeros are left out (Wilcoxon 1945), equal sizes have their mean rank. Of up to 50 differences the distribution is exact, also with equal sizes; of more it is normal, with the
 * variance corrected for them and without a correction for continuity. As `scipy.stats.wilcoxon`, which is not exact with equal sizes.
 *
 * @param differences - finite
 * @returns 1 where no difference is left
 */
export function wilcoxon(differences: readonly number[]): number {
  const signed = differences.filter((difference) => difference !== 0);
  const n = signed.length;
  if (n === 0) return 1;
  const { ranks, ties } = doubledRanks(signed);
  const positive = ranks.reduce((sum, rank, i) => (signed[i] > 0 ? sum + rank : sum), 0);
  if (n <= mostExact) {
    const counts = signCounts(ranks);
    const share = (from: number, to: number) => counts.subarray(from, to + 1).reduce((a, b) => a + b, 0) / 2 ** n;
    return Math.min(1, 2 * Math.min(share(0, positive), share(positive, counts.length - 1)));
  }
  const tied = ties.reduce((sum, t) => sum + t ** 3 - t, 0);
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1) - tied / 2) / 24);
  return normalBeyond((positive / 2 - (n * (n + 1)) / 4) / deviation);
}

/** P values corrected for being several, after Holm 1979: the smallest counts as often as there are, the next once less. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const adjusted = new Array<number>(values.length);
  let least = 0;
  for (const [place, i] of order.entries()) {
    least = Math.min(1, Math.max(least, values[i] * (values.length - place)));
    adjusted[i] = least;
  }
  return adjusted;
}
