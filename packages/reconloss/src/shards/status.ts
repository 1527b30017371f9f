import { checkFields, checkKind } from "@reconloss/core/internal";
import { type Manifest, readManifest } from "./manifest.ts";
import { type FoundParts, PlanParts } from "./parts.ts";
import type { ShardRange } from "./ranges.ts";

/** The progress of the work in a folder, from the parts on disk. */
export interface ShardStatus {
  readonly kind: string;
  /** The number of shards. */
  readonly shards: number;
  /** The shards whose parts are there. */
  readonly done: readonly number[];
  /** Those whose parts are not, or are damaged. */
  readonly missing: readonly number[];
  /** Images or pairs of all shards, and of those that are done. */
  readonly items: number;
  readonly itemsDone: number;
  /** The problems in the folder of parts, file by file. */
  readonly problems: readonly string[];
}

const itemsOf = (ranges: readonly ShardRange[]) => ranges.reduce((sum, { start, end }) => sum + end - start, 0);

/**
 * Returns the progress of the work in a folder, from the parts on disk alone.
 *
 * @param folder - the work folder
 * @param options.whole - also whether every byte of the parts is what was written, as `mergeShards` looks; default false
 * @throws {ReconlossError} `file` and `content` for a folder without a manifest, or with an edited one
 *
 * @example
 * ```ts
 * import { shardStatus } from "reconloss/shards";
 * const error = await shardStatus("no-such-folder").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function shardStatus(folder: string, options: { whole?: boolean } = {}): Promise<ShardStatus> {
  checkKind("folder", folder, "string");
  checkFields("options", options, { whole: "boolean" });
  const manifest = await readManifest(folder);
  const parts = new PlanParts(folder, manifest);
  try {
    return statusOf(manifest, await parts.look(options));
  } finally {
    await parts.close();
  }
}

/** The progress of a plan by the parts that were found. */
export function statusOf({ kind, shards }: Manifest, found: FoundParts): ShardStatus {
  return {
    kind,
    shards: shards.length,
    done: found.done,
    missing: found.missing,
    items: shards.reduce((sum, ranges) => sum + itemsOf(ranges), 0),
    itemsDone: found.done.reduce((sum, shard) => sum + itemsOf(shards[shard]), 0),
    problems: found.problems,
  };
}
