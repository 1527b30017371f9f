import { InferenceSession } from "onnxruntime-node";
import { describe, expect, it, vi } from "vitest";
import { compile } from "../../packages/core/src/graph/compile.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";

describe("programs that are started at once", () => {
  it("run one at a time, and one that fails does not hold up the others", async () => {
    const program = await compile({ a: ["n", 1, "h", "w"], b: ["n", 1, "h", "w"] }, (o, { a, b }) => ({
      sum: o.sum(o.add(a, b), "chw"),
    }));
    const square = (size: number) => Tensor.full([1, 1, size, size], 1);
    // The types hide that it is a class.
    const { prototype } = InferenceSession as unknown as { prototype: InferenceSession };
    const run = prototype.run as (...given: unknown[]) => ReturnType<InferenceSession["run"]>;
    let running = 0;
    let most = 0;
    const spy = vi.spyOn(prototype, "run").mockImplementation(async function (this: object, ...given: unknown[]) {
      most = Math.max(most, ++running);
      try {
        return await run.apply(this, given);
      } finally {
        running--;
      }
    });
    try {
      const runs = [4, 2, 4, 4].map((size) => program.run({ a: square(4), b: square(size) }));
      const settled = await Promise.allSettled(runs);
      expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
      expect(spy).toHaveBeenCalledTimes(4);
      expect(most).toBe(1);
    } finally {
      spy.mockRestore();
    }
  });
});

it.each(["chw", "hw", "nhw"])("sums over whole planes (%s) are exact to what float32 can say of them", async (axes) => {
  // Sums of a constant, in closed form: added up one by one in float32 they are 6e-5 off.
  const image = Tensor.full([2, 3, 512, 400], 0.1);
  const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ sum: o.sum(x, axes) }));
  const { sum } = await program.run({ x: image });
  const plane = Math.fround(0.1) * 512 * 400;
  const expected = plane * (axes.includes("c") ? 3 : 1) * (axes.includes("n") ? 2 : 1);
  for (const value of sum.data) expect(Math.abs(value / expected - 1)).toBeLessThan(2e-6);
});
