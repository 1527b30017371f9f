import { Random } from "../../packages/core/src/random.ts";
import { type DistortionName, trainingDistortions, unseenDistortions } from "../distortions/index.ts";
import type { DistortionSequence } from "./distortion-sequence.ts";

/** One thing that is done to a held-out photograph. */
export interface Trial extends DistortionSequence {
  /** `seen` and `unseen` ask for agreement, `ladder` for values that rise from step to step of a strength. */
  readonly part: "seen" | "unseen" | "ladder";
  readonly photograph: number;
}

/** The steps of a ladder; at 0 there is no distance. */
export const rungs: readonly number[] = [0.2, 0.4, 0.6, 0.8, 1];

/**
 * All trials of a photograph: every kind that was trained with at a drawn strength, and six mixtures of two or three; every kind that was not at
 * four drawn strengths; every kind along the ladder.
 */
export function trialsOf(photograph: number, seed: number): Trial[] {
  const random = new Random("judge", seed, photograph);
  let count = 0;
  const trial = (part: Trial["part"], kinds: readonly DistortionName[], strengths: readonly number[], own?: string) => {
    return { part, photograph, kinds, strengths, seed: own ?? `${seed}/${photograph}/${part}/${count++}` };
  };
  const drawn = (kinds: readonly DistortionName[]) => kinds.map(() => random.between(0, 1));
  const mixtures = Array.from({ length: 6 }, () => {
    return Array.from({ length: random.pick([2, 3]) }, () => random.pick(trainingDistortions));
  });
  return [
    ...[...trainingDistortions.map((kind) => [kind]), ...mixtures].map((kinds) => trial("seen", kinds, drawn(kinds))),
    ...unseenDistortions.flatMap((kind) => [1, 2, 3, 4].map(() => trial("unseen", [kind], drawn([kind])))),
    ...[...trainingDistortions, ...unseenDistortions].flatMap((kind) =>
      rungs.map((strength) => trial("ladder", [kind], [strength], `${seed}/${photograph}/ladder/${kind}`)),
    ),
  ];
}
