import type { Pixels } from "@reconloss/core/pixels";
import { toPixels } from "@reconloss/core/pixels";
import { borderOf, type ErrorMap, falseColour } from "../report/error-map.ts";

/** A map at the size of the images that it is of: without error where it does not reach, and in blocks where it has fewer places. */
function spread(map: ErrorMap, width: number, height: number): ErrorMap {
  if (map.width === width && map.height === height) return map;
  const border = borderOf(map, { width, height });
  const placeOf = (at: number, size: number, mapSize: number) =>
    border === undefined ? Math.min(mapSize - 1, Math.floor((at * mapSize) / size)) : at - Math.floor(border);
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const row = placeOf(y, height, map.height);
    if (row < 0 || row >= map.height) continue;
    for (let x = 0; x < width; x++) {
      const column = placeOf(x, width, map.width);
      if (column >= 0 && column < map.width) data[y * width + x] = map.data[row * map.width + column];
    }
  }
  return { ...map, data, width, height };
}

/** A map of errors in false colours, RGBA in the size of the images: black where there is no error, brightest at `top` and above. */
export function diffPicture(map: ErrorMap, top: number, width: number, height: number): Pixels {
  return toPixels(falseColour(spread(map, width, height), top), { rgba: true });
}
