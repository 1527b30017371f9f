import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { openGpuBrowser, withoutChromium } from "../browser.ts";
import { expectClose } from "../close.ts";
import { cases, inputsOf, valueAndDerivatives } from "../graph/ops-cases.ts";
import { randomTensor } from "../random.ts";
import { expectReference } from "./expected.ts";
import type { Framework } from "./frameworks.ts";
import type { FrameworkName, inPage } from "./page.ts";

const program = `import ${JSON.stringify(new URL("page.ts", import.meta.url).pathname)};`;

/** The losses that are held against the reference on GPUs, and the least side that each takes. */
const losses: readonly (readonly [spec: string, least: number])[] = [
  ["l1", 1],
  ["mse", 1],
  ["ssim", 11],
  ["ms-ssim", 161],
  ["deltaE", 1],
  ["tv", 2],
  ["lpips(net=tiny)", 20],
  ["gmsd", 3],
];

/** Operations that frameworks have to be asked for in another way on some GPU; the others are in losses. */
const operations = [
  "conv2d, stride 3 without padding",
  "conv2d, depthwise stride 2",
  "convInput",
  "avgPool 3 by 2",
  "maxPool 3, stride 2, padding 1",
  "pad reflect",
  "fft",
];

const everywhere = { specs: losses, operations };
const frameworks: Partial<Record<FrameworkName, typeof everywhere>> = {
  "TensorFlow.js, webgpu": everywhere,
  "jax-js, webgpu": everywhere,
  // A software GPU takes five times as long by WebGL.
  "TensorFlow.js, webgl": { specs: losses.filter(([spec]) => ["l1", "ssim", "gmsd"].includes(spec)), operations: [] },
};

/** Frameworks compute in float32 throughout, which a derivative of a derivative shows. */
const tolerances = [
  ["value", 1e-5],
  ["first", 1e-4],
  ["second", 1e-3],
] as const;

/** Losses inside frameworks on a software GPU that Chromium brings, against the float64 reference. */
describe.skipIf(withoutChromium)("in Chromium", () => {
  let page: Page;
  let close: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const browser = await openGpuBrowser(program);
    ({ page, close } = browser);
    await page.goto(browser.url);
    await page.waitForFunction(() => "inPage" in globalThis);
  });
  afterAll(() => close?.());

  describe.each(Object.entries(frameworks))("%s", (name, { specs, operations }) => {
    const framework: Pick<Framework, "differentiate"> = {
      differentiate: ({ spec }, { output: { shape } }) =>
        page.evaluate((given) => (globalThis as unknown as { inPage: typeof inPage }).inPage.differentiate(...given), [
          name as FrameworkName,
          spec,
          shape,
        ] as const),
    };
    test.each(specs)("%s", async (spec, least) => {
      const [output, target] = [1, 2].map((seed) => randomTensor([1, 3, least + 1, least + 2], seed));
      await expectReference(framework, spec, parseLoss(spec), output, target);
    });

    test.each(operations)("operation: %s", async (op) => {
      const got = await page.evaluate(
        (given) => (globalThis as unknown as { inPage: typeof inPage }).inPage.compute(...given),
        [name as FrameworkName, op] as const,
      );
      for (const [run, inputs] of inputsOf(cases[op]).entries()) {
        const expected = valueAndDerivatives(reference, cases[op], inputs.map(toFloat64));
        for (const [name, { data, shape }] of Object.entries(expected)) {
          expect(got[run][name].shape, name).toEqual(shape);
          const [, tolerance] = tolerances.find(([kind]) => name.startsWith(kind))!;
          expectClose(got[run][name].data, data, tolerance, name);
        }
      }
    });
  });
});
