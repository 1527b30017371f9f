import { expect, test } from "vitest";
import type { EngineName } from "../../packages/core/src/engines/index.ts";
import { deltaE, edge, l1, lpips, ssim, weighted } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";

const [output, target] = [randomTensor([2, 3, 48, 40], 1), randomTensor([2, 3, 48, 40], 2)];

test("the named engine evaluates a loss, and every term of a sum", async () => {
  const loss = weighted([
    [1, l1()],
    [0.5, ssim()],
  ]);
  // In float64 the value of l1 has digits that float32 does not hold.
  const exact = await loss.value(output, target, { engine: "reference" });
  const [kernels, onnx] = [
    await loss.value(output, target, { engine: "kernels" }),
    await loss.value(output, target, { engine: "onnx" }),
  ];
  expect(kernels).toBe(await loss.value(output, target));
  expect(new Set([exact, kernels, onnx]).size).toBe(3);
  for (const value of [kernels, onnx]) expect(Math.abs(value / exact - 1)).toBeLessThan(1e-6);
});

test("the reference takes weights, writes gradients where they are wanted, and needs no runtime", async () => {
  const weight = randomTensor([1, 1, 48, 40], 3);
  const into = Tensor.full(output.shape, 0);
  const [got, expected] = [
    await deltaE().valueAndGrad(output, target, { weight, into, engine: "reference" }),
    await deltaE().valueAndGrad(output, target, { weight, engine: "onnx" }),
  ];
  expect(got.grad).toBe(into);
  expect(Math.abs(got.value / expected.value - 1)).toBeLessThan(1e-5);
  const largest = Math.max(...expected.grad.data.map(Math.abs));
  expect(got.grad.data.every((x, i) => Math.abs(x - expected.grad.data[i]) < 1e-4 * largest)).toBe(true);
});

test.each([
  ["edge", edge(), "kernels", /edge: engine kernels cannot evaluate this: the loss has no kernel with these options/],
  ["ssim", ssim(), "tiles", /ssim: engine tiles cannot evaluate this: the loss is no sum over the layers/],
  ["lpips", lpips({ net: "alex" }, seededLpips("alex")), "tiles", /output has 3840 pixels, and up to 8000000 are/],
  ["any", l1(), "gpu", /l1: engine must be kernels \| tiles \| onnx \| reference, got "gpu"/],
] as const)("an engine that does not support what is asked says why: %s", async (_, loss, engine, message) => {
  const refused = expect(loss.value(output, target, { engine: engine as EngineName })).rejects;
  await refused.toMatchObject({ code: "invalid-argument" });
  await refused.toThrow(message);
});
