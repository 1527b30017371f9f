import { resolve } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { loadPlugins, type Plugins } from "../plugins.ts";
import { fileSha256 } from "../weights/download.ts";

/** A file that must be the same wherever a shard is computed. */
export interface KnownFile {
  readonly name: string;
  readonly sha256: string;
}

/**
 * Files by their absolute paths, with their hashes.
 *
 * @throws {ReconlossError} `file` for one that cannot be read
 */
export async function knownFiles(paths: readonly string[]): Promise<KnownFile[]> {
  const read = paths.map(async (path) => {
    const name = resolve(path);
    const sha256 = await fileSha256(name).catch((cause) => {
      throw new ReconlossError("file", `cannot read ${path}: ${cause.message}`, { cause });
    });
    return { name, sha256 };
  });
  return Promise.all(read);
}

/**
 * Refuses a file that is not what was planned.
 *
 * @param what - what messages call it
 * @throws {ReconlossError} `content`
 */
export async function checkFile(what: string, { name, sha256 }: KnownFile): Promise<void> {
  if ((await fileSha256(name).catch(() => undefined)) === sha256) return;
  throw new ReconlossError("content", `${what} differs from the plan; plan again in another folder`);
}

/**
 * Returns the exports of plugins, if they are still what was planned. Loading a plugin runs its code.
 *
 * @throws {ReconlossError} `content` for one that is another file by now; then what `loadPlugins` throws
 */
export async function loadKnownPlugins(plugins: readonly KnownFile[]): Promise<Plugins> {
  for (const plugin of plugins) await checkFile(`plugin ${plugin.name}`, plugin);
  return loadPlugins({ plugin: plugins.map(({ name }) => name) });
}
