import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { systemPath } from "../files.ts";

/** Extensions of files that are videos by their name; any file is one where it is said. */
export const videoExtensions: readonly string[] = [
  ...[".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".wmv", ".flv"],
  ...[
    ".ogv",
    ".y4m",
    ".3gp",
    ".mxf",
    ".ivf",
    ".nut",
    ".h264",
    ".264",
    ".h265",
    ".hevc",
    ".265",
    ".av1",
    ".obu",
    ".mjpeg",
  ],
];

/** The kind of two paths: two videos, two folders of frames, or neither. */
export type VideoInputs = "videos" | "folders" | undefined;

/**
 * Whether two paths are to be compared as videos: two files with extensions of videos, or, where that is said, any two files or two folders of frames.
 *
 * @throws {ReconlossError} `file` where one is a video and the other is none
 */
export async function videoInputs(output: string, target: string, areFrames = false): Promise<VideoInputs> {
  const [a, b] = await Promise.all([kindOf(output), kindOf(target)]);
  // What is not there is told as it is of images.
  if (a === undefined || b === undefined) return undefined;
  if (areFrames && a === "folder" && b === "folder") return "folders";
  if ((areFrames && a !== "folder" && b !== "folder") || (a === "video" && b === "video")) return "videos";
  if (!areFrames && a !== "video" && b !== "video") return undefined;
  const words = { folder: "a folder", video: "a video", file: "no video by its name" };
  throw new ReconlossError(
    "file",
    `two videos or two folders of frames are needed, but output ${output} is ${words[a]} and target ${target} ${words[b]}`,
  );
}

async function kindOf(path: string): Promise<"folder" | "video" | "file" | undefined> {
  const status = await stat(systemPath(path)).catch(() => undefined);
  if (status === undefined) return undefined;
  if (status.isDirectory()) return "folder";
  return videoExtensions.includes(extname(path).toLowerCase()) ? "video" : "file";
}
