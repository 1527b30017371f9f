import { describe, expect, test } from "vitest";
import { reference, toFloat64 } from "../../packages/core/src/graph/reference.ts";
import { labDifference } from "../../packages/core/src/losses/delta-e.ts";
import { prepare } from "../../packages/core/src/losses/images.ts";
import { rgbToLab } from "../../packages/core/src/losses/lab.ts";
import { parseLoss } from "../../packages/core/src/losses/parse.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import {
  clampTensor,
  expectGradient,
  expectMap,
  expectValue,
  type GoldenCase,
  goldenCases,
  mapTensor,
  readInput,
} from "../golden.ts";
import { type Rule, rules, sum } from "./golden-rules.ts";

/**
 * Cases about colours, refusals, parts of losses, and losses with parameters of their own have tests of their own; piq's features of BRISQUE are not OpenCV's,
 * which `brisque` has.
 */
const testedElsewhere =
  /^(rgb2lab|pairs)\/|^sharma-table$|^ffl-(patch5|matrix)\/|\/too-small$|^niqe|^brisque-features|^kernels$|^mprnet-laplacian\/|^ldl-/;

function kindOf(id: string): string {
  return id.slice(0, id.lastIndexOf("/"));
}

/** The map that the weighted cases describe: 2 where (row + column) % 3 is 0, else 0.5. */
function caseWeight({ shape: [, , h, w] }: Tensor): Tensor {
  return Tensor.from(
    Array.from({ length: h * w }, (_, i) => ((Math.floor(i / w) + (i % w)) % 3 === 0 ? 2 : 0.5)),
    [1, 1, h, w],
  );
}

function channelsAsImages({ data, shape: [n, c, h, w] }: Tensor): Tensor {
  return new Tensor(data, [n * c, 1, h, w]);
}

function hasGradient({ gradient, gradientSummary, gradientMaxAbs }: GoldenCase): boolean {
  return gradient !== undefined || gradientSummary !== undefined || gradientMaxAbs !== undefined;
}

/**
 * Where derivatives of output and target agree exactly, as they often do in images of 8 bits, an absolute error has a tip: the official gradient there is the sign of a rounding error, ours 0.
 */
const hasTies = /^(sobel2?|diff2?|forward-diff|sobel-magnitude)-l1(-raw)?\/|^(gdl|gw|gw-adaptive)\//;

type LumaOf8Bit = (r: number, g: number, b: number) => number;

/** The luma as the official function computes it: in float64 on [0, 1], where the error of the sum decides what half a level becomes. */
const officialLuma: LumaOf8Bit = (r, g, b) => (0.299 * (r / 255) + 0.587 * (g / 255) + 0.114 * (b / 255)) * 255;

function roundedLuma({ data, shape: [n, , h, w] }: Tensor, luma: LumaOf8Bit): Tensor {
  const plane = h * w;
  const levels = Array.from({ length: plane }, (_, i) => {
    const [r, g, b] = [0, 1, 2].map((channel) => Math.round(data[channel * plane + i] * 255));
    const y = luma(r, g, b);
    const rounded = Math.round(y);
    return rounded - y === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
  });
  return Tensor.from(
    levels.map((level) => level / 255),
    [n, 1, h, w],
  );
}

async function check(golden: GoldenCase, rule: Rule): Promise<void> {
  const loss = parseLoss(rule.spec);
  const prepare = async (input: unknown) => {
    const tensor = await readInput(input as string);
    const { clampInputs } = golden.options as { clampInputs?: number[] };
    const clamped = clampInputs ? clampTensor(tensor, clampInputs) : tensor;
    if (rule.officialLuma) return roundedLuma(clamped, officialLuma);
    const scaled = mapTensor(clamped, (value) => value * (rule.scale ?? 1));
    return rule.perChannel ? channelsAsImages(scaled) : scaled;
  };
  const output = await prepare(golden.inputs.output);
  const target = golden.inputs.target === undefined ? undefined : await prepare(golden.inputs.target);
  const isOf8Bit = String(golden.inputs.output).endsWith(".png");
  const grad = hasGradient(golden) && !(isOf8Bit && hasTies.test(golden.id));
  const options = rule.weighted ? { weight: caseWeight(output) } : {};
  const got = await loss.evaluate(output, target, { grad, map: golden.map !== undefined }, options);

  const exact = golden.expectedExactWindow;
  const tolerance = exact === undefined ? golden.tolerance : { abs: golden.tolerance.exactWindowAbs };
  const official = rule.meanOfChannels
    ? (golden.expected as number[][]).map((channels) => sum(channels) / channels.length)
    : golden.expected;
  const expected = [exact ?? official].flat(2) as number[];
  const values = [rule.value?.([...got.perImage], output) ?? got.value].flat();
  expect(values.length).toBe(expected.length);
  values.forEach((value, i) => {
    expectValue(value, expected[i], tolerance);
  });
  golden.perImage?.forEach((value, i) => {
    expectValue(got.perImage[i], value, golden.tolerance);
  });
  if (got.grad) {
    // The sum over a batch of our gradient's mean: n times ours.
    const factor = rule.value === sum ? output.shape[0] : 1;
    expectGradient(factor === 1 ? got.grad : mapTensor(got.grad, (value) => value * factor), golden);
  }
  // The goldens state no tolerance for maps; gradients have 1e-4 of the largest entry.
  if (got.map && golden.map) expectMap(got.map, golden.map, 1e-4 * Math.max(...got.map.data));
}

