import { describe, expect, test } from "vitest";
import { choleskyFactor } from "../../packages/core/src/metrics/cholesky.ts";
import { MemoryRows } from "../../packages/core/src/metrics/features.ts";
import { FrechetMetric, frechetResult } from "../../packages/core/src/metrics/frechet.ts";
import { frechetDistance } from "../../packages/core/src/metrics/frechet-distance.ts";
import { inceptionScore } from "../../packages/core/src/metrics/inception-score.ts";
import { kernelDistance } from "../../packages/core/src/metrics/kernel-distance.ts";
import { Moments, type Statistics } from "../../packages/core/src/metrics/moments.ts";
import { NumpyRandom } from "../../packages/core/src/metrics/numpy-random.ts";
import { parseMetric } from "../../packages/core/src/metrics/parse.ts";
import { precisionRecall } from "../../packages/core/src/metrics/precision-recall.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { expectValue, type GoldenCase, goldenCases, readNpy } from "../golden.ts";

const cases = goldenCases("distribution");
const ofKind = (kind: string) => cases.filter(({ id }) => id.startsWith(`${kind}/`));

/** Rows `from` to `to` of an array of feature vectors. */
function vectors(path: string, from = 0, to?: number): Tensor {
  const { data, shape } = readNpy(path);
  const [n, d] = shape;
  const end = Math.min(to ?? n, n);
  return Tensor.from(data.subarray(from * d, end * d), [end - from, d, 1, 1]);
}

/** `expected/arrays/x.npy rows 0..299`, `expected/arrays/x.npy`. */
function vectorsOf(text: string): Tensor {
  const [path, , rows] = text.split(" ");
  const [first, last] = rows?.split("..").map(Number) ?? [];
  return vectors(path, first, last === undefined ? undefined : last + 1);
}

function rowsOf(features: Tensor): MemoryRows {
  const rows = new MemoryRows();
  rows.append(features);
  return rows;
}

/** The vectors of a case of moments. */
function momentVectors({ inputs }: GoldenCase): Tensor {
  const first = /first (\d+)/.exec(inputs.rows as string)?.[1];
  return vectors(inputs.features as string, 0, first === undefined ? undefined : Number(first));
}

/** Mean and covariance of all vectors, in batches of odd sizes. */
function statisticsOf(features: Tensor): Statistics {
  const moments = new Moments();
  const [n, d] = features.shape;
  for (let i = 0; i < n; i += 37) {
    const end = Math.min(i + 37, n);
    moments.update(new Tensor(features.data.subarray(i * d, end * d), [end - i, d, 1, 1]));
  }
  return moments.statistics();
}

interface Summary {
  mean: number;
  std: number;
  l2: number;
  first: number[];
}

function expectSummary(got: Float64Array, { mean, std, l2, first }: Summary, tolerance: GoldenCase["tolerance"]): void {
  const gotMean = got.reduce((sum, value) => sum + value, 0) / got.length;
  expectValue(gotMean, mean, tolerance);
  expectValue(Math.sqrt(got.reduce((sum, value) => sum + (value - gotMean) ** 2, 0) / got.length), std, tolerance);
  expectValue(Math.sqrt(got.reduce((sum, value) => sum + value ** 2, 0)), l2, tolerance);
  for (const [i, value] of first.entries()) expectValue(got[i], value, tolerance);
}

describe("moments equal numpy's", () => {
  test.each(ofKind("moments"))("$id", (golden) => {
    const expected = golden.expected as { mu: Summary; sigma: Summary; sigmaTrace: number; sigma01: number };
    const { mean, covariance } = statisticsOf(momentVectors(golden));
    const d = mean.length;
    expectSummary(mean, expected.mu, golden.tolerance);
    expectSummary(covariance.data, expected.sigma, golden.tolerance);
    expectValue(
      mean.reduce((sum, _, i) => sum + covariance.data[i * d + i], 0),
      expected.sigmaTrace,
      golden.tolerance,
    );
    expect(covariance.data[d]).toBe(covariance.data[1]);
    expectValue(covariance.data[1], expected.sigma01, golden.tolerance);
  });
});

const byName = (name: unknown) =>
  statisticsOf(momentVectors(cases.find(({ id }) => id === `moments/${name}`) as GoldenCase));

