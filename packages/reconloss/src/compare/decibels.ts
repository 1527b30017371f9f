/** Decibels between two squared errors; 0 where there is nothing to gain. */
export function decibels(before: number, after: number): number {
  return before <= 0 ? 0 : 10 * Math.log10(before / Math.max(after, before * 1e-12));
}
