import { describe, expect, test } from "vitest";
import { expectValue } from "../golden.ts";
import { casesOf, peerCases, peerFamilies } from "./peer-numbers.ts";

// The peers' own numbers of the same feature vectors: test/goldens/expected/distribution2.json.

test("every case belongs to a family that is tested here", () => {
  expect(peerFamilies.flatMap(({ family }) => casesOf(family)).length).toBe(peerCases.length);
});

describe.each(peerFamilies)("$metric equals $peer", ({ family, numbersOf }) => {
  test.each(casesOf(family))("$id", async (golden) => {
    for (const { name, got, expected, tolerance } of await numbersOf(golden)) {
      expect(Number.isFinite(expected), name).toBe(true);
      expectValue(got, expected, tolerance ?? golden.tolerance);
    }
  });
});
