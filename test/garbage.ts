import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects garbage again and again until what is to follow from it is so; the test's own limit ends it where it never is. */
export async function collectUntil(isSo: () => boolean): Promise<void> {
  // --expose-gc after the start: https://nodejs.org/api/v8.html#v8setflagsfromstringflags
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  do {
    // What a WeakRef was asked for lives until the job that asked is over: https://tc39.es/ecma262/#sec-weakrefderef
    await sleep(10);
    collect();
  } while (!isSo());
}
