import { describe, expect, test } from "vitest";
import { kernelDistance, precisionRecall } from "../../packages/core/src/metrics/index.ts";
import { nearestRows, neighbourhoodCounts } from "../../packages/core/src/metrics/neighbours.ts";
import { randomSource } from "../random.ts";
import { GeneratedRows, rowsOf, uncheckedRows } from "./rows.ts";

/** Vectors whose products do not fit float64, so that |x|^2 + |y|^2 - 2 x.y has rounding that |x - y|^2 has not. */
function far(count: number, dimension: number, seed: number): number[][] {
  const next = randomSource(seed);
  return Array.from({ length: count }, () => Array.from({ length: dimension }, () => Math.fround(1000 + next())));
}

describe("ties between distances are decided exactly, not by rounding", () => {
  const vectors = far(40, 64, 1);
  const doubled = [...vectors, ...vectors];

  test.each([1, 7, 64, 1024])("for a set and itself, in blocks of %i", async (block) => {
    const rows = rowsOf(vectors);
    for (const k of [1, 3]) {
      // The k nearest others and the image itself, of which the k-th is at the radius: k are inside, k + 1 with the border.
      const open = await neighbourhoodCounts(rows, rowsOf(vectors), { k, closed: false, block });
      expect([...open.held]).toEqual(Array(40).fill(k));
      const closed = await neighbourhoodCounts(rows, rows, { k, closed: true, block });
      expect([...closed.held]).toEqual(Array(40).fill(k + 1));
    }
  });

  test("for duplicated images, whose zero radius counts only when closed", async () => {
    const rows = rowsOf(doubled);
    const open = await neighbourhoodCounts(rows, rows, { k: 1, closed: false, block: 16 });
    expect([...open.radii.real]).toEqual(Array(80).fill(0));
    expect([...open.held]).toEqual(Array(80).fill(0));
    const closed = await neighbourhoodCounts(rows, rows, { k: 1, closed: true, block: 16 });
    expect([...closed.held]).toEqual(Array(80).fill(2));
  });

  test("the radius is the k-th smallest of all distances", async () => {
    const rows = rowsOf(vectors);
    const { radii } = await neighbourhoodCounts(rows, rows, { k: 5, closed: false, block: 9 });
    for (const [i, x] of vectors.entries()) {
      const distances = vectors
        .map((y) => x.reduce((sum, value, k) => sum + (value - y[k]) ** 2, 0))
        .toSorted((a, b) => a - b);
      expect(radii.real[i]).toBe(distances[5]);
    }
  });

  test("among equally near rows the first is chosen, and equal rows are at distance 0", async () => {
    const { distances, partners } = await nearestRows(rowsOf(vectors), rowsOf(doubled));
    expect([...distances]).toEqual(Array(40).fill(0));
    expect([...partners]).toEqual(vectors.map((_, i) => i));
  });
});

describe("rows that MemoryRows would not accept", () => {
  const good = uncheckedRows([
    [0, 1],
    [1, 0],
    [2, 2],
    [3, 1],
    [1, 5],
  ]);
  test.each([Number.NaN, Number.POSITIVE_INFINITY])("%s in a row is rejected with the image's index", async (value) => {
    const bad = uncheckedRows([
      [0, 1],
      [1, 0],
      [2, value],
      [3, 1],
      [1, 5],
    ]);
    for (const compute of [kernelDistance, precisionRecall]) {
      await expect(compute(good, bad)).rejects.toMatchObject({
        code: "non-finite",
        message: expect.stringContaining("image 2 has a feature"),
      });
    }
  });
});

test("reads at most one block of rows at a time", async () => {
  const [x, y] = [new GeneratedRows(2500, 2, 1), new GeneratedRows(2300, 2, 2)];
  await precisionRecall(x, y);
  await kernelDistance(x, y, { subsets: 1, subsetSize: 2300 });
  expect([x.most, y.most]).toEqual([1024, 1024]);
});
