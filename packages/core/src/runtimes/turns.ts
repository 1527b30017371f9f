/** Starts what it is given when everything before it has ended. */
export type Turns = <R>(run: () => Promise<R>) => Promise<R>;

/** A queue. */
export function turns(): Turns {
  let last: Promise<void> = Promise.resolve();
  return (run) => {
    const result = last.then(run);
    const ended = () => {};
    last = result.then(ended, ended);
    return result;
  };
}
