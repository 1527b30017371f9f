import type { Pixels as Samples } from "../kernels/index.ts";
import { type Shape, Tensor } from "../tensor.ts";
import {
  type AlphaOptions,
  type FloatPixels,
  hasTransparency,
  isFloating,
  type Pixels,
  pixelsToTensor,
  type TransparencyContext,
  whiteOf,
} from "./pixels.ts";

/**
 * An image from which losses take what they need, each thing made once: pixels of 8 and 16 bits go to the kernels as they are, float planes, a luma and a crop are made when a loss first asks
 * for them and kept for all that ask again. Made by `toImage`; every loss takes it in place of a tensor.
 *
 * It belongs to the pixels as they were then: make a new one after changing them.
 *
 * @example
 * ```ts
 * import { deltaE, ssim, toImage } from "@reconloss/core";
 * const pixels = (level: number) => ({ data: new Uint8Array(3 * 16 * 16).fill(level), width: 16, height: 16 });
 * const [output, target] = [await toImage(pixels(100)), await toImage(pixels(110))];
 * output.shape; // [1, 3, 16, 16]
 * const values = [await ssim().value(output, target), await deltaE().value(output, target)];
 * ```
 */
export class PreparedImage {
  /** [n, c, h, w]; of pixels [1, 1 | 3, height, width]. */
  readonly shape: Shape;
  /**
   * The samples where they have 8 or 16 bits.
   *
   * @internal
   */
  readonly pixels?: Samples;
  #tensor?: Tensor;
  readonly #made = new Map<string, unknown>();

  /** @internal */
  constructor(source: Tensor | Samples) {
    if (source instanceof Tensor) {
      this.#tensor = source;
      this.shape = source.shape;
    } else {
      this.pixels = source;
      this.shape = [1, source.channels, source.height, source.width];
    }
  }

  /** The image as float32 planes in [0, 1], or as they were given. */
  get tensor(): Tensor {
    this.#tensor ??= planesOf(this.pixels as Samples);
    return this.#tensor;
  }

  /**
   * Returns what `make` derives from the image, kept under its key from the first call on.
   *
   * @internal
   */
  once<T>(key: string, make: () => T): T {
    if (!this.#made.has(key)) this.#made.set(key, make());
    return this.#made.get(key) as T;
  }
}

/** A batch of images as losses compute with it. */
export type ImageBatch = Tensor | PreparedImage;

/** Whether a batch is one image of 8 or 16 bits a sample, whose values are in [0, 1]. */
export function isPixels(image: ImageBatch): boolean {
  return image instanceof PreparedImage && image.pixels !== undefined;
}

/** Whether a batch is one image of 8 bits a sample. */
export function isBytes(image: ImageBatch): boolean {
  return image instanceof PreparedImage && image.pixels?.data.BYTES_PER_ELEMENT === 1;
}

/** Float planes of a batch. */
export function tensorOf(image: ImageBatch): Tensor {
  return image instanceof PreparedImage ? image.tensor : image;
}

/** Those of a pair that can hold any value, as float planes. */
export function floatsOf({ output, target }: { readonly output: ImageBatch; readonly target?: ImageBatch }): {
  output?: Tensor;
  target?: Tensor;
} {
  return {
    ...(!isPixels(output) && { output: tensorOf(output) }),
    ...(target !== undefined && target !== output && !isPixels(target) && { target: tensorOf(target) }),
  };
}

/** The values in [0, 1] of all samples that there can be. */
export function levelValues(data: Samples["data"]): Float32Array {
  const white = whiteOf(data);
  return Float32Array.from({ length: white + 1 }, (_, level) => level / white);
}

function planesOf({ data, width, height, channels, step = channels }: Samples): Tensor {
  const area = width * height;
  const planes = new Float32Array(channels * area);
  const white = whiteOf(data);
  for (let c = 0; c < channels; c++) {
    for (let i = 0, at = c; i < area; i++, at += step) planes[c * area + i] = data[at] / white;
  }
  return new Tensor(planes, [1, channels, height, width]);
}

/**
 * Pixels as an image, opaque alpha ignored and transparency treated as the options say, under the name that errors begin with.
 *
 * @throws {ReconlossError} `image` for a transparent pixel under `alpha: "reject"`; `invalid-argument` for options that make no sense
 */
export function preparePixels(
  caller: string,
  pixels: Pixels | FloatPixels,
  options: AlphaOptions,
  context?: TransparencyContext,
): PreparedImage {
  if (isFloating(pixels) || hasTransparency(pixels)) {
    return new PreparedImage(pixelsToTensor(caller, pixels, options, context));
  }
  const { data, width, height, channels } = pixels;
  return new PreparedImage({ data, width, height, channels: channels > 2 ? 3 : 1, step: channels });
}