describe("Frechet distances equal torch-fidelity's, pytorch-fid's and clean-fid's", () => {
  test.each(ofKind("fid").filter(({ inputs }) => inputs !== null && "fake" in inputs))("$id", async (golden) => {
    const [fake, real] = [byName(golden.inputs.fake), byName(golden.inputs.real)];
    const { value } = await frechetDistance(fake, real);
    expectValue(value, golden.expected as number, golden.tolerance);
    expectValue((await frechetDistance(real, fake)).value, golden.expected as number, golden.tolerance);
    // The golden's tolerance is 1e-4 where covariances are singular; scipy's own error there is a few parts in 1e8.
    expectValue(value, golden.expected as number, { rel: 1e-7, abs: 1e-9 });
  });

  // With X and Y the centred features over sqrt(n - 1), tr (S1 S2)^1/2 is the sum of the singular values of X Y^T: numpy.linalg.svd.
  test.each([
    ["real", 71.17780846108397],
    ["real30", 107.05926336218525],
  ])("of rank 29 to %s equals the distance by singular values of the features", async (real, expected) => {
    expectValue((await frechetDistance(byName("fake30"), byName(real))).value, expected, { rel: 1e-12 });
  });

  // Of diagonal covariances, tr (S1 S2)^1/2 is the sum of sqrt(s1 s2).
  test.each([
    [1, 1],
    [1e-300, 1e-300],
    [1e300, 1e300],
    [1e-200, 1e200],
    [0, 1],
    [0, 0],
  ])("of variances %s and 4 times %s", async (first, second) => {
    const gaussian = (variance: number) => ({
      mean: new Float64Array(3),
      covariance: { rows: 3, columns: 3, data: Float64Array.from({ length: 9 }, (_, i) => (i % 4 ? 0 : variance)) },
    });
    const { value, cross } = await frechetDistance(gaussian(first), gaussian(4 * second));
    const root = Math.sqrt(first) * Math.sqrt(4 * second);
    expectValue(cross, 3 * root, { rel: 1e-14 });
    expectValue(value, 3 * (first + 4 * second - 2 * root), { rel: 1e-14 });
  });

  test("fid/analytic-shift", async () => {
    const golden = cases.find(({ id }) => id === "fid/analytic-shift") as GoldenCase;
    const d = 2048;
    const identity = Float64Array.from({ length: d * d }, (_, i) => (i % (d + 1) === 0 ? 1 : 0));
    const gaussian = (mean: number) => ({
      mean: new Float64Array(d).fill(mean),
      covariance: { rows: d, columns: d, data: identity },
    });
    expectValue((await frechetDistance(gaussian(0), gaussian(1))).value, golden.expected as number, golden.tolerance);
  });

  test("fid/analytic-diagonal", async () => {
    const golden = cases.find(({ id }) => id === "fid/analytic-diagonal") as GoldenCase;
    const { diag1, diag2 } = golden.inputs as { diag1: number[]; diag2: number[] };
    const gaussian = (diagonal: number[], mean: number) => {
      const d = diagonal.length;
      const data = new Float64Array(d * d);
      for (const [i, value] of diagonal.entries()) data[i * d + i] = value;
      return { mean: new Float64Array(d).fill(mean), covariance: { rows: d, columns: d, data } };
    };
    const { value } = await frechetDistance(gaussian(diag1, 0), gaussian(diag2, 0.5));
    expectValue(value, golden.expected as number, golden.tolerance);
  });
});

describe("inception scores equal torch-fidelity's, the ADM evaluator's and ignite's", () => {
  test.each(ofKind("is"))("$id", async (golden) => {
    const { data, shape } = readNpy(golden.inputs.logits as string);
    const [n, classes] = shape;
    const order = golden.inputs.order === undefined ? undefined : readNpy(golden.inputs.order as string).data;
    const rows = rowsOf(
      Tensor.from(
        order ? Array.from(order).flatMap((row) => [...data.subarray(row * classes, (row + 1) * classes)]) : data,
        [n, classes, 1, 1],
      ),
    );
    const shuffled = golden.inputs.permutation !== undefined;
    const preset = /is\/(torch-fidelity-shuffled|adm|ignite)/.exec(golden.id)?.[1] ?? "";
    const { splits, splitSize } = golden.options as { splits?: number; splitSize?: number };
    const result = await inceptionScore(
      rows,
      preset === "torch-fidelity-shuffled"
        ? {}
        : preset === "adm"
          ? { preset, splitSize }
          : preset === "ignite"
            ? { preset }
            : { splits, shuffle: shuffled },
    );
    if (typeof golden.expected === "number") {
      expectValue(result.value, golden.expected, golden.tolerance);
    } else {
      const expected = golden.expected as { inception_score_mean: number; inception_score_std: number };
      expectValue(result.value, expected.inception_score_mean, golden.tolerance);
      expectValue(result.std, expected.inception_score_std, { ...golden.tolerance, abs: 1e-12 });
    }
  });

  test("the shuffle equals numpy's RandomState(2020).permutation", () => {
    const { data } = readNpy("expected/arrays/is-permutation-5500-seed2020.npy");
    expect([...new NumpyRandom(2020).permutation(5500)]).toEqual([...data]);
  });
});

