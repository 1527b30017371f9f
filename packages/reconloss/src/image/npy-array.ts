import { type NpyHeader, npyElements, readNpyHeader } from "@reconloss/core/internal";
import type { Pixels } from "@reconloss/core/pixels";
import { reasonOf } from "../files.ts";
import type { DecodeContext, DecodedPixels } from "./decoder.ts";

/** The element types of arrays that are read, and the types they are converted to: float16 and float64 are kept as float32. */
const sampleTypes = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  float16: Float32Array,
  float32: Float32Array,
  float64: Float32Array,
} as const;

const isChannelCount = (size: number): boolean => size === 1 || size === 3 || size === 4;

/**
 * Decodes an array of NumPy's as an image: [h, w], [h, w, c] or [c, h, w] with 1, 3 (RGB) or 4 (RGB and alpha) channels, of uint8 (255 is white), uint16
 * (65535 is white) or floating point (1 is white), in either order of axes and bytes.
 */
export function decodeArray(bytes: Uint8Array, context: DecodeContext): DecodedPixels {
  const header = headerOf(bytes, context);
  if (!Object.hasOwn(sampleTypes, header.type)) {
    return context.fail(`it holds ${header.type}; as images, ${Object.keys(sampleTypes).join(", ")} can be read`);
  }
  const { width, height, channels, isPlanar } = layoutOf(header.shape, context);
  context.checkSize(width, height);
  const elements = npyElements(header, bytes.subarray(header.start));
  const Samples = sampleTypes[header.type as keyof typeof sampleTypes];
  const data = isPlanar ? new Samples(elements.length) : Samples.from(elements);
  if (isPlanar) {
    const area = width * height;
    for (let i = 0; i < elements.length; i++) data[(i % area) * channels + Math.floor(i / area)] = elements[i];
  }
  return { data, width, height, channels } as DecodedPixels;
}

function headerOf(bytes: Uint8Array, context: DecodeContext): NpyHeader {
  try {
    return readNpyHeader("it", bytes, bytes.length);
  } catch (cause) {
    return context.fail(reasonOf(cause).replace("it: ", "it "), cause);
  }
}

function layoutOf(shape: readonly number[], context: DecodeContext): Omit<Pixels, "data"> & { isPlanar: boolean } {
  const fail = (problem: string) => context.fail(`it is an array of ${shape.join("x") || "one number"}${problem}`);
  if (shape.length === 2) return { width: shape[1], height: shape[0], channels: 1, isPlanar: false };
  const [first, second, third] = shape;
  const [isPlanar, isInterleaved] = [isChannelCount(first), isChannelCount(third)];
  if (shape.length !== 3 || isPlanar === isInterleaved) {
    return fail(
      shape.length === 3 && isPlanar
        ? ", whose first or last axis could be the channels; save it as an image"
        : "; [h, w], and [h, w, c] or [c, h, w] with 1, 3 or 4 channels can be read",
    );
  }
  return isPlanar
    ? { width: third, height: second, channels: first as Pixels["channels"], isPlanar }
    : { width: second, height: first, channels: third as Pixels["channels"], isPlanar };
}
