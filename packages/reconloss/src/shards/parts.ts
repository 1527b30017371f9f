import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { reasonOf } from "../files.ts";
import { kindOf } from "./kinds.ts";
import type { Manifest } from "./manifest.ts";
import { type Part, readPart } from "./part.ts";

/** Where the parts of a work folder are. */
export const partsFolder = (folder: string) => join(folder, "parts");

const digits = 6;

/** Where the part of a shard is. */
export function partPath(folder: string, shard: number, extension: string): string {
  return join(partsFolder(folder), `${String(shard).padStart(digits, "0")}${extension}`);
}

/**
 * The part of a shard.
 *
 * @param options.whole - also whether every byte is what was written
 * @throws {ReconlossError} `content` for a part that is damaged or belongs to another plan or shard; `file` where there is none
 */
export async function checkPart(
  { hash, shards }: Manifest,
  shard: number,
  path: string,
  { whole = false } = {},
): Promise<Part> {
  const part = await readPart(path, { whole });
  const { work, shard: own } = part.header;
  if (work !== hash) throw new ReconlossError("content", `${path} is a part of another plan`);
  if (own !== shard) {
    const problem =
      own >= 0 && own < shards.length ? `is the part of shard ${own}` : `is of a shard ${own} that there is not`;
    throw new ReconlossError("content", `${path} ${problem}, under the name of shard ${shard}`);
  }
  return part;
}

/** What is in the folder of parts. */
export interface FoundParts {
  /** By shard. */
  readonly parts: readonly (Part | undefined)[];
  /** What is wrong, file by file: no part, one of another plan, damaged, or a second one of the same shard. */
  readonly problems: readonly string[];
}

/**
 * Looks at all files in the folder of parts; hidden ones, which are being written, are passed over.
 *
 * @throws {ReconlossError} `file` where the folder cannot be read
 */
export async function findParts(folder: string, manifest: Manifest, { whole = false } = {}): Promise<FoundParts> {
  const { extension } = kindOf(manifest);
  const place = partsFolder(folder);
  const names = await readdir(place).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw new ReconlossError("file", `cannot read ${place}: ${reasonOf(cause)}`, { cause });
  });
  const parts: (Part | undefined)[] = manifest.shards.map(() => undefined);
  const problems: string[] = [];
  for (const name of names.filter((each) => !each.startsWith(".")).sort()) {
    const path = join(place, name);
    const shard = Number(name.slice(0, -extension.length));
    const isNamed = name.endsWith(extension) && partPath(folder, shard, extension) === path;
    try {
      if (isNamed && shard < parts.length) parts[shard] = await checkPart(manifest, shard, path, { whole });
      else problems.push(await strangerIn(path, manifest));
    } catch (error) {
      if (!(error instanceof ReconlossError)) throw error;
      problems.push(error.message);
    }
  }
  return { parts, problems };
}

/** What a file is that has not the name of a part. */
async function strangerIn(path: string, { hash, shards }: Manifest): Promise<string> {
  const { work, shard } = (await readPart(path)).header;
  if (work !== hash) return `${path} is a part of another plan`;
  if (shard >= shards.length) return `${path} is of a shard ${shard} that there is not`;
  return `${path} is a second part of shard ${shard}`;
}
