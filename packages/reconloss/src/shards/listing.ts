import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { ReconlossError } from "@reconloss/core";
import { inOrder } from "../distribution/extract.ts";
import { reasonOf, systemPath } from "../files.ts";
import type { PlannedRange } from "./manifest.ts";
import type { ShardRange } from "./ranges.ts";

/** The items of an input as they are now. */
export interface Listing {
  readonly count: number;
  /** The identity of an item: its name, and the sizes of its files. */
  identity(index: number): Promise<string>;
}

/** Items that are looked at the same time. */
const atOnce = 32;

/** SHA-256 of what the items of a range are known by. */
async function listingOf({ start, end }: ShardRange, { identity }: Listing): Promise<string> {
  const hash = createHash("sha256");
  const identities = inOrder(end - start, atOnce, (i) => identity(start + i));
  for await (const each of identities) hash.update(each).update("\n");
  return hash.digest("hex");
}

/** The ranges of each shard with their listings. */
export async function planRanges(
  shards: readonly (readonly ShardRange[])[],
  listings: Readonly<Record<string, Listing>>,
): Promise<PlannedRange[][]> {
  const planned: PlannedRange[][] = [];
  for (const ranges of shards) {
    const listed: PlannedRange[] = [];
    for (const range of ranges) listed.push({ ...range, listing: await listingOf(range, listings[range.input]) });
    planned.push(listed);
  }
  return planned;
}

/**
 * Refuses an input that is no longer what was planned, as far as this range goes.
 *
 * @param path - what messages call the input
 * @throws {ReconlossError} `content`
 */
export async function checkListing(range: PlannedRange, path: string, now: Listing): Promise<void> {
  if (range.end <= now.count && (await listingOf(range, now)) === range.listing) return;
  throw new ReconlossError(
    "content",
    `${path} has changed since it was planned: items ${range.start} to ${range.end - 1} have different names or sizes; plan again in another folder`,
  );
}

/**
 * The size of a file, or that there is none, which whoever reads it then says.
 *
 * @throws {ReconlossError} `file` for anything else that is wrong
 */
export async function sizeOf(path: string): Promise<number | "none"> {
  return stat(systemPath(path)).then(
    ({ size }) => size,
    (cause: NodeJS.ErrnoException) => {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes(cause.code ?? "")) return "none";
      throw new ReconlossError("file", `cannot read ${path}: ${reasonOf(cause)}`, { cause });
    },
  );
}
