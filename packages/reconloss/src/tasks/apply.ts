import { type Random, ReconlossError, Tensor } from "@reconloss/core";
import { checkArguments, firstNonFinite, formatShape } from "@reconloss/core/internal";
import { latentNoise } from "./generate.ts";
import type { ImageModel } from "./image-model.ts";

/** Options of {@link applyModel}. */
export interface ApplyOptions {
  /** Side of the tiles, in input pixels, that are computed at once; default 512. */
  tile?: number;
  /** Called after each tile. */
  onTile?: (done: number, total: number) => void;
}

/** The most numbers that a result may have: 8 GiB. */
const mostNumbers = 2 ** 31;

/** A stretch of an axis: what is computed, and what it looks at. */
interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/** An axis of this length in stretches, each with a halo as far as there are pixels. All positions are multiples of `multiple`. */
function stretches(length: number, tile: number, halo: number): Stretch[] {
  const count = Math.ceil(length / tile);
  return Array.from({ length: count }, (_, index) => {
    const [start, end] = [index * tile, Math.min(length, (index + 1) * tile)];
    return { start, end, from: Math.max(0, start - halo), to: Math.min(length, end + halo) };
  });
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** A part of an image in the channels that the network takes; beyond the right and lower border its last pixels are repeated. */
function part({ data, shape: [, c, h, w] }: Tensor, rows: Stretch, columns: Stretch, channels: number): Tensor {
  const [height, width] = [rows.to - rows.from, columns.to - columns.from];
  const result = new Float32Array(channels * height * width);
  for (let channel = 0; channel < channels; channel++) {
    const plane = (c === 1 ? 0 : channel) * h * w;
    for (let y = 0; y < height; y++) {
      const row = plane + Math.min(h - 1, rows.from + y) * w;
      const inside = Math.min(width, w - columns.from);
      const target = (channel * height + y) * width;
      result.set(data.subarray(row + columns.from, row + columns.from + inside), target);
      result.fill(data[row + w - 1], target + inside, target + width);
    }
  }
  return new Tensor(result, [1, channels, height, width]);
}

/** Whether all channels are the same: grey that is stored as colours, as WebP and AVIF do. */
function isGrey({ data, shape: [, c, h, w] }: Tensor): boolean {
  const area = h * w;
  for (let i = area; i < c * area; i++) if (data[i] !== data[i % area]) return false;
  return true;
}

/**
 * A model's output for an image of any size. Large images are computed in tiles that overlap as far as the network sees, so that the result is that of the whole
 * image, up to float32 rounding; memory then grows with the tile, not with the image.
 *
 * @param image - [1, 1 | 3, h, w] in [0, 1]; a grey image gives a grey one, the mean of its channels; a model of grey images takes no colours
 * @returns [1, 1 | 3, h * scale, w * scale], not limited to [0, 1]
 * @throws {ReconlossError} `shape` for other shapes, and for colours where the model takes grey images; `invalid-argument` for a generator, which takes no image, or a senseless tile; `non-finite` when the
 *   model gives NaN or infinity
 *
 * @example
 * ```ts
 * import { Tensor } from "reconloss";
 * import { applyModel, type ImageModel } from "reconloss/tasks";
 * // As `openModel` gives it; this one halves all values.
 * const model: ImageModel = {
 *   info: { task: "enhance", scale: 1, halo: 0, multiple: 1, loss: "l1", steps: 0 },
 *   run: async (input) => new Tensor(input.data.map((value) => value / 2), input.shape),
 * };
 * const image = Tensor.full([1, 3, 100, 70], 0.5);
 * (await applyModel(model, image, { tile: 32 })).data[0]; // 0.25
 * ```
 */
export async function applyModel(model: ImageModel, image: Tensor, options: ApplyOptions = {}): Promise<Tensor> {
  checkArguments("applyModel", {
    model: [model, "object", ["info", "run"]],
    image: [image, "tensor"],
    options: [options, "object?"],
  });
  const { tile = 512, onTile } = options;
  const { scale, halo, multiple, latent, task, channels: taken = 3 } = model.info;
  const [n, given, h, w] = image.shape;
  if (latent !== undefined) throw new ReconlossError("invalid-argument", `${task} takes no image`);
  if (n !== 1 || (given !== 1 && given !== 3)) {
    throw new ReconlossError("shape", `image is ${formatShape(image.shape)}, expected 1x3xhxw or 1x1xhxw`);
  }
  if (taken === 1 && !isGrey(image)) {
    throw new ReconlossError("shape", "image has colours, but the model takes grey images; convert it first");
  }
  const channels = Math.min(given, taken);
  if (!Number.isInteger(tile) || tile < 1) {
    throw new ReconlossError("invalid-argument", `tile must be a whole number of pixels, got ${tile}`);
  }
  if (Math.max(taken, channels) * h * w * scale ** 2 > mostNumbers) {
    throw new ReconlossError("image", `an output of ${w * scale}x${h * scale} pixels does not fit into memory`);
  }
  // Where the network sees all of an image, there are no tiles.
  const side = halo === undefined ? Number.POSITIVE_INFINITY : roundUp(tile, multiple);
  const reach = halo === undefined ? 0 : roundUp(halo, multiple);
  const [rows, columns] = [h, w].map((size) => {
    const padded = roundUp(size, multiple);
    return stretches(padded, Math.min(side, padded), reach);
  });
  const output = new Tensor(new Float32Array(channels * h * w * scale * scale), [1, channels, h * scale, w * scale]);
  let done = 0;
  for (const row of rows) {
    for (const column of columns) {
      const result = await model.run(part(image, row, column, taken));
      const broken = firstNonFinite(result.data);
      if (broken >= 0) {
        throw new ReconlossError(
          "non-finite",
          `the model returned ${result.data[broken]} for the pixels from (${column.from}, ${row.from}) on`,
        );
      }
      place(output, result, row, column, scale);
      onTile?.(++done, rows.length * columns.length);
    }
  }
  return output;
}

/**
 * New images of a trained generator.
 *
 * @param random - where they come from: the same random numbers give the same images
 * @returns [count, 3, size, size]
 * @throws {ReconlossError} `invalid-argument` for a model that is no generator
 *
 * @example
 * ```ts
 * import { Random, Tensor } from "reconloss";
 * import { generateImages, type ImageModel } from "reconloss/tasks";
 * // As `openModel` gives it; this one makes grey images.
 * const model: ImageModel = {
 *   info: { task: "generate", latent: 64, scale: 1, multiple: 1, loss: "gan", steps: 0 },
 *   run: async ({ shape: [n] }) => Tensor.full([n, 3, 32, 32], 0.5),
 * };
 * (await generateImages(model, 4, new Random(1))).shape; // [4, 3, 32, 32]
 * ```
 */
export async function generateImages(model: ImageModel, count: number, random: Random): Promise<Tensor> {
  checkArguments("generateImages", {
    model: [model, "object", ["info", "run"]],
    count: [count, "number"],
    random: [random, "object"],
  });
  const { latent, task } = model.info;
  if (latent === undefined) {
    throw new ReconlossError("invalid-argument", `a model for ${task} cannot generate images`);
  }
  return model.run(latentNoise(latent, count, random));
}

/** Writes a tile's own part of its result into the output. */
function place(output: Tensor, result: Tensor, row: Stretch, column: Stretch, scale: number): void {
  const [, channels, height, width] = output.shape;
  const [, made, tileHeight, tileWidth] = result.shape;
  const [top, left] = [(row.start - row.from) * scale, (column.start - column.from) * scale];
  const bottom = Math.min(height, row.end * scale);
  const right = Math.min(width, column.end * scale);
  for (let y = row.start * scale; y < bottom; y++) {
    for (let channel = 0; channel < channels; channel++) {
      const source = (channel * tileHeight + top + y - row.start * scale) * tileWidth + left;
      const length = right - column.start * scale;
      const target = (channel * height + y) * width + column.start * scale;
      if (channels === made) {
        output.data.set(result.data.subarray(source, source + length), target);
        continue;
      }
      const plane = tileHeight * tileWidth;
      for (let x = 0; x < length; x++) {
        const at = source + x;
        output.data[target + x] = (result.data[at] + result.data[at + plane] + result.data[at + 2 * plane]) / 3;
      }
    }
  }
}
