import { Random } from "../../packages/core/src/random.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { cosineTransform } from "./cosine-transform.ts";
import { displaced } from "./places.ts";

function inside(position: number, length: number): number {
  return Math.min(length - 1, Math.max(0, position));
}

/** Blocks of `side` pixels of a plane, those beyond the border repeating the last pixel; what `change` makes of them is put back. */
function eachBlock(
  plane: Float32Array,
  h: number,
  w: number,
  side: number,
  change: (block: Float64Array, index: number) => void,
): void {
  const block = new Float64Array(side * side);
  let index = 0;
  for (let top = 0; top < h; top += side) {
    for (let left = 0; left < w; left += side) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) block[y * side + x] = plane[inside(top + y, h) * w + inside(left + x, w)];
      }
      change(block, index++);
      const [bottom, right] = [Math.min(side, h - top), Math.min(side, w - left)];
      for (let y = 0; y < bottom; y++) {
        for (let x = 0; x < right; x++) plane[(top + y) * w + left + x] = Math.min(1, Math.max(0, block[y * side + x]));
      }
    }
  }
}

/**
 * A transform codec's stream with bits that flipped: signs of the cosine coefficients of blocks of 4, 8 or 16 pixels, all but the mean's, are turned, so
 * that texture is another one of the same strength.
 *
 * @param share - of coefficients whose sign turns, in [0, 1]
 */
export function bitErrors(image: Tensor, share: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const side = random.pick([4, 8, 16]);
  const transform = cosineTransform(side);
  const seed = random.below(2 ** 32);
  const result = Tensor.from(image.data, image.shape);
  for (let plane = 0; plane < n * c; plane++) {
    // Channels lose the same signs, so that what comes of it is not mostly wrong colours.
    const chances = new Random(seed);
    eachBlock(result.data.subarray(plane * h * w, (plane + 1) * h * w), h, w, side, (block) => {
      transform(block, false);
      for (let at = 1; at < block.length; at++) if (chances.uniform() < share) block[at] = -block[at];
      transform(block, true);
    });
  }
  return result;
}

/**
 * Few levels of brightness in every block, from its darkest to its brightest, as texture compression and block truncation coding (Delp, Mitchell 1979)
 * leave them.
 *
 * @param image - [n, 3, h, w]
 * @param levels - at least 2; it may be a broken number
 */
export function blockTruncation(image: Tensor, levels: number, random: Random): Tensor {
  const [n, c, h, w] = image.shape;
  const side = random.pick([4, 8, 16]);
  const area = h * w;
  const result = Tensor.from(image.data, image.shape);
  for (let index = 0; index < n; index++) {
    const start = index * c * area;
    const luma = image.data.slice(start, start + area).map((red, at) => {
      return 0.299 * red + 0.587 * image.data[start + area + at] + 0.114 * image.data[start + 2 * area + at];
    });
    const coded = luma.slice();
    eachBlock(coded, h, w, side, (block) => {
      const [low, high] = [Math.min(...block), Math.max(...block)];
      const step = (high - low) / (levels - 1);
      if (step === 0) return;
      for (let at = 0; at < block.length; at++) {
        block[at] = Math.min(high, low + step * Math.round((block[at] - low) / step));
      }
    });
    for (let at = 0; at < c * area; at++) {
      const value = image.data[start + at] + coded[at % area] - luma[at % area];
      result.data[start + at] = Math.min(1, Math.max(0, value));
    }
  }
  return result;
}

/**
 * A video codec's wrong motion vectors: blocks of 4, 8 or 16 pixels, each moved by its own vector; one half of the time all of them, one half of the
 * time some, by up to four times as far.
 *
 * @param strength - in [0, 1]: how far in the first case, how many in the second
 * @param reach - in pixels, at strength 1, in the first case
 */
export function misplacedBlocks(image: Tensor, strength: number, reach: number, random: Random): Tensor {
  const [, , h, w] = image.shape;
  const side = random.pick([4, 8, 16]);
  const all = random.uniform() < 0.5;
  const perRow = Math.ceil(w / side);
  const vectors = Array.from({ length: perRow * Math.ceil(h / side) }, () => {
    const [x, y] = [random.between(-1, 1), random.between(-1, 1)];
    const moved = random.uniform() < strength;
    const far = all ? strength * reach : moved ? 4 * reach : 0;
    return [far * x, far * y] as const;
  });
  return displaced(image, (x, y) => vectors[Math.floor(y / side) * perRow + Math.floor(x / side)]);
}
