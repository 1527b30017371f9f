/**
 * Videos against videos, frame by frame: numbers over time, statistics, the worst frames. For Node, with ffmpeg on PATH.
 *
 * @module
 */
import "../weights/disk.ts";

export {
  type CompareFramesOptions,
  type CompareVideosOptions,
  compareFrames,
  compareVideos,
  type FrameResult,
  type VideoComparison,
} from "./compare.ts";
export { videoExtensions } from "./files.ts";
export type { VideoPlanes } from "./planes.ts";
export { probeVideo, type VideoInfo } from "./probe.ts";
export { writeVideoReport } from "./report.ts";
export { framesToCsv, framesToJson } from "./serialise.ts";
export type { FrameStatistics } from "./statistics.ts";
export { worstFrames } from "./worst.ts";
