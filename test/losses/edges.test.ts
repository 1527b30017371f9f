import { describe, expect, test } from "vitest";
import { differentiate } from "../../packages/core/src/graph/autodiff.ts";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { artifactWeight } from "../../packages/core/src/losses/artifact-map.ts";
import { dpedWindow } from "../../packages/core/src/losses/colour.ts";
import { laplacian } from "../../packages/core/src/losses/edge.ts";
import { artifactMap, l1, parseLoss } from "../../packages/core/src/losses/index.ts";
import { derivativeKernels } from "../../packages/core/src/losses/sobel.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import {
  expectArray,
  expectGradientArray,
  expectSummary,
  expectValue,
  type GoldenCase,
  goldenCases,
  mapTensor,
  readInput,
  type Summary,
} from "../golden.ts";
import { randomTensor } from "../random.ts";

/** Parts of edge and colour losses: official numbers where there are any, else the formulas written out with loops. */
const golden = goldenCases("edges");

test("derivative kernels equal kornia's", () => {
  const { expected } = golden.find(({ id }) => id === "kernels") as GoldenCase;
  for (const [name, kernels] of Object.entries(expected as Record<string, number[][][]>)) {
    const [, mode, order] = /^(sobel|diff)(\d)$/.exec(name) as unknown as [string, "sobel" | "diff", string];
    const ours = derivativeKernels(mode, Number(order), false).map(({ down, across }) => {
      const full = down.map((a) => across.map((b) => a * b));
      const empty = kernels[0].length - full.length;
      const rows = [
        ...Array(empty / 2).fill(across.map(() => 0)),
        ...full,
        ...Array(empty / 2).fill(across.map(() => 0)),
      ];
      const sides = Array((kernels[0].length - across.length) / 2).fill(0);
      return rows.map((row: number[]) => [...sides, ...row, ...sides].map((x) => x + 0));
    });
    expect(ours, name).toEqual(kernels.map((rows) => rows.map((row) => row.map((x) => x + 0))));
  }
});

test.each(golden.filter(({ id }) => id.startsWith("mprnet-laplacian/")).map((each) => [each.id, each] as const))(
  "%s",
  async (_, { inputs, expected, array, tolerance }) => {
    const { data } = laplacian(reference, toFloat64(await readInput(inputs.output as string)));
    if (array) expectArray(data, array as string, tolerance);
    else expectSummary(data, expected as Summary, tolerance);
  },
);

