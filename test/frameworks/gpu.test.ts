import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import type { Shape, Tensor } from "../../packages/core/src/tensor.ts";
import { gpuLoss } from "../../packages/core/src/webgpu/index.ts";
import { openGpuBrowser, withoutChromium } from "../browser.ts";
import { randomTensor } from "../random.ts";
import { relativeError } from "./expected.ts";
import type { inPage } from "./gpu-page.ts";

const program = `import ${JSON.stringify(new URL("gpu-page.ts", import.meta.url).pathname)};`;

/** Losses of images in buffers of a GPU, on the software GPU that Chromium brings: within 1e-3 of what onnxruntime-node gives. */
describe.skipIf(withoutChromium)("losses of images in GPU buffers", () => {
  let page: Page;
  let close: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const browser = await openGpuBrowser(program);
    ({ page, close } = browser);
    await page.goto(browser.url);
    await page.waitForFunction(() => "inPage" in globalThis);
  });
  afterAll(() => close?.());

  const expectNear = async (
    got: { value: number; grad: { data: number[]; shape: number[] } },
    spec: string,
    shape: Shape,
    weight?: Tensor,
  ) => {
    const [output, target] = [1, 2].map((seed) => randomTensor(shape, seed));
    const expected = await parseLoss(spec).valueAndGrad(output, target, weight ? { weight } : {});
    expect(relativeError([got.value], [expected.value])).toBeLessThan(1e-3);
    expect(got.grad.shape).toEqual([...shape]);
    expect(relativeError(got.grad.data, expected.grad.data)).toBeLessThan(1e-3);
  };

  test.each([
    ["l1", [2, 3, 12, 13], 16],
    ["ssim(size=5)", [2, 3, 12, 13], 16],
    ["lpips(net=tiny)", [1, 3, 32, 33], 8592],
    ["l1 + 0.1*lpips(net=tiny)", [2, 3, 32, 33], 17168],
  ] as const)(
    "%s of %j: value and gradient equal Node's, and the CPU reads at most %d bytes",
    async (spec, shape, copied) => {
      const got = await page.evaluate(
        (given) => (globalThis as unknown as { inPage: typeof inPage }).inPage.evaluate(...given),
        [spec, shape] as const,
      );
      await expectNear(got, spec, shape);
      expect(relativeError([got.alone], [got.value])).toBeLessThan(1e-5);
      // The value, and for networks the places of maxima, which onnxruntime-web finds on the CPU alone.
      expect(got.copied).toBeLessThanOrEqual(copied);
    },
  );

  test("accept a weight", async () => {
    const [spec, shape] = ["mse", [2, 3, 12, 13]] as const;
    const got = await page.evaluate(
      (given) => (globalThis as unknown as { inPage: typeof inPage }).inPage.evaluate(...given),
      [spec, shape, true] as const,
    );
    await expectNear(got, spec, shape, randomTensor([1, 1, 12, 13], 3));
  });

  test("accept tensors of TensorFlow.js, and return the gradient as one", async () => {
    const [spec, shape] = ["lpips(net=tiny)", [1, 3, 24, 25]] as const;
    const got = await page.evaluate(
      (given) => (globalThis as unknown as { inPage: typeof inPage }).inPage.withTensorflow(...given),
      [spec, shape] as const,
    );
    await expectNear(got, spec, shape);
  });

  test.each([
    ["gan", /^invalid-argument: gpuLoss: l1@5 counts the steps of a trainer/],
    ["size", /^invalid-argument: ssim: output buffer has 768 bytes; 1x3x9x9 in float32 has 972/],
    ["usage", /^invalid-argument: ssim: output buffer lacks the usage COPY_SRC, STORAGE/],
    ["shape", /^shape: ssim: output is 1x3x8x8, .*11/],
    ["into", /^invalid-argument: l1: into must be another buffer than the images'/],
    ["target", /^invalid-argument: ssim: target must be images in a buffer, \{ buffer, shape \}, got undefined/],
  ] as const)("reject invalid input: %s", async (what, message) => {
    const recorded = await page.evaluate(
      (what) => (globalThis as unknown as { inPage: typeof inPage }).inPage.refusal(what),
      what,
    );
    expect(recorded).toMatch(message);
  });
});

test("gpuLoss is rejected outside web pages", async () => {
  const images = { buffer: { size: 768, usage: 0x8c, destroy: () => {} }, shape: [1, 3, 8, 8] as const };
  const loss = gpuLoss({ queue: {}, createBuffer: () => images.buffer }, parseLoss("l1"));
  await expect(loss.value(images, images)).rejects.toMatchObject({
    code: "missing-dependency",
    message: expect.stringMatching(/gpuLoss: .*onnxruntime-web takes in pages and workers/),
  });
});
