import type { Ops } from "../graph/ops.ts";

/** The mean of every block of size x size pixels, side by side from the top left; what is left over at the right and the bottom does not count. */
export function blockMeans<T>(o: Ops<T>, x: T, size: number): T {
  return o.avgPool(x, size);
}

/** A number for each block at each of its pixels, in the size of `like`; 0 at what is left over. */
export function overBlocks<T>(o: Ops<T>, blocks: T, like: T, size: number): T {
  const channels = o.channels(blocks);
  const ones = o.constant(new Float64Array(channels * size * size).fill(1), [channels, 1, size, size]);
  return o.convInput(blocks, ones, like, { stride: size, groups: channels });
}
