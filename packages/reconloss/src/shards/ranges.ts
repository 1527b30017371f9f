import { ReconlossError } from "@reconloss/core";

/** Consecutive items of one input, in whole blocks: `start` (included) to `end` (excluded). */
export interface ShardRange {
  /** The input, `output` or `real`; pairs of a comparison are `pair`. */
  readonly input: string;
  readonly start: number;
  readonly end: number;
}

/** An input that is divided. */
export interface PlannedInput {
  readonly input: string;
  /** Images or pairs. */
  readonly count: number;
}

/** Into how many shards an input is divided, or how many items each has; one of the two. */
export interface ShardCount {
  /** The number of shards; where there are fewer blocks than that, the last ones are empty. */
  shards?: number;
  /** Items of each shard, rounded up to whole blocks. */
  shardSize?: number;
}

/** The most shards of a plan. */
const mostShards = 1_000_000;

/**
 * Divides inputs, one after the other, into shards of whole blocks that differ by one block at most.
 *
 * @param block - items of a block; the last of each input may have fewer
 * @returns the ranges of each shard: of one input, or of the end of one and the beginning of the next
 * @throws {ReconlossError} `invalid-argument` unless one of `shards` and `shardSize` is given, and is a whole number of at least 1
 */
export function shardRanges(
  inputs: readonly PlannedInput[],
  block: number,
  { shards, shardSize }: ShardCount,
): ShardRange[][] {
  const wanted = shards ?? shardSize ?? Number.NaN;
  if ((shards === undefined) === (shardSize === undefined)) {
    throw new ReconlossError(
      "invalid-argument",
      "either the number of shards (shards, --shards) or the size of each (shardSize, --shard-size) must be given, but not both",
    );
  }
  if (!Number.isInteger(wanted) || wanted < 1) {
    const what = shards === undefined ? "the size of a shard" : "the number of shards";
    throw new ReconlossError("invalid-argument", `${what} must be a whole number of at least 1, got ${wanted}`);
  }
  const blocksOf = inputs.map(({ count }) => Math.ceil(count / block));
  const blocks = blocksOf.reduce((sum, each) => sum + each, 0);
  const count = shards ?? Math.max(1, Math.ceil(blocks / Math.ceil((shardSize as number) / block)));
  if (count > mostShards) {
    throw new ReconlossError(
      "invalid-argument",
      `a plan has at most ${mostShards} shards, but this one would have ${count}`,
    );
  }
  const perShard = shards === undefined ? Math.ceil((shardSize as number) / block) : Math.ceil(blocks / count);
  return Array.from({ length: count }, (_, shard) => {
    // By size, all but the last are equal; by number, the first ones have a block more where it does not divide.
    const [first, last] =
      shards === undefined
        ? [shard * perShard, Math.min((shard + 1) * perShard, blocks)]
        : [evenly(shard, blocks, count), evenly(shard + 1, blocks, count)];
    let before = 0;
    return inputs.flatMap(({ input, count: items }, i) => {
      const [from, to] = [Math.max(first - before, 0), Math.min(last - before, blocksOf[i])];
      before += blocksOf[i];
      return from < to ? [{ input, start: from * block, end: Math.min(to * block, items) }] : [];
    });
  });
}

/** The beginning of shard `shard` of `count`, as the first ones take a block more where it does not divide. */
function evenly(shard: number, blocks: number, count: number): number {
  return shard * Math.floor(blocks / count) + Math.min(shard, blocks % count);
}