describe.each(Object.keys(rules))("golden values: %s", (family) => {
  const cases = goldenCases(family).filter(({ id }) => !testedElsewhere.test(id));

  test.each(cases.map((golden) => [golden.id, golden] as const))("%s", async (id, golden) => {
    const fitting = rules[family].filter((candidate) => candidate.id.test(kindOf(id)));
    expect(fitting, `no rule for ${id}`).not.toEqual([]);
    for (const rule of fitting) await check(golden, rule);
  });
});

test("the rounded luma differs from the official one only where the exact luma is halfway between levels", async () => {
  const options = { channels: "y-matlab", crop: 0, clamp: false, low: 0, dataRange: 1 } as const;
  const image = await readInput("inputs/scene_blur.png");
  const images = { output: toFloat64(image), target: toFloat64(image) };
  const ours = prepare(reference, images, options).output.data;
  const official = roundedLuma(image, officialLuma).data;
  const plane = official.length;
  let halves = 0;
  for (const [i, level] of official.entries()) {
    const [r, g, b] = [0, 1, 2].map((channel) => Math.round(image.data[channel * plane + i] * 255));
    if ((299 * r + 587 * g + 114 * b) % 1000 === 500) halves++;
    else expect(ours[i]).toBeCloseTo(level, 6);
  }
  expect(halves).toBeGreaterThan(0);
  expect(halves).toBeLessThan(plane / 200);
});

describe("golden values: colours", () => {
  const cases = Object.fromEntries(goldenCases("deltae").map((golden) => [golden.id, golden]));

  /** Colours as the pixels of one row, on the float64 backend. */
  const row = (colours: number[][], scale = 1) => ({
    data: Float64Array.from([0, 1, 2].flatMap((channel) => colours.map((colour) => colour[channel] * scale))),
    shape: [1, 3, 1, colours.length] as const,
  });

  test.each(["rgb2lab/colours", "rgb2lab/floats"])("%s", (id) => {
    const { inputs, expected, tolerance } = cases[id];
    const { rgb8, rgb } = inputs as Record<string, number[][] | undefined>;
    const lab = rgbToLab(reference, rgb8 ? row(rgb8, 1 / 255) : row(rgb as number[][]));
    const wanted = row(expected as number[][]);
    lab.data.forEach((value, i) => {
      expectValue(value, wanted.data[i], tolerance);
    });
  });

  test.each(["76", "94", "2000"] as const)("pairs/%s", (formula) => {
    const { inputs, expected, tolerance } = cases[`pairs/${formula}`];
    const { outputRgb8, targetRgb8 } = inputs as Record<string, number[][]>;
    const [output, target] = [outputRgb8, targetRgb8].map((colours) => rgbToLab(reference, row(colours, 1 / 255)));
    labDifference(reference, formula, output, target).data.forEach((value, i) => {
      expectValue(value, (expected as number[])[i], tolerance);
    });
  });

  test("CIEDE2000 of Sharma's 34 pairs", () => {
    const { inputs, expected, fullPrecisionScikitImage } = cases["sharma-table"];
    const { lab1, lab2 } = inputs as Record<string, number[][]>;
    const { data } = labDifference(reference, "2000", row(lab2), row(lab1));
    expect(data.length).toBe(34);
    data.forEach((value, i) => {
      expectValue(value, (expected as number[])[i], { abs: 1e-4 });
      expectValue(value, (fullPrecisionScikitImage as number[])[i], { abs: 1e-9 });
    });
  });
});
