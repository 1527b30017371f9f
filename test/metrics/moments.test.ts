import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MemoryRows } from "../../packages/core/src/metrics/features.ts";
import { Moments } from "../../packages/core/src/metrics/moments.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { randomTensor } from "../random.ts";

const [count, dimension] = [60, 9];
// Far from 0 in the mean, where sums of squares would lose digits.
const vectors = randomTensor([count, dimension, 1, 1], 1, 1000, 1001);

function rows(indices: readonly number[]): Tensor {
  const data = indices.flatMap((i) => [...vectors.data.subarray(i * dimension, (i + 1) * dimension)]);
  return Tensor.from(data, [indices.length, dimension, 1, 1]);
}

/** Two passes over all vectors: the definition. */
function definition() {
  const at = (i: number, j: number) => vectors.data[i * dimension + j];
  const over = (f: (i: number) => number) => Array.from({ length: count }, (_, i) => f(i)).reduce((a, b) => a + b, 0);
  const mean = Array.from({ length: dimension }, (_, j) => over((i) => at(i, j)) / count);
  const covariance = Array.from({ length: dimension ** 2 }, (_, ab) => {
    const [a, b] = [Math.floor(ab / dimension), ab % dimension];
    return over((i) => (at(i, a) - mean[a]) * (at(i, b) - mean[b])) / (count - 1);
  });
  return { mean, covariance };
}

describe("Moments", () => {
  test("agree with a two-pass computation to 1e-12 for any order, batches and tree of merges", () => {
    const expected = definition();
    const all = Array.from({ length: count }, (_, i) => i);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(all, { minLength: count }),
        fc.array(fc.record({ size: fc.integer({ min: 1, max: 13 }), stream: fc.integer({ min: 0, max: 4 }) }), {
          minLength: 3,
          maxLength: 30,
        }),
        fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
        (order, batches, mergeOrder) => {
          const streams = Array.from({ length: 5 }, () => new Moments());
          let start = 0;
          for (const { size, stream } of batches) {
            const part = order.slice(start, start + size);
            if (part.length > 0) streams[stream].update(rows(part));
            start += size;
          }
          if (start < count) streams[0].update(rows(order.slice(start)));
          const total = new Moments();
          for (const stream of mergeOrder) total.merge(streams[stream]);
          const { count: n, mean, covariance } = total.statistics();
          expect(n).toBe(count);
          for (const [i, value] of mean.entries())
            expect(Math.abs(value - expected.mean[i])).toBeLessThan(1e-12 * 1000);
          for (const [i, value] of covariance.data.entries()) {
            expect(Math.abs(value - expected.covariance[i])).toBeLessThan(1e-12);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test("reject feature maps, features of another length, NaN, and the covariance of one image", () => {
    const moments = new Moments();
    expect(() => moments.statistics()).toThrow(/at least 2 images, got 0/);
    moments.update(rows([0]));
    expect(() => moments.statistics()).toThrow(/at least 2 images, got 1/);
    expect(() => moments.update(Tensor.full([1, 4, 1, 1], 0))).toThrow(/have 4 values, but earlier ones had 9/);
    expect(() => moments.update(Tensor.full([1, 9, 2, 2], 0))).toThrow(/1x9x2x2/);
    expect(() => moments.update(Tensor.full([2, 9, 1, 1], Number.NaN))).toThrow(/image 0 has a feature that is NaN/);
    const other = new Moments();
    other.update(Tensor.full([2, 3, 1, 1], 1));
    expect(() => moments.merge(other)).toThrow(/other's features have 3 values, these 9/);
    moments.reset();
    expect([moments.count, moments.dimension]).toEqual([0, 0]);
  });
});

test("MemoryRows reads any rows across batches, also after merging", async () => {
  const first = new MemoryRows();
  const second = new MemoryRows();
  for (const batch of [[0, 1, 2], [3], [4, 5]]) first.append(rows(batch));
  for (const batch of [
    [6, 7],
    [8, 9, 10],
  ])
    second.append(rows(batch));
  first.appendAll(second);
  expect([first.count, first.dimension]).toEqual([11, dimension]);
  expect(await first.read([10, 0, 3, 6, 5])).toEqual(rows([10, 0, 3, 6, 5]).data);
  expect(() => first.append(Tensor.full([1, 2, 1, 1], 0))).toThrow(/have 2 values/);
});
