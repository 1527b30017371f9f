import { checkFields, checkKind } from "@reconloss/core/internal";
import type { ComputedStatistics } from "../distribution/evaluate.ts";
import type { MergedComparison } from "./compare.ts";
import type { MergedDistribution } from "./distribution.ts";
import type { MergeOptions } from "./kind.ts";
import { kindOf } from "./kinds.ts";
import { adoptConditions, readManifest } from "./manifest.ts";
import { PlanParts } from "./parts.ts";

/** The result of all shards by the kind of work: that of `evaluateDistribution`, of `computeStatistics`, or of `comparePairs` and `summarise`. */
export type Merged =
  | ({ readonly kind: "distribution" } & MergedDistribution)
  | ({ readonly kind: "stats" } & ComputedStatistics)
  | ({ readonly kind: "compare" } & MergedComparison);

/**
 * Puts the parts of all shards together. The numbers are those that one process gives, bit for bit, whatever the number of shards and the order in which
 * they were computed.
 *
 * @param folder - the work folder
 * @param options - how much of it is held in memory
 * @throws {ReconlossError} `content`, naming each file or shard, where a part is missing, damaged, doubled or of another plan; then what `evaluateDistribution`
 *   throws
 *
 * @example
 * ```ts
 * import { mergeShards } from "reconloss/shards";
 * const error = await mergeShards("no-such-folder").catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function mergeShards(folder: string, options: MergeOptions = {}): Promise<Merged> {
  return withMerged(folder, options, async (merged) => merged);
}

/** {@link mergeShards}, with the parts at hand while the result is used: those that were fetched from an address go afterwards. */
export async function withMerged<T>(
  folder: string,
  options: MergeOptions,
  use: (merged: Merged) => Promise<T>,
): Promise<T> {
  checkKind("folder", folder, "string");
  checkFields("options", options, { mostHeld: "number", fail: "string" });
  const manifest = await readManifest(folder);
  const planned = new PlanParts(folder, manifest);
  try {
    const parts = await planned.all();
    await adoptConditions(manifest);
    const merged = await kindOf(manifest).merge(manifest, parts, options);
    return await use({ kind: manifest.kind, ...(merged as object) } as Merged);
  } finally {
    await planned.close();
  }
}
