/** Work that leaves some of its steps to whoever runs it, and continues with what came of each. */
export type Stepwise<Step, Done, Result> = Generator<Step, Result, Done>;

/** Runs work whose steps are awaited. */
export async function runSteps<Step, Done, Result>(
  work: Stepwise<Step, Done, Result>,
  perform: (step: Step) => Promise<Done>,
): Promise<Result> {
  let state = work.next();
  while (!state.done) state = work.next(await perform(state.value));
  return state.value;
}

/** Runs the same work at once. */
export function runStepsSync<Step, Done, Result>(
  work: Stepwise<Step, Done, Result>,
  perform: (step: Step) => Done,
): Result {
  let state = work.next();
  while (!state.done) state = work.next(perform(state.value));
  return state.value;
}