describe("artifactMap equals LDL's", () => {
  const cases = golden.filter(({ id }) => id.startsWith("ldl-"));

  test.each(cases.map((each) => [each.id, each] as const))("%s", async (_, each) => {
    const { inputs, options, expected, tolerance, map, mapSummary, gradient } = each;
    const [output, target] = [await readInput(inputs.output as string), await readInput(inputs.target as string)];
    const ema = options.ema as string;
    const averaged = ema.startsWith("0.5")
      ? mapTensor(output, (x, i) => 0.5 * (x + target.data[i]))
      : ema.startsWith("the target")
        ? target
        : await readInput("inputs/scene_blur.png");
    const size = options.ksize as number;
    const weight = await artifactMap(output, target, averaged, { size });
    const [n, c, h, w] = output.shape;
    if (each.id === "ldl-blur/scene_jpeg15") {
      // Residuals of 8-bit images are often equal; rounding decides what the official function makes of those.
      const level = (image: Tensor, i: number) => Math.round(image.data[i] * 255);
      const plane = h * w;
      const residual = (image: Tensor, i: number) =>
        [0, 1, 2].reduce((sum, at) => sum + Math.abs(level(target, at * plane + i) - level(image, at * plane + i)), 0);
      const signs = Array.from({ length: plane }, (_, i) => Math.sign(residual(averaged, i) - residual(output, i)));
      const { zeros } = mapSummary as { zeros: number };
      const count = (sign: number) => signs.filter((found) => found === sign).length;
      expect(zeros).toBeGreaterThanOrEqual(count(1));
      expect(zeros).toBeLessThanOrEqual(count(1) + count(0));
      for (const [i, sign] of signs.entries()) if (sign > 0) expect(weight.data[i]).toBe(0);
      expect(weight.data.filter((x, i) => x === 0 && signs[i] === 0).length).toBeLessThan(count(0) / 2);
      return;
    }
    const mapTolerance = { abs: 1e-5 * Math.max(...weight.data) };
    if (map) expectArray(weight.data, map, mapTolerance);
    else expectSummary(weight.data, mapSummary as Summary, { ...mapTolerance, rel: 1e-5 });
    const got = await l1({ reduction: "sum" }).valueAndGrad(output, target, { weight });
    expectValue(got.value / (c * h * w), expected as number, tolerance);
    const { gradientDetachedMap } = each as { gradientDetachedMap?: string };
    const scaled = got.grad.data.map((x) => x / (c * h * w));
    if (gradientDetachedMap) expectGradientArray(scaled, gradientDetachedMap, tolerance);

    // The official gradient goes through the map.
    if (!gradient) return;
    const fixed = [target, averaged].map(toFloat64);
    const { gradients } = differentiate(
      reference,
      ({ o, lift }, [x]) => {
        const [y, z] = fixed.map(lift);
        const errors = o.mul(artifactWeight(o, x, y, z, size), o.abs(o.sub(x, y)));
        return o.div(o.sum(errors, "nchw"), n * c * h * w);
      },
      [toFloat64(output)],
    );
    expectGradientArray(gradients[0].data, gradient, tolerance);
  });

  test("rejects images of different shapes, too small images, and even window sizes", async () => {
    const [a, b] = [randomTensor([1, 3, 8, 8], 1), randomTensor([1, 3, 8, 9], 2)];
    await expect(artifactMap(a, a, b)).rejects.toThrow("artifactMap: output is 1x3x8x8 but averaged is 1x3x8x9");
    await expect(artifactMap(a, a, a, { size: 4 })).rejects.toThrow("size must be an odd whole number >= 3, got 4");
    await expect(artifactMap(a, a, 3 as never)).rejects.toThrow("averaged must be a Tensor, got number");
    await expect(artifactMap(a, a, a, { size: 17 })).rejects.toThrow("size=17 needs at least 9x9 pixels");
  });
});

