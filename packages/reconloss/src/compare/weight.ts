import { ReconlossError, Tensor } from "@reconloss/core";
import { hasTransparency, whiteOf } from "@reconloss/core/internal";
import type { DecodedPixels } from "../image/decoder.ts";
import { decodePixels, type ImagePair, type Region } from "../image/index.ts";
import type { FileContents } from "./file-contents.ts";

/** The levels of a mask as weights: black is 0, white 1, floating point as it is. */
function levelsOf(path: string, pixels: DecodedPixels): Float32Array {
  const { data, width, height, channels } = pixels;
  const fail = (reason: string): never => {
    throw new ReconlossError("image", `mask ${path} ${reason}`);
  };
  if (hasTransparency(pixels)) fail("has transparent pixels; its grey levels are the weights");
  const white = whiteOf(data);
  const levels = new Float32Array(width * height);
  for (let i = 0; i < levels.length; i++) {
    const at = i * channels;
    if (channels > 2 && (data[at] !== data[at + 1] || data[at] !== data[at + 2])) {
      fail(`is coloured at pixel (${i % width}, ${Math.floor(i / width)}); its grey levels are the weights`);
    }
    levels[i] = data[at] / white;
    if (levels[i] < 0)
      fail(`holds ${levels[i]} at pixel (${i % width}, ${Math.floor(i / width)}); weights are not negative`);
  }
  return levels;
}

/** Rectangles of an image as weights of 0. */
function without(weights: Float32Array, [height, width]: readonly [number, number], regions: readonly Region[]): void {
  for (const [x, y, w, h] of regions) {
    const [left, right] = [Math.min(x, width), Math.min(x + w, width)];
    for (let row = y; row < Math.min(y + h, height); row++) weights.fill(0, row * width + left, row * width + right);
  }
}

/** The weight of each pixel of a pair, and what there is to say of it. */
export interface PairWeight {
  /** [1, 1, h, w] of the target; undefined where all count the same. */
  readonly weight?: Tensor;
  readonly notes: readonly string[];
}

/**
 * The weight of each pixel of a pair's target: the levels of its mask, times the target's alpha where that is a mask, and 0 in rectangles that are ignored.
 *
 * @param size - height and width of the target
 * @param alpha - that of the target, where it is a mask
 * @param contents - of files that were read before
 * @throws {ReconlossError} `image` for a mask that cannot be read or is no mask, `shape` for one of another size, `invalid-argument` where no pixel is left that counts
 */
export async function weightOf(
  { mask, ignore, target }: ImagePair,
  [height, width]: readonly [number, number],
  alpha: Float32Array | undefined,
  contents: FileContents,
): Promise<PairWeight> {
  if (mask === undefined && ignore === undefined && alpha === undefined) return { notes: [] };
  let weights: Float32Array | undefined;
  if (mask !== undefined) {
    const { pixels } = await decodePixels(contents.get(mask) ?? mask, { name: mask });
    if (pixels.width !== width || pixels.height !== height) {
      const sizes = `is ${pixels.width}x${pixels.height} but target ${target} is ${width}x${height}`;
      throw new ReconlossError("shape", `mask ${mask} ${sizes}; both must have the same size`);
    }
    weights = levelsOf(mask, pixels);
  }
  weights ??= new Float32Array(height * width).fill(1);
  if (alpha !== undefined) for (let i = 0; i < weights.length; i++) weights[i] *= alpha[i];
  without(weights, [height, width], ignore ?? []);
  if (!weights.some((weight) => weight > 0)) {
    const what = [
      ...(mask === undefined ? [] : [`mask ${mask}`]),
      ...(alpha === undefined ? [] : ["the target's alpha"]),
      ...(ignore === undefined ? [] : ["the rectangles that are ignored"]),
    ];
    throw new ReconlossError("invalid-argument", `no pixel counts after ${what.join(", ")}`);
  }
  const by = [
    ...(mask === undefined ? [] : ["the levels of its mask"]),
    ...(alpha === undefined ? [] : ["the target's alpha"]),
    ...(ignore === undefined ? [] : ["0 in rectangles that are ignored"]),
  ];
  const outside = (ignore ?? []).filter(([x, y]) => x >= width || y >= height);
  const notes = [`pixels are weighted by ${by.join(" and ")}`];
  for (const region of outside) {
    notes.push(`the rectangle ${region.join(",")}, which is ignored, lies outside the image`);
  }
  return { weight: new Tensor(weights, [1, 1, height, width]), notes };
}
