import { describe, expect, test } from "vitest";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { constant } from "../../packages/core/src/nets/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { packed, rowAround, unpacked } from "../../packages/core/src/train/packed.ts";
import { adam, type Optimizer, sgd, TrainingStep, type Update } from "../../packages/reconloss/src/train/index.ts";

const shapes = { a: [1, 2, 1, 2], b: [3, 1, 1, 1], c: [1, 1, 1, 1] } as const;
const tensors = {
  a: Tensor.from([1, 2, 3, 4], shapes.a),
  b: Tensor.from([5, 6, 7], shapes.b),
  c: Tensor.from([8], shapes.c),
};

describe("tensors packed into one buffer", () => {
  test("round-trip, and are copied only when packed", () => {
    const row = packed(tensors);
    expect(row.shape).toEqual([1, 1, 1, 8]);
    expect([...row.data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const back = unpacked(row.data, shapes);
    expect(back).toEqual(tensors);
    expect(back.b.data.buffer).toBe(row.data.buffer);
    const again = packed(back);
    expect(again.data.buffer).toBe(row.data.buffer);
    expect([again.data.byteOffset, again.data.length]).toEqual([0, 8]);
  });

  test("are recognised only when contiguous, in order and complete", () => {
    const { a, b, c } = unpacked(packed(tensors).data, shapes);
    expect(rowAround({ a, b, c })?.data.length).toBe(8);
    expect(rowAround({ a, c })).toBeUndefined();
    expect(rowAround({ b, a, c })).toBeUndefined();
    expect(rowAround({ a, b: tensors.b, c })).toBeUndefined();
    expect(rowAround({ a, b: undefined as unknown as Tensor, c })).toBeUndefined();
    expect([...packed({ b, a }).data]).toEqual([5, 6, 7, 1, 2, 3, 4]);
  });
});

/** A row of weights, scaled and shifted, should show the mean of each image. */
function stepOf(optimizer: Optimizer, shards: number) {
  return new TrainingStep({
    name: "means",
    parameters: {
      scale: { shape: [1, 1, 1, 4], initialize: constant(0.5) },
      shift: { shape: [1], initialize: constant(0) },
    },
    objective: <T>(o: Ops<T>, { scale, shift }: Readonly<Record<string, T>>, { x }: Readonly<Record<string, T>>) => ({
      loss: o.mean(o.square(o.sub(o.add(o.mul(x, scale), shift), 1)), "nchw"),
    }),
    optimizer,
    clip: 0.5,
    ema: 0.9,
    shards,
  });
}

const x = Tensor.from(
  Array.from({ length: 4 * 3 * 2 * 4 }, (_, i) => Math.sin(i)),
  [4, 3, 2, 4],
);

// Expected: what the same optimiser does to each parameter by itself, in one part.
describe.each([
  ["adam", adam(0.01)],
  ["sgd", sgd(0.1, { momentum: 0.5, nesterov: true, weightDecay: 0.01 })],
])("%s on packed parameters", (_, optimizer) => {
  test("equals separate updates, over several steps and after resuming", async () => {
    const [apart, row] = [stepOf(optimizer, 1), stepOf(optimizer, 2)];
    for (let i = 0; i < 3; i++) {
      const [one, other] = [await apart.run({ x }), await row.run({ x })];
      expect(other.loss).toBeCloseTo(one.loss, 6);
      expect(other.gradientNorm).toBeCloseTo(one.gradientNorm, 6);
    }
    const saved = row.save();
    for (const [name, { data }] of Object.entries(apart.save().tensors)) {
      expect(saved.tensors[name].data.length).toBe(data.length);
      for (const [i, value] of data.entries()) expect(saved.tensors[name].data[i]).toBeCloseTo(value, 6);
    }
    const resumed = stepOf(optimizer, 2);
    resumed.restore(saved);
    await Promise.all([row.run({ x }), resumed.run({ x })]);
    expect(resumed.save()).toEqual(row.save());
    expect(saved.steps).toBe(3);
  });
});

test("an optimiser that needs whole parameters never receives packed ones", async () => {
  const seen: unknown[] = [];
  const whole: Optimizer = {
    name: "by the largest",
    learningRate: 1,
    slots: [],
    numbers: (_, learningRate) => ({ learningRate }),
    update: <T>(o: Ops<T>, { parameter, gradient }: Update<T>, { learningRate }: Readonly<Record<string, T>>) => {
      seen.push((parameter as { dims?: unknown }).dims);
      return { parameter: o.sub(parameter, o.mul(o.mean(gradient, "nchw"), learningRate)), memory: {} };
    },
  };
  await stepOf(whole, 2).run({ x });
  expect(seen).toEqual([
    [1, 1, 1, 4],
    [1, 1, 1, 1],
  ]);
});
