import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { smallestThatMeets, type Tried } from "../../packages/reconloss/src/quality/smallest.ts";

/** An encoder in three lines: sizes and whether the target is met, by quality from `lowest` on. */
function encoder(sizes: readonly number[], met: readonly boolean[], lowest: number) {
  const asked: number[] = [];
  const tryAt = async (quality: number): Promise<Tried> => {
    asked.push(quality);
    return { quality, bytes: sizes[quality - lowest], isMet: met[quality - lowest] };
  };
  return { tryAt, asked };
}

const running = (steps: readonly number[]) => steps.map((_, i) => steps.slice(0, i + 1).reduce((sum, x) => sum + x, 0));

describe("the smallest file", () => {
  const range = fc.record({ lowest: fc.integer({ min: -5, max: 60 }), count: fc.integer({ min: 1, max: 100 }) });

  test("equals that of an exhaustive search where size and score rise with quality, in at most 12 tries of 100", async () => {
    await fc.assert(
      fc.asyncProperty(range, fc.integer({ min: 0, max: 100 }), async ({ lowest, count }, first) => {
        const sizes = running(Array.from({ length: count }, (_, i) => 1 + ((i * 7) % 5)));
        const met = sizes.map((_, i) => i >= first);
        const { tryAt, asked } = encoder(sizes, met, lowest);
        const { chosen } = await smallestThatMeets(tryAt, { lowest, highest: lowest + count - 1, neighbours: 2 });
        expect(chosen?.quality).toBe(first < count ? lowest + first : undefined);
        expect(asked.length).toBeLessThanOrEqual(12);
        expect(new Set(asked).size).toBe(asked.length);
      }),
    );
  });

  test("meets the target, is the smallest tried, and has no untried neighbour, for any encoder", async () => {
    const trials = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.boolean()), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(trials, fc.integer({ min: 0, max: 4 }), async (list, neighbours) => {
        const { tryAt, asked } = encoder(
          list.map(([bytes]) => bytes),
          list.map(([, met]) => met),
          1,
        );
        const { chosen, tried } = await smallestThatMeets(tryAt, { lowest: 1, highest: list.length, neighbours });
        expect(tried.map(({ quality }) => quality)).toEqual(asked.toSorted((a, b) => a - b));
        const met = tried.filter(({ isMet }) => isMet);
        if (chosen === undefined) {
          expect(met).toEqual([]);
          return;
        }
        expect(chosen.isMet).toBe(true);
        expect(chosen.bytes).toBe(Math.min(...met.map(({ bytes }) => bytes)));
        for (let near = chosen.quality - neighbours; near <= chosen.quality + neighbours; near++) {
          if (near >= 1 && near <= list.length) expect(asked).toContain(near);
        }
      }),
    );
  });

  it("is found on either side of where bisection ends, where sizes or scores are not monotonic", async () => {
    // Quality 57 is the first that meets the target for good; 55 does by chance, and 58 makes a smaller file than both.
    const sizes = Array.from({ length: 100 }, (_, i) => (i === 57 ? 40 : 100 + i));
    const met = sizes.map((_, i) => i >= 56 || i === 54);
    const search = (neighbours: number, given = sizes) =>
      smallestThatMeets(encoder(given, met, 1).tryAt, { lowest: 1, highest: 100, neighbours });
    expect((await search(0)).chosen?.quality).toBe(57);
    expect((await search(2)).chosen).toEqual({ quality: 58, bytes: 40, isMet: true });
    const rising = sizes.map((_, i) => 100 + i);
    expect((await search(2, rising)).chosen?.quality).toBe(55);
  });

  it("equals that of an exhaustive search where neighbours cover the whole range", async () => {
    const sizes = Array.from({ length: 100 }, (_, i) => 1000 - i);
    const { tryAt, asked } = encoder(sizes, Array(100).fill(true), 1);
    const everything = { lowest: 1, highest: 100, neighbours: Number.POSITIVE_INFINITY };
    expect((await smallestThatMeets(tryAt, everything)).chosen?.quality).toBe(100);
    expect(asked).toHaveLength(100);
  });
});
