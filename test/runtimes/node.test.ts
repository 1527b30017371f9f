import { describe, expect, test } from "vitest";
import { buildModel } from "../../packages/core/src/graph/model.ts";
import { loadRuntime } from "../../packages/core/src/runtimes/index.ts";
import { openRuntime, packages } from "../../packages/core/src/runtimes/node.ts";

const failing = (reason: string) => () => Promise.reject(new Error(reason));
const { bytes } = buildModel({ x: ["n", 1, "h", "w"] }, (o, { x }) => ({
  twice: o.mul(x, 2),
  mean: o.mean(x, "chw"),
}));
const x = { data: Float32Array.of(1, 2, 3, 6), dims: [1, 1, 2, 2] };

describe("the runtime in Node", () => {
  test("is onnxruntime-node, without a note", async () => {
    const runtime = await openRuntime({}, packages);
    expect(runtime).toMatchObject({ name: "onnxruntime-node", version: "1.30.0" });
    expect(runtime.note).toBeUndefined();
  });

  test("falls back to onnxruntime-web with a note when onnxruntime-node does not load", async () => {
    const reason = "Error loading shared library ld-linux-x86-64.so.2";
    const runtime = await openRuntime({}, { ...packages, native: failing(`${reason}\nRequire stack: ...`) });
    expect(runtime).toMatchObject({ name: "onnxruntime-web", parallel: 1 });
    expect(runtime.note).toContain(
      `did not load (${reason}); install it with: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node`,
    );
    await expect(runtime.createSession(bytes, { device: "webgpu" })).rejects.toThrow("device webgpu is not available");
  });

  test("throws when neither loads, with both reasons and what to install", async () => {
    const opened = openRuntime({}, { native: failing("no binary"), web: failing("not found") });
    await expect(opened).rejects.toMatchObject({
      code: "missing-dependency",
      message: expect.stringMatching(/onnxruntime-node: no binary; onnxruntime-web: not found\).*npm install/),
    });
  });

  test("does not call onNote when no fallback was needed", async () => {
    const notes: string[] = [];
    await loadRuntime({ onNote: (note) => notes.push(note) });
    await loadRuntime({ onNote: (note) => notes.push(note) });
    expect(notes).toEqual([]);
  });

  describe.each(["onnxruntime-node", "onnxruntime-web"])("of %s", (name) => {
    const opened = openRuntime({}, name === "onnxruntime-node" ? packages : { ...packages, native: failing("absent") });

    test("returns all outputs or the named ones, also into given arrays", async () => {
      const session = await (await opened).createSession(bytes);
      expect(session.inputs).toEqual([{ name: "x", type: "float32", dims: ["n", 1, "h", "w"] }]);
      expect(session.outputs.map(({ name, type }) => [name, type])).toEqual([
        ["twice", "float32"],
        ["mean", "float64"],
      ]);
      const all = await session.run({ x });
      expect(all).toMatchObject({
        twice: { type: "float32", dims: [1, 1, 2, 2], data: Float32Array.of(2, 4, 6, 12) },
        mean: { type: "float64", data: Float64Array.of(3) },
      });
      expect(Object.keys(await session.run({ x }, ["mean"]))).toEqual(["mean"]);
      // A part of a longer array, and memory that threads share.
      for (const data of [new Float32Array(6).subarray(1, 5), new Float32Array(new SharedArrayBuffer(16))]) {
        const { twice } = await session.run({ x }, ["twice"], { twice: { data, dims: x.dims } });
        expect(twice.data).toBe(data);
        expect([...data]).toEqual([2, 4, 6, 12]);
      }
      await session.release();
      await expect(session.run({ x })).rejects.toThrow();
    });

    test("runs sessions of parts in parallel", async () => {
      const sessions = await (await opened).createParallelSessions([bytes, bytes, bytes]);
      const results = await Promise.all(sessions.map((session) => session.run({ x })));
      expect(results.map(({ mean }) => mean.data[0])).toEqual([3, 3, 3]);
      await Promise.all(sessions.map((session) => session.release()));
    });

    test("refuses bytes that are no model, and shapes that do not match the data", async () => {
      await expect((await opened).createSession(Uint8Array.of(1, 2, 3))).rejects.toThrow();
      const session = await (await opened).createSession(bytes);
      await expect(session.run({ x: { data: x.data, dims: [1, 1, 2, 3] } })).rejects.toThrow();
    });
  });
});
