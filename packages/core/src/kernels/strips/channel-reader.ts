import { arePlanesInPlace, type Kernels, type Noting, planeStride } from "../module.ts";
import type { Rows } from "../rows.ts";

/** Reads channels of rows one by one, at most so many pixels at a time, and returns their address: where they lie, or in room that is taken for them. */
export function channelReader(kernels: Kernels, rows: Rows, pixels: number, noting?: Noting) {
  const stride = planeStride(pixels);
  const address = arePlanesInPlace(rows) ? 0 : kernels.floats(stride);
  const staging = kernels.staging(rows, pixels);
  return (channel: number, from: number, to: number): number =>
    kernels.source(rows, [channel, channel + 1], from, to, address, stride, staging, noting).address;
}
