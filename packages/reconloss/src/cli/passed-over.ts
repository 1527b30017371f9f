import { withoutSecrets } from "../http.ts";
import { describePassedOver, type PassedOver } from "../image/index.ts";
import { tell } from "./tell.ts";
import type { Terminal } from "./terminal.ts";

/** One line for the files of each folder that are no images: `note: outputs: passed over: 3 .txt, 1 .json`. */
export function tellPassedOver(
  terminal: Terminal,
  folders: readonly (readonly [path: string, passedOver: PassedOver | undefined])[],
): void {
  for (const [path, passedOver = {}] of new Map(folders)) {
    const text = describePassedOver(passedOver);
    if (text) tell(terminal, "yellow", "note:", `${withoutSecrets(path)}: passed over: ${text}`);
  }
}
