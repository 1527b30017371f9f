import { expect } from "vitest";

/** What an example says that an expression is: numbers to the digits that float32 has. */
export function check(got: unknown, said: unknown): void {
  if (typeof said === "number" && Number.isFinite(said)) {
    expect(Math.abs((got as number) - said)).toBeLessThanOrEqual(1e-5 * Math.max(Math.abs(said), 1e-3));
  } else expect(got).toEqual(said);
}
