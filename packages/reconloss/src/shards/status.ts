import { checkFields, checkKind } from "@reconloss/core/internal";
import { readManifest } from "./manifest.ts";
import { findParts } from "./parts.ts";
import type { ShardRange } from "./ranges.ts";

/** How far the work in a folder is, from the parts on disk. */
export interface ShardStatus {
  readonly kind: string;
  /** How many shards there are. */
  readonly shards: number;
  /** The shards whose parts are there. */
  readonly done: readonly number[];
  /** Those whose parts are not, or are damaged. */
  readonly missing: readonly number[];
  /** Images or pairs of all shards, and of those that are done. */
  readonly items: number;
  readonly itemsDone: number;
  /** What is wrong in the folder of parts, file by file. */
  readonly problems: readonly string[];
}

const itemsOf = (ranges: readonly ShardRange[]) => ranges.reduce((sum, { start, end }) => sum + end - start, 0);

/**
 * How far the work in a folder is, from the parts on disk alone.
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
  const { parts, problems } = await findParts(folder, manifest, options);
  const [done, missing]: [number[], number[]] = [[], []];
  for (const [shard, part] of parts.entries()) (part === undefined ? missing : done).push(shard);
  return {
    kind: manifest.kind,
    shards: parts.length,
    done,
    missing,
    items: itemsOf(manifest.shards.flat()),
    itemsDone: itemsOf(done.flatMap((shard) => manifest.shards[shard])),
    problems,
  };
}
