import { describe, expect, test } from "vitest";
import { psnr } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { mapTensor } from "../golden.ts";
import { randomTensor } from "../random.ts";

const [output, target] = [randomTensor([2, 3, 6, 7], 1), randomTensor([2, 3, 6, 7], 2)];

/** torchmetrics' formula over the elements that share what `group` gives: 10 log10(dataRange^2 / mean d^2), and the mean of those. */
function decibels(group: (image: number, channel: number) => number, a = output, b = target, dataRange = 1): number {
  const sums = new Map<number, [sum: number, count: number]>();
  for (const [i, value] of a.data.entries()) {
    const key = group(Math.floor(i / 126), Math.floor(i / 42) % 3);
    const [sum, count] = sums.get(key) ?? [0, 0];
    sums.set(key, [sum + (value - b.data[i]) ** 2, count + 1]);
  }
  const values = [...sums.values()].map(([sum, count]) => 10 * Math.log10((dataRange ** 2 * count) / sum));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe("pooling equals torchmetrics' dim", () => {
  test.each([
    ["dataset", "None", () => 0],
    ["images", "(1, 2, 3)", (image: number) => image],
    ["channels", "(2, 3)", (image: number, channel: number) => 3 * image + channel],
  ] as const)("%s: dim=%s", async (pooling, _, group) => {
    expect(await psnr({ pooling }).value(output, target)).toBeCloseTo(decibels(group), 6);
  });
});

describe("dataRange with low", () => {
  const [low, dataRange] = [-1, 2];
  const signed = (x: Tensor) => mapTensor(x, (value) => 3 * value - 1.5);
  const limited = (x: Tensor) => mapTensor(signed(x), (value) => Math.min(Math.max(value, -1), 1));

  test("limits both images to the range, whose length is the peak", async () => {
    const got = await psnr({ low, dataRange, clamp: true }).value(signed(output), signed(target));
    expect(got).toBeCloseTo(
      decibels((image) => image, limited(output), limited(target), dataRange),
      5,
    );
  });

  test("is checked against the target", async () => {
    await expect(psnr({ dataRange }).value(output, Tensor.full(output.shape, -1.1))).rejects.toMatchObject({
      code: "range",
    });
    await expect(psnr({ low, dataRange }).value(output, Tensor.full(output.shape, 2.1))).rejects.toThrow("[-1, 1]");
  });

  test("has gradient 0 where values are clamped", async () => {
    const { grad } = await psnr({ low, dataRange, clamp: true }).valueAndGrad(signed(output), signed(target));
    for (const [i, value] of signed(output).data.entries()) if (Math.abs(value) > 1) expect(grad.data[i]).toBe(0);
  });
});
