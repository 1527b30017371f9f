/** Between turns the other's threads stop waiting busily for more work; each turn then begins with a run that is not counted. */
export const turn = () => new Promise((resolve) => setTimeout(resolve, 250));

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
const fastest = (values: number[]) => Math.min(...values);

/** Medians, and the fastest runs, which a busy machine disturbs least. */
export function compare(ours: number[], theirs: number[] = []): string {
  const say = (pick: (values: number[]) => number) => {
    const mine = `${pick(ours).toFixed(1)} ms`;
    return theirs.length > 0
      ? `${mine}, torch ${pick(theirs).toFixed(1)} ms, ratio ${(pick(ours) / pick(theirs)).toFixed(2)}`
      : mine;
  };
  return `median ${say(median)}; fastest ${say(fastest)}`;
}
