import { decibels } from "./decibels.ts";
import type { Window } from "./shift.ts";

/** Side of the blocks whose means are compared: blur, noise and compression leave these nearly as they were. A power is told by smaller ones: it is not that of a mean. */
const [block, smallBlock] = [16, 4];

/** The least share of the variance of block means that a tone explains, and the least standard deviation of these. */
const [leastExplained, leastDeviation] = [0.9, 0.01];

/** The least differences that are noted: of gains and gammas from 1, of offsets from 0. */
const thresholds = { gain: 0.02, gamma: 0.03, offset: 0.01 };

/** The least gain, in dB, for which a more complex tone curve is preferred. */
const worthMore = 0.2;

/** The curve that turns the target's levels into the output's, as far as one can. */
export interface Tone {
  /** As the end of a sentence: `0.80 times its target`. */
  readonly text: string;
  /** The cost of the difference, in dB of PSNR. */
  readonly cost: number;
  /** A level of the output as it would be without it. */
  undone(level: number): number;
}

interface Pair {
  readonly output: number;
  readonly target: number;
  readonly weight: number;
}

/** Means of both images over the same blocks, as far as these count. */
function blockMeans(windows: readonly Window[], block: number): Pair[] {
  const means: Pair[] = [];
  for (const { output, target, weight, width, height } of windows) {
    for (let top = 0; top + block <= height; top += block) {
      for (let left = 0; left + block <= width; left += block) {
        let [a, b, total] = [0, 0, 0];
        for (let y = top; y < top + block; y++) {
          for (let i = y * width + left; i < y * width + left + block; i++) {
            const counts = weight === undefined ? 1 : weight[i];
            a += counts * output[i];
            b += counts * target[i];
            total += counts;
          }
        }
        if (total > 0) means.push({ output: a / total, target: b / total, weight: total });
      }
    }
  }
  return means;
}

/** `output = gain target + offset` by weighted least squares; and how much of the output's variance that explains. */
function line(means: readonly Pair[]) {
  let [total, a, b] = [0, 0, 0];
  for (const { output, target, weight } of means) {
    total += weight;
    a += weight * output;
    b += weight * target;
  }
  const [meanA, meanB] = [a / total, b / total];
  let [aa, ab, bb] = [0, 0, 0];
  for (const { output, target, weight } of means) {
    aa += weight * (output - meanA) ** 2;
    ab += weight * (output - meanA) * (target - meanB);
    bb += weight * (target - meanB) ** 2;
  }
  const gain = ab / bb;
  return { gain, offset: meanA - gain * meanB, deviation: Math.sqrt(bb / total), explained: ab ** 2 / (aa * bb) };
}

/** The slope through the origin of what two functions make of the levels. */
function slope(means: readonly Pair[], of: (level: number) => number): number {
  let [ab, bb] = [0, 0];
  for (const { output, target, weight } of means) {
    const [a, b] = [of(output), of(target)];
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue;
    ab += weight * a * b;
    bb += weight * b * b;
  }
  return ab / bb;
}

/** 8-bit levels of video, black 16 and white 235. */
const video = { gain: 219 / 255, offset: 16 / 255 };

function inWords(gain: number, offset: number): string {
  const near = (a: number, b: number) => Math.abs(gain - a) < 0.012 && Math.abs(offset - b) < 0.006;
  const known = near(video.gain, video.offset)
    ? " (full range scaled to 16..235)"
    : near(1 / video.gain, -video.offset / video.gain)
      ? " (16..235 scaled to full range)"
      : "";
  const off = Math.abs(offset) < thresholds.offset ? "" : ` ${offset < 0 ? "-" : "+"} ${Math.abs(offset).toFixed(3)}`;
  return `${gain.toFixed(2)} times its target${off}${known}`;
}

/** The squared error of both images, the output as a curve makes it. */
function errorOf(windows: readonly Window[], undone: (level: number) => number): number {
  let sum = 0;
  for (const { output, target, weight } of windows) {
    for (let i = 0; i < output.length; i++) {
      sum += (weight === undefined ? 1 : weight[i]) * (undone(output[i]) - target[i]) ** 2;
    }
  }
  return sum;
}

/** The curve that explains best how an output's levels differ from its target's; undefined where none does, or they hardly differ. */
export function bestTone(windows: readonly Window[]): Tone | undefined {
  const means = blockMeans(windows, block);
  if (means.length < 4) return undefined;
  const { gain, offset, deviation, explained } = line(means);
  if (!(deviation >= leastDeviation && explained >= leastExplained && gain > 0)) return undefined;
  const pure = slope(means, (level) => level);
  const gamma = slope(blockMeans(windows, smallBlock), (level) =>
    level > 0.05 && level < 0.95 ? Math.log(level) : Number.NaN,
  );
  // From the one that says least.
  const curves = [
    {
      isNotable: Math.abs(pure - 1) >= thresholds.gain,
      text: inWords(pure, 0),
      undone: (level: number) => level / pure,
    },
    {
      isNotable: gamma > 0.1 && Math.abs(gamma - 1) >= thresholds.gamma,
      text: `its target to the power of ${gamma.toFixed(2)}`,
      undone: (level: number) => Math.max(level, 0) ** (1 / gamma),
    },
    {
      isNotable: Math.abs(gain - 1) >= thresholds.gain || Math.abs(offset) >= thresholds.offset,
      text: inWords(gain, offset),
      undone: (level: number) => (level - offset) / gain,
    },
  ].filter(({ isNotable }) => isNotable);
  if (curves.length === 0) return undefined;
  const before = errorOf(windows, (level) => level);
  const tones = curves.map(({ text, undone }) => ({ text, undone, cost: decibels(before, errorOf(windows, undone)) }));
  const most = Math.max(...tones.map(({ cost }) => cost));
  return tones.find(({ cost }) => cost >= most - worthMore);
}
