import { describe, expect, test } from "vitest";
import {
  classFrechet,
  densityCoverage,
  type FeatureRows,
  frechetInfinity,
  inceptionInfinity,
  kernelDistance,
  type MetricResult,
  meanDiscrepancy,
  memorisationDistance,
  metricFactories,
  parseMetric,
  precisionRecall,
  vendiScore,
} from "../../packages/core/src/metrics/index.ts";
import { Moments } from "../../packages/core/src/metrics/moments.ts";
import { statisticsOfRows } from "../../packages/core/src/metrics/statistics-of-rows.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { expectValue } from "../golden.ts";
import { randomSource } from "../random.ts";
import { GeneratedRows, rowsOf, uncheckedRows } from "./rows.ts";

/** Random vectors with a coordinate in common, so that none is 0 and directions are close. */
function vectors(count: number, dimension: number, seed: number): number[][] {
  const next = randomSource(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: dimension }, (_, k) => Math.fround(next() + Number(k === 0))),
  );
}

const labelsOf = (count: number) => Array.from({ length: count }, (_, i) => i % 2);

/** Every metric that takes rows, of two sets, the real ones left out where it needs none. */
const metrics: Record<string, (output: FeatureRows, real: FeatureRows) => Promise<MetricResult>> = {
  kid: (output, real) => kernelDistance(output, real, { subsets: 2 }),
  pr: (output, real) => precisionRecall(output, real, { neighbours: 1 }),
  prdc: (output, real) => densityCoverage(output, real, { neighbours: 1 }),
  mifid: memorisationDistance,
  mmd: meanDiscrepancy,
  vendi: (output) => vendiScore(output),
  "vendi(kernel=rbf)": (output) => vendiScore(output, { kernel: "rbf" }),
  "fid-infinity": async (output, real) =>
    frechetInfinity(output, await statisticsOfRows(real), { least: 2, points: 3, shuffle: false }),
  "is-infinity": (output) => inceptionInfinity(output, { least: 2, points: 3, shuffle: false }),
  "class-fid": (output, real) =>
    classFrechet(output, real, { output: labelsOf(output.count), real: labelsOf(real.count) }),
};
const each = Object.entries(metrics);
const ofOutputs = ["vendi", "vendi(kernel=rbf)", "is-infinity"];
const ofBoth = each.filter(([name]) => !ofOutputs.includes(name));

