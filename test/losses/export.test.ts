import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { defineLoss, exportLoss, type Loss, lpips, parseLoss } from "../../packages/core/src/losses/index.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";

/**
 * The files run in a plain ONNX Runtime, and their numbers are those of the loss itself, which other tests hold against the official ones, within
 * what separates any two native paths: 1e-5 for values, 1e-4 of the largest entry for gradients and maps.
 */
async function runFile(bytes: Uint8Array, inputs: Record<string, Tensor>) {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  expect([...session.inputNames].sort()).toEqual(Object.keys(inputs).sort());
  const feeds = Object.entries(inputs).map(([name, { data, shape }]) => [name, new OrtTensor("float32", data, shape)]);
  return session.run(Object.fromEntries(feeds));
}

async function expectSame(
  loss: Loss,
  bytes: Uint8Array,
  shape: Shape,
  requested: { grad?: boolean; map?: boolean },
  weight?: Tensor,
) {
  const [output, target] = [randomTensor(shape, 1), randomTensor(shape, 2)];
  const got = await runFile(bytes, {
    output,
    ...(loss.needsTarget ? { target } : {}),
    ...(weight ? { weight } : {}),
  });
  const expected = await loss.evaluate(output, target, requested, { weight });
  expect(Object.keys(got).sort()).toEqual(Object.keys({ value: 0, perImage: 0, ...requested }).sort());
  expect(got.value.dims).toEqual([1, 1, 1, 1]);
  expect(got.perImage.dims).toEqual([shape[0], 1, 1, 1]);
  const close = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) => {
    expect(a.length).toBe(b.length);
    const largest = Array.from(b).reduce((max, x) => Math.max(max, Math.abs(x)), 1e-12);
    Array.from(b).forEach((x, i) => {
      if (Math.abs(a[i] - x) > tolerance * largest) expect(a[i]).toBe(x);
    });
  };
  close(got.value.data as Float64Array, [expected.value], 1e-5);
  close(got.perImage.data as Float64Array, expected.perImage, 1e-5);
  if (requested.grad) {
    expect(got.grad.dims).toEqual(shape);
    close(got.grad.data as Float32Array, expected.grad!.data, 1e-4);
  }
  if (requested.map) close(got.map.data as Float32Array, expected.map!.data, 1e-4);
}

describe("an exported loss computes the same as the loss at any size", () => {
  test.each(["l1", "psnr", "ssim(preset=fused)", "deltaE", "tv", "l1 + 0.1*ssim(size=5) + 0.01*tv"])(
    "%s",
    async (spec) => {
      const loss = parseLoss(spec);
      const requested = { grad: true, ...(loss.hasMap ? { map: true } : {}) };
      const bytes = await exportLoss(loss, requested);
      for (const shape of [
        [1, 3, 16, 20],
        [2, 3, 23, 17],
      ] as const)
        await expectSame(loss, bytes, shape, requested);
    },
  );

  test.each(["l1", "tv", "ssim(size=5)", "lpips(net=tiny)", "l1(crop=2) + 0.01*tv + psnr"])(
    "%s with a weight",
    async (spec) => {
      const loss = parseLoss(spec);
      const bytes = await exportLoss(loss, { grad: true, weight: true });
      for (const [n, h, w] of [
        [1, 24, 20],
        [2, 23, 27],
      ]) {
        await expectSame(loss, bytes, [n, 3, h, w], { grad: true }, randomTensor([n, 1, h, w], 3));
      }
    },
  );

  test("lpips with its weights, with and without gradient", async () => {
    const loss = lpips({ net: "squeeze" }, seededLpips("squeeze"));
    await expectSame(loss, await exportLoss(loss, { grad: true, map: true }), [2, 3, 40, 33], {
      grad: true,
      map: true,
    });
    const plain = await exportLoss(loss);
    await expectSame(loss, plain, [1, 3, 33, 64], {});
    const model = fromBinary(ModelProtoSchema, plain);
    expect(model.producerName).toBe("reconloss");
    const metadata = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    expect(metadata.spec).toBe("lpips(net=squeeze)");
    expect(JSON.parse(metadata.options!)).toMatchObject({ net: "squeeze", version: "0.1", heads: true, dataRange: 1 });
    expect(metadata.better).toBe("lower");
    const dims = model.graph!.input.map(({ name, type }) => [
      name,
      type?.value.case === "tensorType" ? type.value.value.shape?.dim.map(({ value }) => value.value) : [],
    ]);
    expect(dims).toEqual([
      ["output", ["n", 3n, "h", "w"]],
      ["target", ["n", 3n, "h", "w"]],
    ]);
  });

  test("grey images, and a fixed size where the loss depends on it", async () => {
    const loss = parseLoss("ms-ssim(size=3)");
    await expect(exportLoss(loss)).rejects.toThrow("ms-ssim(size=3) depends on the size of the images; give size");
    await expectSame(loss, await exportLoss(loss, { channels: 1, size: [36, 40] }), [2, 1, 36, 40], {});
  });
});

test("rejects losses that cannot be exported", async () => {
  await expect(exportLoss(parseLoss("psnr(pooling=dataset) + l1"))).rejects.toThrow("cannot be written as one graph");
  await expect(exportLoss(parseLoss("ms-ssim"), { map: true, size: [176, 176] })).rejects.toThrow("has no map");
  await expect(exportLoss(parseLoss("l1"), { channels: 0 })).rejects.toThrow("needs a whole number of channels, got 0");
  const failing = defineLoss({
    name: "failing",
    summary: "never has its weights",
    better: "lower",
    source: "this test",
    options: {},
    define: () => ({
      prepare: () => Promise.reject(new Error("no weights")),
      score: (o, { output }) => o.mean(output, "chw"),
    }),
  });
  await expect(exportLoss(failing())).rejects.toThrow("no weights");
});
