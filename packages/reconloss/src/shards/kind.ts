import { ReconlossError } from "@reconloss/core";
import type { Manifest } from "./manifest.ts";
import type { Part, WriteContent } from "./part.ts";

/** The context in which a shard of any kind of work is computed. */
export interface RunContext {
  /** A folder for what this shard finds again after it was interrupted; false for none. */
  readonly cache: string | false;
  /** Ends the work before its next image or pair. */
  readonly signal?: AbortSignal;
  /** Images that a network takes at once, where that is of interest. */
  readonly batch?: number;
  /** Called for each image or pair that is done. */
  readonly onItem: () => void;
  /** Writes the part: what its first line says of its content, then the content. */
  write(header: Readonly<Record<string, unknown>>, content: (append: WriteContent) => Promise<void>): Promise<void>;
}

/** Options of `mergeShards`; none of them changes a number. */
export interface MergeOptions {
  /**
   * Of a comparison: the most pairs that are held in memory. Of more, `comparison.pairs` and `comparison.notes` are empty, and `outcomes()` gives them one after the other; numbers and verdicts are
   * the same. Parts at an address are fetched for the merge alone, and cannot be read by `outcomes()` after it. Default: all.
   */
  mostHeld?: number;
  /** Of a comparison: conditions besides those of the plan, as `reconloss compare --fail` takes them. Map statistics must be among those that the plan's conditions measured. */
  fail?: string;
}

/** A kind of work that is done in shards: an entry of the table in kinds.ts. */
export interface ShardKind<Result> {
  /** Of the files of its parts. */
  readonly extension: string;
  /** Computes one shard, and writes its part. */
  run(manifest: Manifest, shard: number, context: RunContext): Promise<void>;
  /** Puts the checked parts of all shards together, in their order. */
  merge(manifest: Manifest, parts: readonly Part[], options: MergeOptions): Promise<Result>;
}

/** The system's error codes of a file that is not there, or is none. */
const missing: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG"]);

/**
 * Refuses an error that another machine, or this one later, may not have: an image that a disk did not give must not be missing in the numbers for
 * good, as an image is that is damaged.
 *
 * @throws {ReconlossError} `file`
 */
export function refuseMachineFaults(error: unknown): void {
  const { message, cause } = error as Error;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code) || missing.has(code)) return;
  throw new ReconlossError("file", message, { cause });
}
