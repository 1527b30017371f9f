import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { tell } from "./tell.ts";
import type { Terminal } from "./terminal.ts";

/** Notes that the folder which a file or folder is to be written in does not exist and will be made, since its name may be a slip; before the work, not after it. */
export async function noteNewFolder(path: string | undefined, terminal: Terminal): Promise<void> {
  if (path === undefined) return;
  const folder = dirname(resolve(path));
  const exists = await stat(folder).then(
    () => true,
    (error) => error.code !== "ENOENT",
  );
  if (exists) return;
  tell(terminal, "yellow", "note:", `the folder ${dirname(path)} does not exist and will be made`);
}
