import { join } from "node:path";
import { type Loss, parseLoss } from "../../packages/core/src/losses/index.ts";
import { Random } from "../../packages/core/src/random.ts";
import type { Tensor } from "../../packages/core/src/tensor.ts";
import { readImage, writeImage } from "../../packages/reconloss/src/image/index.ts";
import { noise } from "../../packages/reconloss/src/tasks/distort.ts";
import { gan } from "../../packages/reconloss/src/train/index.ts";
import { CacheEntry } from "./cache.ts";
import { judge, type Scores } from "./judges.ts";
import { crop, readPicture } from "./photographs.ts";
import { optimisePixels, stepsTo, uniformNoise } from "./pixels.ts";
import type { Trial } from "./plan.ts";

/** A part of the photograph of the flower. */
export const place = { left: 300, top: 400, side: 192 };

/** The start and the target of optimised pixels, and the image that the result is compared with. */
export interface Subject {
  readonly name: string;
  readonly start: Tensor;
  readonly target: Tensor;
  readonly truth: Tensor;
  readonly steps: number;
  readonly learningRate: number;
  readonly lookAfter: number;
  /** Other parts of the photograph, for a discriminator. */
  readonly real?: (step: number) => Tensor;
}

/** From noise to the photograph, whatever a loss makes of that. */
export async function fromNoise(steps = 300): Promise<Subject> {
  const flower = await readPicture("flower");
  const { left, top, side } = place;
  const target = crop(flower, left, top, side);
  const [, , h, w] = flower.shape;
  const real = (step: number) => {
    const random = new Random("real", step);
    return crop(flower, random.below(w - side), random.below(h - side), side);
  };
  const start = uniformNoise(target.shape, 1);
  return { name: "noise", start, target, truth: target, steps, learningRate: 0.05, lookAfter: 20, real };
}

/** From the photograph with noise on it, without being shown the clean one. */
export async function fromNoisy(steps = 300): Promise<Subject> {
  const { truth } = await fromNoise();
  const noisy = noise(truth, 0.1, 1);
  return { name: "noisy", start: noisy, target: noisy, truth, steps, learningRate: 0.02, lookAfter: steps };
}

/** The measured results besides the picture. */
export interface Drawn {
  readonly scores: Scores;
  /** Of the pixels as they were when they were looked at. */
  readonly earlyScores: Scores;
  /** Steps until the value had made 99 % of its way to the least that it reached. */
  readonly stepsToSettle: number;
}

function drawingEntry(cache: string, trial: Trial, subject: Subject): CacheEntry<Drawn> {
  const { name, steps, learningRate, lookAfter } = subject;
  const settings = { loss: trial.loss, name, steps, learningRate, lookAfter, ...place };
  return new CacheEntry(cache, `${name}-${trial.name}`, settings);
}

/** Optimises the pixels of a subject, or gives what an earlier call made of them. */
export async function draw(
  cache: string,
  trial: Trial,
  subject: Subject,
  judges: readonly Loss[],
): Promise<{ drawn: Drawn; image: Tensor; early: Tensor }> {
  const entry = drawingEntry(cache, trial, subject);
  const [path, earlyPath] = ["output.png", "early.png"].map((file) => join(entry.folder, file));
  const done = await entry.read();
  if (done !== undefined) return { drawn: done, image: await readImage(path), early: await readImage(earlyPath) };
  const { start, target, truth } = subject;
  const loss = parseLoss(trial.loss, [gan]);
  const { output, early, values } = await optimisePixels(loss, start, target, subject);
  await writeImage(path, output);
  await writeImage(earlyPath, early);
  const [image, earlyImage] = [await readImage(path), await readImage(earlyPath)];
  const drawn: Drawn = {
    scores: await judge(judges, image, truth),
    earlyScores: await judge(judges, earlyImage, truth),
    stepsToSettle: stepsTo(values, Math.min(...values)) ?? subject.steps,
  };
  await entry.write(drawn);
  return { drawn, image, early: earlyImage };
}
