import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import * as metrics from "../../packages/core/src/metrics/index.ts";
import * as distribution from "../../packages/reconloss/src/distribution/index.ts";

/** Values that none of the arguments can be, or that are of the right kind and still make no sense. */
const wrong = [null, undefined, 5, -1, Number.NaN, "none", true, {}, [], [null], () => {}, Symbol("none")];

type Callable = (...args: unknown[]) => unknown;

/** Every call with the same wrong value in one to three places, and with one after a good path. */
function* calls(): Generator<unknown[]> {
  for (const value of wrong) {
    for (const count of [1, 2, 3]) yield Array(count).fill(value);
    yield ["no-such-file", value];
    yield ["no-such-file", "no-such-file", value];
  }
}

async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ReconlossError && error.code.length > 0) return undefined;
    throw new Error(`an error of another class: ${String(error)}`, { cause: error });
  }
}

function functionsOf(exports: Readonly<Record<string, unknown>>): [string, Callable][] {
  return Object.entries(exports).filter((entry): entry is [string, Callable] => typeof entry[1] === "function");
}

const isClass = (value: Callable) => /^class\b/.test(Function.prototype.toString.call(value));

const offline = process.env.RECONLOSS_OFFLINE;
beforeAll(() => {
  process.env.RECONLOSS_OFFLINE = "1";
});
afterAll(() => {
  if (offline === undefined) delete process.env.RECONLOSS_OFFLINE;
  else process.env.RECONLOSS_OFFLINE = offline;
});

describe.each([
  ["reconloss/metrics", metrics],
  ["reconloss/distribution", distribution],
])("%s throws ReconlossError for wrong arguments", (_, exports) => {
  test.each(functionsOf(exports))("%s", async (_, exported) => {
    for (const args of calls()) {
      if (!isClass(exported)) {
        await outcome(() => exported(...args));
        continue;
      }
      const Class = exported as unknown as new (...args: unknown[]) => Record<string, Callable>;
      await outcome(() => new Class(...args));
      // A seed for the one class that cannot do without.
      const made = Class.length === 1 ? new Class(1) : new Class();
      const methods = Object.getOwnPropertyNames(Class.prototype).concat(
        Object.getOwnPropertyNames(Object.getPrototypeOf(Class.prototype) ?? {}),
      );
      for (const method of methods) {
        const isOwn = method !== "constructor" && !(method in Object.prototype);
        if (isOwn && typeof made[method] === "function") await outcome(() => made[method](...args));
      }
    }
    expect.assertions(0);
  });
});
