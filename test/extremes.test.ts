import { expect, it } from "vitest";
import { extremes } from "../packages/core/src/tensor.ts";
import { randomTensor } from "./random.ts";

// Expected values: Math.min and Math.max of all numbers, which are NaN where one of them is.
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const negativeNaN = new Float32Array(Uint32Array.of(0xffc00000).buffer)[0];
it.each<[string, number[]]>([
  ["one number", [0.5]],
  ["an odd number of them", [0.25, 0.75, 0.5]],
  ["the last is the least", [0.5, 0.75, 0.25]],
  ["negative ones", [-0.5, -0.25, -1]],
  ["both signs", [0.5, -2, 3, -4]],
  ["zeros", [0, 0]],
  ["infinity", [0.5, infinity]],
  ["negative infinity", [0.5, -infinity, 0.25]],
  ["NaN first", [nan, 0.5, 0.25]],
  ["NaN last", [0.5, 0.25, nan]],
  ["a NaN of the other sign", [0.5, negativeNaN, 0.25]],
  ["NaN among negative ones", [-0.5, nan, -0.25]],
  ["many", [...randomTensor([1, 3, 33, 31], 1).data]],
  ["many of both signs", [...randomTensor([1, 3, 33, 31], 2, -1, 1).data]],
])("finds the smallest and largest of %s", (_, values) => {
  // A view into a larger buffer, that does not begin where it begins.
  const data = new Float32Array(values.length + 2).subarray(1, values.length + 1);
  data.set(values);
  expect(extremes(data)).toEqual([
    data.reduce((low, value) => Math.min(low, value)),
    data.reduce((high, value) => Math.max(high, value)),
  ]);
});
