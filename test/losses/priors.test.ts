import { describe, expect, test } from "vitest";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { goldenCases } from "../golden.ts";
import { randomTensor } from "../random.ts";

/** Expected values: the formulas of the papers written out in plain loops, where no official code computes them. */
const [channels, height, width] = [3, 9, 11];
const output = randomTensor([1, channels, height, width], 1, -0.5, 1.5);
const input = randomTensor([1, channels, height, width], 2);

const at = ({ data }: Tensor, c: number, y: number, x: number) => data[(c * height + y) * width + x];
const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Means of whole patches over pixels and channels, row by row. */
function patches(image: Tensor, side: number): number[][] {
  return range(Math.floor(height / side)).map((row) =>
    range(Math.floor(width / side)).map((column) =>
      mean(
        range(channels).flatMap((c) =>
          range(side).flatMap((y) => range(side).map((x) => at(image, c, row * side + y, column * side + x))),
        ),
      ),
    ),
  );
}

/** Differences to the pixel below and on the right, 0 beyond the last. */
function steps(c: number, y: number, x: number): [down: number, right: number] {
  const here = at(output, c, y, x);
  return [y + 1 < height ? at(output, c, y + 1, x) - here : 0, x + 1 < width ? at(output, c, y, x + 1) - here : 0];
}

const pixels = range(channels).flatMap((c) =>
  range(height).flatMap((y) => range(width).map((x) => [c, y, x] as const)),
);
const vertical = pixels.filter(([, y]) => y + 1 < height).map((place) => steps(...place)[0]);
const horizontal = pixels.filter(([, , x]) => x + 1 < width).map((place) => steps(...place)[1]);
const outside = pixels.map((place) => Math.max(-at(output, ...place), at(output, ...place) - 1, 0));

/** Sums over the neighbours inside of squared changes of contrast. */
function consistency(side: number): number {
  const [of, from] = [patches(output, side), patches(input, side)];
  const sums = of.flatMap((row, y) =>
    row.map((_, x) =>
      [
        [0, -1],
        [0, 1],
        [-1, 0],
        [1, 0],
      ].reduce((sum, [dy, dx]) => {
        if (of[y + dy]?.[x + dx] === undefined) return sum;
        const contrast = (means: number[][]) => Math.abs(means[y][x] - means[y + dy][x + dx]);
        return sum + (contrast(of) - contrast(from)) ** 2;
      }, 0),
    ),
  );
  return mean(sums);
}

describe("priors equal the papers' formulas", () => {
  test.each([
    [
      "exposure(patch=4)",
      mean(
        patches(output, 4)
          .flat()
          .map((y) => Math.abs(y - 0.6)),
      ),
    ],
    ["spatial-consistency(patch=4)", consistency(4)],
    ["spatial-consistency(patch=2)", consistency(2)],
    [
      "illumination-smoothness",
      channels * mean(pixels.map((place) => steps(...place).reduce((sum, step) => sum + Math.abs(step), 0) ** 2)),
    ],
    [
      "l0-gradient(eps=0.5)",
      mean(vertical.map((d) => Math.min((d / 0.5) ** 2, 1))) + mean(horizontal.map((d) => Math.min((d / 0.5) ** 2, 1))),
    ],
    [
      "l0-gradient(form=gaussian,eps=0.5)",
      mean(vertical.map((d) => 1 - Math.exp(-2 * d * d))) + mean(horizontal.map((d) => 1 - Math.exp(-2 * d * d))),
    ],
    ["range", mean(outside.map((d) => d * d))],
    ["range(form=absolute)", mean(outside)],
    ["range(reduction=sum)", outside.reduce((sum, d) => sum + d * d, 0)],
  ])("%s", async (spec, expected) => {
    expect((await parseLoss(spec).value(output, input)) / expected).toBeCloseTo(1, 5);
  });

  test("l0-gradient tends to the share of differing neighbours as eps tends to 0", async () => {
    const blocks = Tensor.from(
      range(64).map((i) => (i % 8 < 3 ? 0.2 : 0.21)),
      [1, 1, 8, 8],
    );
    for (const form of ["quadratic", "gaussian"]) {
      // One of seven horizontal steps in each row.
      expect(await parseLoss(`l0-gradient(form=${form},eps=1e-4)`).value(blocks)).toBeCloseTo(1 / 7, 6);
    }
  });
});

test("range has gradient 0 inside the range, including its ends", async () => {
  const image = Tensor.from([0, 0.5, 1, 1.25, -0.5], [1, 1, 1, 5]);
  const { grad } = await parseLoss("range(form=absolute)").valueAndGrad(image);
  expect(Array.from(grad.data, (x) => x + 0)).toEqual([0, 0, 0, Math.fround(0.2), Math.fround(-0.2)]);
});

describe("rejects", () => {
  test("images smaller than a patch, as Zero-DCE's code does", async () => {
    const golden = goldenCases("priors").find(({ id }) => id === "exposure-16-0.6/too-small");
    expect(golden?.expected).toBe("refused");
    const refused = expect(parseLoss("exposure").value(Tensor.full([1, 3, 12, 40], 0.5))).rejects;
    await refused.toThrow("exposure: output is 1x3x12x40, but at least 16x16 pixels are needed");
  });

  test.each(["colour-constancy", "saturation"])("%s of two channels", async (spec) => {
    const refused = expect(parseLoss(spec).value(Tensor.full([1, 2, 4, 4], 0.5))).rejects;
    await refused.toThrow(`${spec}: output is 1x2x4x4, but colours need 3 channels, or 1 for grey`);
  });

  test("an even window", () => {
    expect(() => parseLoss("dark-channel(window=4)")).toThrow("dark-channel: window must be odd, got 4");
  });
});

test("a grey image counts as three equal channels", async () => {
  const grey = input.image(0);
  const one = new Tensor(grey.data.slice(0, height * width), [1, 1, height, width]);
  const three = new Tensor(Float32Array.from([...one.data, ...one.data, ...one.data]), grey.shape);
  for (const spec of ["colour-constancy", "saturation", "dark-channel", "exposure(patch=3)", "hyper-laplacian"]) {
    expect(await parseLoss(spec).value(one), spec).toBeCloseTo(await parseLoss(spec).value(three), 6);
  }
});
