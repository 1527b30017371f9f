import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { resize } from "../../packages/reconloss/src/image/index.ts";
import { trainingDistortions } from "../distortions/index.ts";
import { applyDistortions, type DistortionSequence } from "./distortion-sequence.ts";

/** A crop and what became of it, each [1, 3, side, side]: the crop comes first. */
export type Group = readonly Tensor[];

/** Height and width of the crops of {@link drawGroup}. */
export const side = 96;
/** Images of a group: the crop and four distorted ones. */
export const members = 5;
/** All pairs of a group's images, in the order in which the teacher's answers are kept. */
export const pairs: readonly (readonly [number, number])[] = [0, 1, 2, 3].flatMap((a) =>
  [1, 2, 3, 4].filter((b) => b > a).map((b) => [a, b] as const),
);

/** A square of a photograph, one half of the time made of up to half as many pixels again along either axis, one half of the time mirrored. */
export function drawCrop(photograph: Tensor, side: number, random: Random): Tensor {
  const [, , h, w] = photograph.shape;
  const wanted = random.uniform() < 0.5 ? side : Math.round(side * random.between(1, 1.5));
  const from = Math.min(wanted, h, w);
  const [top, left, mirrored] = [random.below(h - from + 1), random.below(w - from + 1), random.uniform() < 0.5];
  const data = new Float32Array(3 * from * from);
  for (let row = 0; row < 3 * from; row++) {
    const [channel, y] = [Math.floor(row / from), row % from];
    const start = (channel * h + top + y) * w + left;
    const line = photograph.data.subarray(start, start + from);
    data.set(mirrored ? line.toReversed() : line, row * from);
  }
  return resize(new Tensor(data, [1, 3, from, from]), [side, side], "clean");
}

function strength(random: Random): number {
  return random.uniform() ** 1.15;
}

function sampleDistortions(random: Random): DistortionSequence {
  const count = random.pick([1, 1, 1, 1, 1, 2, 2, 3]);
  const kinds = Array.from({ length: count }, () => random.pick(trainingDistortions));
  return { kinds, strengths: kinds.map(() => strength(random)), seed: random.below(2 ** 32) };
}

/** One image in places and another elsewhere, with a soft border between, or a mean of both everywhere. */
function mixture(inner: Tensor, outer: Tensor, random: Random): Tensor {
  const [everywhere, share] = [random.uniform() < 0.5, random.between(0.2, 0.8)];
  const [centreX, centreY] = [random.between(0, side), random.between(0, side)];
  const [radius, softness] = [random.between(side / 8, side / 2), random.between(1, 8)];
  return new Tensor(
    inner.data.map((value, at) => {
      const [x, y] = [at % side, Math.floor(at / side) % side];
      const outside = (Math.hypot(x - centreX, y - centreY) - radius) / softness;
      const weight = everywhere ? share : 1 / (1 + Math.exp(outside));
      return Math.round(255 * (weight * value + (1 - weight) * outer.data[at])) / 255;
    }),
    inner.shape,
  );
}

/**
 * A group of a photograph. Three distorted images are drawn apart from each other; the third is the first again, with the same draws at other
 * strengths, so that what is learned also orders these. Every third of the other two is mixed with the crop or with the first.
 *
 * @param seeds - what the group follows from
 */
export function drawGroup(photograph: Tensor, ...seeds: readonly (number | string)[]): Group {
  const random = new Random("tiny-lpips", ...seeds);
  const original = applyDistortions(drawCrop(photograph, side, random), { kinds: [], strengths: [], seed: 0 });
  const what = sampleDistortions(random);
  const again = { ...what, strengths: what.strengths.map(() => strength(random)) };
  const first = applyDistortions(original, what);
  const [second, fourth] = [0, 1].map(() => {
    const other = applyDistortions(original, sampleDistortions(random));
    return random.uniform() < 1 / 3 ? mixture(other, random.pick([original, first]), random) : other;
  });
  return [original, first, second, applyDistortions(original, again), fourth];
}
