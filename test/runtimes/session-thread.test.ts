import { expect, test } from "vitest";
import { compileParts } from "../../packages/core/src/graph/compile.ts";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import { createThreadSession } from "../../packages/core/src/runtimes/session-thread.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

const sum = { x: ["n", 1, "h", "w"], y: ["n", 1, "h", "w"] } as const;

test("a session in a thread returns the outputs asked for, and keeps working after a failure", async () => {
  const { bytes } = buildModel(sum, (o, { x, y }) => ({ sum: o.add(x, y) }));
  const session = await createThreadSession(0, bytes, { cores: 1 });
  expect(session.outputs).toEqual([{ name: "sum", type: "float32", dims: ["sum_n", 1, "sum_h", "sum_w"] }]);
  // A part of a longer array goes without the rest of it.
  const longer = Float32Array.of(1, 2, 3, 4);
  const x = { data: longer.subarray(2), dims: [1, 1, 1, 2] };
  const filled = (width: number, value: number) => ({
    data: new Float32Array(width).fill(value),
    dims: [1, 1, 1, width],
  });
  const { sum: first } = await session.run({ x, y: filled(2, 1) });
  expect([...first.data]).toEqual([4, 5]);
  await expect(session.run({ x, y: filled(3, 1) })).rejects.toThrow("broadcast");
  const into = filled(2, 0);
  const { sum: again } = await session.run({ x, y: filled(2, 2) }, ["sum"], { sum: into });
  expect([...into.data]).toEqual([5, 6]);
  expect(again.data).toBe(into.data);
  expect([...longer]).toEqual([1, 2, 3, 4]);
});

test("bytes that are no model are refused", async () => {
  await expect(createThreadSession(0, Uint8Array.of(1, 2, 3), {})).rejects.toThrow();
});

test("runs parts of different shapes in parallel, and reports the error of a part", async () => {
  const shapes = [1, 2, 3].map((n) => ({ x: [n, 1, 2, 2], y: [1, 1, 1, 1] }) as const);
  const parts = await compileParts<"x" | "y", "sum">(shapes, (o, { x, y }) => ({ sum: o.add(x, y) }));
  const inputs = [1, 2, 3].map((n) => ({ x: Tensor.full([n, 1, 2, 2], n), y: Tensor.full([1, 1, 1, 1], 0.5) }));
  const results = await parts.run(inputs);
  expect(results.map(({ sum }) => [sum.shape[0], sum.data[0]])).toEqual([
    [1, 1.5],
    [2, 2.5],
    [3, 3.5],
  ]);
  await expect(parts.run([inputs[0], inputs[1], inputs[0]])).rejects.toThrow("cannot run on parts of a batch");
});
