import { l1, type PreparedImage, type Tensor, toImageSync } from "@reconloss/core";
import { toPixels } from "@reconloss/core/pixels";
import { decodePrepared } from "../image/read.ts";
import { falseColour, toErrorMap, topOf } from "../report/error-map.ts";
import { reduced, webpUri } from "../report/webp.ts";
import type { FrameResult, VideoComparison } from "./compare.ts";
import { FrameStream } from "./frames.ts";
import { colourFilter } from "./planes.ts";
import type { VideoInfo } from "./probe.ts";

/** The longer side of pictures, in pixels; larger frames are reduced. */
export const pictureSide = 960;

/** A frame as the page shows it, as data URIs. */
export interface FramePictures {
  readonly frame: FrameResult;
  readonly output: string;
  readonly target: string;
  /** Absolute differences in false colour. */
  readonly difference: string;
}

/** The pictures of some frames, in their order. Videos are decoded a second time, since frames are not kept. */
export async function* framePictures(
  { videos, paths }: VideoComparison,
  frames: readonly FrameResult[],
): AsyncGenerator<FramePictures> {
  if (videos === undefined) {
    for (const frame of frames) {
      const [output, target] = await Promise.all(
        [paths.output, paths.target].map((folder) =>
          decodePrepared("writeVideoReport", `${folder}/${frame.name}`, { background: "checker" }),
        ),
      );
      yield pictureOf(frame, output.image, target.image);
    }
    return;
  }
  const streams: FrameStream[] = [];
  try {
    for (const video of [videos.output, videos.target]) streams.push(await openFrames(video, frames));
    const [output, target] = streams;
    for (const frame of frames) {
      const [a, b] = [await output.next(), await target.next()];
      if (a === undefined || b === undefined) return;
      yield pictureOf(frame, imageOf(a, videos.output), imageOf(b, videos.target));
      for (const stream of streams) stream.giveBack();
    }
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
  }
}

/** These frames of a video alone, in RGB of 8 bits. */
function openFrames(video: VideoInfo, frames: readonly FrameResult[]): Promise<FrameStream> {
  const numbers = frames.map(({ frame }) => `eq(n\\,${frame})`).join("+");
  const filter = `select=${numbers},${colourFilter(video, false)}`;
  return FrameStream.open(video.path, {
    bytes: 3 * video.width * video.height,
    options: ["-vf", filter, "-frames:v", String(frames.length)],
  });
}

function imageOf(frame: Uint8Array, { width, height }: VideoInfo): PreparedImage {
  return toImageSync({ data: frame, width, height, channels: 3 });
}

async function pictureOf(frame: FrameResult, output: PreparedImage, target: PreparedImage): Promise<FramePictures> {
  const measure = l1();
  const map = toErrorMap(measure, await measure.map(output, target));
  return {
    frame,
    output: await encode(output.tensor),
    target: await encode(target.tensor),
    difference: await encode(falseColour(map, topOf(map))),
  };
}

async function encode(tensor: Tensor): Promise<string> {
  return webpUri(await reduced(toPixels(tensor), pictureSide), { quality: 88, smartSubsample: true });
}
