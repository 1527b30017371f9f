import { type PreparedImage, Tensor, toImageSync } from "@reconloss/core";
import type { Images } from "../compare/measure.ts";

/** An image as edges are looked for in it: each pixel's red, green and blue as one number, the lowest byte first. */
interface Plane {
  width: number;
  height: number;
  colours: Uint32Array;
}

/** Grey as colour. */
const greyWord = 0x010101;

/** The colours of an image, in 8 bits; those of screenshots, which are opaque RGBA, as they lie in memory. */
function planeOf({ pixels, tensor, shape }: PreparedImage): Plane {
  const [, channels, height, width] = shape;
  const area = width * height;
  if (pixels && !(pixels.data instanceof Uint16Array)) {
    const { data, step = channels } = pixels;
    if (step === 4 && data.byteOffset % 4 === 0) {
      return { width, height, colours: new Uint32Array(data.buffer, data.byteOffset, area) };
    }
    const colours = new Uint32Array(area);
    for (let i = 0, at = 0; i < area; i++, at += step) {
      colours[i] = channels < 3 ? data[at] * greyWord : data[at] | (data[at + 1] << 8) | (data[at + 2] << 16);
    }
    return { width, height, colours };
  }
  const bytes = Uint8ClampedArray.from(tensor.data, (value) => value * 255);
  const colours = new Uint32Array(area);
  for (let i = 0; i < area; i++) {
    colours[i] = channels < 3 ? bytes[i] * greyWord : bytes[i] | (bytes[area + i] << 8) | (bytes[2 * area + i] << 16);
  }
  return { width, height, colours };
}

/** A thousand times the brightness of a colour, by the weights of BT.601. */
function brightnessOf(colour: number): number {
  return 299 * (colour & 255) + 587 * ((colour >> 8) & 255) + 114 * ((colour >> 16) & 255);
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
function isAntialiased(plane: Plane, other: Plane, pixel: number, contrast: number): boolean {
  const { left, right, top, bottom, isAtBorder } = neighbourhood(plane, pixel);
  const { colours, width } = plane;
  const own = brightnessOf(colours[pixel]);
  let equal = isAtBorder ? 0 : -1;
  let [darkest, brightest] = [pixel, pixel];
  let [least, most] = [own, own];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const at = y * width + x;
      const level = brightnessOf(colours[at]);
      if (level === own) equal++;
      if (level < least) [least, darkest] = [level, at];
      if (level > most) [most, brightest] = [level, at];
    }
  }
  if (equal > 2 || darkest === pixel || brightest === pixel || most - least <= contrast) return false;
  return [darkest, brightest].some((at) => isFlat(plane, at) && isFlat(other, at));
}

/** The pixels that differ as edges do that lie within half a pixel of each other. */
function antialiasedPixels(output: Plane, target: Plane): number[] {
  const found: number[] = [];
  const [own, wanted] = [output.colours, target.colours];
  for (let i = 0; i < own.length; i++) {
    if (own[i] === wanted[i]) continue;
    const contrast = 2 * Math.abs(brightnessOf(own[i]) - brightnessOf(wanted[i]));
    if (isAntialiased(output, target, i, contrast) || isAntialiased(target, output, i, contrast)) found.push(i);
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
  const places = antialiasedPixels(planeOf(images.output), planeOf(images.target));
  if (places.length === 0) return { images, count: 0 };
  return { images: { output: withPixelsOf(images, places), target: images.target }, count: places.length };
}
