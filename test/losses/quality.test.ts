import { expect, test } from "vitest";
import type { Definition } from "../../packages/core/src/definitions/definition.ts";
import { evaluateDefinition } from "../../packages/core/src/definitions/evaluate.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { mapTensor } from "../golden.ts";
import { randomTensor } from "../random.ts";

/** The options that presets without official numbers change, by their formulas. */

const [output, target] = [1, 2].map((seed) => randomTensor([1, 1, 13, 16], seed));
const value = (spec: string, a = output, b = target) => parseLoss(spec).value(a, b);

test("gmsd(preset=matlab) divides the variance by N - 1 where piq divides by N: of 7x8 places", async () => {
  expect(await value("gmsd(preset=matlab)")).toBeCloseTo((await value("gmsd")) * Math.sqrt(56 / 55), 6);
});

test("gmsd(preset=pyiqa), as IQA-PyTorch, uses the rounded luma, N - 1, and drops an odd last row", async () => {
  const even = (x: Tensor) =>
    mapTensor(new Tensor(x.data.slice(0, 12 * 16), [1, 1, 12, 16]), (v) => Math.round(v * 255) / 255);
  const expected = (await value("gmsd", even(output), even(target))) * Math.sqrt(48 / 47);
  expect(await value("gmsd(preset=pyiqa)")).toBeCloseTo(expected, 6);
});

test("uqi equals ssim without constants", async () => {
  expect(await value("uqi")).toBe(await value("ssim(k1=0,k2=0)"));
  expect(await value("uqi(preset=wang)")).toBe(await value("ssim(k1=0,k2=0,window=uniform,size=8)"));
});

test("mdsi(preset=matlab) multiplies complex numbers, which differs only for negative similarities", async () => {
  const near = mapTensor(target, (x, i) => x + 0.01 * output.data[i]);
  const [piq, matlab] = ["piq", "matlab"].map((preset) => `mdsi(combination=mult,preset=${preset})`);
  expect(await value(matlab, near)).toBeCloseTo(await value(piq, near), 6);
  const colours = [3, 4].map((seed) => randomTensor([1, 3, 9, 9], seed));
  expect(Math.abs((await value(matlab, ...colours)) - (await value(piq, ...colours)))).toBeGreaterThan(1e-4);
});

test("sam in degrees is sam in radians times 180 / pi, and ignores brightness", async () => {
  const [a, b] = [3, 4].map((seed) => randomTensor([1, 3, 6, 5], seed));
  expect(await value("sam(unit=degrees)", a, b)).toBeCloseTo(((await value("sam", a, b)) * 180) / Math.PI, 4);
  expect(
    await value(
      "sam",
      mapTensor(a, (x) => x / 2),
      a,
    ),
  ).toBeCloseTo(0, 6);
});

test("vsi is accurate for small differences in greyish and dark colours, where Lab cancels", async () => {
  const near = (target: Tensor, by: number) => mapTensor(target, (x, i) => x + by * (output.data[i % 208] - 0.5));
  const noise = randomTensor([1, 3, 13, 16], 9);
  const targets = {
    colours: noise,
    greyish: mapTensor(noise, (x, i) => 0.5 + 0.4 * (noise.data[i % 208] - 0.5) + 0.01 * x),
    dark: mapTensor(noise, (x) => 0.02 * x),
  };
  for (const [name, target] of Object.entries(targets)) {
    const loss = parseLoss("vsi(size=16)");
    const images = { output: near(target, 1e-3), target };
    const inFloat64 = { output: toFloat64(images.output), target: toFloat64(target) };
    const expected = evaluateDefinition(reference, loss.definition as Definition, inFloat64, { grad: true });
    const got = await loss.evaluate(images.output, target, { grad: true });
    const lost = 1 - expected.value.data[0];
    expect(lost, name).toBeGreaterThan(0);
    expect(Math.abs((1 - got.value) / lost - 1), name).toBeLessThan(1e-3);
    const largest = Math.max(...expected.grad!.data.map(Math.abs));
    for (const [i, x] of expected.grad!.data.entries())
      expect(Math.abs(x - (got.grad as Tensor).data[i]), name).toBeLessThan(1e-3 * largest);
  }
});
