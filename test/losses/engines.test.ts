import { describe, expect, test } from "vitest";
import type { Requested } from "../../packages/core/src/definitions/definition.ts";
import type { EngineName } from "../../packages/core/src/engines/index.ts";
import { ReconlossError } from "../../packages/core/src/errors.ts";
import { ready } from "../../packages/core/src/kernels/index.ts";
import { deltaE, gradient, l1, lpips, perceptual, ssim, weighted } from "../../packages/core/src/losses/index.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { enginesFor, evaluateBy } from "../engine.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";

const [output, target] = [randomTensor([2, 3, 48, 40], 1), randomTensor([2, 3, 48, 40], 2)];

describe("synchronous calls", () => {
  // First in this file: nothing else has loaded the kernels.
  test("throw before ready()", async () => {
    const refused = () => l1().valueSync(output, target);
    expect(refused).toThrow(/^l1: kernels are not loaded yet; await ready\(\) once before$/);
    await ready();
    expect(refused).not.toThrow();
  });

  test("return the same bits as asynchronous calls, with weights, crops, lumas, sums and a gradient tensor", async () => {
    await ready();
    const weight = randomTensor([2, 1, 48, 40], 3);
    for (const loss of [
      parseLoss("l1 + 0.1*ssim(channels=y-bt601,crop=3,size=5) + 0.2*psnr"),
      parseLoss("mse(low=-1,dataRange=2)"),
    ]) {
      for (const options of [{}, { weight }, { weight, weightNormalisation: "batch" }] as const) {
        const [into, other] = [Tensor.full(output.shape, 7), Tensor.full(output.shape, 7)];
        const got = loss.valueAndGradSync(output, target, { ...options, into });
        expect(got.grad).toBe(into);
        expect(got).toEqual(await loss.valueAndGrad(output, target, { ...options, into: other }));
        expect(loss.valueSync(output, target, options)).toBe(await loss.value(output, target, options));
      }
    }
  });

  test.each([
    [
      "gradient",
      /^gradient: cannot be evaluated at once: the loss has no kernel with these options, and engine onnx takes a/,
    ],
    ["l1 + 0.1*gradient", /^gradient: cannot be evaluated at once/],
    ["tv", /^tv: cannot be evaluated at once: the loss's kernel takes no weight, and engine onnx takes a promise; use/],
  ])("%s throws the reason why it cannot be evaluated synchronously", (spec, message) => {
    const weight = spec === "tv" ? Tensor.full([1, 1, 48, 40], 1) : undefined;
    const refused = () => parseLoss(spec).valueAndGradSync(output, target, { weight });
    expect(refused).toThrow(ReconlossError);
    expect(refused).toThrow(message);
  });

  test("throw for an asynchronous engine, by its name, and for a map", () => {
    expect(() => l1().valueSync(output, target, { engine: "onnx" })).toThrow(
      "l1: cannot be evaluated at once: engine onnx takes a promise; use value, valueAndGrad or evaluate",
    );
    const requested = { map: true } as Requested;
    expect(() => l1().evaluateSync(output, target, requested)).toThrow("l1: maps take a promise; use map or evaluate");
  });

  test("reject invalid input with the same message as asynchronous calls", async () => {
    const wrong = Tensor.full(output.shape, 1);
    wrong.data[5] = Number.NaN;
    for (const loss of [l1(), l1({ crop: 1 })]) {
      const refusal = await loss.value(output, wrong).catch((error: Error) => error);
      expect(() => loss.valueSync(output, wrong)).toThrow((refusal as Error).message);
    }
    expect(() => l1().valueSync(output, Tensor.full([2, 3, 48, 41], 1))).toThrow(/output is 2x3x48x40 but target is/);
  });
});

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

test("the reference accepts weights, writes into a given gradient tensor, and needs no runtime", async () => {
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
  [
    "gradient",
    gradient(),
    "kernels",
    /gradient: engine kernels cannot evaluate this: the loss has no kernel with these options/,
  ],
  ["ssim", ssim(), "tiles", /ssim: engine tiles cannot evaluate this: the loss is no sum over the layers/],
  ["lpips", lpips({ net: "alex" }, seededLpips("alex")), "tiles", /output has 3840 pixels, and up to 8000000 are/],
  ["any", l1(), "gpu", /l1: engine must be kernels \| tiles \| onnx \| reference, got "gpu"/],
] as const)(
  "an engine that cannot evaluate a loss is rejected with the reason: %s",
  async (_, loss, engine, message) => {
    const refused = expect(loss.value(output, target, { engine: engine as EngineName })).rejects;
    await refused.toMatchObject({ code: "invalid-argument" });
    await refused.toThrow(message);
  },
);

test.each([
  ["lpips", () => lpips({ net: "tiny" })],
  ["perceptual", () => perceptual({ net: "tiny", taps: "relu3" })],
] as const)("every engine that computes %s, including tiles, equals the float64 reference", async (_, make) => {
  const { definition } = make();
  if (!definition?.tiles) throw new Error("there are no tiles");
  definition.tiles.pixelsAtOnce = 300 * 32;
  const images = { output: randomTensor([1, 3, 800, 32], 1), target: randomTensor([1, 3, 800, 32], 2) };
  const found = enginesFor(definition, images, {});
  expect(found.map(({ name }) => name)).toEqual(["tiles", "onnx", "reference"]);
  const [tiled, atOnce, exact] = await Promise.all(found.map((engine) => evaluateBy(engine, definition, images, {})));
  expect(tiled.tiles).toBeGreaterThan(1);
  for (const { value } of [tiled, atOnce]) expect(Math.abs(value / exact.value - 1)).toBeLessThan(1e-5);
});
