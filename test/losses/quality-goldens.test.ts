import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64, toTensor } from "../../packages/core/src/graph/reference.ts";
import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage } from "../../packages/reconloss/src/image/index.ts";
import {
  clampTensor,
  expectGradient,
  expectMap,
  expectValue,
  type GoldenCase,
  goldenCases,
  hasReference,
  mapTensor,
  readInput,
  referenceFolder,
  type Summary,
} from "../golden.ts";
import { qualitySpecs } from "./golden-rules.ts";

/** Official numbers of the measures of perceptual quality, of `iqa.json`: what piq and torchmetrics give in float64, and their gradients. */

const flat = "flat windows, 0 / 0, are left to rounding";
const black = "0 / 0: nothing to compare";

/** Cases that the official functions answer with what is no measure of the images, and what ours is there. */
const ours: Record<string, [value: number, reason: string]> = {
  "haarpsi/black": [1, black],
  "tm-vif/flat_b": [1, black],
  "tm-vif/white": [1, black],
  "tm-vif/black": [1, black],
  // The luminance factor alone: 2 mx my / (mx^2 + my^2), mean over the channels of the two colours.
  "uqi/flat_b": [0.99753505, flat],
  "uqi/black": [1, flat],
  "sam/scene_jpeg15": [0.042783, "a black pixel makes the whole mean NaN; here it is at a right angle to any other"],
  "sam/white": [Math.PI / 2, "the same"],
  "sam/t24": [0.0862875, "the same"],
  // In numpy, which gives piq's value of t48 and t72.
  "dss/t24": [0.9565142, "the worst 5 % of 6 blocks are none: the mean over them is NaN; here they are at least one"],
  "ergas/black": [0, black],
  "scc/scene_jpeg15": [0.2810737, "flat windows have correlations of what float32 rounds, here 0"],
  "scc/flat_b": [0, "the same"],
};

/**
 * Cases with flat areas, where coefficients of the official function are 0 but for rounding, whose sign and larger one decide its gradient. Ours are exactly 0 there: 3456 pixels of
 * scene_jpeg15 lie beside one with no gradient, the official gradient of fsim is not finite at 3126 of them.
 */
const roundedGradients = [
  "haarpsi/scene_jpeg15",
  "haarpsi/flat_b",
  "haarpsi-nosubsample/scene_jpeg15",
  "haarpsi-c5-a5.8/scene_jpeg15",
  "haarpsi-matlab-yiq/scene_jpeg15",
  "flip-ppd30/scene_jpeg15",
  "fsim-s3-o6/scene_jpeg15",
  "fsimc-matlab/scene_jpeg15",
];

/** Cases whose official gradient is not finite and of which no other was recorded, of images that are not identical: flat ones, whose borders, continued with zeros, are not flat. */
const unknownGradients = ["dss/flat_b"];

/** Cases with windows that are flatter than float32 resolves, and no constant that covers it: the definition meets them in float64, what runs is within 1e-5. */
const inFloat64 = ["uqi/big_jpeg30", "uqi-7-1.0/scene_jpeg15"];

const [official, real, figures] = [/^(?!matlab|real)/, /^real\//, /^matlab\//].map((kind) =>
  goldenCases("iqa").filter(({ id }) => kind.test(id)),
);

const measureOf = (id: string) => id.slice(id.startsWith("real/") ? 5 : 0, id.lastIndexOf("/"));

const losses = new Map<string, Loss>();

/** The loss of a case; the same for all cases of a measure, so that they share what was compiled. */
function lossOf(id: string): Loss {
  const spec = qualitySpecs[measureOf(id)] ?? `no rule for ${id}`;
  const loss = losses.get(spec) ?? parseLoss(spec);
  losses.set(spec, loss);
  return loss;
}

interface QualityCase extends GoldenCase {
  /** The number of entries of the official gradient that are NaN or infinite. */
  gradientNonFinite?: number;
  /** The gradient of the official function where the root's slope at 0 counts as 0. */
  gradientSqrt0?: Summary & { maxAbs: number };
}

/** The case with the gradient that is to be met: where the official one is not finite, that with the root's slope at 0 taken as 0. */
function withGradient(golden: QualityCase): GoldenCase {
  const summary = golden.gradientSqrt0 ?? golden.gradientSummary;
  return { ...golden, gradientSummary: summary, gradientMaxAbs: (summary as { maxAbs?: number } | undefined)?.maxAbs };
}

describe("golden values: quality", () => {
  test.each(official.map((golden) => [golden.id, golden as QualityCase] as const))("%s", async (id, golden) => {
    const loss = lossOf(id);
    const { clampInputs, transform } = golden.options as { clampInputs?: number[]; transform?: string };
    const prepare = async (input: unknown): Promise<Tensor> => {
      const tensor = await readInput(input as string);
      const clamped = clampInputs ? clampTensor(tensor, clampInputs) : tensor;
      return transform ? mapTensor(clamped, (value) => 0.9 * value + 0.1) : clamped;
    };
    const [output, target] = [await prepare(golden.inputs.output), await prepare(golden.inputs.target)];
    if (golden.expected === "refused") {
      await expect(loss.value(output, target)).rejects.toMatchObject({ code: "shape" });
      return;
    }
    const got = await loss.evaluate(output, target, { grad: true, map: golden.map !== undefined });
    // The goldens state no tolerance for maps: a value's, for each place.
    if (golden.map) expectMap(got.map as Tensor, golden.map, golden.tolerance.abs as number);
    expect(got.grad?.data.every(Number.isFinite)).toBe(true);
    if (Object.hasOwn(ours, id)) {
      expectValue(got.value, ours[id][0], { abs: 1e-6 });
      return;
    }
    if (inFloat64.includes(id)) {
      const images = { output: toFloat64(output), target: toFloat64(target) };
      const requested = { grad: golden.gradientSummary !== undefined };
      const exact = evaluateDefinition(reference, loss.definition as Definition, images, requested);
      expectValue(exact.value.data[0], golden.expected as number, golden.tolerance);
      if (exact.grad) expectGradient(toTensor(exact.grad), withGradient(golden));
      expectValue(got.value, golden.expected as number, { abs: 1e-5 });
      return;
    }
    expectValue(got.value, golden.expected as number, golden.tolerance);
    golden.perImage?.forEach((value, i) => {
      expectValue(got.perImage[i], value, golden.tolerance);
    });
    if (!roundedGradients.includes(id)) expectGradient(got.grad as Tensor, withGradient(golden));
    // Of identical images the official gradient is NaN, ours 0.
    if (golden.gradientNonFinite && !golden.gradientSqrt0 && !unknownGradients.includes(id)) {
      expect(Math.max(...(got.grad as Tensor).data.map(Math.abs))).toBeLessThanOrEqual(1e-6);
    }
  });

  test.skipIf(!hasReference).each(real.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const [output, target] = await Promise.all(
      [golden.inputs.output, golden.inputs.target].map((path) => {
        const name = (path as string).replace("../reference/", "");
        return readImage(fileURLToPath(new URL(name, referenceFolder)));
      }),
    );
    expectValue(await lossOf(id).value(output, target), golden.expected as number, golden.tolerance);
  });

  test("the goldens of the authors' figures state that their images are not included", () => {
    for (const { options } of figures) expect(options.note).toMatch(/^images not copied here/);
  });

  test("every listed exception is a golden case", () => {
    const ids = official.map(({ id }) => id);
    for (const id of [...Object.keys(ours), ...roundedGradients, ...unknownGradients, ...inFloat64])
      expect(ids).toContain(id);
  });
});
