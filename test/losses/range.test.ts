import { describe, expect, test } from "vitest";
import { weighted } from "../../packages/core/src/losses/combine.ts";
import { l1 } from "../../packages/core/src/losses/l1.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { lossFactories } from "../../packages/core/src/losses/registry.ts";
import { ssim } from "../../packages/core/src/losses/ssim.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { comparePairs } from "../../packages/reconloss/src/compare/index.ts";
import { completeSettings } from "../../packages/reconloss/src/tasks/index.ts";
import { mapTensor } from "../golden.ts";
import { randomTensor } from "../random.ts";

/** Every option of every loss that says which values images have, at a value that files contradict. */
const declaring = { dataRange: "255", range: "signed", low: "-1" };
const contradicting = lossFactories.flatMap(({ info: { name, options } }) =>
  Object.entries(declaring).flatMap(([option, value]) =>
    Object.hasOwn(options, option) ? [`${name}(${option}=${value})`] : [],
  ),
);

describe("losses for images outside [0, 1]", () => {
  test("every loss whose options imply a range reports it", () => {
    expect(contradicting).toEqual(expect.arrayContaining(["ssim(dataRange=255)", "lpips(range=signed)"]));
    for (const spec of contradicting) {
      expect(parseLoss(spec).range, spec).not.toEqual([0, 1]);
      expect(parseLoss(spec).range, spec).toHaveLength(2);
    }
    for (const { info } of lossFactories) {
      if (Object.hasOwn(info.options, "dataRange")) expect(parseLoss(info.name).range).toEqual([0, 1]);
    }
  });

  test.each(contradicting)("compare and train reject %s before any work", async (spec) => {
    const refusal = expect.objectContaining({
      code: "invalid-argument",
      message: expect.stringMatching(/are read as \[0, 1\]; omit the option/),
    });
    const pair = { name: "a", output: "/no/such/output.png", target: "/no/such/target.png" };
    for (const loss of [parseLoss(spec), weighted([[0.5, parseLoss(spec)]])]) {
      await expect(comparePairs([pair], [parseLoss("tv"), loss]).next()).rejects.toEqual(refusal);
    }
    // Networks make no difference to the check, and their weights need not be here.
    expect(() => completeSettings({ task: "deblur", data: "/no/such/folder", loss: spec })).toThrow(refusal);
    expect(() => completeSettings({ task: "deblur", data: "/no/such/folder", loss: `0.1*${spec}` })).toThrow(refusal);
  });
});

describe("rejects a target in [0, 1] under a dataRange of 100 or more:", () => {
  const output = randomTensor([1, 3, 16, 16], 1);

  test.each(["ssim(dataRange=255)", "psnr(dataRange=255)", "l1(dataRange=100)", "nrmse(dataRange=65535)"])(
    "%s",
    async (spec) => {
      const loss = parseLoss(spec);
      const refused = (target: Tensor) =>
        expect(loss.value(output, target)).rejects.toMatchObject({
          code: "range",
          message: expect.stringMatching(/target \(1x3x16x16\) has values from .* but dataRange is \d+; scale/),
        });
      await refused(randomTensor([1, 3, 16, 16], 2));
      await refused(Tensor.full([1, 3, 16, 16], 0.5));
      // Black, nearly black and other images of whole numbers are what they seem; so is what is brighter than 1.
      for (const level of [0, 1]) expect(await loss.value(output, Tensor.full([1, 3, 16, 16], level))).not.toBeNaN();
      const nearlyBlack = mapTensor(output, (_, i) => (i % 7 === 0 ? 1 : 0));
      expect(await loss.value(output, nearlyBlack)).not.toBeNaN();
      expect(
        await loss.value(
          output,
          mapTensor(output, (x, i) => (i === 5 ? 1.5 : x)),
        ),
      ).not.toBeNaN();
    },
  );

  test("accepts a smaller dataRange, and a prior, which has no target", async () => {
    const target = randomTensor([1, 3, 16, 16], 2);
    expect(await parseLoss("ssim(dataRange=2)").value(output, target)).toBeLessThan(1);
    expect(await parseLoss("tv(dataRange=255)").value(output, target)).toBeGreaterThan(0);
  });
});

test("rejects a sum whose terms expect different ranges of the same images", () => {
  expect(() => parseLoss("l1 + ssim(dataRange=255)")).toThrow(
    /the same images cannot be those of l1 \(in \[0, 1\]\) and of ssim\(dataRange=255\) \(in \[0, 255\]\)/,
  );
  expect(
    weighted([
      [1, l1({ dataRange: 255 })],
      [1, ssim({ dataRange: 255 })],
    ]).range,
  ).toEqual([0, 255]);
});
