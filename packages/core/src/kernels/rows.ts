import { ReconlossError } from "../errors.ts";
import { type Extremes, Tensor } from "../tensor.ts";
import type { KernelImage, Planes } from "./types.ts";

/**
 * One image, or some rows of it, inside a larger array. Pixels are numbered row by row from the image's top left corner.
 */
export interface Rows {
  readonly data: Float32Array | Uint8Array | Uint8ClampedArray | Uint16Array;
  readonly layout: "planar" | "interleaved";
  readonly channels: number;
  /** Samples of a plane, or of all channels, from one pixel to the next: 1 of planes. */
  readonly step: number;
  /** Index in `data` of the first sample that is held. */
  readonly offset: number;
  /** Number of the first pixel that is held. */
  readonly first: number;
  /** The number of pixels that are held: the distance from plane to plane. */
  readonly held: number;
  /** The address of `data` in the kernels' memory; absent where it lies elsewhere and is copied. */
  readonly address?: number;
  /** The name that the least and greatest values are noted under as the rows are read; default: none. */
  readonly noted?: keyof NotedExtremes;
}

/** The least and the greatest value of each image of a pair; absent where nothing was noted. */
export interface NotedExtremes {
  output?: Extremes;
  target?: Extremes;
}

/** The extremes of what two notes cover; NaN stays NaN. */
export function joinExtremes(a: NotedExtremes, b: NotedExtremes): NotedExtremes {
  const join = (x?: Extremes, y?: Extremes): Extremes | undefined =>
    x && y ? [Math.min(x[0], y[0]), Math.max(x[1], y[1])] : (x ?? y);
  return { output: join(a.output, b.output), target: join(a.target, b.target) };
}

/** {@link Rows} that can be written: float32 planes. */
export interface WritableRows extends Rows {
  readonly data: Float32Array;
  readonly layout: "planar";
}

/** Whether rows are pixels of 8 bits, of which kernels can take the samples as they are. */
export function areBytes({ data, layout, step }: Rows): boolean {
  return layout === "interleaved" && data.BYTES_PER_ELEMENT === 1 && step <= 4;
}

/** Batch size and planes of an image. */
export function dimensions(image: KernelImage): { count: number; planes: Planes } {
  if (image instanceof Tensor) {
    const [count, ...planes] = image.shape;
    return { count, planes };
  }
  return { count: 1, planes: [image.channels, image.height, image.width] };
}

/** Image number `index` of a batch as rows; pixels need no note of their extremes. */
export function rowsOf(image: KernelImage, index: number, noted?: keyof NotedExtremes): Rows {
  const { planes } = dimensions(image);
  const [channels, height, width] = planes;
  if (image instanceof Tensor) return { ...planarRows(image.data, planes, index), noted };
  const { data, step = channels } = image;
  return { data, layout: "interleaved", channels, step, offset: 0, first: 0, held: height * width };
}

/** Image number `index` of a batch of float32 planes. */
export function planarRows(data: Float32Array, [channels, height, width]: Planes, index = 0): WritableRows {
  const held = height * width;
  return { data, layout: "planar", channels, step: 1, offset: index * channels * held, first: 0, held };
}

/** The samples of pixels [from, to): one channel of planar rows, all channels of interleaved ones. */
export function samples<R extends Rows>(rows: R, channel: number, from: number, to: number): R["data"] {
  return rows.data.subarray(sampleIndex(rows, channel, from), sampleIndex(rows, channel, to));
}

/** The index in the data of rows at which the samples of a pixel begin. */
export function sampleIndex({ layout, offset, held, step, first }: Rows, channel: number, pixel: number): number {
  return offset + (layout === "planar" ? channel * held : 0) + (pixel - first) * step;
}

/** The number of samples of so many pixels of rows. */
export function sampleCount({ layout, channels, step }: Rows, pixels: number): number {
  return pixels * (layout === "planar" ? channels : step);
}

/** Refuses arrays that are not images. */
export function checkImage(name: string, argument: string, image: KernelImage): void {
  if (image instanceof Tensor) return;
  const { data, height, width, channels, step = channels } = image;
  const isPixels = data instanceof Uint8Array || data instanceof Uint8ClampedArray || data instanceof Uint16Array;
  if (!isPixels) {
    throw new ReconlossError(
      "invalid-argument",
      `${name}: ${argument} must be a Tensor, or pixels in a Uint8Array, Uint8ClampedArray or Uint16Array`,
    );
  }
  if ([height, width, channels].some((size) => !Number.isInteger(size) || size < 1)) {
    throw new ReconlossError(
      "shape",
      `${name}: ${argument} has height ${height}, width ${width}, channels ${channels}; each must be a positive integer`,
    );
  }
  if (!Number.isInteger(step) || step < channels) {
    throw new ReconlossError(
      "shape",
      `${name}: ${argument} has step ${step}, fewer samples than its ${channels} channels`,
    );
  }
  if (data.length !== height * width * step) {
    throw new ReconlossError(
      "shape",
      `${name}: ${argument} of ${height}x${width} pixels with ${step} channels needs ${height * width * step} samples, data has ${data.length}`,
    );
  }
}
