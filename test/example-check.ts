import { expect } from "vitest";

/** Expects an expression of an example to have its documented value: numbers to the digits that float32 has. */
export function check(got: unknown, recorded: unknown): void {
  if (typeof recorded === "number" && Number.isFinite(recorded)) {
    expect(Math.abs((got as number) - recorded)).toBeLessThanOrEqual(1e-5 * Math.max(Math.abs(recorded), 1e-3));
  } else expect(got).toEqual(recorded);
}
