import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { printMessage } from "./messages.ts";
import type { Terminal } from "./terminal.ts";

type Paths = string | undefined | readonly (string | undefined)[];

/** Notes of each folder which files or folders are to be written in that it does not exist and will be created, since its name may be a slip; before the work, not after it. */
export async function noteNewFolder(paths: Paths, terminal: Terminal): Promise<void> {
  const folders = new Set([paths].flat().flatMap((path) => (path === undefined ? [] : [dirname(path)])));
  for (const folder of folders) {
    const exists = await stat(resolve(folder)).then(
      () => true,
      (error) => error.code !== "ENOENT",
    );
    if (!exists) printMessage(terminal, "yellow", "note:", `the folder ${folder} does not exist and will be created`);
  }
}
