import type { Loss } from "../../packages/core/src/losses/index.ts";
import { Tensor } from "../../packages/core/src/tensor.ts";
import { batchOf } from "./batch.ts";
import type { Cached } from "./cache.ts";
import { rankCorrelation } from "./correlation.ts";
import { pairwiseAgreement } from "./enlarged.ts";
import { members, pairs } from "./groups.ts";
import { layers } from "./teacher.ts";

/** How far a loss says of groups what the teacher says, of the distances of their images from the crop. */
export interface Agreement {
  readonly groups: number;
  /** The share of pairs of images of a group that are in the teacher's order. */
  readonly share: number;
  /** The rank correlation of all distances. */
  readonly rank: number;
  /** Their mean absolute error, divided by the mean of the teacher's. */
  readonly error: number;
}

/** The teacher's distances of a group's images from its crop, of `values` of a batch of this group alone: the first pairs are those with the crop. */
export function taughtOf(values: Tensor): number[] {
  return Array.from({ length: members - 1 }, (_, pair) => {
    let sum = 0;
    for (let layer = 0; layer < layers; layer++) sum += values.data[layer * pairs.length + pair];
    return sum;
  });
}

/**
 * Compares a loss with the teacher on kept groups.
 *
 * @param most - so many groups of each folder
 */
export async function agreementOn(folders: readonly Cached[], loss: Loss, most: number): Promise<Agreement> {
  const [mine, theirs]: [number[][], number[][]] = [[], []];
  for (const cached of folders) {
    for (let group = 0; group < Math.min(most, cached.groups); group++) {
      const { images, values } = await batchOf(cached, [group]);
      const count = 3 * cached.side ** 2;
      const [target, ...outputs] = Array.from({ length: members }, (_, member) => {
        return new Tensor(images.data.slice(member * count, (member + 1) * count), [1, 3, cached.side, cached.side]);
      });
      const prepared = await loss.prepareTarget(target);
      const row: number[] = [];
      for (const output of outputs) row.push(await loss.value(output, prepared));
      mine.push(row);
      theirs.push(taughtOf(values));
    }
  }
  const [found, taught] = [mine.flat(), theirs.flat()];
  const sum = (of: readonly number[]) => of.reduce((total, value) => total + value, 0);
  return {
    groups: mine.length,
    share: pairwiseAgreement(mine, theirs),
    rank: rankCorrelation(found, taught),
    error: sum(found.map((value, at) => Math.abs(value - taught[at]))) / sum(taught),
  };
}
