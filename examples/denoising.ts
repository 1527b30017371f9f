import { fileURLToPath } from "node:url";
import { type Loss, parseLoss, psnr, Random, Tensor } from "../packages/core/src/index.ts";

/** A model that learns to remove noise, in whatever framework. Pictures are [n, 3, h, w] in [0, 1]. */
export interface Denoiser {
  /** Changes the weights a little, and gives the loss that the batch had before. */
  step(input: Tensor, target: Tensor): Promise<number>;
  apply(input: Tensor): Promise<Tensor>;
}

/** The result of a training. */
export interface Training {
  /** The loss of each step's batch. */
  losses: number[];
  /** PSNR of pictures that were not trained with, in dB. */
  before: number;
  after: number;
}

/** Trains with new pictures in every step, always the same ones. */
export async function train(denoiser: Denoiser, steps: number): Promise<Training> {
  const held = noisyPictures(4, 32, "held out");
  const quality = async () => psnr().value(await denoiser.apply(held.input), held.target);
  const before = await quality();
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { input, target } = noisyPictures(2, 24, `step ${step}`);
    losses.push(await denoiser.step(input, target));
  }
  return { losses, before, after: await quality() };
}

/** Trains and prints, where the file at `url` is the program that was started. */
export async function runAsProgram(url: string, createDenoiser: (loss: Loss) => Denoiser): Promise<void> {
  if (process.argv[1] !== fileURLToPath(url)) return;
  const loss = parseLoss("l1 + 0.1*ssim + 0.01*tv");
  const { losses, before, after } = await train(createDenoiser(loss), 60);
  for (let step = 0; step < losses.length; step += 10) {
    const some = losses.slice(step, step + 10);
    const mean = some.reduce((sum, value) => sum + value, 0) / some.length;
    console.log(`steps ${step + 1} to ${step + some.length}: ${loss.spec} = ${mean.toFixed(4)}`);
  }
  console.log(`PSNR ${before.toFixed(2)} dB -> ${after.toFixed(2)} dB`);
}

/** Pictures to remove noise from: flat discs on a gradient, and the same with Gaussian noise of deviation 0.1. Each [count, 3, size, size] in [0, 1]. */
export function noisyPictures(count: number, size: number, seed: number | string): { input: Tensor; target: Tensor } {
  const random = new Random(seed, "pictures");
  const target = Tensor.full([count, 3, size, size], 0);
  for (let n = 0; n < count; n++) paint(target.image(n), random);
  const input = new Tensor(
    target.data.map((value) => Math.min(1, Math.max(0, value + 0.1 * random.normal()))),
    target.shape,
  );
  return { input, target };
}

function paint({ data, shape: [, channels, height, width] }: Tensor, random: Random): void {
  const discs = Array.from({ length: 4 }, () => ({
    x: random.between(0, width),
    y: random.between(0, height),
    radius: random.between(0.1, 0.3) * width,
    colour: [random.uniform(), random.uniform(), random.uniform()],
  }));
  const corners = Array.from({ length: channels }, () => [random.uniform(), random.uniform()]);
  for (let c = 0, i = 0; c < channels; c++) {
    const [left, right] = corners[c];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const disc = discs.find((disc) => Math.hypot(x - disc.x, y - disc.y) < disc.radius);
        data[i] = disc ? disc.colour[c] : left + ((right - left) * x) / width;
      }
    }
  }
}
