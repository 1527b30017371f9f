import { blockImages, type FeatureRows, momentsOf, type Statistics } from "@reconloss/core/metrics";

/**
 * Mean and covariance of the images of a set, block by block.
 *
 * @param indices - the place of each row in the set; default: their numbers
 * @param count - how many images the set has, those that could not be read included: blocks without any image have a place in the tree too
 */
export async function statisticsOf(
  rows: FeatureRows,
  indices?: ArrayLike<number>,
  count = rows.count,
): Promise<Statistics> {
  return (await momentsOf(rows, indices, [0, blocksIn(count)])).statistics();
}

/** The number of blocks of a set of some images. */
export const blocksIn = (count: number) => Math.ceil(count / blockImages);
