import type { Loss } from "../../packages/core/src/losses/loss.ts";
import { randomTensor } from "../../test/random.ts";
import { median, timesInTurn } from "../in-turn.ts";

/** A model of 3x3 convolutions, of which only the last ones learn, and pictures to train it with. */
export interface ModelCase {
  readonly images: number;
  readonly side: number;
  readonly channels: number;
  /** The number of convolutions, and of those that learn, which are the last ones. */
  readonly layers: number;
  readonly learning: number;
}

/** Training steps, each of them waiting for what it changed. */
export type Steps = Readonly<Record<string, () => Promise<unknown>>>;

/** Makes the ways to take a step: with the loss inside the framework, and beside it. */
export type MakeSteps = (loss: Loss, model: ModelCase) => Promise<Steps>;

export const specs = ["l1", "l1 + 0.1*ssim + 0.01*tv", "l1 + 0.1*lpips(net=tiny)"];

/** Two convolutions that learn, and the last of eight. */
export const cases: readonly ModelCase[] = [
  { images: 2, side: 24, channels: 8, layers: 2, learning: 2 },
  { images: 4, side: 64, channels: 16, layers: 2, learning: 2 },
  { images: 2, side: 24, channels: 8, layers: 8, learning: 1 },
  { images: 4, side: 64, channels: 16, layers: 8, learning: 1 },
];

/** Pictures to train with; what is in them makes no difference to the time. */
export function pictures({ images, side }: ModelCase) {
  const [input, target] = [1, 2].map((seed) => randomTensor([images, 3, side, side], seed));
  return { input, target };
}

/** A case in words. */
export function described({ images, side, channels, layers, learning }: ModelCase): string {
  const which = layers === learning ? `all ${layers} layers learn` : `the last ${learning} of ${layers} layers learn`;
  return `${images} of ${side}x${side}, ${channels} channels, ${which}`;
}

/** Takes the steps in turn, round after round, and gives the median of each, in milliseconds. The first rounds compile. */
export async function timed(steps: Steps, rounds: number): Promise<Record<string, number>> {
  const times = await timesInTurn(steps, rounds, 2);
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)]));
}

/** A line of results: each way against the first. */
export function line(what: string, times: Readonly<Record<string, number>>): string {
  const [[first, inside], ...others] = Object.entries(times);
  const ratios = others.map(([name, time]) => `${name} ${time.toFixed(1)} (${(inside / time).toFixed(2)})`);
  return `${what}: ${first} ${inside.toFixed(1)} ms, ${ratios.join(", ")}`;
}
