import { Tensor } from "../../packages/core/src/tensor.ts";
import { type Cached, groupBytes } from "./cache.ts";
import { members, pairs } from "./groups.ts";
import { cellsOf, layers } from "./teacher.ts";

/** The inputs of the objective for some groups: the images of each, and the teacher's answers, layer by layer. */
export async function batchOf(cached: Cached, groups: readonly number[]): Promise<Record<string, Tensor>> {
  const { side } = cached;
  const [count, bytesOfOne, cells] = [groups.length, groupBytes(side), cellsOf(side)];
  const images = new Float32Array(count * bytesOfOne);
  const area = cells * cells;
  const maps = new Float32Array(count * layers * pairs.length * area);
  const values = new Float32Array(count * layers * pairs.length);
  for (const [index, group] of groups.entries()) {
    const bytes = await cached.images(group);
    for (let at = 0; at < bytesOfOne; at++) images[index * bytesOfOne + at] = bytes[at] / 255;
    for (let pair = 0; pair < pairs.length; pair++) {
      for (let layer = 0; layer < layers; layer++) {
        const from = (group * pairs.length + pair) * layers + layer;
        const to = (index * layers + layer) * pairs.length + pair;
        values[to] = cached.parts[from];
        maps.set(cached.maps.subarray(from * area, (from + 1) * area), to * area);
      }
    }
  }
  return {
    images: new Tensor(images, [count, 3 * members, side, side]),
    maps: new Tensor(maps, [count, layers * pairs.length, cells, cells]),
    values: new Tensor(values, [count, layers * pairs.length, 1, 1]),
  };
}
