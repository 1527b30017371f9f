import { ReconlossError } from "@reconloss/core";
import type { Manifest } from "./manifest.ts";
import type { Part, PartHeader, WriteContent } from "./part.ts";

/** The contents of a store under the names of parts. */
export interface StoredNames {
  /** The shards that have a file; absent where the place gives no list, and each must be asked for. */
  readonly shards?: readonly number[];
  /** Other contents, of no shard's name, in words. */
  readonly unexpectedNames: readonly string[];
}

/** A store of the parts of a plan. */
export interface PartStore {
  /** The name of a shard's part in messages. */
  nameOf(shard: number): string;
  /** The parts that may be there. */
  names(): Promise<StoredNames>;
  /**
   * Returns the header of a part; undefined where there is none.
   *
   * @param whole - also whether every byte is what was written
   * @throws {ReconlossError} `content` for what is damaged or no part; `file` or `download` where it cannot be read
   */
  look(shard: number, whole: boolean): Promise<PartHeader | undefined>;
  /** A part, every byte of which is what was written, as a file of this machine; undefined where there is none. */
  fetch(shard: number): Promise<Part | undefined>;
  /** Writes a part so that it is there whole or not at all. */
  write(header: Omit<PartHeader, "format">, content: (append: WriteContent) => Promise<void>): Promise<void>;
  /** Sends again what an earlier process has computed and could not send; whether there was something. Absent where writing needs no sending. */
  resend?(shard: number): Promise<boolean>;
  /** Ends its connections, and removes what was fetched. */
  close(): Promise<void>;
}

/**
 * Refuses a part that is not the one of this shard of this plan.
 *
 * @throws {ReconlossError} `content`
 */
export function checkHeader({ work, shard: own }: PartHeader, { hash, shards }: Manifest, shard: number, name: string) {
  if (work !== hash) throw new ReconlossError("content", `${name} is a part of another plan`);
  if (own === shard) return;
  const problem =
    own >= 0 && own < shards.length ? `is the part of shard ${own}` : `is for shard ${own}, which does not exist`;
  throw new ReconlossError("content", `${name} ${problem}, but has the name of shard ${shard}`);
}

const digits = 6;

/** The name of a shard's part. */
export const partName = (shard: number, extension: string) => `${String(shard).padStart(digits, "0")}${extension}`;
