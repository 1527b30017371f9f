import { describe, expect, test } from "vitest";
import { perceptual } from "../../packages/core/src/losses/perceptual.ts";
import { vgg } from "../../packages/core/src/nets/index.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import {
  clampTensor,
  expectGradient,
  expectValue,
  type GoldenCase,
  goldenCases,
  mapTensor,
  readInput,
  readTensor,
} from "../golden.ts";
import { seededStateDict } from "../networks.ts";
import { type PerceptualOptions, perceptualOptions } from "./golden-rules.ts";

const weights = (options: PerceptualOptions) => {
  const depth = options.net === "vgg19" || options.preset?.endsWith("vgg19") ? "vgg19" : "vgg16";
  return seededStateDict(vgg(depth).tensors(["pool5"]));
};

/**
 * Enlarging 48x40 pixels to 224x224 makes neighbours nearly equal, so that which of them a pooling window takes, and the sign of the smallest
 * differences, depend on rounding: PyTorch in float32 itself leaves 2 of the 5760 elements outside the tolerance of the float64 result.
 */
const float32Ties = new Set(["uhdm-resizeTrue/t48"]);

/** All but one in a thousand elements within the tolerance, and the whole within the same tolerance of its length. */
function expectMostOfGradient(got: Tensor, { gradient, tolerance }: GoldenCase): void {
  const expected = readTensor(gradient!).data;
  const largest = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const errors = got.data.map((value, i) => Math.abs(value - expected[i]));
  const outside = errors.filter((error) => error > tolerance.gradientRel! * largest + tolerance.gradientAbs!).length;
  expect(outside).toBeLessThanOrEqual(errors.length / 1000);
  expect(Math.hypot(...errors)).toBeLessThanOrEqual(tolerance.gradientRel! * Math.hypot(...expected));
}

const cases = goldenCases("perceptual").filter(({ id }) => !id.startsWith("taps/"));

describe("perceptual with seeded weights equals the official implementations", () => {
  const losses = new Map<string, ReturnType<typeof perceptual>>();

  async function input(golden: GoldenCase, name: string) {
    const tensor = await readInput(golden.inputs[name] as string);
    const clamp = golden.options.clampInputs as number[] | undefined;
    const inRange = clamp === undefined ? tensor : clampTensor(tensor, clamp);
    return golden.options.range_norm ? mapTensor(inRange, (x) => 2 * x - 1) : inRange;
  }

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const options = perceptualOptions[id.split("/")[0]];
    const key = JSON.stringify(options);
    const loss = losses.get(key) ?? perceptual(options, { weights: weights(options) });
    losses.set(key, loss);
    const wantsGradient = golden.gradient !== undefined || golden.gradientMaxAbs !== undefined;
    const { value, perImage, grad, terms } = await loss.evaluate(
      await input(golden, "output"),
      await input(golden, "target"),
      { grad: wantsGradient },
    );
    expectValue(value, golden.expected as number, golden.tolerance);
    expectValue(perImage[0], golden.expected as number, golden.tolerance);
    expectValue(
      Object.values(terms!).reduce((a, b) => a + b),
      golden.expected as number,
      golden.tolerance,
    );
    if (grad && float32Ties.has(id)) expectMostOfGradient(grad, golden);
    else if (grad) expectGradient(grad, golden);
  });
});