describe.each(each)("%s", (name, compute) => {
  test("gives the same bits for the same rows, however appended or stored", async () => {
    const [output, real] = [vectors(40, 6, 1), vectors(50, 6, 2)];
    const first = await compute(rowsOf(output), rowsOf(real));
    const real2 = rowsOf(real.slice(0, 7));
    real2.appendAll(rowsOf(real.slice(7)));
    expect(await compute(uncheckedRows(output), real2)).toEqual(first);
    expect(Number.isFinite(first.value)).toBe(true);
    expect(first.images.output).toBe(40);
  });

  test("reports its protocol, a hint and warnings", async () => {
    const { protocol, hint, warnings } = await compute(rowsOf(vectors(9, 3, 1)), rowsOf(vectors(9, 3, 2)));
    expect(Object.keys(protocol).length).toBeGreaterThan(0);
    expect(hint).not.toBe("");
    expect(Array.isArray(warnings)).toBe(true);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])("rejects %s in a row, with the image's index", async (value) => {
    const bad = vectors(9, 3, 1);
    bad[6][1] = value;
    await expect(compute(uncheckedRows(bad), rowsOf(vectors(9, 3, 2)))).rejects.toMatchObject({ code: "non-finite" });
    if (name.startsWith("class")) return;
    await expect(compute(uncheckedRows(bad), rowsOf(vectors(9, 3, 2)))).rejects.toThrow("image 6");
  });

  test("rejects an empty set", async () => {
    const none = { count: 0, dimension: 3, read: async () => new Float32Array() };
    await expect(compute(none, none)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  test("rejects a single image, unless the metric is defined for it", async () => {
    const one = rowsOf(vectors(1, 3, 1));
    if (["mmd", "vendi", "vendi(kernel=rbf)"].includes(name)) {
      expectValue((await compute(one, one)).value, name === "mmd" ? 0 : 1, { abs: 1e-12 });
    } else {
      await expect(compute(one, one)).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });

  test("reads the rows in blocks of at most 1024", async () => {
    const [output, real] = [new GeneratedRows(2100, 3, 1), new GeneratedRows(2050, 3, 2)];
    await compute(output, real);
    expect(Math.max(output.most, real.most)).toBeLessThanOrEqual(1024);
  });
});

test.each(ofBoth)("%s rejects features of different lengths", async (_, compute) => {
  await expect(compute(rowsOf(vectors(8, 3, 1)), rowsOf(vectors(8, 4, 2)))).rejects.toMatchObject({ code: "shape" });
});

/** The value of each for a set and itself, by its definition; of kid and fid-infinity that is no fixed number. */
const ofItself: Record<string, number> = { pr: 1, prdc: 1, mifid: 0, mmd: 0, "class-fid": 0 };

test.each(Object.entries(ofItself))("%s of a set with itself is %d", async (name, expected) => {
  const output = vectors(60, 5, 3);
  const { value } = await metrics[name](rowsOf(output), rowsOf(output));
  expectValue(value, expected, { abs: 1e-12 });
});

describe("nearest neighbours", () => {
  test.each([
    ["pr", precisionRecall],
    ["prdc", densityCoverage],
  ])("%s requires more images than neighbours", async (_, compute) => {
    const [few, more] = [rowsOf(vectors(5, 3, 1)), rowsOf(vectors(6, 3, 2))];
    await expect(compute(few, more, { neighbours: 5 })).rejects.toThrow(
      /at least 6 images on each side, got 5 outputs/,
    );
    expect((await compute(more, more, { neighbours: 5 })).value).toBeGreaterThan(0);
  });

  // By hand: the k-th nearest of an image that is there more than k times is 0 apart, and nothing is nearer than that.
  test("duplicates have empty neighbourhoods in prdc, and full ones in pr", async () => {
    const copies = rowsOf([...vectors(10, 4, 1), ...vectors(10, 4, 1)]);
    const { density, coverage, precision, warnings } = await densityCoverage(copies, copies, { neighbours: 1 });
    expect([density, coverage, precision]).toEqual([0, 0, 0]);
    expect(warnings.at(-1)).toBe("20 reals have 1 copy or more among the reals, and so an empty neighbourhood");
    expect((await precisionRecall(copies, copies, { neighbours: 1 })).value).toBe(1);
  });
});

describe("memorisation-informed FID", () => {
  const real = vectors(80, 12, 1).map((vector) => vector.map((value) => value - 0.5));

  test("copies of reals divide by exactly 1e-14, and torchmetrics' variant warns of missed memorisation", async () => {
    const copies = rowsOf(real.slice(0, 20));
    const paper = await memorisationDistance(copies, rowsOf(real), { preset: "paper" });
    expect(paper.distances.output).toBe(0);
    expect(paper.value).toBe(paper.frechet / 1e-14);
    const torchmetrics = await memorisationDistance(copies, rowsOf(real));
    expect(torchmetrics.value).toBe(torchmetrics.frechet / (1 + 1e-14));
    expect(torchmetrics.warnings).toEqual([expect.stringMatching(/looks like memorisation, but no penalty/)]);
  });

  test("excludes images whose features are all 0, and rejects a set of only those", async () => {
    const zero = Array(12).fill(0);
    const [some, all] = [rowsOf([...real.slice(0, 30), zero]), rowsOf(Array(5).fill(zero))];
    const { distances, warnings } = await memorisationDistance(some, rowsOf(real));
    expect(distances.output).toBe(0);
    expect(warnings).toContain("1 output has features that are all 0, and no distance to the nearest");
    await expect(memorisationDistance(all, rowsOf(real))).rejects.toThrow(/all features of the outputs/);
  });

  test("treats opposite directions as equal, because of 1 - |cos|", async () => {
    const opposite = real.map((vector) => vector.map((value) => -value));
    const { distances } = await memorisationDistance(rowsOf(opposite), rowsOf(real));
    expect(distances).toEqual({ output: 0, real: 0 });
  });
});

describe("maximum mean discrepancy", () => {
  // By the definition, in plain loops.
  test.each([1, 10, 1e4])("equals its definition for sigma %d", async (sigma) => {
    const [x, y] = [vectors(7, 3, 1), vectors(9, 3, 2)];
    const mean = (a: number[][], b: number[][]) => {
      const values = a.flatMap((p) =>
        b.map((q) => Math.exp(-p.reduce((sum, value, k) => sum + (value - q[k]) ** 2, 0) / (2 * sigma ** 2))),
      );
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const expected = mean(x, x) + mean(y, y) - 2 * mean(x, y);
    const { value } = await meanDiscrepancy(rowsOf(x), rowsOf(y), { sigma, scale: 1, normalise: false });
    expectValue(value, expected, { rel: 1e-9, abs: 1e-15 });
  });

  // For sigma far above all distances, k is 1 - |x - y|^2 / (2 sigma^2), of which 2 |mean x - mean y|^2 / (2 sigma^2) is left.
  test("is accurate where all kernel values are nearly 1", async () => {
    const [x, y] = [vectors(30, 3, 1), vectors(40, 3, 2)];
    const means = [x, y].map((set) => [0, 1, 2].map((k) => set.reduce((sum, v) => sum + v[k], 0) / set.length));
    const apart = [0, 1, 2].reduce((sum, k) => sum + (means[0][k] - means[1][k]) ** 2, 0);
    const { value } = await meanDiscrepancy(rowsOf(x), rowsOf(y), { sigma: 1e6, scale: 1e12, normalise: false });
    expectValue(value, apart, { rel: 1e-6 });
  });

  test("rejects normalising zero features", async () => {
    const zero = rowsOf([[0, 0]]);
    await expect(meanDiscrepancy(zero, zero)).rejects.toThrow(/all 0, which cannot be normalised/);
    expect((await meanDiscrepancy(zero, zero, { normalise: false })).value).toBe(0);
  });
});

describe("Vendi score", () => {
  // k directions at right angles, each as often: k eigenvalues of 1 / k, whose entropy of every order is log k.
  test.each([0, 0.5, 1, 2, "inf"] as const)(
    "of k orthogonal kinds is k for order %s, with fewer and with more images than features",
    async (order) => {
      for (const copies of [1, 5]) {
        const kinds = Array.from({ length: 3 * copies }, (_, i) =>
          Array.from({ length: 8 }, (_, k) => Number(k === i % 3) * (i + 1)),
        );
        expectValue((await vendiScore(rowsOf(kinds), { order })).value, 3, { abs: 1e-10 });
      }
    },
  );

  test("is the same from the feature matrix and from the image matrix", async () => {
    const few = vectors(10, 11, 1);
    const [ofImages, ofFeatures] = [few, few.map((vector) => vector.slice(0, 10))];
    const padded = ofFeatures.map((vector) => [...vector, 0]);
    for (const order of [0.5, 1] as const) {
      const { value } = await vendiScore(rowsOf(ofFeatures), { order });
      expectValue((await vendiScore(rowsOf(padded), { order })).value, value, { rel: 1e-10 });
    }
    expect((await vendiScore(rowsOf(ofImages))).value).toBeGreaterThan(1);
  });

  test("limits the number of images for the rbf kernel, not for the cosine kernel", async () => {
    const many = new GeneratedRows(4097, 2, 1);
    await expect(vendiScore(many, { kernel: "rbf" })).rejects.toThrow(/up to 4096 images, got 4097/);
    expect((await vendiScore(many)).value).toBeLessThanOrEqual(2);
  });

  test("rejects zero features, and sigma with the cosine kernel", async () => {
    await expect(vendiScore(rowsOf([[0, 0]]))).rejects.toThrow(/have no direction/);
    await expect(vendiScore(rowsOf([[1, 0]]), { sigma: 3 })).rejects.toThrow(/sigma applies only to the rbf kernel/);
  });
});

describe("metrics extrapolated to infinitely many images", () => {
  test("need more images than least, and the error suggests a smaller one", async () => {
    const output = rowsOf(vectors(30, 3, 1));
    const real = await statisticsOfRows(output);
    for (const compute of [() => frechetInfinity(output, real), () => inceptionInfinity(output)]) {
      await expect(compute()).rejects.toThrow(
        /needs more than 5000 outputs, where it starts, got 30; give it a smaller/,
      );
    }
  });

  test("warn if the line starts with too few images for a full covariance", async () => {
    const output = rowsOf(vectors(30, 8, 1));
    const { warnings } = await frechetInfinity(output, await statisticsOfRows(output), { least: 8, points: 2 });
    expect(warnings).toEqual([expect.stringContaining("cannot fill the covariance of 8 features")]);
  });

  test("depend on the seed", async () => {
    const output = rowsOf(vectors(60, 3, 1));
    const real = await statisticsOfRows(rowsOf(vectors(60, 3, 2)));
    const of = async (seed: number) => (await frechetInfinity(output, real, { least: 10, points: 4, seed })).value;
    expect(await of(1)).toBe(await of(1));
    expect(await of(1)).not.toBe(await of(2));
  });
});

describe("FID of each class", () => {
  const [output, real] = [rowsOf(vectors(8, 3, 1)), rowsOf(vectors(8, 3, 2))];

  test("accepts class labels as numbers and names, and sorts them", async () => {
    const labels = { output: [10, 10, 9, 9, "b", "b", "a", "a"], real: ["a", "b", 10, 9, "a", "b", 10, 9] };
    const { classes, value } = await classFrechet(output, real, labels);
    expect(classes.map(({ label }) => label)).toEqual(["9", "10", "a", "b"]);
    expectValue(value, classes.reduce((sum, { value }) => sum + value, 0) / 4, { rel: 1e-15 });
  });

  test("lists the classes that have too few images on a side", async () => {
    const labels = { output: [0, 0, 0, 0, 1, 1, 2, 2], real: [0, 0, 0, 0, 0, 1, 3, 3] };
    await expect(classFrechet(output, real, labels)).rejects.toThrow(
      "1 has 2 outputs and 1 real, 2 has 2 outputs and 0 reals, 3 has 0 outputs and 2 reals",
    );
  });

  test("requires a label for each image", async () => {
    const labels = { output: labelsOf(8), real: labelsOf(7) };
    await expect(classFrechet(output, real, labels)).rejects.toThrow("labels.real: 7 labels of 8 images");
  });
});

test("moments of rows equal those of a stream", async () => {
  const set = vectors(1500, 7, 1).map((vector) => vector.map((value) => value + 100));
  const moments = new Moments();
  moments.update(Tensor.from(set.flat(), [1500, 7, 1, 1]));
  const [got, expected] = [await statisticsOfRows(rowsOf(set)), moments.statistics()];
  for (const [k, value] of expected.mean.entries()) expectValue(got.mean[k], value, { rel: 1e-14 });
  for (const [k, value] of expected.covariance.data.entries()) {
    expectValue(got.covariance.data[k], value, { rel: 1e-10, abs: 1e-13 });
  }
});

describe("a parsed metric equals its function", () => {
  const [output, real] = [rowsOf(vectors(60, 4, 1)), rowsOf(vectors(70, 4, 2))];
  const labels = { output: labelsOf(60), real: labelsOf(70) };
  const labelled = {
    output: Object.assign(uncheckedRows(vectors(60, 4, 1)), { labels: labels.output }),
    real: Object.assign(uncheckedRows(vectors(70, 4, 2)), { labels: labels.real }),
  };
  const infinity = { least: 20, points: 3 };

  test.each([
    ["prdc(neighbours=4)", { output, real }, () => densityCoverage(output, real, { neighbours: 4 })],
    ["mifid(preset=paper)", { output, real }, () => memorisationDistance(output, real, { preset: "paper" })],
    ["mmd(sigma=2)", { output, real }, () => meanDiscrepancy(output, real, { sigma: 2 })],
    ["vendi(order=2)", { output }, () => vendiScore(output, { order: 2 })],
    ["is-infinity(least=20,points=3)", { output }, () => inceptionInfinity(output, infinity)],
    ["class-fid", labelled, () => classFrechet(output, real, labels)],
    ["class-frechet", labelled, () => classFrechet(output, real, labels)],
  ])("%s", async (spec, sets, compute) => {
    expect((await parseMetric(spec).compute(sets)).value).toBe((await compute()).value);
  });

  test("fid-infinity(least=20,points=3), from statistics of the reals", async () => {
    const sets = { output, real: await statisticsOfRows(real) };
    const { value } = await parseMetric("fid-infinity(least=20,points=3)").compute(sets);
    expect(value).toBe((await frechetInfinity(output, sets.real, infinity)).value);
  });

  test("class-fid rejects rows without labels", async () => {
    await expect(parseMetric("class-fid").compute({ output, real })).rejects.toThrow(/output.labels must be/);
  });
});

describe("FID metrics on another network's features", () => {
  const sets = { output: rowsOf(vectors(60, 6, 1)), real: rowsOf(vectors(50, 6, 2)) };

  test.each([
    ["fid-infinity(least=20,points=3)", "frechet-infinity(least=20,points=3)"],
    ["mifid", "mi-frechet"],
    ["mifid(preset=paper)", "mi-frechet(preset=paper)"],
  ])("%s is named %s, and its result never mentions FID", async (inception, other) => {
    const ofReals = inception.startsWith("mifid") ? sets.real : await statisticsOfRows(sets.real);
    const both = { output: sets.output, real: ofReals };
    const [fid, frechet] = [await parseMetric(inception).compute(both), await parseMetric(other).compute(both)];
    expect(frechet.value).toBe(fid.value);
    expect(JSON.stringify(frechet)).not.toMatch(/fid/i);
    const few = { output: rowsOf(vectors(1, 6, 1)), real: ofReals };
    const error = await parseMetric(other)
      .compute(few)
      .catch((caught) => caught);
    expect([error.code, error.message]).toEqual(["invalid-argument", expect.not.stringMatching(/fid/i)]);
  });

  test("only metrics of Inception's features have FID in their names", () => {
    for (const { info } of metricFactories) {
      expect([info.name, info.network]).toEqual([info.name, /fid/i.test(info.name) ? "inception" : info.network]);
    }
  });
});
