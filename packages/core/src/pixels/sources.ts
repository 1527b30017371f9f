import type { Tensor } from "../tensor.ts";
import type { PixelSource } from "./pixels.ts";
import type { PreparedImage } from "./prepared-image.ts";

/** Throws the error that says which argument cannot be read, and why. */
export type Fail = (reason: string, cause?: unknown) => never;

// What images come as, by what is used of them, so that no type of the DOM's, Node's or a package's is needed.

/** A canvas: `HTMLCanvasElement`, `OffscreenCanvas`, or that of a package for Node. */
export interface CanvasSource {
  readonly width: number;
  readonly height: number;
  getContext(kind: "2d"): unknown;
}

/** An `ImageBitmap`. */
export interface BitmapSource {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/** An `HTMLImageElement`, which is waited for where it is still loading. */
export interface ImageElementSource {
  readonly naturalWidth: number;
  readonly naturalHeight: number;
  readonly complete: boolean;
  decode(): Promise<void>;
}

/** A `VideoFrame`, in the RGB that the host makes of it; `lumaOf` takes its luma as it is. */
export interface VideoFrameSource {
  readonly displayWidth: number;
  readonly displayHeight: number;
  readonly format: string | null;
  copyTo(destination: Uint8Array): Promise<readonly { offset: number; stride: number }[]>;
  close(): void;
}

/** A float32 tensor [n, c, h, w] of ONNX Runtime's, which is not copied; one on a GPU is fetched from there. */
export interface OnnxTensorSource {
  readonly dims: readonly number[];
  readonly type: string;
  readonly data: unknown;
  readonly location?: string;
  getData?(): Promise<unknown>;
}

/**
 * An instance of sharp: the pixels that it gives by `raw()`, of 8 bits unless it is told otherwise (`toColourspace("rgb16").raw({ depth: "ushort" })`). The instance itself
 * stays as it is.
 */
export interface SharpSource {
  clone(): SharpSource;
  raw(): SharpSource;
  toBuffer(options: { resolveWithObject: true }): Promise<{
    readonly data: Uint8Array;
    readonly info: {
      readonly width: number;
      readonly height: number;
      readonly channels: number;
      readonly depth?: string;
    };
  }>;
}

/**
 * An image as every loss takes it: a tensor, a `PreparedImage`, or one image of 8 or 16 bits a sample: `{ data, width, height }` and so `ImageData`, a canvas, an
 * `ImageBitmap`, an `HTMLImageElement`, a `VideoFrame`, an instance of sharp, the bytes of an encoded file (a `Buffer`), or a tensor of ONNX Runtime's. Pixels become values in [0, 1], of
 * shape [1, 1 | 3, height, width]; opaque alpha is ignored, and a transparent pixel is an error, unless {@link toImage} is told what is behind it.
 */
export type ImageInput =
  | Tensor
  | PreparedImage
  | PixelSource
  | CanvasSource
  | BitmapSource
  | ImageElementSource
  | VideoFrameSource
  | OnnxTensorSource
  | SharpSource
  | Uint8Array;
