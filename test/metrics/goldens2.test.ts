import { describe, expect, test } from "vitest";
import {
  classFrechet,
  densityCoverage,
  type FeatureRows,
  frechetInfinity,
  inceptionInfinity,
  meanDiscrepancy,
  memorisationDistance,
  vendiScore,
} from "../../packages/core/src/metrics/index.ts";
import { momentsOfRows } from "../../packages/core/src/metrics/moments-of-rows.ts";
import { expectValue, type GoldenCase, goldenCases, readNpy } from "../golden.ts";
import { goldenRows, rowsOf } from "./rows.ts";

const cases = goldenCases("distribution2");
const families = ["prdc", "mifid", "cmmd", "cmmd-unit", "fid-infinity", "is-infinity", "vendi", "class-fid"];
const ofFamily = (family: string) => cases.filter(({ id }) => id.startsWith(`${family}/`));

const sides = ({ inputs }: GoldenCase) =>
  [goldenRows(inputs.fake as string), goldenRows(inputs.real as string)] as const;

test("every case belongs to a family that is tested here", () => {
  expect(families.reduce((sum, family) => sum + ofFamily(family).length, 0)).toBe(cases.length);
});

describe("density and coverage equal prdc's", () => {
  test.each(ofFamily("prdc"))("$id", async (golden) => {
    const [output, real] = sides(golden);
    const result = await densityCoverage(output, real, { neighbours: golden.options.k as number });
    const expected = golden.expected as Record<"density" | "coverage" | "precision" | "recall", number>;
    for (const name of ["density", "coverage", "precision", "recall"] as const) {
      expectValue(result[name], expected[name], golden.tolerance);
    }
    expect(result.value).toBe(result.density);
  });
});

describe("the memorisation-informed FID equals torchmetrics'", () => {
  test.each(ofFamily("mifid"))("$id", async (golden) => {
    const [output, real] = sides(golden);
    const threshold = golden.options.eps as number;
    const result = await memorisationDistance(output, real, { threshold });
    expectValue(result.value, golden.expected as number, golden.tolerance);
    expectValue(result.distances.real, golden.distance as number, { rel: 1e-10, abs: 1e-12 });
    expectValue(result.distances.output, golden.distanceOverFake as number, { rel: 1e-10, abs: 1e-12 });
    // The paper's, by its formula from the golden's distance.
    const distance = golden.distanceOverFake as number;
    const paper = await memorisationDistance(output, real, { threshold, preset: "paper" });
    const divisor = (distance < threshold ? distance : 1) + 1e-14;
    expectValue(paper.value, result.fid <= 1e-8 ? 0 : result.fid / divisor, golden.tolerance);
  });
});

describe("the mean discrepancy equals CMMD's", () => {
  test.each([...ofFamily("cmmd"), ...ofFamily("cmmd-unit")])("$id", async (golden) => {
    const [output, real] = sides(golden);
    const { value } = await meanDiscrepancy(output, real, { normalise: golden.id.startsWith("cmmd-unit") });
    expectValue(value, golden.expected as number, golden.tolerance);
  });
});

describe("numbers extrapolated to infinitely many images equal FID_IS_infinity's", () => {
  test.each(ofFamily("fid-infinity"))("$id", async (golden) => {
    const [output, real] = sides(golden);
    const points = golden.options.points as number[];
    // The golden's orders are those after np.random.seed(17).
    const order = golden.inputs.indices === undefined ? { shuffle: false } : { shuffle: true, seed: 17 };
    const statistics = await momentsOfRows(real);
    const result = await frechetInfinity(output, statistics, { points: points.length, least: points[0], ...order });
    expect(result.points.map(({ images }) => images)).toEqual(points);
    for (const [k, fid] of (golden.fids as number[]).entries()) {
      expectValue(result.points[k].value, fid, golden.tolerance);
    }
    expectValue(result.value, golden.expected as number, golden.tolerance);
    expectValue(result.slope, golden.slope as number, golden.tolerance);
  });

  test.each(ofFamily("is-infinity"))("$id", async (golden) => {
    const points = golden.options.points as number[];
    const logits = goldenRows(golden.inputs.logits as string);
    const result = await inceptionInfinity(logits, { points: points.length, least: points[0], shuffle: false });
    expect(result.points.map(({ images }) => images)).toEqual(points);
    for (const [k, score] of (golden.scores as number[]).entries()) {
      expectValue(result.points[k].value, score, golden.tolerance);
    }
    expectValue(result.value, golden.expected as number, golden.tolerance);
    expectValue(result.slope, golden.slope as number, golden.tolerance);
  });
});

describe("Vendi scores equal vertaix/Vendi-Score's", () => {
  const identity = Array.from({ length: 12 }, (_, i) => Array.from({ length: 12 }, (_, j) => Number(i === j)));
  const inputOf = async ({ id, inputs }: GoldenCase): Promise<FeatureRows> => {
    if (id === "vendi/orthogonal") return rowsOf(identity);
    const rows = goldenRows((inputs.features as string).split(" ")[0]);
    return id === "vendi/identical" ? rowsOf(Array(10).fill([...(await rows.read([0]))])) : rows;
  };

  test.each(ofFamily("vendi"))("$id", async (golden) => {
    const { q } = golden.options as { q: number | "inf" };
    const kernel = golden.id === "vendi/fake-rbf" ? ({ kernel: "rbf", sigma: 8 } as const) : {};
    const { value } = await vendiScore(await inputOf(golden), { order: q, ...kernel });
    expectValue(value, golden.expected as number, golden.tolerance);
    // The dual is without the rounding of eigenvalues that should be 0.
    if (golden.dual !== undefined) expectValue(value, golden.dual as number, { rel: 1e-10 });
  });
});

describe("class-conditional FID is the mean of each class's", () => {
  test.each(ofFamily("class-fid"))("$id", async (golden) => {
    const [output, real] = sides(golden);
    const labels = {
      output: readNpy(golden.inputs.fakeLabels as string).data,
      real: readNpy(golden.inputs.realLabels as string).data,
    };
    const result = await classFrechet(output, real, labels);
    expectValue(result.value, golden.expected as number, golden.tolerance);
    for (const [k, value] of (golden.perClass as number[]).entries()) {
      expectValue(result.classes[k].value, value, golden.tolerance);
    }
    expect(result.classes.map(({ images }) => images.output)).toEqual(golden.counts);
  });
});
