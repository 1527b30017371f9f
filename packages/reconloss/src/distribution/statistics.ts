import { Tensor } from "@reconloss/core";
import { type FeatureRows, Moments, type Statistics } from "@reconloss/core/metrics";

/** Rows that are in memory at a time. */
const blockSize = 64;

/** Mean and covariance of rows, read in blocks of one size, so that the same rows give the same bits. */
export async function statisticsOf(rows: FeatureRows): Promise<Statistics> {
  const moments = new Moments();
  for (let start = 0; start < rows.count; start += blockSize) {
    const indices = Array.from({ length: Math.min(blockSize, rows.count - start) }, (_, i) => start + i);
    moments.update(new Tensor(await rows.read(indices), [indices.length, rows.dimension, 1, 1]));
  }
  return moments.statistics();
}
