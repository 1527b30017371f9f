import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { lpips, parseLosses } from "../../packages/core/src/losses/index.ts";
import { PreparedImage } from "../../packages/core/src/pixels/prepared-image.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { comparePairs, type Outcome, summarise } from "../../packages/reconloss/src/compare/index.ts";
import { type ImagePair, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { temporaryFolder } from "../folder.ts";
import { seededLpips } from "../networks.ts";
import { randomTensor } from "../random.ts";

const folder = await temporaryFolder();
let count = 0;

/** Writes two images and pairs them. Levels such as 0.2 = 51 / 255 survive 8 bits. */
async function pairOf(output: Tensor, target: Tensor): Promise<ImagePair> {
  const name = `${count++}.png`;
  const pair = { name, output: join(folder, "o", name), target: join(folder, "t", name) };
  await writeImage(pair.output, output);
  await writeImage(pair.target, target);
  return pair;
}

const grey = (level: number, size = 16) => Tensor.full([1, 1, size, size], level);
const colour = (level: number, size = 16) => Tensor.full([1, 3, size, size], level);

async function run(pairs: ImagePair[], losses: string, options: Parameters<typeof comparePairs>[2] = {}) {
  const outcomes: Outcome[] = [];
  for await (const outcome of comparePairs(pairs, parseLosses(losses), options)) outcomes.push(outcome);
  return outcomes;
}

describe("comparePairs", () => {
  it("computes every loss of every pair, in order", async () => {
    const pairs = [await pairOf(colour(0.2), colour(0.6)), await pairOf(grey(0.4), grey(0.6))];
    const [a, b] = await run(pairs, "l1, mse, tv");
    expect(a.failures).toEqual([]);
    expect(a.result).toMatchObject({ name: pairs[0].name, width: 16, height: 16, output: pairs[0].output });
    expect(a.result?.values.l1).toBeCloseTo(0.4, 6);
    expect(a.result?.values.mse).toBeCloseTo(0.16, 6);
    expect(a.result?.values.tv).toBe(0);
    expect(b.result?.values.l1).toBeCloseTo(0.2, 6);
  });

  it("compares integer pixels directly, without float planes, where losses allow it", async () => {
    const planes = vi.spyOn(PreparedImage.prototype, "tensor", "get");
    const pairs = [await pairOf(colour(0.2, 32), colour(0.6, 32)), await pairOf(grey(0.4, 32), grey(0.6, 32))];
    const losses = "psnr, ssim, deltaE, l1, mse(channels=y-bt601,crop=2), charbonnier, tv";
    for (const { failures } of await run(pairs, losses)) expect(failures).toEqual([]);
    expect(planes).not.toHaveBeenCalled();
    // fsim is computed on planes, which are made once of each image.
    const [outcome] = await run(pairs.slice(0, 1), "fsim, dss");
    expect(outcome.failures).toEqual([]);
    expect(new Set(planes.mock.results.map(({ value }) => value)).size).toBe(2);
    planes.mockRestore();
  });

  it("continues after an unreadable pair, and reports which file and why", async () => {
    const pairs = [
      await pairOf(grey(0.2), grey(0.2)),
      await pairOf(grey(0.2), grey(0.2)),
      await pairOf(grey(0), grey(0)),
    ];
    await writeFile(pairs[0].output, "");
    await writeFile(pairs[1].target, "not an image");
    const outcomes = await run(pairs, "l1");
    expect(outcomes.map(({ result }) => result?.values.l1)).toEqual([undefined, undefined, 0]);
    expect(outcomes[0].failures).toEqual([
      { output: pairs[0].output, target: pairs[0].target, error: expect.stringContaining(pairs[0].output) },
    ]);
    expect(outcomes[1].failures[0].error).toContain(pairs[1].target);
  });

  it("refuses different sizes, naming both shapes, even for losses without a target", async () => {
    const [{ result, failures }] = await run([await pairOf(colour(0.2, 16), colour(0.2, 20))], "tv, l1");
    expect(result).toBeUndefined();
    expect(failures.map(({ error }) => error)).toEqual([
      "compare: output is 1x3x16x16 but target is 1x3x20x20; both must have the same height and width",
    ]);
  });

  it("takes a grey image as three equal channels against a colour image, with a note", async () => {
    const target = Tensor.from([...Array(4).fill(0.2), ...Array(4).fill(0.4), ...Array(4).fill(0.6)], [1, 3, 2, 2]);
    const [a, b] = await run([await pairOf(grey(0.2, 2), target), await pairOf(target, grey(0.2, 2))], "l1");
    // Channels are 0, 0.2 and 0.4 away.
    expect(a.result?.values.l1).toBeCloseTo(0.2, 6);
    expect(b.result?.values.l1).toBeCloseTo(0.2, 6);
    expect(a.notes.map(({ text }) => text)).toEqual(["the output is grey and was compared as three equal channels"]);
    expect(b.notes.map(({ text }) => text)).toEqual(["the target is grey and was compared as three equal channels"]);
  });

  it("computes a prior on the image as it was read, whatever the other one's channels", async () => {
    const image = randomTensor([1, 1, 16, 16], 3);
    const priors = "tv(reduction=sum)";
    const [grey, colours] = await run([await pairOf(image, image), await pairOf(image, colour(0.2))], priors);
    expect(colours.result?.values).toEqual(grey.result?.values);
    // Of a constant image; of the grey one its own.
    expect(colours.result?.targetValues).toEqual({ [priors]: 0 });
    expect(grey.result?.targetValues).toEqual(grey.result?.values);
    expect(colours.notes).toEqual([]);
  });

  it("notes that a loss was computed in tiles", async () => {
    const pair = await pairOf(randomTensor([1, 3, 48, 661], 1), randomTensor([1, 3, 48, 661], 2));
    const loss = lpips({ net: "squeeze" }, seededLpips("squeeze"));
    loss.definition!.tiles!.pixelsAtOnce = 48 * 430;
    for await (const { result, notes } of comparePairs([pair], [loss])) {
      expect(result?.values[loss.spec]).toBeGreaterThan(0);
      const text = "lpips(net=squeeze) was computed in 3 tiles, because the image is too large to process at once";
      expect(notes).toEqual([{ kind: "tiled", name: pair.name, loss: "lpips(net=squeeze)", text }]);
    }
  });

  it("keeps the other losses of a pair when one fails", async () => {
    const pair = await pairOf(grey(0.2), grey(0.4));
    const [{ result, failures, notes }] = await run([pair], "ms-ssim, l1");
    expect(Object.keys(result?.values ?? {})).toEqual(["l1"]);
    expect(failures).toEqual([
      {
        output: pair.output,
        target: pair.target,
        loss: "ms-ssim",
        error: expect.stringMatching(/^ms-ssim: .*1x1x16x16/),
      },
    ]);
    expect(notes).toEqual([]);
  });

  it("keeps the infinity of identical images, alone and in a sum, with a note", async () => {
    const pairs = [await pairOf(colour(0.2), colour(0.2)), await pairOf(colour(0.2), colour(0.6))];
    const losses = "psnr, l1 + 0.01*psnr, psnr(identical=60)";
    const outcomes = await run(pairs, losses);
    const { infinite, sum } = { infinite: Number.POSITIVE_INFINITY, sum: Number.NEGATIVE_INFINITY };
    expect(outcomes[0].result?.values).toEqual({ psnr: infinite, "l1 + 0.01*psnr": sum, "psnr(identical=60)": 60 });
    expect(outcomes[0].notes.map(({ kind, loss }) => [kind, loss])).toEqual([
      ["identical", "psnr"],
      ["identical", "l1 + 0.01*psnr"],
    ]);
    expect(outcomes[1].notes).toEqual([]);
    const { mean, notFinite } = summarise(parseLosses(losses), outcomes);
    // 0.4 away is 7.96 dB: the identical pair hides nothing of it.
    expect(mean["l1 + 0.01*psnr"]).toBeCloseTo(0.4 - 0.0796, 4);
    expect(notFinite).toEqual({ psnr: 1, "l1 + 0.01*psnr": 1, "psnr(identical=60)": 0 });
  });

  it("measures a prior on the target too, and requested map statistics", async () => {
    const step = Tensor.from([0, 0, 1, 1], [1, 1, 2, 2]);
    const pair = await pairOf(grey(0.2, 2), step);
    const mapStatistics = [
      { label: "l1", statistic: "max" },
      { label: "l1", statistic: "median" },
    ] as const;
    const [{ result, maps }] = await run([pair], "tv, l1", { mapStatistics });
    // Every vertical difference of the target is 1; errors are 0.2 above and 0.8 below.
    expect(result?.targetValues).toEqual({ tv: 1 });
    expect(result?.values).toEqual({
      tv: 0,
      l1: expect.closeTo(0.5, 6),
      "l1.max": expect.closeTo(0.8, 6),
      "l1.median": expect.closeTo(0.5, 6),
    });
    expect(maps).toEqual({});
  });

  it("leaves out an optional loss with a note", async () => {
    const pair = await pairOf(grey(0.2), grey(0.4));
    const optional = new Set(["ms-ssim"]);
    const outcomes = await run([pair], "ms-ssim, l1", { optional });
    expect(outcomes[0].failures).toEqual([]);
    expect(outcomes[0].notes).toMatchObject([{ kind: "left-out", loss: "ms-ssim" }]);
    const { losses, failed } = summarise(parseLosses("ms-ssim, l1"), outcomes, [], optional);
    expect(losses.map(({ spec }) => spec)).toEqual(["l1"]);
    expect(failed).toEqual([]);
  });

  it("refuses transparent pixels unless they are composited", async () => {
    const sharp = (await import("sharp")).default;
    const pair = await pairOf(colour(1), colour(1));
    const clear = { r: 0, g: 0, b: 0, alpha: 0 };
    await sharp({ create: { width: 16, height: 16, channels: 4, background: clear } }).toFile(pair.output);
    const [rejected] = await run([pair], "l1");
    expect(rejected.failures[0].error).toMatch(/alpha|transparent/);
    const [composited] = await run([pair], "l1", { alpha: "composite" });
    expect(composited.result?.values.l1).toBe(0);
  });

  it("returns maps on request", async () => {
    const pair = await pairOf(grey(0.2, 24), grey(0.6, 24));
    const [without] = await run([pair], "l1, ssim");
    expect(without.maps).toEqual({});
    const [{ maps }] = await run([pair], "l1, ssim, psnr(pooling=dataset)", { maps: true });
    expect(maps.l1.shape).toEqual([1, 1, 24, 24]);
    expect(maps.l1.data[0]).toBeCloseTo(0.4, 6);
    expect(maps.ssim.shape).toEqual([1, 1, 14, 14]);
  });

  it("reads at most two pairs ahead", async () => {
    const pairs = await Promise.all([1, 2, 3, 4].map(() => pairOf(grey(0.2), grey(0.2))));
    const outcomes = comparePairs(pairs, parseLosses("l1"));
    await outcomes.next();
    // The fourth file is cut after the first pair came out: were it decoded by then, nobody would see.
    await writeFile(pairs[3].output, await readFile(pairs[3].output).then((file) => file.subarray(0, 20)));
    expect((await outcomes.next()).value?.failures).toEqual([]);
    expect((await outcomes.next()).value?.failures).toEqual([]);
    expect((await outcomes.next()).value?.failures).toHaveLength(1);
    expect((await outcomes.next()).done).toBe(true);
  });

  it("handles an empty list of pairs, and a caller that stops early", async () => {
    expect(await run([], "l1")).toEqual([]);
    const pairs = [await pairOf(grey(0), grey(0)), await pairOf(randomTensor([1, 3, 16, 16], 1), colour(0))];
    for await (const { result } of comparePairs(pairs, parseLosses("l1"))) {
      expect(result?.values.l1).toBe(0);
      break;
    }
  });
});
