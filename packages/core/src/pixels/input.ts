import { described } from "../arguments.ts";
import { ReconlossError } from "../errors.ts";
import { elementCount, formatShape, type Shape, Tensor } from "../tensor.ts";
import { drawn, readCanvas } from "./canvas.ts";
import { decodeBytes } from "./decoder.ts";
import {
  type AlphaOptions,
  checkPixels,
  type FloatPixels,
  isChannelCount,
  type PixelSource,
  type Pixels,
} from "./pixels.ts";
import { type ImageBatch, PreparedImage, preparePixels } from "./prepared-image.ts";
import type {
  BitmapSource,
  CanvasSource,
  Fail,
  ImageElementSource,
  ImageInput,
  OnnxTensorSource,
  SharpSource,
  VideoFrameSource,
} from "./sources.ts";

/** The forms that an image is read as. */
type Samples = Pixels | FloatPixels | Tensor;

/** One kind of thing that images come as. */
interface Source {
  /** Whether something is of this kind. */
  matches(input: object): boolean;
  /** Its samples, at once where they are at hand. */
  read(input: never, fail: Fail, name: string): Samples | Promise<Samples>;
}

/** Whether an object has fields of these types. */
function has(input: object, fields: Readonly<Record<string, "number" | "function" | "object" | "string">>): boolean {
  return Object.entries(fields).every(([field, type]) => typeof (input as Record<string, unknown>)[field] === type);
}

/** Everything that images come as, in the order in which it is told apart. */
const sources: readonly Source[] = [
  {
    matches: (input) => input instanceof Uint8Array,
    read: (bytes: Uint8Array, fail) => decodeBytes(bytes, fail),
  },
  {
    matches: (input) => "dims" in input && Array.isArray(input.dims) && has(input, { type: "string" }),
    read: readOnnxTensor,
  },
  {
    matches: (input) => has(input, { clone: "function", raw: "function", toBuffer: "function", metadata: "function" }),
    read: readSharp,
  },
  {
    matches: (input) => has(input, { displayWidth: "number", copyTo: "function" }),
    read: (frame: VideoFrameSource, fail) => drawn(frame, frame.displayWidth, frame.displayHeight, fail),
  },
  { matches: (input) => has(input, { naturalWidth: "number", decode: "function" }), read: readImageElement },
  {
    matches: (input) => has(input, { getContext: "function" }),
    read: (canvas: CanvasSource, fail) => readCanvas(canvas, fail),
  },
  {
    matches: (input) => has(input, { data: "object", width: "number", height: "number" }),
    read: (pixels: PixelSource, _, name) => checkPixels(name, pixels),
  },
  {
    matches: (input) => has(input, { width: "number", height: "number", close: "function" }),
    read: (bitmap: BitmapSource, fail) => drawn(bitmap, bitmap.width, bitmap.height, fail),
  },
];

function readOnnxTensor(tensor: OnnxTensorSource, fail: Fail): Tensor | Promise<Tensor> {
  const { dims, type, location = "cpu" } = tensor;
  if (type !== "float32" || dims.length !== 4) {
    return fail(`must be a float32 tensor [n, c, h, w], got ${type} ${formatShape(dims)}`);
  }
  const read = (data: unknown) => {
    if (data instanceof Float32Array && data.length === elementCount(dims as Shape)) return new Tensor(data, dims);
    return fail(`is a tensor ${formatShape(dims)} without data`);
  };
  const isHere = String(location).startsWith("cpu") || tensor.getData === undefined;
  return isHere ? read(tensor.data) : Promise.resolve(tensor.getData?.()).then(read);
}

async function readSharp(image: SharpSource, fail: Fail): Promise<Samples> {
  const { data, info } = await image
    .clone()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => fail(`cannot be read by sharp (${(cause as Error).message})`, cause));
  const { width, height, channels, depth } = info;
  const length = width * height * channels;
  const bytes = data.length / length;
  if (bytes !== 1 && bytes !== 2) return fail(`has samples of ${8 * bytes} bits; 8 and 16 can be read`);
  if (depth?.startsWith("u") === false) return fail(`has samples of type ${depth}; uchar and ushort can be read`);
  if (!isChannelCount(channels)) return fail(`has ${channels} channels; 1 to 4 can be read`);
  const samples =
    bytes === 1
      ? new Uint8Array(data.buffer, data.byteOffset, length)
      : new Uint16Array(data.buffer, data.byteOffset, length);
  return { data: samples, width, height, channels };
}

function readImageElement(image: ImageElementSource, fail: Fail): Samples | Promise<Samples> {
  const read = () => {
    if (image.naturalWidth === 0) return fail("is an image element without an image");
    return drawn(image, image.naturalWidth, image.naturalHeight, fail);
  };
  if (image.complete) return read();
  return image.decode().then(read, (cause) => fail("is an image element whose image did not load", cause));
}

