import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../packages/core/src/graph/compile.ts";
import { kid } from "../../packages/core/src/metrics/index.ts";
import { lpipsScaling, normalise, tinyTaps } from "../../packages/core/src/nets/index.ts";
import { tinyFirst, tinyFirstWeights } from "../../packages/core/src/nets/tiny.ts";
import {
  computeStatistics,
  evaluateDistribution,
  tinyExtractor,
  writeStatistics,
} from "../../packages/reconloss/src/distribution/index.ts";
import { writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
const [outputs, reals] = [join(folder, "outputs"), join(folder, "reals")];

beforeAll(async () => {
  for (let i = 0; i < 6; i++) {
    await writeImage(join(outputs, `${i}.png`), randomTensor([1, 3, 40, 48], i));
    await writeImage(join(reals, `${i}.png`), randomTensor([1, 3, 40, 48], 100 + i, 0, 0.8));
  }
});

describe("features of the embedded network", () => {
  test("are the spatial means of all taps of the normalised image, each position with a root mean square of 1", async () => {
    const extractor = await tinyExtractor();
    const images = randomTensor([2, 3, 256, 256], 1);
    const { features } = await extractor.run(images);
    expect(features.shape).toEqual([2, 32 + 48 + 64 + 64 + 64, 1, 1]);
    const weights = await tinyFirstWeights();
    const program = await compile<"x", string>({ x: ["n", 3, "h", "w"] }, (o, { x }) => {
      const values = tinyFirst.features(o, normalise(o, x, lpipsScaling), weights, tinyTaps);
      return Object.fromEntries(values.map((value, i) => [tinyTaps[i], value]));
    });
    const values = await program.run({ x: images });
    let channel = 0;
    for (const tap of tinyTaps) {
      const { data, shape } = values[tap];
      const area = shape[2] * shape[3];
      // Of the second image.
      const at = (c: number, i: number) => data[(shape[1] + c) * area + i];
      const root = Array.from({ length: area }, (_, i) =>
        Math.sqrt(Array.from({ length: shape[1] }, (_, c) => at(c, i) ** 2 / shape[1]).reduce((a, b) => a + b)),
      );
      for (let c = 0; c < shape[1]; c++, channel++) {
        const mean = root.reduce((sum, length, i) => sum + (length > 0 ? at(c, i) / length : 0), 0) / area;
        expect(Math.abs(features.data[features.shape[1] + channel] - mean)).toBeLessThan(1e-4 * (1 + Math.abs(mean)));
      }
    }
  });

  test("give a Fréchet distance and a kernel distance under names of their own", async () => {
    const options = { network: "tiny", cache: false } as const;
    const { results, protocol } = await evaluateDistribution(outputs, reals, {
      ...options,
      metrics: ["frechet", kid().withOptions({ subsets: 2, subsetSize: 4 })],
    });
    expect(Object.values(results).map(({ metric }) => metric)).toEqual([
      "frechet(features=tiny-v2)",
      "kid(features=tiny-v2)",
    ]);
    // Noise and noise of less contrast. Features as they are gave distances of 10^4 and 10^12.
    expect(results.frechet!.value).toBeGreaterThan(0.1);
    expect(results.frechet!.value).toBeLessThan(1000);
    expect(Math.abs(results.kid!.value)).toBeLessThan(10);
    expect(protocol).toMatchObject({ network: "tiny-v2", size: "256x256" });
    const { results: same } = await evaluateDistribution(outputs, outputs, options);
    expect(Object.keys(same)).toEqual(["frechet"]);
    expect(Math.abs(same.frechet!.value)).toBeLessThan(1e-6 * results.frechet!.value);
  });

  test("refuse FID, sFID and the Inception Score, which need Inception", async () => {
    for (const metric of ["fid", "sfid", "is"] as const) {
      const asked = evaluateDistribution(outputs, reals, { network: "tiny", cache: false, metrics: [metric] });
      await expect(asked).rejects.toThrow(`${metric} need Inception's features`);
    }
  });

  test("can be stored as statistics and used in place of the real images", async () => {
    const options = { network: "tiny", cache: false } as const;
    const { statistics } = await computeStatistics(reals, options);
    const path = join(folder, "reals.npz");
    await writeStatistics(path, statistics);
    const [ofFile, ofImages] = [
      await evaluateDistribution(outputs, path, options),
      await evaluateDistribution(outputs, reals, options),
    ];
    expect(ofFile.results.frechet!.value).toBeCloseTo(ofImages.results.frechet!.value, 9);
  });
});

test("distribution scales images below the network's smallest size: 19 pixels work as 20 do", async () => {
  for (const size of [19, 20]) {
    const small = join(folder, `small-${size}`);
    for (let i = 0; i < 3; i++) await writeImage(join(small, `${i}.png`), randomTensor([1, 3, size, size], i));
    const { results, outputs: set } = await evaluateDistribution(small, reals, { network: "tiny", cache: false });
    expect(set.unreadable).toEqual([]);
    expect(results.frechet?.value).toBeGreaterThan(0);
  }
});
