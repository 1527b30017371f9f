import { type Loss, Tensor } from "@reconloss/core";
import { checkArguments } from "@reconloss/core/internal";
import { colourTable } from "./colour-map.ts";

/** A loss's map turned so that 0 is no error and more is worse. */
export interface ErrorMap {
  /** Row-major, [height, width]. */
  data: Float32Array;
  width: number;
  height: number;
  /** The value of the loss's own map where the error is 0, and which way it goes from there. */
  zero: number;
  sign: 1 | -1;
}

/** Whether larger values of the map are better: not where it is of errors, as that of psnr is. */
function isHigherBetter({ better, definition }: Loss): boolean {
  return better === "higher" && !definition?.mapsErrors;
}

/** The mean over channels of the first image of a map. */
function meanOverChannels(map: Tensor): Float32Array {
  const [, channels, height, width] = map.shape;
  const { data } = map.image(0);
  const area = height * width;
  if (channels === 1) return data;
  return Float32Array.from({ length: area }, (_, i) => {
    let sum = 0;
    for (let at = i; at < data.length; at += area) sum += data[at];
    return sum / channels;
  });
}

/** The first image of a map [n, 1 or c, h, w] as errors, the mean over its channels. */
export function toErrorMap(loss: Loss, map: Tensor): ErrorMap {
  checkArguments("toErrorMap", { loss: [loss, "object", ["label", "better"]], map: [map, "tensor"] });
  const [, , height, width] = map.shape;
  const data = meanOverChannels(map);
  const turned = isHigherBetter(loss);
  return {
    data: turned ? data.map((value) => Math.max(0, loss.offset - value)) : data,
    width,
    height,
    zero: turned ? loss.offset : 0,
    sign: turned ? -1 : 1,
  };
}

/**
 * The distance in pixels that a map lacks at each side of its image, where windows do not reach the border: it is
 * smaller by as much in both directions. Undefined of any other smaller map, which covers all of a reduced image.
 */
export function borderOf(
  map: Pick<ErrorMap, "width" | "height">,
  { width, height }: { width: number; height: number },
): number | undefined {
  const [x, y] = [width - map.width, height - map.height];
  return x === y && x >= 0 && x < Math.min(width, height) / 2 ? x / 2 : undefined;
}

/**
 * The error that all but one in a thousand of the pixels with an error stay below: the top of a colour bar that one hot pixel among many does not decide. Exact to a 2000th of the
 * largest.
 */
export function topOf(map: ErrorMap): number {
  checkArguments("topOf", { map: [map, "object", ["data"]] });
  const { data } = map;
  let most = 0;
  for (const value of data) if (value > most) most = value;
  if (most === 0) return 0;
  const bins = 2000;
  const counts = new Uint32Array(bins + 1);
  for (const value of data) counts[value > 0 ? Math.ceil((value / most) * bins) : 0]++;
  // Where few pixels differ, as a missing icon on a page, they are what is to be seen.
  const withError = data.length - counts[0];
  let above = 0;
  let bin = bins;
  while (bin > 0 && above + counts[bin] <= withError / 1000) above += counts[bin--];
  return (most * bin) / bins;
}

/** The map in false colours, [1, 3, h, w]: black without error, brightest at `top` and above. */
export function falseColour(map: ErrorMap, top: number): Tensor {
  checkArguments("falseColour", { map: [map, "object", ["data", "width", "height"]], top: [top, "number"] });
  const { data, width, height } = map;
  const colours = colourTable();
  const area = width * height;
  const image = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    const level = top > 0 ? Math.min(255, Math.max(0, Math.round((data[i] / top) * 255))) : 0;
    for (let channel = 0; channel < 3; channel++) image[channel * area + i] = colours[3 * level + channel] / 255;
  }
  return new Tensor(image, [1, 3, height, width]);
}
