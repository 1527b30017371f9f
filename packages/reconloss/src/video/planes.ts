import { type Loss, type PreparedImage, Tensor, toImageSync } from "@reconloss/core";
import type { FrameOutput } from "./frames.ts";
import { type PixelFormat, parsePixelFormat, planeSizes } from "./pixel-format.ts";
import type { VideoInfo } from "./probe.ts";
import { canBeY4m } from "./y4m.ts";

/** The part of the frames that is compared: luma, luma and both chromas, each as stored, or colours. */
export type VideoPlanes = "y" | "yuv" | "rgb";

/** Losses that look at every channel by itself, whatever it means; all others are of colours. */
const ofAnyChannel: ReadonlySet<string> = new Set([
  ...["l1", "mse", "rmse", "nrmse", "charbonnier", "huber", "smooth-l1", "log-cosh", "psnr", "psnr-loss"],
  ...["ssim", "dssim", "ms-ssim", "gmsd", "ms-gmsd", "vif", "uqi", "iw-ssim"],
]);

/** The planes that are compared where none is named: planes as stored, where all losses can do with them and both videos have them. */
export function planesFor(losses: readonly Loss[], videos: readonly VideoInfo[]): VideoPlanes {
  const ofChannels = losses.every(
    ({ name, options }) => ofAnyChannel.has(name) && (options.channels ?? "rgb") === "rgb",
  );
  const kinds = videos.map(({ pixelFormat }) => parsePixelFormat(pixelFormat).kind);
  if (!ofChannels || kinds.includes("rgb")) return "rgb";
  return kinds.includes("grey") ? "y" : "yuv";
}

/** A plane of a frame, or all of it. */
export interface PlaneLayout {
  /** `y`, `u` or `v`; empty where it is all that is compared. */
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** The offset of its bytes in those of the frame. */
  readonly at: number;
}

/** The layout of frames as they come from ffmpeg, and how their bytes are read. */
export interface FrameLayout extends FrameOutput {
  readonly planes: readonly PlaneLayout[];
  /** The conversion in words. */
  readonly conversion: string;
  /** The planes of a frame, as images in [0, 1]. */
  read(frame: Uint8Array): PreparedImage[];
}

export const planeNames = ["y", "u", "v"];

/**
 * The layout by which the frames of a video are read.
 *
 * @param bits - the depth that samples are brought to: the larger of both videos'
 */
export function layoutOf(video: VideoInfo, planes: VideoPlanes, bits: number): FrameLayout {
  return planes === "rgb" ? colourLayout(video, bits) : planeLayout(video, planes, bits);
}

function planeLayout(video: VideoInfo, wanted: "y" | "yuv", bits: number): FrameLayout {
  const format = parsePixelFormat(video.pixelFormat);
  const bytesPerSample = format.bits > 8 ? 2 : 1;
  const isOne = wanted === "y";
  // Chroma that nobody looks at does not come through the pipe.
  const sizes = planeSizes(isOne ? { ...format, kind: "grey" } : format, video.height, video.width);
  let at = 0;
  const layouts = sizes.map(([height, width], index): PlaneLayout => {
    const layout = { name: sizes.length > 1 ? planeNames[index] : "", height, width, channels: 1 as const, at };
    at += height * width * bytesPerSample;
    return layout;
  });
  const isPart = isOne && format.kind === "yuv";
  const { planar = "" } = format;
  const written = isPart && format.bits === 8 ? "gray" : planar;
  return {
    bytes: at,
    options: isPart ? ["-vf", "extractplanes=y"] : ["-pix_fmt", planar],
    y4m: canBeY4m(written) ? [video.height, video.width] : undefined,
    planes: layouts,
    conversion: isOne ? "luma as stored" : "Y, U and V as stored",
    read: (frame) =>
      layouts.map((layout) => {
        const { height, width } = layout;
        const bytes = frame.subarray(layout.at, layout.at + height * width * bytesPerSample);
        if (bits === 8) return toImageSync({ data: bytes, width, height, channels: 1 });
        return toImageSync(deepPlane(bytes, format, bits, height, width));
      }),
  };
}

/** A plane of samples of more than 8 bits, or brought to more, in [0, 1]: a sample of 10 bits is 4 times the one of 8, as standards have it. */
function deepPlane(bytes: Uint8Array, { bits: own }: PixelFormat, bits: number, height: number, width: number): Tensor {
  const samples = own > 8 ? new Uint16Array(bytes.buffer, bytes.byteOffset, height * width) : bytes;
  const scale = 2 ** (bits - own) / (2 ** bits - 1);
  const data = new Float32Array(height * width);
  for (let i = 0; i < data.length; i++) data[i] = samples[i] * scale;
  return new Tensor(data, [1, 1, height, width]);
}

/** Matrices, by the names that streams give them, as ffmpeg's scaler calls them. */
const matrices: Readonly<Record<string, string>> = {
  ...{ bt709: "bt709", fcc: "fcc", bt470bg: "bt601", smpte170m: "bt601", smpte240m: "smpte240m" },
  ...{ bt2020nc: "bt2020", bt2020c: "bt2020" },
};

/** The matrix by which colours are made of a video: what it says, or what players take where it says nothing. */
export function matrixOf({ matrix, height, width }: VideoInfo): string {
  return (matrix === undefined ? undefined : matrices[matrix]) ?? (height >= 720 || width >= 1280 ? "bt709" : "bt601");
}

/** The filter that makes RGB of a video's frames, 8 or 16 bits a sample. */
export function colourFilter(video: VideoInfo, isDeep: boolean): string {
  const isColour = parsePixelFormat(video.pixelFormat).kind === "rgb";
  const scale = [
    `in_range=${video.range}`,
    "out_range=full",
    ...(isColour ? [] : [`in_color_matrix=${matrixOf(video)}`]),
    "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact",
  ].join(":");
  return `scale=${scale},format=${isDeep ? "rgb48le" : "rgb24"}`;
}

function colourLayout(video: VideoInfo, bits: number): FrameLayout {
  const { height, width, range } = video;
  const isDeep = bits > 8;
  const isColour = parsePixelFormat(video.pixelFormat).kind === "rgb";
  const assumed = video.matrix === undefined ? ", which the file does not say" : "";
  const layout = { name: "", height, width, channels: 3 as const, at: 0 };
  const samples = 3 * height * width;
  return {
    bytes: samples * (isDeep ? 2 : 1),
    options: ["-vf", colourFilter(video, isDeep)],
    planes: [layout],
    conversion: isColour ? "RGB as stored" : `RGB by the matrix of ${matrixOf(video)}${assumed}, ${range} range`,
    read: (frame) => {
      const data = isDeep ? new Uint16Array(frame.buffer, frame.byteOffset, samples) : frame;
      return [toImageSync({ data, width, height, channels: 3 })];
    },
  };
}
