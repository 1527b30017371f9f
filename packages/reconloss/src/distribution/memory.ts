import { ReconlossError } from "@reconloss/core";
import { memoryHere } from "../image/limit.ts";

/** The most images that a network takes at once. */
export const largestBatch = 1024;

/** Bytes in words: `1.5 GB`. */
function words(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
  const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), units.length - 1);
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${units[unit]}`;
}

/**
 * Refuses more images at once than memory holds; two batches are in memory, and what the network makes of one comes on top.
 *
 * @throws {ReconlossError} `invalid-argument`
 */
export function refuseLargeBatch(batch: number, [height, width]: readonly [number, number]): void {
  const bytes = 2 * batch * 3 * height * width * Float32Array.BYTES_PER_ELEMENT;
  const memory = memoryHere();
  if (batch <= largestBatch && bytes <= memory / 2) return;
  throw new ReconlossError(
    "invalid-argument",
    `batch must be from 1 to ${largestBatch} and fit into half of the memory: images of ${width}x${height} take ${words(bytes)} at batch ${batch}, this machine has ${words(memory)}`,
  );
}
