import { rm } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkFields, checkKind } from "@reconloss/core/internal";
import { kindOf } from "./kinds.ts";
import { adoptConditions, readManifest } from "./manifest.ts";
import { PlanParts } from "./parts.ts";

/** The progress of a shard. */
export interface ShardProgress {
  readonly shard: number;
  /** Images or pairs done, of `total`. */
  readonly done: number;
  readonly total: number;
}

/** Options of {@link runShard}; none of them changes a number. */
export interface ShardOptions {
  /** Ends the work before its next image or pair, with the signal's reason as the error. What features there are by then are found again. */
  signal?: AbortSignal;
  onProgress?: (progress: ShardProgress) => void;
  /** Images that a network takes at once; default 4. */
  batch?: number;
  /**
   * A folder for the features of a shard under way, which the next process goes on with where this one is killed, such as a fast disk of this machine; `false`
   * for none. Default: in the work folder, and removed when the part is there.
   */
  cache?: string | false;
}

/** The result of a shard. */
export interface ShardResult {
  readonly shard: number;
  /** The place of its part. */
  readonly path: string;
  /** False where a valid part was there already. */
  readonly computed: boolean;
  /** Images or pairs of the shard. */
  readonly total: number;
}

/**
 * Computes one shard of a plan and writes its part, unless a valid part is there already. The part appears whole or not at all; processes that compute the same
 * shard at once, or a process after one that was killed, come to the same bytes.
 *
 * @param folder - the work folder, as `planDistribution` or `planComparison` has made it
 * @param shard - from 0
 * @throws {ReconlossError} `missing-weights`, `missing-dependency`, `download`, or `file` with a cause of the system: the machine lacks something, another try may
 *   succeed; `content` where the manifest was edited or the input is no longer what was planned; `invalid-argument` for a shard that there is not. What
 *   an aborted signal has as its reason.
 *
 * @example
 * ```ts
 * import { runShard } from "reconloss/shards";
 * const error = await runShard("no-such-folder", 0).catch((caught) => caught);
 * error.code; // "file"
 * ```
 */
export async function runShard(folder: string, shard: number, options: ShardOptions = {}): Promise<ShardResult> {
  checkKind("folder", folder, "string");
  checkKind("shard", shard, "number");
  checkFields("options", options, {
    signal: "object",
    onProgress: "function",
    batch: "number",
    cache: ["string", "boolean"],
  });
  const manifest = await readManifest(folder);
  const { shards } = manifest;
  if (!Number.isInteger(shard) || shard < 0 || shard >= shards.length) {
    throw new ReconlossError(
      "invalid-argument",
      `${folder} has shards 0 to ${shards.length - 1}; there is no shard ${shard}`,
    );
  }
  const parts = new PlanParts(folder, manifest);
  try {
    return await compute(parts, shard, options);
  } finally {
    await parts.close();
  }
}

async function compute(parts: PlanParts, shard: number, options: ShardOptions): Promise<ShardResult> {
  const { manifest, store, folder } = parts;
  const path = store.nameOf(shard);
  const total = manifest.shards[shard].reduce((sum, { start, end }) => sum + end - start, 0);
  if (await parts.has(shard)) return { shard, path, computed: false, total };
  if (await store.resend?.(shard)) return { shard, path, computed: true, total };
  await adoptConditions(manifest);
  const own = join(folder, "features", String(shard));
  let done = 0;
  try {
    options.signal?.throwIfAborted();
    await kindOf(manifest).run(manifest, shard, {
      signal: options.signal,
      batch: options.batch,
      cache: options.cache ?? own,
      onItem: () => options.onProgress?.({ shard, done: ++done, total }),
      write: (content, write) => store.write({ work: manifest.hash, shard, content }, write),
    });
  } catch (error) {
    // Another process may have written the part meanwhile, and have put away what both shared.
    if (options.signal?.aborted || !(await parts.has(shard).catch(() => false))) throw error;
  }
  if (options.cache === undefined) await rm(own, { recursive: true, force: true }).catch(() => {});
  return { shard, path, computed: true, total };
}
