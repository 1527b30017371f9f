import { frameKey } from "../compare/baseline.ts";
import { type Comparison, summarise } from "../compare/index.ts";
import type { VideoComparison } from "./compare.ts";

/** A comparison of videos as one of pairs, which their frames are: what conditions and earlier runs look at. */
export function framesAsPairs({ paths, width, height, losses, frames, failed }: VideoComparison): Comparison {
  const outcomes = frames.map((frame) => {
    const { values, scores, group } = frame;
    const result = { name: frameKey(frame), ...paths, width, height, values: { ...values }, scores: { ...scores } };
    return { result: group === undefined ? result : { ...result, group }, failures: [], notes: [], maps: {} };
  });
  return summarise(
    losses,
    outcomes,
    failed.map((error) => ({ ...paths, error })),
  );
}
