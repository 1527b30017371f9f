import { ReconlossError } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { openFile } from "../files.ts";
import { asInput, outputOf } from "./ffmpeg.ts";
import { type PixelFormat, parsePixelFormat } from "./pixel-format.ts";

/** Facts about a video, known before it is decoded. */
export interface VideoInfo {
  readonly path: string;
  /** The codec: `h264`. */
  readonly codec: string;
  /** As it is seen: after the rotation that the file states. */
  readonly width: number;
  readonly height: number;
  /** In degrees; 0 for none. It is applied. */
  readonly rotation: number;
  /** ffmpeg's name of how pixels are stored: `yuv420p10le`. */
  readonly pixelFormat: string;
  /** Samples from black to white are part of the range, 16 to 235 of 8 bits, or all of it; limited where the file says nothing. */
  readonly range: "limited" | "full";
  /** Of YCbCr and RGB, as the file says: `bt709`, `smpte170m`, `bt2020nc`; undefined where it does not. */
  readonly matrix?: string;
  /** The transfer function from light to samples, as the file says: `bt709`, `smpte2084`. */
  readonly transfer?: string;
  /** Frames a second, on average. */
  readonly rate: number;
  /** The time at which each frame is shown, in seconds from the first one, in order. */
  readonly times: readonly number[];
  /** Whether frames are not seen for equally long. */
  readonly isVariable: boolean;
}

interface Stream {
  codec_name?: string;
  width?: number;
  height?: number;
  pix_fmt?: string;
  color_range?: string;
  color_space?: string;
  color_transfer?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  tags?: { rotate?: string };
  side_data_list?: { rotation?: number }[];
}

/** The first picture stream of a file that is no cover. */
export const pictureStream = "V:0";

/**
 * Reads by ffprobe the facts about a video: its stream, and the times of all its packets, for which it reads the file and decodes nothing.
 *
 * @throws {ReconlossError} `file` where it cannot be read; `image` where it holds no video; `missing-dependency` without ffmpeg
 */
export async function probeVideo(path: string): Promise<VideoInfo> {
  checkArguments("probeVideo", { path: [path, "text"] });
  const { handle } = await openFile(path);
  await handle.close();
  const entries = [
    "stream=codec_name,width,height,pix_fmt,color_range,color_space,color_transfer,avg_frame_rate,r_frame_rate",
    "stream_tags=rotate",
    "stream_side_data=rotation",
    "packet=pts_time,flags",
  ].join(":");
  const args = ["-v", "error", "-select_streams", pictureStream, "-show_entries", entries, "-of", "json=compact=1"];
  const { code, text, complaint } = await outputOf("ffprobe", [...args, asInput(path)]);
  const { streams = [], packets = [] } = parseAnswer(text) as {
    streams?: Stream[];
    packets?: { pts_time?: string; flags?: string }[];
  };
  const [stream] = streams;
  if (stream?.width === undefined || stream.height === undefined || stream.pix_fmt === undefined) {
    const reason =
      complaint.split("\n")[0] || (code === 0 ? "ffprobe finds no video frames in it" : `ffprobe ended with ${code}`);
    throw new ReconlossError("image", `cannot read ${path} as a video: ${reason}`);
  }
  const given = packets.flatMap(({ pts_time, flags = "" }) => (flags.includes("D") ? [] : [Number(pts_time)]));
  const sorted = given.filter(Number.isFinite).sort((a, b) => a - b);
  const times = sorted.map((time) => time - sorted[0]);
  const rotation = Math.round(
    stream.side_data_list?.find((one) => one.rotation !== undefined)?.rotation ?? -Number(stream.tags?.rotate ?? 0),
  );
  const isTurned = Math.abs(rotation) % 180 === 90;
  const format = parsePixelFormat(stream.pix_fmt);
  return {
    path,
    codec: stream.codec_name ?? "unknown",
    width: isTurned ? stream.height : stream.width,
    height: isTurned ? stream.width : stream.height,
    rotation: rotation === 0 ? 0 : rotation,
    pixelFormat: stream.pix_fmt,
    range: rangeOf(stream, format),
    matrix: known(stream.color_space),
    transfer: known(stream.color_transfer),
    rate: fraction(stream.avg_frame_rate) || fraction(stream.r_frame_rate),
    times,
    isVariable: varies(times),
  };
}

function parseAnswer(text: string): object {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function known(value: string | undefined): string | undefined {
  return value === undefined || ["unknown", "unspecified", "reserved"].includes(value) ? undefined : value;
}

function rangeOf({ color_range }: Stream, { isFullRange, kind }: PixelFormat): VideoInfo["range"] {
  if (kind !== "yuv") return color_range === "tv" ? "limited" : "full";
  return isFullRange || color_range === "pc" ? "full" : "limited";
}

/** `30000/1001` as a number; 0 where it is none. */
function fraction(text = "0/0"): number {
  const [above, below = 1] = text.split("/").map(Number);
  return below > 0 && Number.isFinite(above) ? above / below : 0;
}

/** Whether steps between times differ by more than clocks of containers round: a third of the middle one. */
function varies(times: readonly number[]): boolean {
  const steps = times.slice(1).map((time, i) => time - times[i]);
  const middle = [...steps].sort((a, b) => a - b)[steps.length >> 1];
  return steps.some((step) => Math.abs(step - middle) > middle / 3);
}
