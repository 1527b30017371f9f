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

/** A thousand times the brightness of each pixel, by the weights of BT.601. */
function brightnessOf({ data, step, colours, width, height }: Bytes): Int32Array {
  const levels = new Int32Array(width * height);
  for (let i = 0, at = 0; i < levels.length; i++, at += step) {
    levels[i] = colours < 3 ? 1000 * data[at] : 299 * data[at] + 587 * data[at + 1] + 114 * data[at + 2];
  }
  return levels;
}

/** The colours of each pixel as one number. */
function coloursOf({ data, step, colours, width, height }: Bytes): Int32Array {
  const packed = new Int32Array(width * height);
  for (let i = 0, at = 0; i < packed.length; i++, at += step) {
    packed[i] = colours < 3 ? data[at] : data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
  }
  return packed;
}

/** An image as edges are looked for in it. */
interface Plane {
  width: number;
  height: number;
  colours: Int32Array;
  brightness: Int32Array;
}

/** The neighbours of a pixel within the image: the first and the last column and row. */
function neighbourhood({ width, height }: Plane, pixel: number) {
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)];
  const [top, bottom] = [Math.max(0, y - 1), Math.min(height - 1, y + 1)];
  return { left, right, top, bottom, isAtBorder: right - left < 2 || bottom - top < 2 };
}

/** Whether a pixel lies in an area of one colour: at least three of its neighbours have its own, where the image ends one fewer. */
function isFlat(plane: Plane, pixel: number): boolean {
  const { left, right, top, bottom, isAtBorder } = neighbourhood(plane, pixel);
  const { colours, width } = plane;
  // The pixel itself is one of those that have its colour.
  let same = isAtBorder ? 0 : -1;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) if (colours[y * width + x] === colours[pixel]) same++;
  }
  return same >= 3;
}

/**
 * Whether a pixel is the soft part of an edge whose contrast is more than this: brighter and darker neighbours, at most two as bright as itself, and the brightest or the darkest in an area of one
 * colour in both images (V. Vysniauskas, "Anti-aliased Pixel and Intensity Slope Detector", 2009, as pixelmatch and looks-same have it).
 */
function isSoft(plane: Plane, other: Plane, pixel: number, contrast: number): boolean {
  const { left, right, top, bottom, isAtBorder } = neighbourhood(plane, pixel);
  const { brightness, width } = plane;
  const own = brightness[pixel];
  let equal = isAtBorder ? 0 : -1;
  let [darkest, brightest] = [pixel, pixel];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const at = y * width + x;
      const level = brightness[at];
      if (level === own) equal++;
      else if (level < brightness[darkest]) darkest = at;
      else if (level > brightness[brightest]) brightest = at;
    }
  }
  if (equal > 2 || darkest === pixel || brightest === pixel) return false;
  if (brightness[brightest] - brightness[darkest] <= contrast) return false;
  return [darkest, brightest].some((at) => isFlat(plane, at) && isFlat(other, at));
}

/** The pixels that differ as edges do that lie within half a pixel of each other. */
function softDifferences(output: Bytes, target: Bytes): number[] {
  const { width, height } = output;
  const [own, wanted] = [coloursOf(output), coloursOf(target)];
  const differing: number[] = [];
  for (let i = 0; i < own.length; i++) if (own[i] !== wanted[i]) differing.push(i);
  if (differing.length === 0) return differing;
  const a = { width, height, colours: own, brightness: brightnessOf(output) };
  const b = { width, height, colours: wanted, brightness: brightnessOf(target) };
  return differing.filter((i) => {
    const contrast = 2 * Math.abs(a.brightness[i] - b.brightness[i]);
    return isSoft(a, b, i, contrast) || isSoft(b, a, i, contrast);
  });
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
