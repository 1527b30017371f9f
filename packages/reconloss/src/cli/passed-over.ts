import { withoutSecrets } from "../http.ts";
import { describePassedOver, type PassedOver } from "../image/index.ts";
import { coloursFor, printable, type Terminal } from "./terminal.ts";

/** One line for the files of each folder that are no images: `note: outputs: passed over: 3 .txt, 1 .json`. */
export function tellPassedOver(
  { stderr, env }: Terminal,
  folders: readonly (readonly [path: string, passedOver: PassedOver | undefined])[],
): void {
  for (const [path, passedOver = {}] of new Map(folders)) {
    const text = describePassedOver(passedOver);
    if (text)
      stderr.write(
        `${coloursFor(stderr, env).yellow("note:")} ${printable(`${withoutSecrets(path)}: passed over: ${text}`)}\n`,
      );
  }
}
