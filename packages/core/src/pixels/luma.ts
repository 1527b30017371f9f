import { checkArguments } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { PreparedImage } from "./prepared-image.ts";
import type { VideoFrameSource } from "./sources.ts";

/** The properties of a frame besides its pixels. */
export interface LumaSource extends VideoFrameSource {
  readonly visibleRect: { readonly width: number; readonly height: number } | null;
  readonly colorSpace: { readonly fullRange: boolean | null; readonly matrix: string | null };
  allocationSize(): number;
}

/** The luma plane of a frame, and what its numbers mean. */
export interface FrameLuma {
  /** The samples, [1, 1, height, width], as stored: 8 bits divided by 255; 10 and 12 bits fill the range of 16. */
  readonly image: PreparedImage;
  /** The levels of black and white: `full` 0 and 1, `limited` 16/255 and 235/255; undefined where the frame does not say. */
  readonly range?: "full" | "limited";
  /** The weights of red, green and blue, in WebCodecs' words: `bt709`, `smpte170m`, `bt470bg` (both BT.601), `bt2020-ncl`; undefined where the frame does not say. */
  readonly matrix?: string;
}

/** Formats of frames whose first plane is luma. */
const lumaFormat = /^(?:I4(?:20|22|44)A?(?:P1([02]))?|NV12)$/;

/**
 * The luma of a `VideoFrame` as the codec stored it, without a detour over RGB: what video tools call PSNR and SSIM of Y. Compare it with the default `channels=rgb`, since it is a luma already; a
 * loss that is given the frame itself gets the RGB that the host makes of it.
 *
 * @param frame in a YUV format, of 8, 10 or 12 bits: I420, I422, I444, with alpha or without, or NV12
 * @returns the visible part of the plane, with the frame's range and matrix
 * @throws {ReconlossError} `image` for a frame of RGB, or one that was closed
 *
 * @example
 * ```ts
 * import { lumaOf, psnr, type LumaSource } from "@reconloss/core";
 * async function psnrOfLuma(output: LumaSource, target: LumaSource): Promise<number> {
 *   const [a, b] = [await lumaOf(output), await lumaOf(target)];
 *   if (a.range !== b.range || a.matrix !== b.matrix) throw new Error("the frames' lumas are not the same measure");
 *   return psnr().value(a.image, b.image);
 * }
 * ```
 */
export async function lumaOf(frame: LumaSource): Promise<FrameLuma> {
  checkArguments("lumaOf", { frame: [frame, "object"] });
  const { format, visibleRect, colorSpace } = frame;
  const bits = lumaFormat.exec(format ?? "");
  if (bits === null || visibleRect === null) {
    const what =
      format === null ? "no pixels that can be read, or was closed" : `format ${format}, which has no plane of luma`;
    throw new ReconlossError("image", `lumaOf: frame has ${what}`);
  }
  const { width, height } = visibleRect;
  const bytes = new Uint8Array(frame.allocationSize());
  const [{ offset, stride }] = await frame.copyTo(bytes).catch((cause: unknown) => {
    throw new ReconlossError("image", `lumaOf: frame cannot be read (${(cause as Error).message})`, { cause });
  });
  const depth = bits[1] === undefined ? 8 : 10 + (bits[1] === "2" ? 2 : 0);
  const data = depth === 8 ? new Uint8Array(width * height) : new Uint16Array(width * height);
  const samples = depth === 8 ? bytes : new Uint16Array(bytes.buffer);
  const perSample = data.BYTES_PER_ELEMENT;
  for (let y = 0; y < height; y++) {
    const at = (offset + y * stride) / perSample;
    data.set(samples.subarray(at, at + width), y * width);
  }
  // As of files of 10 and 12 bits: high bits repeated below the low ones, so that white is 65535.
  if (depth > 8)
    for (let i = 0; i < data.length; i++) data[i] = (data[i] << (16 - depth)) | (data[i] >> (2 * depth - 16));
  const range = colorSpace.fullRange === null ? undefined : colorSpace.fullRange ? "full" : "limited";
  return {
    image: new PreparedImage({ data, width, height, channels: 1 }),
    ...(range && { range }),
    ...(colorSpace.matrix !== null && { matrix: colorSpace.matrix }),
  };
}
