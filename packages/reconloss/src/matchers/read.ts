import { type ImageInput, type PreparedImage, ReconlossError, toImageSync } from "@reconloss/core";
import { preparePixels, resolveInput } from "@reconloss/core/internal";
import { type AlphaOptions, type PixelSource, type Pixels, toPixels } from "@reconloss/core/pixels";
import { readFileBytes } from "../files.ts";
import { decodePixels, largestFile } from "../image/read.ts";
import { loadSharp } from "../image/sharp.ts";

/** An image of a test: whatever losses take, the bytes of a file among it, or the path of a file. */
export type MatchInput = ImageInput | string;

/** An image that was read. */
export interface Subject {
  image: PreparedImage;
  /** Makes a PNG file of it: the bytes that it came as where these are one. */
  png(): Promise<Uint8Array>;
}

const pngSignature = [137, 80, 78, 71, 13, 10, 26, 10];
const isPng = (bytes: Uint8Array) => pngSignature.every((byte, index) => bytes[index] === byte);

/** A PNG file of pixels. */
export async function encodePng({ data, width, height, channels }: Pixels): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const space = data instanceof Uint16Array ? { grey: "grey16", colour: "rgb16" } : { grey: "b-w", colour: "srgb" };
  const image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  return image
    .toColourspace(channels > 2 ? space.colour : space.grey)
    .png()
    .toBuffer();
}

/** A PNG file of planes, with as many bits as it can have. */
const encodePlanes = (image: PreparedImage) => encodePng(toPixels(image.tensor, { bitDepth: 16 }));

async function readBytes(name: string, bytes: Uint8Array, options: AlphaOptions): Promise<Subject> {
  const { pixels } = await decodePixels(bytes, { name });
  const image = preparePixels(name, pixels, options, { canCompare: true });
  const { data } = pixels;
  const made = () => (data instanceof Float32Array ? encodePlanes(image) : encodePng({ ...pixels, data }));
  return { image, png: async () => (isPng(bytes) ? bytes : made()) };
}

/** Whether something is interleaved samples, as canvases and decoders give them. */
function isPixelSource(input: object): input is PixelSource {
  const { data, width, height } = input as Partial<PixelSource>;
  return ArrayBuffer.isView(data) && width !== undefined && height !== undefined;
}

/** A pipeline of sharp's, which writes a PNG file itself. */
interface Pipeline {
  clone(): { png(): { toBuffer(): Promise<Uint8Array> } };
}
const isPipeline = (input: object): input is Pipeline => "clone" in input && "png" in input && "toBuffer" in input;

/**
 * Reads an image of a test.
 *
 * @param name - what errors call it
 * @throws {ReconlossError} `image` for what cannot be read, `file` for a path that leads nowhere, `invalid-argument` for what is no image, `shape` for a batch of several
 */
export async function readSubject(name: string, input: unknown, options: AlphaOptions): Promise<Subject> {
  if (typeof input === "string") {
    return readBytes(input, await readFileBytes(input, { most: largestFile() }), options);
  }
  if (input instanceof Uint8Array) return readBytes(name, input, options);
  if (typeof input === "object" && input !== null && isPipeline(input)) {
    const bytes = await input
      .clone()
      .png()
      .toBuffer()
      .catch((cause: Error) => {
        throw new ReconlossError("image", `${name} cannot be read by sharp (${cause.message})`, { cause });
      });
    return readBytes(name, bytes, options);
  }
  const batch = await resolveInput("toMatchImage", name, input, options);
  if (batch.shape[0] !== 1) {
    throw new ReconlossError("shape", `toMatchImage: ${name} must be one image, got a batch of ${batch.shape[0]}`);
  }
  const image = toImageSync(batch);
  return {
    image,
    png: () => (isPixelSource(input as object) ? encodeSource(input as PixelSource) : encodePlanes(image)),
  };
}

function encodeSource({ data, width, height, channels = data.length / (width * height) }: PixelSource) {
  return encodePng({ data, width, height, channels: channels as Pixels["channels"] });
}
