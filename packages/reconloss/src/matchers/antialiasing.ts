import { type PreparedImage, Tensor, toImageSync } from "@reconloss/core";
import type { Images } from "../compare/measure.ts";

/** 8-bit samples of an image, interleaved. */
interface Bytes {
  data: Uint8Array | Uint8ClampedArray;
  /** Samples of a pixel, of which the first `colours` are looked at. */
  step: number;
  colours: number;
  width: number;
  height: number;
}

/** The samples where they have 8 bits, else the planes rounded to 8 bits. */
function bytesOf({ pixels, tensor, shape }: PreparedImage): Bytes {
  const [, channels, height, width] = shape;
  if (pixels && !(pixels.data instanceof Uint16Array)) {
    const { data, step = channels } = pixels;
    return { data, step, colours: channels, width, height };
  }
  const area = width * height;
  const data = new Uint8ClampedArray(channels * area);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < area; i++) data[i * channels + c] = tensor.data[c * area + i] * 255;
  }
  return { data, step: channels, colours: channels > 2 ? 3 : 1, width, height };
}

/** A thousand times the brightness of a pixel, by the weights of BT.601. */
function brightness({ data, step, colours }: Bytes, pixel: number): number {
  const at = pixel * step;
  return colours < 3 ? 1000 * data[at] : 299 * data[at] + 587 * data[at + 1] + 114 * data[at + 2];
}

function isSame(a: Bytes, i: number, b: Bytes, j: number): boolean {
  const [x, y] = [i * a.step, j * b.step];
  for (let c = 0; c < a.colours; c++) if (a.data[x + c] !== b.data[y + c]) return false;
  return true;
}

/** Calls a function with the place of each neighbour of a pixel; returns how many of the eight lie outside. */
function eachNeighbour({ width, height }: Bytes, pixel: number, visit: (neighbour: number) => void): number {
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  let outside = 0;
  for (let row = y - 1; row <= y + 1; row++) {
    for (let column = x - 1; column <= x + 1; column++) {
      if (row < 0 || row >= height || column < 0 || column >= width) outside++;
      else if (row !== y || column !== x) visit(row * width + column);
    }
  }
  return outside;
}

/** Whether a pixel lies in an area of one colour: at least three of its neighbours have its own, where the image ends one fewer. */
function isFlat(image: Bytes, pixel: number): boolean {
  let same = 0;
  const outside = eachNeighbour(image, pixel, (neighbour) => {
    if (isSame(image, pixel, image, neighbour)) same++;
  });
  return same + (outside > 0 ? 1 : 0) >= 3;
}

/**
 * The contrast of the edge that a pixel is a soft part of, 0 where it is none: brighter and darker neighbours, at most two as bright as itself, and the brightest or the
 * darkest in an area of one colour in both images (V. Vysniauskas, "Anti-aliased Pixel and Intensity Slope Detector", 2009, as pixelmatch and looks-same have it).
 */
function edgeContrast(image: Bytes, other: Bytes, pixel: number): number {
  const own = brightness(image, pixel);
  let equal = 0;
  let [darkest, brightest] = [own, own];
  let [darkestAt, brightestAt] = [-1, -1];
  const outside = eachNeighbour(image, pixel, (neighbour) => {
    const level = brightness(image, neighbour);
    if (level === own) equal++;
    if (level < darkest) [darkest, darkestAt] = [level, neighbour];
    if (level > brightest) [brightest, brightestAt] = [level, neighbour];
  });
  if (equal + (outside > 0 ? 1 : 0) > 2 || darkestAt < 0 || brightestAt < 0) return 0;
  const isEdge = [darkestAt, brightestAt].some((at) => isFlat(image, at) && isFlat(other, at));
  return isEdge ? brightest - darkest : 0;
}

/** The pixels that differ as edges do that lie within half a pixel of each other. */
function softDifferences(output: Bytes, target: Bytes): number[] {
  const found: number[] = [];
  const area = output.width * output.height;
  for (let i = 0; i < area; i++) {
    if (isSame(output, i, target, i)) continue;
    const contrast = Math.max(edgeContrast(output, target, i), edgeContrast(target, output, i));
    if (2 * Math.abs(brightness(output, i) - brightness(target, i)) < contrast) found.push(i);
  }
  return found;
}

/** The output with pixels of the target in some places. */
function withPixelsOf({ output, target }: Images, places: readonly number[]): PreparedImage {
  const [, channels, height, width] = output.shape;
  const [from, to] = [target.pixels, output.pixels];
  if (from && to && from.data.constructor === to.data.constructor) {
    const [step, otherStep] = [to.step ?? channels, from.step ?? channels];
    const data = to.data.slice();
    for (const i of places) for (let c = 0; c < channels; c++) data[i * step + c] = from.data[i * otherStep + c];
    return toImageSync({ data, width, height, channels: step });
  }
  const area = width * height;
  const data = output.tensor.data.slice();
  for (const i of places) for (let at = i; at < data.length; at += area) data[at] = target.tensor.data[at];
  return toImageSync(new Tensor(data, output.shape));
}

/**
 * The output without the differences that are anti-aliasing: where a pixel of either image is the soft part of an edge, and the two differ by less than half of the edge's
 * contrast, which is what an edge does that moved by less than half a pixel, the output has the target's pixel. An edge that moved by a whole pixel differs by half of its
 * contrast or more in one place at least.
 *
 * @param images - of the same size and channels
 * @returns the images to be compared, and how many pixels were taken over
 */
export function withoutAntialiasing(images: Images): { images: Images; count: number } {
  const places = softDifferences(bytesOf(images.output), bytesOf(images.target));
  if (places.length === 0) return { images, count: 0 };
  return { images: { output: withPixelsOf(images, places), target: images.target }, count: places.length };
}