describe("kernel distances equal torch-fidelity's and clean-fid's", () => {
  test.each(ofKind("kid"))("$id", async (golden) => {
    const output = vectorsOf(golden.inputs.fake as string);
    const real = vectorsOf(golden.inputs.real as string);
    const { subsets = 1, subsetSize = 300 } = golden.options as { subsets?: number; subsetSize?: number };
    const kernel = golden.id === "kid/rbf" ? "rbf" : "polynomial";
    const result = await kernelDistance(rowsOf(output), rowsOf(real), { subsets, subsetSize, kernel });
    // As the command line writes it.
    const written = parseMetric(`kid(kernel=${kernel},subsets=${subsets},subset-size=${subsetSize})`);
    expect((await written.compute({ output: rowsOf(output), real: rowsOf(real) })).value).toBe(result.value);
    if (typeof golden.expected === "number") {
      expectValue(result.value, golden.expected, golden.tolerance);
    } else {
      const expected = golden.expected as Record<string, number>;
      expectValue(result.value, expected.kernel_inception_distance_mean, golden.tolerance);
      expectValue(result.std as number, expected.kernel_inception_distance_std, golden.tolerance);
    }
  });

  test("subsets of many images, computed one by one, equal those computed from cached kernel values", async () => {
    const [output, real] = [
      rowsOf(vectors("expected/arrays/features-fake-300x64.npy")),
      rowsOf(vectors("expected/arrays/features-real-400x64.npy")),
    ];
    const few = { subsets: 2, subsetSize: 40 };
    const byThemselves = await kernelDistance(output, real, few);
    const random = new NumpyRandom(2020);
    const chosen = async (rows: MemoryRows, indices: Uint32Array) =>
      rowsOf(Tensor.from(await rows.read(indices), [40, 64, 1, 1]));
    const distances: number[] = [];
    for (let subset = 0; subset < 2; subset++) {
      const [x, y] = [await chosen(output, random.choose(300, 40)), await chosen(real, random.choose(400, 40))];
      distances.push((await kernelDistance(x, y, { subsets: 1, subsetSize: 40 })).value);
    }
    expectValue(byThemselves.value, (distances[0] + distances[1]) / 2, { rel: 1e-10 });
  });

  test("the subsets equal numpy's RandomState(2020).choice, outputs before reals", () => {
    const { data, shape } = readNpy("expected/arrays/kid-indices-20x2x100.npy");
    expect(shape).toEqual([20, 2, 100]);
    const random = new NumpyRandom(2020);
    const got = Array.from({ length: 20 }, () => [...random.choose(300, 100), ...random.choose(3000, 100)]);
    expect(got.flat()).toEqual([...data]);
  });
});

describe("precision and recall equal torch-fidelity's and the ADM evaluator's", () => {
  test.each(ofKind("pr"))("$id", async (golden) => {
    const expected = golden.expected as { precision: number; recall: number; f_score?: number };
    const [output, real] = [golden.inputs.fake as string, golden.inputs.real as string].map((path) =>
      rowsOf(vectors(path)),
    );
    for (const block of [1024, 7]) {
      const result = await precisionRecall(output, real, { block });
      // The peer's numbers are float32: 0.73 is stored as 0.7300000190734863.
      const tolerance = { abs: Math.max(golden.tolerance.abs as number, 3e-8) };
      expectValue(result.precision, expected.precision, tolerance);
      expectValue(result.recall, expected.recall, tolerance);
      if (expected.f_score !== undefined) expectValue(result.fScore, expected.f_score, tolerance);
    }
  });
});

test("FrechetMetric fed in batches equals frechetResult, with counts, protocol and warnings", async () => {
  const [fake, real] = [momentVectors(ofKind("moments")[1]), momentVectors(ofKind("moments")[0])];
  const whole = await frechetResult(statisticsOf(fake), statisticsOf(real));
  const metric = new FrechetMetric({ protocol: { network: "seeded" } });
  const worker = new FrechetMetric();
  metric.update("real", real);
  worker.update("output", fake);
  metric.merge(worker);
  const result = await metric.compute();
  expectValue(result.value, whole.value, { rel: 1e-10 });
  expect(result.images).toEqual({ output: 300, real: 3000 });
  expect(result.protocol).toEqual({ network: "seeded", features: 64 });
  expect(result.warnings).toEqual([]);
  metric.reset("output");
  await expect(metric.compute()).rejects.toThrow(/at least 2 images, got 0/);
  const few = statisticsOf(vectors("expected/arrays/features-fake-300x64.npy", 0, 30));
  expect((await choleskyFactor(few.covariance)).columns).toBe(29);
});
