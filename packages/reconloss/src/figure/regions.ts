import { ReconlossError, type Tensor } from "@reconloss/core";
import { checkArguments, formatShape } from "@reconloss/core/internal";
import type { Box } from "./layout.ts";

/** A region that is worth a look. */
export interface ProposedRegion extends Box {
  /**
   * The difference between methods in it: the mean over its pixels of the variance, between the methods, of the error at the pixel, in squared steps of 0 to 1. Of one method alone, its
   * mean error.
   */
  readonly score: number;
}

/** The options of the search for regions. */
export interface RegionOptions {
  /** The most regions; default 3. They do not overlap. */
  count?: number;
  /** Width and height in pixels; default: a quarter of the image's shorter side, at least 16, and 4:3. */
  size?: readonly [width: number, height: number];
}

const shareOfSide = 4;
const leastSide = 16;
/** The least score of a region: what rounding leaves between equal methods is below, a pixel that differs by one step of 8 bits, in a region of a million, is above. */
const leastScore = 1e-15;

/** The size of regions of an image where none is said: 4:3, a quarter of the shorter side high. */
export function regionSize(width: number, height: number): [width: number, height: number] {
  const high = Math.max(leastSide, Math.round(Math.min(width, height) / shareOfSide));
  return [Math.min(width, Math.round((high * 4) / 3)), Math.min(height, high)];
}

/** The absolute difference of each pixel, the mean over its channels. */
function errorsOf(output: Tensor, target: Tensor): Float32Array {
  const [, channels, height, width] = target.shape;
  const area = height * width;
  const errors = new Float32Array(area);
  for (let i = 0; i < channels * area; i++) errors[i % area] += Math.abs(output.data[i] - target.data[i]) / channels;
  return errors;
}

/** Of each pixel: the variance of its error between methods; of one method, the error. */
function spreadOf(errors: readonly Float32Array[]): Float64Array {
  const spread = new Float64Array(errors[0].length);
  for (let i = 0; i < spread.length; i++) {
    let [sum, squares] = [0, 0];
    for (const of of errors) sum += of[i];
    const mean = sum / errors.length;
    for (const of of errors) squares += (of[i] - mean) ** 2;
    spread[i] = errors.length === 1 ? mean : squares / errors.length;
  }
  return spread;
}

/** The sums of all rectangles from the corner: [h + 1, w + 1]. */
function cumulative(values: Float64Array, width: number, height: number): Float64Array {
  const sums = new Float64Array((width + 1) * (height + 1));
  for (let y = 0; y < height; y++) {
    let row = 0;
    for (let x = 0; x < width; x++) {
      row += values[y * width + x];
      sums[(y + 1) * (width + 1) + x + 1] = sums[y * (width + 1) + x + 1] + row;
    }
  }
  return sums;
}

const overlap = (a: Box, b: Box) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/**
 * The regions of an image in which methods differ most, the first one most. The error of a method at a pixel is its absolute difference from the target, the mean over channels;
 * a region's score is the mean over its pixels of the variance of that error between the methods. Windows of one size at every place are compared, and those that are
 * chosen do not overlap; where two are equal, the upper, then the left one is taken. Where there is one method alone, what counts is its error.
 *
 * @param outputs - [1, c, h, w] in [0, 1], one of each method
 * @param target - of the same shape
 * @returns the regions with a score above 0: none where all methods are equal
 * @throws {ReconlossError} `shape` for images of different shapes; `invalid-argument` for a size that the image does not hold, and for no output
 *
 * @example
 * ```ts
 * import { Tensor } from "reconloss";
 * import { proposeRegions } from "reconloss/figure";
 * const target = Tensor.full([1, 1, 32, 32], 0.5);
 * const other = Tensor.full([1, 1, 32, 32], 0.5);
 * other.data[20 * 32 + 12] = 1;
 * const [region] = proposeRegions([target, other], target, { size: [8, 8] });
 * [region.x, region.y]; // [5, 13]: the first window that holds the pixel (12, 20)
 * ```
 */
export function proposeRegions(
  outputs: readonly Tensor[],
  target: Tensor,
  options: RegionOptions = {},
): ProposedRegion[] {
  checkArguments("proposeRegions", {
    outputs: [outputs, "list"],
    target: [target, "tensor"],
    options: [options, "object?"],
  });
  for (const [index, output] of outputs.entries()) {
    checkArguments("proposeRegions", { [`outputs[${index}]`]: [output, "tensor"] });
    if (output.shape.join() === target.shape.join()) continue;
    const shapes = `output ${index} is ${formatShape(output.shape)} but target is ${formatShape(target.shape)}`;
    throw new ReconlossError("shape", `proposeRegions: ${shapes}`);
  }
  if (outputs.length === 0) throw new ReconlossError("invalid-argument", "proposeRegions: there is no output");
  const [, , height, width] = target.shape;
  const { count = 3, size = regionSize(width, height) } = options;
  checkArguments("proposeRegions", { count: [count, "count"], size: [size, "list"] });
  const [w, h] = size;
  const isWithin = (side: number, most: number) => Number.isInteger(side) && side >= 1 && side <= most;
  if (size.length !== 2 || !isWithin(w, width) || !isWithin(h, height)) {
    throw new ReconlossError(
      "invalid-argument",
      `proposeRegions: size must be within the image of ${width}x${height} pixels, got ${size.join("x")}`,
    );
  }
  const sums = cumulative(spreadOf(outputs.map((output) => errorsOf(output, target))), width, height);
  const at = (x: number, y: number) => sums[y * (width + 1) + x];
  const chosen: ProposedRegion[] = [];
  while (chosen.length < count) {
    let best: ProposedRegion | undefined;
    for (let y = 0; y + h <= height; y++) {
      for (let x = 0; x + w <= width; x++) {
        const sum = at(x + w, y + h) - at(x, y + h) - at(x + w, y) + at(x, y);
        const score = sum / (w * h);
        if (score <= (best?.score ?? leastScore) * (1 + 1e-12)) continue;
        const box = { x, y, width: w, height: h, score };
        if (!chosen.some((other) => overlap(box, other))) best = box;
      }
    }
    if (best === undefined) break;
    chosen.push(best);
  }
  return chosen;
}
