import { access, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { mse, parseLoss } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import type { Subject } from "../../scripts/choosing/drawing.ts";
import { availableJudges, hasWeights } from "../../scripts/choosing/judges.ts";
import { recordExperiment } from "../../scripts/choosing/network-part.ts";
import { entryOf, type Setup, settingsOf, stepTimes, train } from "../../scripts/choosing/networks.ts";
import { writePage } from "../../scripts/choosing/page.ts";
import { writePictures } from "../../scripts/choosing/pictures.ts";
import { recordPixels } from "../../scripts/choosing/pixel-part.ts";
import { optimisePixels, stepsTo, uniformNoise } from "../../scripts/choosing/pixels.ts";
import { denoisingTrials, experiments, pixelTrials } from "../../scripts/choosing/plan.ts";
import type { Project } from "../../scripts/choosing/project.ts";
import { recordRows } from "../../scripts/choosing/results.ts";
import { scoreTable } from "../../scripts/choosing/tables.ts";
import { temporaryFolder } from "../folder.ts";
import { photographFolder, scene } from "../tasks/photographs.ts";

const folder = await temporaryFolder();
const toy: Setup = { data: join(folder, "photographs") };
const short = experiments.map((experiment) => ({
  ...experiment,
  ...{ steps: 4, batch: 2, patch: 80, judged: 2 },
  trials: experiment.trials.slice(0, 2),
}));

beforeAll(() => photographFolder(toy.data, 10, 112, 112));

describe("optimisePixels", () => {
  const side = (loss: string) => (loss === "ms-ssim" ? 176 : 40);

  // An adversary that learns meanwhile raises what its opponent has lowered.
  const settled = pixelTrials.filter(({ name }) => name !== "gan");

  it.for(settled)("lowers $loss from noise", async ({ loss: spec }, { skip }) => {
    const loss = parseLoss(spec);
    if (!(await hasWeights(loss))) skip("the weights are not on this machine");
    const target = scene(side(spec), side(spec), 1);
    const start = uniformNoise(target.shape, 1);
    const { output, values } = await optimisePixels(loss, start, target, { steps: 8, learningRate: 0.05 });
    expect(values).toHaveLength(9);
    expect(values[8]).toBeLessThan(values[0]);
    const [before, after] = [await loss.value(start, target), await loss.value(output, target)];
    if (loss.better === "higher") expect(after).toBeGreaterThan(before);
    else expect(after).toBeLessThan(before);
  });

  it.each(denoisingTrials)("reduces noise with $loss, with the noisy image itself as the target", async ({ loss }) => {
    const truth = scene(40, 40, 2);
    const noisy = noise(truth, 0.1, 1);
    const { output } = await optimisePixels(parseLoss(loss), noisy, noisy, { steps: 60, learningRate: 0.02 });
    expect(await mse().value(output, truth)).toBeLessThan(0.9 * (await mse().value(noisy, truth)));
  });

  it("trains a discriminator at each step", async () => {
    const target = scene(32, 32, 3);
    const loss = parseLoss("gan(features=4,depth=1,norm=none)", [gan]);
    const start = uniformNoise(target.shape, 1);
    const before = await loss.value(target);
    const seen: number[] = [];
    const real = (step: number) => {
      seen.push(step);
      return target;
    };
    await optimisePixels(loss, start, target, { steps: 3, learningRate: 0.01, real });
    expect(seen).toEqual([1, 2, 3]);
    expect(await loss.value(target)).not.toBe(before);
  });

  it("keeps pixels in [0, 1], and leaves the start and the early snapshot unchanged", async () => {
    const target = Tensor.full([1, 3, 8, 8], 1);
    const start = Tensor.full([1, 3, 8, 8], 0.5);
    const { output, early } = await optimisePixels(mse(), start, target, {
      steps: 40,
      learningRate: 0.2,
      lookAfter: 1,
    });
    expect(Math.max(...output.data)).toBeLessThanOrEqual(1);
    // Adam's first step is as long as the learning rate.
    expect(early.data[0]).toBeCloseTo(0.7, 6);
    expect(start.data[0]).toBe(0.5);
  });
});

describe("stepsTo", () => {
  it("returns the first step from which the loss stays 99 % of the way down", () => {
    expect(stepsTo([100, 50, 0.5, 30, 1, 0], 0)).toBe(4);
    expect(stepsTo([100, 50, 0], 0)).toBe(2);
    expect(stepsTo([100, 50], 0)).toBeUndefined();
  });
});

describe("train", () => {
  it("can be aborted and resumed, and trains nothing twice", async () => {
    const cache = join(folder, "trained");
    const experiment = { ...short[0], trials: short[0].trials.slice(0, 1) };
    const [trial] = experiment.trials;
    expect(await train(cache, experiment, trial, toy, { signal: AbortSignal.abort() })).toBeUndefined();
    const trained = await train(cache, experiment, trial, toy);
    const model = join(entryOf(cache, experiment, trial, toy).folder, "model.onnx");
    const { mtimeMs } = await stat(model);
    expect(await train(cache, experiment, trial, toy)).toEqual(trained);
    expect((await stat(model)).mtimeMs).toBe(mtimeMs);
  });

  it.each(experiments)("uses the same settings for every loss of $name", (experiment) => {
    const [first, ...others] = experiment.trials.map((trial) => ({ ...settingsOf(experiment, trial, toy), loss: "" }));
    for (const other of others) expect(other).toEqual(first);
  });
});

describe("the page docs/choosing.md", () => {
  it("marks the best of each column, and for total variation the closest to the photographs", async () => {
    const judges = await availableJudges(["psnr", "deltaE", "tv"]);
    const rows = [
      { title: "a", scores: { psnr: 20, deltaE: 3, tv: 0.1 } },
      { title: "b", scores: { psnr: 30, deltaE: 4, tv: 0.4 } },
      { title: "real", scores: { psnr: Number.POSITIVE_INFINITY, deltaE: 0, tv: 0.3 }, isReference: true },
    ];
    const lines = scoreTable(judges, rows, rows[2].scores).split("\n");
    expect(lines[0]).toBe("|  | `psnr` ↑ | `deltaE` ↓ | `tv` ≈ |");
    expect(lines[2]).toBe("| a | 20.00 | **3.00** | 0.1000 |");
    expect(lines[3]).toBe("| b | **30.00** | 4.00 | **0.4000** |");
    expect(lines[4]).toBe("| real | ∞ | 0.00 | 0.3000 |");
  });

  it("lays out magnified images in rows", async () => {
    const path = join(folder, "pictures.webp");
    const cells = ["a", "b", "c"].map((label) => ({ label, image: Tensor.full([1, 3, 10, 20], 0.5) }));
    await writePictures(path, cells, { columns: 2, magnify: 3 });
    const { format, width, height } = await sharp(path).metadata();
    // Two of 60 with 8 between them; two of 30 under their names of 24, with 8 between.
    expect({ format, width, height }).toEqual({ format: "webp", width: 128, height: 116 });
  });

  it("is generated from recorded results, and links to pictures that exist", async () => {
    const cache = join(folder, "whole");
    const [results, pictures] = [join(cache, "results.json"), join(folder, "docs", "choosing")];
    const judges = {
      usual: await availableJudges(["psnr", "ssim", "tv"]),
      further: await availableJudges(["gmsd", "mdsi"]),
    };
    const target = scene(40, 40, 1);
    const [noise, noisy] = ["noise", "noisy"].map((name): Subject => {
      const start = uniformNoise(target.shape, 1);
      return { name, start, target, truth: target, steps: 3, learningRate: 0.05, lookAfter: name === "noise" ? 1 : 3 };
    });
    const plan = { pixels: pixelTrials.slice(0, 2), denoising: denoisingTrials.slice(0, 1) };
    const [first] = short;
    const project: Project = {
      ...{ cache, results, pictures, setup: toy, judges, ...plan, noise, noisy },
      experiments: [first],
    };
    await recordRows(results, first.name, { "l1-lpips": { psnr: 99.123 }, l1: { "ms/step": 7 } });
    for (const trial of first.trials) await train(cache, first, trial, toy);
    await recordExperiment(project, first);
    await recordPixels(project, plan.pixels, noise);
    await recordPixels(project, plan.denoising, noisy);
    const path = join(folder, "docs", "choosing.md");
    await writePage(path, results);
    const page = await readFile(path, "utf8");
    const row = (title: string) => page.split("\n").filter((line) => line.startsWith(`| \`${title}\` |`));
    // Of two trainings, and one that was recorded before.
    expect(row("l1")[0]).toMatch(/ \| 7 \|$/);
    expect(row("l1 + 0.1*lpips")[0]).toMatch(/\| \*\*99\.12\*\* \| – \|/);
    expect(row("charbonnier")).toHaveLength(0);
    // Of x4, and of noise at the end and before.
    expect(row("mse")).toHaveLength(3);
    expect(page).not.toMatch(/undefined|NaN|\{\{/);
    const drawn = ["x4-1", "x4-2", "x4-3", "noise", "noise-early", "noisy"].map((name) => `${name}.webp`);
    expect((await readdir(pictures)).sort()).toEqual(drawn.sort());
    const anchors = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    for (const anchor of anchors) expect(page.toLowerCase()).toContain(`### ${anchor.replaceAll("-", " ")}`);
  });

  it("is up to date with the results and the text in the sources", async () => {
    const path = join(folder, "again.md");
    await writePage(path);
    const docs = new URL("../../docs/", import.meta.url);
    const page = await readFile(new URL("choosing.md", docs), "utf8");
    expect(await readFile(path, "utf8")).toBe(page);
    for (const [, picture] of page.matchAll(/\]\((choosing\/[^)]+)\)/g)) await access(new URL(picture, docs));
  });

  it("measures the time of a step for each training", async () => {
    const times = await stepTimes(short[0], toy, 2);
    expect(Object.keys(times)).toEqual(["l1", "mse"]);
    for (const time of Object.values(times)) expect(time).toBeGreaterThan(0);
  });
});
