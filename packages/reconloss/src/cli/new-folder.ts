import { stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { coloursFor, printable, type Terminal } from "./terminal.ts";

/** Notes that the folder which a file or folder is to be written in does not exist and will be made, since its name may be a slip; before the work, not after it. */
export async function noteNewFolder(path: string | undefined, { stderr, env }: Terminal): Promise<void> {
  if (path === undefined) return;
  const folder = dirname(resolve(path));
  const exists = await stat(folder).then(
    () => true,
    (error) => error.code !== "ENOENT",
  );
  if (exists) return;
  const text = `the folder ${printable(dirname(path))} does not exist and will be made`;
  stderr.write(`${coloursFor(stderr, env).yellow("note:")} ${text}\n`);
}
