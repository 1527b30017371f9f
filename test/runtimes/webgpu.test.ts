import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/index.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { edsr } from "../../packages/core/src/nets/index.ts";
import { adam, createTrainer } from "../../packages/core/src/train/index.ts";
import { openGpuBrowser, withoutChromium } from "../browser.ts";
import { randomTensor } from "../random.ts";

/**
 * The graphs of losses on WebGPU in a page, on a software GPU that Chromium brings: onnxruntime-web's build for it lacks float64 and some operations, and every
 * loss must come out all the same. Expected values are those of onnxruntime-node.
 */
const tolerance = 1e-3;

const program = `
import { parseLoss, probeDevice } from "@reconloss/core";
import { edsr } from "@reconloss/core/nets";
import { adam, createTrainer } from "@reconloss/core/train";
import { randomTensor } from ${JSON.stringify(new URL("../random.ts", import.meta.url).pathname)};

const images = (side) => [1, 2].map((seed) => randomTensor([2, 3, side, side + 5], seed));
globalThis.selected = probeDevice("webgpu");
globalThis.evaluate = async (specs, side) =>
  Promise.all(
    specs.map(async (spec) => {
      const [output, target] = images(side);
      const { value, grad } = await parseLoss(spec).evaluate(output, target, { grad: true }, { engine: "onnx", device: "webgpu" });
      return { value, grad: Array.from(grad.data) };
    }),
  );
globalThis.train = async (spec) => {
  const trainer = createTrainer({ model: edsr({ channels: 8, blocks: 1 }), loss: parseLoss(spec), optimizer: adam(1e-3), device: "webgpu" });
  const losses = [];
  for (let step = 0; step < 3; step++)
    losses.push((await trainer.step(randomTensor([2, 3, 16, 16], 1), randomTensor([2, 3, 32, 32], 2))).value);
  return losses;
};
`;

interface InPage {
  selected: Promise<{ device: string; reason?: string }>;
  evaluate(specs: string[], side: number): Promise<{ value: number; grad: number[] }[]>;
  train(spec: string): Promise<number[]>;
}

/** Options with which a loss is small: shaders on a software GPU take seconds for what the others do in milliseconds. */
const small: Record<string, string> = {
  range: "range(low=0.25,dataRange=0.5)",
  "ms-ssim": "ms-ssim(size=3)",
  "iw-ssim": "iw-ssim(weights=1:2,size=3)",
  vsi: "vsi(size=16)",
};

/** The smallest side that a loss has a value of, of a few. */
const sideFor = (spec: string) => {
  const loss = parseLoss(spec);
  return [24, 36, 48].find((side) => loss.refusal([2, 3, side, side + 5]) === undefined) as number;
};

// What looks through a network has its weights from files, but for the embedded one; niqe has its model.
const fromFiles = ["lpips", "dists", "contextual", "perceptual", "niqe", "brisque"];
const specs = lossFactories
  .map(({ info }) => info.name)
  .filter((name) => !fromFiles.includes(name))
  .map((name) => small[name] ?? name);

describe.skipIf(withoutChromium)("on WebGPU in Chromium", () => {
  let page: Page;
  let close: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const browser = await openGpuBrowser(program);
    ({ page, close } = browser);
    await page.goto(browser.url);
    await page.waitForFunction(() => "train" in globalThis);
    expect(await page.evaluate(() => (globalThis as unknown as InPage).selected)).toEqual({ device: "webgpu" });
  });
  afterAll(() => close?.());

  const check = async (specs: string[], side: number) => {
    const got = await page.evaluate(([specs, side]) => (globalThis as unknown as InPage).evaluate(specs, side), [
      specs,
      side,
    ] as const);
    const [output, target] = [1, 2].map((seed) => randomTensor([2, 3, side, side + 5], seed));
    for (const [index, spec] of specs.entries()) {
      const expected = await parseLoss(spec).evaluate(output, target, { grad: true });
      expect(Math.abs(got[index].value - expected.value)).toBeLessThan(tolerance * Math.abs(expected.value));
      const grad = expected.grad!.data;
      const largest = grad.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const error = grad.reduce((most, x, i) => Math.max(most, Math.abs(x - got[index].grad[i])), 0);
      expect(error).toBeLessThan(tolerance * largest);
    }
  };

  test.each([...specs, "lpips(net=tiny)", "contextual(taps=image)"])(
    "matches the value and gradient of %s in Node",
    (spec) => check([spec], sideFor(spec)),
  );

  // ONNX Runtime cannot do two things at once there.
  test("evaluates losses concurrently", () => check(["l1(crop=1)", "ssim(size=5)", "sobel(order=2)", "tv"], 40));

  test("takes a training step", async () => {
    const trainer = createTrainer({
      model: edsr({ channels: 8, blocks: 1 }),
      loss: parseLoss("l1 + 0.1*ssim(size=5)"),
      optimizer: adam(1e-3),
    });
    const losses = await page.evaluate(() => (globalThis as unknown as InPage).train("l1 + 0.1*ssim(size=5)"));
    for (const got of losses) {
      const { value } = await trainer.step(randomTensor([2, 3, 16, 16], 1), randomTensor([2, 3, 32, 32], 2));
      expect(Math.abs(got - value)).toBeLessThan(tolerance * value);
    }
  });
});
