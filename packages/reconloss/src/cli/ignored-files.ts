import { withoutSecrets } from "../http.ts";
import { describeIgnoredFiles, type IgnoredFiles } from "../image/index.ts";
import { printMessage } from "./messages.ts";
import type { Terminal } from "./terminal.ts";

/** Prints one line for the files of each folder that are not images: `note: outputs: ignored: 3 .txt, 1 .json`. */
export function printIgnoredFiles(
  terminal: Terminal,
  folders: readonly (readonly [path: string, ignoredFiles: IgnoredFiles | undefined])[],
): void {
  for (const [path, ignoredFiles = {}] of new Map(folders)) {
    const text = describeIgnoredFiles(ignoredFiles);
    if (text) printMessage(terminal, "yellow", "note:", `${withoutSecrets(path)}: ignored: ${text}`);
  }
}
