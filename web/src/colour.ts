import { colourTable } from "../../packages/reconloss/src/report/colour-map.ts";
import type { ErrorMap } from "./messages.ts";

const table = colourTable();

/** The least and the greatest number of a map. */
export function extentOf({ data }: ErrorMap): readonly [number, number] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const x of data) {
    if (x < least) least = x;
    if (x > most) most = x;
  }
  return [least, most];
}

/** Places of a map lie in an image's middle where only a border is missing, and are spread over it where the map is of a reduced image. */
function placeIn(size: number, length: number): (at: number) => number {
  const border = size - length;
  return border < size / 3 ? (at) => at - Math.floor(border / 2) : (at) => Math.floor((at * length) / size);
}

/** A map in colours, in the size of its image: the best is dark, the worst bright, a border without numbers transparent. */
export function coloured(
  map: ErrorMap,
  { width, height }: { readonly width: number; readonly height: number },
  [least, most]: readonly [number, number],
  isInverted: boolean,
): ImageData {
  const image = new ImageData(width, height);
  const scale = most > least ? 255 / (most - least) : 0;
  const [column, row] = [placeIn(width, map.width), placeIn(height, map.height)];
  for (let y = 0; y < height; y++) {
    const from = row(y);
    if (from < 0 || from >= map.height) continue;
    for (let x = 0; x < width; x++) {
      const at = column(x);
      if (at < 0 || at >= map.width) continue;
      const level = Math.round((map.data[from * map.width + at] - least) * scale);
      const [red, green, blue] = table.subarray(3 * (isInverted ? 255 - level : level));
      image.data.set([red, green, blue, 255], 4 * (y * width + x));
    }
  }
  return image;
}

/** All levels side by side, from least to most. */
export function colourBar(isInverted: boolean): ImageData {
  const size = { width: 256, height: 1 };
  return coloured({ data: Float32Array.from({ length: 256 }, (_, i) => i), ...size }, size, [0, 255], isInverted);
}
