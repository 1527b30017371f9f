import type { Loss } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { worstFirst } from "../compare/numbers.ts";
import type { FrameResult, VideoComparison } from "./compare.ts";

/** Frames nearer than this to a worse one, as a part of all, show the same scene. */
const apart = 1 / 50;

/** The worst frame by each loss in turn, at most `limit` of them, in order of time; of frames that follow each other one is enough. */
export function worstFrames(comparison: Pick<VideoComparison, "losses" | "frames">, limit: number): FrameResult[] {
  checkArguments("worstFrames", {
    comparison: [comparison, "object", ["losses", "frames"]],
    limit: [limit, "count"],
  });
  const { losses, frames } = comparison;
  const distance = Math.max(1, Math.floor(frames.length * apart));
  const chosen: FrameResult[] = [];
  const ranked = losses.map((loss) => rankedBy(loss, frames));
  for (let place = 0; place < frames.length && chosen.length < limit; place++) {
    for (const ranking of ranked) {
      const next = ranking[place];
      if (next === undefined || chosen.length >= limit) continue;
      if (chosen.every(({ frame }) => Math.abs(frame - next.frame) >= distance)) chosen.push(next);
    }
  }
  return chosen.sort((a, b) => a.frame - b.frame);
}

/** Frames that have a finite number, worst first. */
function rankedBy(loss: Loss, frames: readonly FrameResult[]): FrameResult[] {
  const measured = frames.filter(({ values }) => Number.isFinite(values[loss.label]));
  // Where all are equal, none is worst.
  if (measured.every(({ values }) => values[loss.label] === measured[0].values[loss.label])) return [];
  return measured.toSorted(worstFirst(loss));
}