describe("losses equal their formulas", () => {
  const [h, w] = [7, 9];
  const [output, target] = [randomTensor([1, 3, h, w], 1), randomTensor([1, 3, h, w], 2)];
  type Plane = (row: number, column: number) => number;
  const channel =
    ({ data }: Tensor, c: number): Plane =>
    (row, column) =>
      row < 0 || column < 0 || row >= h || column >= w ? 0 : data[(c * h + row) * w + column];
  const across = [
    [-1, 0, 1],
    [-2, 0, 2],
    [-1, 0, 1],
  ];
  const down = [0, 1, 2].map((i) => [0, 1, 2].map((j) => across[j][i]));
  const turned = [
    [-2, -1, 0],
    [-1, 0, 1],
    [0, 1, 2],
  ];
  const other = [
    [0, -1, -2],
    [1, 0, -1],
    [2, 1, 0],
  ];
  const filtered =
    (plane: Plane, kernel: number[][]): Plane =>
    (row, column) =>
      kernel.flat().reduce((sum, x, i) => sum + x * plane(row + Math.floor(i / 3) - 1, column + (i % 3) - 1), 0);
  const places = Array.from({ length: h * w }, (_, i) => [Math.floor(i / w), i % w] as const);
  const mean = (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
  const blocks = (size: number) =>
    places
      .filter(([row, column]) => row % size === 0 && column % size === 0 && row + size <= h && column + size <= w)
      .map(([row, column]) =>
        places.filter(([y, x]) => y >= row && y < row + size && x >= column && x < column + size),
      );

  test("gradient-variance uses unbiased variances within whole blocks", async () => {
    const variance = (image: Tensor, kernel: number[][], block: (readonly [number, number])[]) => {
      const grey: Plane = (row, column) =>
        [0.2989, 0.587, 0.114].reduce((sum, x, c) => sum + x * channel(image, c)(row, column), 0);
      const values = block.map(([row, column]) => filtered(grey, kernel)(row, column));
      return values.reduce((sum, x) => sum + (x - mean(values)) ** 2, 0) / (values.length - 1);
    };
    const expected = [across, down]
      .map((kernel) =>
        mean(blocks(3).map((block) => (variance(output, kernel, block) - variance(target, kernel, block)) ** 2)),
      )
      .reduce((a, b) => a + b);
    expectValue(await parseLoss("gradient-variance(size=3)").value(output, target), expected, { rel: 1e-5 });
  });

  test.each([
    ["gradient-weighted(preset=cdc-flat)", [across, down], "maximum"],
    ["gradient-weighted(preset=cdc-corner,directions=diagonal)", [across, down, turned, other], "product"],
  ] as const)("%s", async (spec, kernels, combine) => {
    const difference =
      (c: number): Plane =>
      (row, column) =>
        channel(output, c)(row, column) - channel(target, c)(row, column);
    const average: Plane = (row, column) => mean([0, 1, 2].map((c) => difference(c)(row, column)));
    const errors = places.flatMap(([row, column]) => {
      const sizes = kernels.map((kernel) => Math.abs(filtered(average, kernel as number[][])(row, column)));
      const weight =
        combine === "maximum" ? 1 + 4 * Math.max(...sizes) : sizes.reduce((product, x) => product * (1 + 4 * x), 1);
      return [0, 1, 2].map((c) => weight * Math.abs(difference(c)(row, column)));
    });
    expectValue(await parseLoss(spec).value(output, target), mean(errors), { rel: 1e-5 });
  });

  test("average and chroma compare means of whole blocks", async () => {
    const blockMean = (plane: Plane, block: (readonly [number, number])[]) =>
      mean(block.map(([row, column]) => plane(row, column)));
    const difference =
      (c: number): Plane =>
      (row, column) =>
        channel(output, c)(row, column) - channel(target, c)(row, column);
    const error = (plane: Plane) => blocks(4).map((block) => Math.abs(blockMean(plane, block)));
    const [averages] = [mean([0, 1, 2].flatMap((c) => error(difference(c))))];
    expectValue(await parseLoss("average").value(output, target), averages, { rel: 1e-5 });
    // BT.601's digital Cb and Cr: 128 - 37.797 R - 74.203 G + 112 B and 128 + 112 R - 93.786 G - 18.214 B, over 255.
    const mixed = [
      [-37.797, -74.203, 112],
      [112, -93.786, -18.214],
    ].map(
      (weights): Plane =>
        (row, column) =>
          weights.reduce((sum, x, c) => sum + (x / 255) * difference(c)(row, column), 0),
    );
    expectValue(await parseLoss("chroma").value(output, target), mean(mixed.flatMap(error)), { rel: 1e-5 });
  });

  test("colour blurs with DPED's window and zero padding", async () => {
    // DPED's gauss_kernel with Python's math.erf in float64.
    const window = dpedWindow(3, 3);
    [0.1929300622069622, 0.6141398755860756, 0.1929300622069622].forEach((weight, i) => {
      expect(window[i]).toBeCloseTo(weight, 10);
    });
    const whole = dpedWindow(21, 3);
    expect([whole[0], whole[5], whole[10]].map((weight) => weight.toFixed(10))).toEqual([
      "0.0091039810",
      "0.0494685946",
      "0.0869660475",
    ]);
    const kernel = window.map((a) => window.map((b) => a * b));
    const squares = [0, 1, 2].flatMap((c) => {
      const difference: Plane = (row, column) => channel(output, c)(row, column) - channel(target, c)(row, column);
      return places.map(([row, column]) => filtered(difference, kernel)(row, column) ** 2);
    });
    const expected = squares.reduce((a, b) => a + b) / 2;
    expectValue(await parseLoss("colour(size=3,reduction=sum)").value(output, target), expected, { rel: 1e-5 });
  });
});
