import { expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { mapTensor, readGoldenImage } from "../golden.ts";

// scikit-image 0.19.3 on the files as float64 / 255: the root of mean_squared_error, normalized_root_mse with each normalization, and (1 - s) / 2 with
// structural_similarity's s (gaussian_weights=True, sigma=1.5, use_sample_covariance=False; and its defaults).
const specs = [
  "rmse",
  "nrmse",
  "nrmse(normalization=min-max)",
  "nrmse(normalization=mean)",
  "dssim",
  "dssim(preset=skimage)",
];
const pairs: [string, string, number[]][] = [
  [
    "scene_noise",
    "scene",
    [
      0.059175170430172674, 0.09469331465324374, 0.059175170430172674, 0.09908733088023737, 0.2368020603466262,
      0.22812284465105986,
    ],
  ],
  [
    "gray_blur",
    "gray",
    [
      0.07029462958869821, 0.11633405258008743, 0.07029462958869821, 0.11982441404973525, 0.11614285110519867,
      0.11353381262551826,
    ],
  ],
  [
    "odd_noise",
    "odd",
    [
      0.0632771656419014, 0.10406865007610605, 0.0632771656419014, 0.10941838134055439, 0.18347013491440678,
      0.1750163200929033,
    ],
  ],
];

test.each(pairs)("%s against %s equals scikit-image", async (outputName, targetName, expected) => {
  const [output, target] = await Promise.all(
    [outputName, targetName].map((name) => readGoldenImage(`inputs/${name}.png`)),
  );
  for (const [index, spec] of specs.entries()) {
    const got = await parseLoss(spec).value(output, target);
    expect(Math.abs(got / expected[index] - 1), spec).toBeLessThan(2e-6);
  }
});

test("normalised errors are invariant as their divisors imply: min-max to contrast and brightness, all to scale", async () => {
  const [output, target] = await Promise.all(
    ["scene_noise", "scene"].map((name) => readGoldenImage(`inputs/${name}.png`)),
  );
  const value = (spec: string, f: (x: number) => number) =>
    parseLoss(spec).value(mapTensor(output, f), mapTensor(target, f));
  const same = (x: number) => x;
  const halved = (x: number) => 0.5 * x;
  const pale = (x: number) => 0.5 * x + 0.25;
  expect(await value("rmse", pale)).toBeCloseTo(0.5 * (await value("rmse", same)), 6);
  expect(await value("nrmse(normalization=min-max)", pale)).toBeCloseTo(await value("rmse", same), 6);
  for (const spec of specs.slice(1, 4)) expect(await value(spec, halved)).toBeCloseTo(await value(spec, same), 6);
});

test("an all-zero target gives 0 for the same image, infinity for another, and gradients of 0", async () => {
  const [black, grey] = [Tensor.full([1, 3, 8, 8], 0), Tensor.full([1, 3, 8, 8], 0.5)];
  for (const spec of specs.slice(1, 4)) {
    const loss = parseLoss(spec);
    expect(await loss.value(black, black)).toBe(0);
    const { value, grad } = await loss.valueAndGrad(grey, black);
    expect(value).toBe(Number.POSITIVE_INFINITY);
    expect(grad.data.every((slope) => slope === 0)).toBe(true);
  }
});

test("dssim equals (1 - ssim) / 2 in value, gradient and map, for any options", async () => {
  const [output, target] = await Promise.all(
    ["scene_noise", "scene"].map((name) => readGoldenImage(`inputs/${name}.png`)),
  );
  for (const options of ["", "(preset=torchmetrics)", "(channels=y-bt601,crop=4)", "(preset=ssim.m)"]) {
    const requested = { grad: true, map: true };
    const [s, d] = await Promise.all(
      ["ssim", "dssim"].map((name) => parseLoss(name + options).evaluate(output, target, requested)),
    );
    expect(d.value).toBeCloseTo((1 - s.value) / 2, 7);
    const most = Math.max(...s.grad!.data.map(Math.abs));
    const slopesApart = Math.max(...d.grad!.data.map((slope, i) => Math.abs(slope + s.grad!.data[i] / 2)));
    expect(slopesApart).toBeLessThan(1e-6 * most);
    expect(d.map!.shape).toEqual(s.map!.shape);
    const furthest = Math.max(...d.map!.data.map((x, i) => Math.abs(x - (1 - s.map!.data[i]) / 2)));
    expect(furthest).toBeLessThan(1e-5);
  }
});