const kinds =
  "a Tensor, { data, width, height }, ImageData, a canvas, ImageBitmap, an image element, VideoFrame, an instance of sharp, the bytes of a file, or a tensor of ONNX Runtime's";

/**
 * Any input as losses compute with it: at once where its samples are at hand, else as a promise.
 *
 * @param caller - the function that errors name
 * @param argument - which of its arguments it is
 */
export function resolveInput(
  caller: string,
  argument: string,
  input: unknown,
  options: AlphaOptions = {},
): ImageBatch | Promise<ImageBatch> {
  if (input instanceof Tensor || input instanceof PreparedImage) return input;
  const name = `${caller}: ${argument}`;
  const fail: Fail = (reason, cause) => {
    throw new ReconlossError("image", `${name} ${reason}`, { cause });
  };
  /** An error that an input throws itself, such as a tensor that was disposed of. */
  const failed = (cause: unknown): never => {
    if (cause instanceof ReconlossError) throw cause;
    return fail(`cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  };
  const attempt = <R>(read: () => R): R => {
    try {
      return read();
    } catch (cause) {
      return failed(cause);
    }
  };
  const isObject = typeof input === "object" && input !== null;
  const source = isObject ? attempt(() => sources.find((kind) => kind.matches(input))) : undefined;
  if (source === undefined) {
    throw new ReconlossError("invalid-argument", `${name} must be an image (${kinds}), got ${described(input)}`);
  }
  const prepare = (samples: Samples): ImageBatch => {
    if (samples instanceof Tensor) return samples;
    return preparePixels(name, samples, options, { remedy: "toImage(image, { background }) says what is behind it" });
  };
  const samples = attempt(() => source.read(input as never, fail, name));
  return samples instanceof Promise ? samples.then(prepare, failed) : prepare(samples);
}

/**
 * The inputs of a call as losses compute with them.
 *
 * @throws {ReconlossError} `invalid-argument` for one whose samples are not at hand
 */
export function resolveInputSync(caller: string, argument: string, input: unknown, options?: AlphaOptions): ImageBatch {
  const resolved = resolveInput(caller, argument, input, options);
  if (!(resolved instanceof Promise)) return resolved;
  resolved.catch(() => {});
  throw new ReconlossError(
    "invalid-argument",
    `${caller}: ${argument} cannot be read synchronously; await toImage(image) first`,
  );
}

/**
 * Reads an image once, for many losses: see {@link PreparedImage}. Every loss takes the input itself too, and then reads it for itself.
 *
 * Values are those stored, divided by 255 or 65535. Profiles and colour spaces are ignored, as those of files are; of canvases, image elements and bitmaps the pixels are those that the host gives
 * as 8-bit sRGB. A VideoFrame is read in its displayed size.
 *
 * @param input see {@link ImageInput}
 * @param options what becomes of transparent pixels; default: they are refused
 * @throws {ReconlossError} `image` where the input cannot be read (a canvas that is tainted by another origin's image, an image element that did not load) or has a transparent pixel;
 *   `invalid-argument` for what is no image, or options that make no sense; `shape` where width, height and channels do not fit the data
 *
 * @example
 * ```ts
 * import { l1, toImage } from "@reconloss/core";
 * const rgba = (red: number) => ({ data: new Uint8ClampedArray([red, 0, 0, 255, 0, 0, 0, 0]), width: 2, height: 1 }); // or an ImageData
 * const [output, target] = [await toImage(rgba(255), { background: "white" }), await toImage(rgba(204), { background: "white" })];
 * const { grad } = await l1().valueAndGrad(output, target); // [1, 3, 1, 2], by values in [0, 1]
 * ```
 */
export async function toImage(input: ImageInput, options: AlphaOptions = {}): Promise<PreparedImage> {
  return prepared(await resolveInput("toImage", "input", input, options));
}

/**
 * Reads an image once, as `toImage` does, where its samples are at hand: not an encoded file, an instance of sharp, or an image element that is still loading.
 *
 * @throws {ReconlossError} as `toImage`; `invalid-argument` where it would have to wait
 *
 * @example
 * ```ts
 * import { toImageSync } from "@reconloss/core";
 * toImageSync({ data: new Uint16Array(4), width: 2, height: 2 }).shape; // [1, 1, 2, 2]
 * ```
 */
export function toImageSync(input: ImageInput, options: AlphaOptions = {}): PreparedImage {
  return prepared(resolveInputSync("toImageSync", "input", input, options));
}

function prepared(image: ImageBatch): PreparedImage {
  return image instanceof PreparedImage ? image : new PreparedImage(image);
}
