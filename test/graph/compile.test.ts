import { InferenceSession } from "onnxruntime-node";
import { describe, expect, it, vi } from "vitest";
import { compile } from "../../packages/core/src/graph/compile.ts";
import type { OnnxValue } from "../../packages/core/src/graph/onnx-builder.ts";
import type { Ops } from "../../packages/core/src/graph/ops.ts";
import { loadRuntime } from "../../packages/core/src/runtimes/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { collectUntil } from "../garbage.ts";

describe("programs started concurrently", () => {
  it("run one at a time, and a failure does not stop the others", async () => {
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

it.each(["chw", "hw", "nhw"])("sums over whole planes (%s) are accurate to float32 rounding", async (axes) => {
  // Sums of a constant, in closed form: added up one by one in float32 they are 6e-5 off.
  const image = Tensor.full([2, 3, 512, 400], 0.1);
  const program = await compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ sum: o.sum(x, axes) }));
  const { sum } = await program.run({ x: image });
  const plane = Math.fround(0.1) * 512 * 400;
  const expected = plane * (axes.includes("c") ? 3 : 1) * (axes.includes("n") ? 2 : 1);
  for (const value of sum.data) expect(Math.abs(value / expected - 1)).toBeLessThan(2e-6);
});

describe("rejects invalid arguments by name:", () => {
  const mean = (o: Ops<OnnxValue>, { x }: Record<string, OnnxValue>) => ({ mean: o.mean(x, "chw") });
  it.each<[string, unknown, unknown, unknown]>([
    ["input x", { x: null }, mean, {}],
    ["input x", { x: ["n", 3, "h"] }, mean, {}],
    ["input x", { x: ["n", -3, "h", "w"] }, mean, {}],
    ["input x", { x: ["n", 1.5, "h", "w"] }, mean, {}],
    ["input x", { x: ["n", 3, "", "w"] }, mean, {}],
    ["build", { x: ["n", 3, "h", "w"] }, () => undefined, {}],
    ["build", { x: ["n", 3, "h", "w"] }, async () => ({}), {}],
    ["output m", { x: ["n", 3, "h", "w"] }, () => ({ m: 5 }), {}],
    ["output m", { x: ["n", 3, "h", "w"] }, () => ({ m: null }), {}],
    ["cores", { x: ["n", 3, "h", "w"] }, mean, { cores: 0 }],
    ["cores", { x: ["n", 3, "h", "w"] }, mean, { cores: 0.5 }],
    ["noSpinning", { x: ["n", 3, "h", "w"] }, mean, { noSpinning: "yes" }],
  ])("%s: %o, %o, %o", async (name, inputs, build, options) => {
    const compiled = compile(inputs as never, build as never, options as never);
    await expect(compiled).rejects.toMatchObject({ code: "invalid-argument", message: expect.stringContaining(name) });
  });

  it.each([[undefined], [{}], [{ x: null }], [{ x: [1] }], [{ x: new Float32Array(3) }]])("run(%o)", async (given) => {
    const { run } = await compile({ x: ["n", 3, "h", "w"] }, mean);
    await expect(run(given as never)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

it("releases sessions of unreferenced programs, but not those in use", async () => {
  const released = vi.fn();
  const runtime = await loadRuntime();
  const { createSession } = runtime;
  const spy = vi.spyOn(runtime, "createSession").mockImplementation(async (...given) => {
    const session = await createSession(...given);
    return { ...session, release: () => session.release().then(released) };
  });
  const image = Tensor.full([1, 3, 4, 4], 0.5);
  const make = () => compile({ x: ["n", 3, "h", "w"] }, (o, { x }) => ({ mean: o.mean(x, "chw") }));
  try {
    const kept = await make();
    // Those that are running when they are dropped as well.
    const running = Array.from({ length: 10 }, async () => (await make()).run({ x: image }));
    await collectUntil(() => released.mock.calls.length >= 9);
    for (const { mean } of await Promise.all(running)) expect(mean.data[0]).toBe(0.5);
    expect(released.mock.calls.length).toBeGreaterThanOrEqual(9);
    expect(released.mock.calls.length).toBeLessThanOrEqual(10);
    expect((await kept.run({ x: image })).mean.data[0]).toBe(0.5);
  } finally {
    spy.mockRestore();
  }
});
