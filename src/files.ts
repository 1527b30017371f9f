import { randomUUID } from "node:crypto";
import { mkdir, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ReconlossError } from "./errors.ts";

/** The reason inside an unknown thrown value, as text. */
export function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * Write a file so that whoever reads it sees the old content or the new, never a part: the data goes to a temporary file in the
 * same folder, which then takes the target's name. Missing parent folders are made. A link keeps pointing where it did and
 * its target is written; a device or pipe, such as /dev/stdout, is written directly.
 *
 * @param path where to write; an existing file is replaced
 * @param data the whole content; text is written as UTF-8
 * @throws {ReconlossError} `file` when the folder or file cannot be made or written, or `path` is a folder; no temporary is left
 */
export async function writeFileAtomically(path: string, data: string | Uint8Array): Promise<void> {
  try {
    const existing = await stat(path).catch(() => undefined);
    if (existing?.isDirectory()) throw new Error("it is a folder");
    if (existing && !existing.isFile()) return await writeFile(path, data);
    await replace(existing ? await realpath(path) : path, data);
  } catch (cause) {
    throw new ReconlossError("file", `writeFileAtomically: cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function replace(path: string, data: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  // A name of its own length, because the target's may already be as long as the file system allows.
  const temporary = join(dirname(path), `.reconloss-${randomUUID()}.tmp`);
  try {
    await writeFile(temporary, data, { flag: "wx" });
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}
