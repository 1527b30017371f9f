import { checkArguments, jsonText } from "@reconloss/core/internal";
import type { Verdict } from "../compare/conditions.ts";
import { csvLine, lossesInJson, verdictInJson } from "../compare/serialise.ts";
import type { BaselineRecord } from "../compare/types.ts";
import type { VideoComparison } from "./compare.ts";
import type { VideoInfo } from "./probe.ts";

/** The comparison as a CSV file: a row for each frame, with its number, its time in seconds, or its file, and all numbers with all their digits. */
export function framesToCsv(comparison: VideoComparison): string {
  checkArguments("framesToCsv", { comparison: [comparison, "object", ["frames"]] });
  const { frames } = comparison;
  const keys = [...new Set(frames.flatMap(({ values }) => Object.keys(values)))];
  const isTimed = frames[0]?.name === undefined;
  const lines = frames.map(({ frame, time, name, values }) =>
    csvLine([frame, isTimed ? time : name, ...keys.map((key) => values[key])]),
  );
  return [csvLine(["frame", isTimed ? "time" : "file", ...keys]), ...lines].join("");
}

/** The comparison as one JSON object. */
export function framesToJson(
  comparison: VideoComparison,
  verdicts?: readonly Verdict[],
  baseline?: BaselineRecord,
): string {
  checkArguments("framesToJson", {
    comparison: [comparison, "object", ["paths", "losses", "frames"]],
    verdicts: [verdicts, "objects?"],
  });
  const { paths, videos, width, height, losses, planes, frames, statistics, pooled, notes, failed } = comparison;
  const plain = ({ times, ...info }: VideoInfo) => ({ ...info, frames: times.length });
  return jsonText(
    {
      output: videos ? plain(videos.output) : { path: paths.output },
      target: videos ? plain(videos.target) : { path: paths.target },
      ...{ width, height, planes },
      losses: lossesInJson(losses),
      ...{ statistics, pooled, baseline, notes, failed },
      frames: frames.map(({ scores: _, ...frame }) => frame),
      conditions: verdicts?.map(verdictInJson),
    },
    2,
  );
}
