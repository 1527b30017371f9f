/** Between turns the other's threads stop waiting busily for more work; each turn then begins with a run that is not counted. */
export const turn = () => new Promise((resolve) => setTimeout(resolve, 250));

/** The middle one of some times; of an even number the upper of two. */
export const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];
const fastest = (values: readonly number[]) => Math.min(...values);

/** Runs contenders in turn, and returns the milliseconds of each in each round; rounds before, to warm up, are not counted. */
export async function timesInTurn(
  contenders: Readonly<Record<string, () => unknown>>,
  rounds: number,
  warmUps: number,
): Promise<Record<string, number[]>> {
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, [] as number[]]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const begin = performance.now();
      await run();
      if (round >= 0) times[name].push(performance.now() - begin);
    }
  }
  return times;
}

/** Medians, and the fastest runs, which a busy machine disturbs least. */
export function compare(ours: number[], theirs: number[] = []): string {
  const summary = (pick: (values: readonly number[]) => number) => {
    const mine = `${pick(ours).toFixed(1)} ms`;
    return theirs.length > 0
      ? `${mine}, torch ${pick(theirs).toFixed(1)} ms, ratio ${(pick(ours) / pick(theirs)).toFixed(2)}`
      : mine;
  };
  return `median ${summary(median)}; fastest ${summary(fastest)}`;
}
