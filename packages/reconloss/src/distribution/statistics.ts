import { type FeatureRows, momentsOf, type Statistics } from "@reconloss/core/metrics";

/**
 * Mean and covariance of the images of a set, block by block.
 *
 * @param indices - the place of each row in the set; default: their numbers
 */
export async function statisticsOf(rows: FeatureRows, indices?: ArrayLike<number>): Promise<Statistics> {
  return (await momentsOf(rows, indices)).statistics();
}
