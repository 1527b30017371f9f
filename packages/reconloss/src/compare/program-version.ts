import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../package.json" with { type: "json" };
import { readFileBytes } from "../files.ts";

let known: Promise<string> | undefined;

/** The version of the program that computes numbers: that of the published package; where the program runs from its sources, their content too. */
export function programVersion(): Promise<string> {
  known ??= import.meta.url.endsWith(".ts") ? sourceVersion() : Promise.resolve(manifest.version);
  return known;
}

async function sourceVersion(): Promise<string> {
  const hash = createHash("sha256");
  for (const sources of ["../../../core/src", ".."]) {
    const folder = fileURLToPath(new URL(sources, import.meta.url));
    const files = await readdir(folder, { withFileTypes: true, recursive: true });
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
    for (const path of paths.sort()) hash.update(path).update(await readFileBytes(path));
  }
  return `${manifest.version} ${hash.digest("hex")}`;
}
