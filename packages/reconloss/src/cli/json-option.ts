import type { Command } from "commander";

/** The sign of standard output in the place of a file. */
const standardOutput = "-";

/** `--json` as one word with its file, which is what follows where that is called so: any other word is an argument of its own. */
function withFile(args: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--") return [...words, ...args.slice(i)];
    const isFile = args[i] === "--json" && /^(?:-|[^-].*\.json)$/i.test(args[i + 1] ?? "");
    if (isFile) words.push(`--json=${args[++i]}`);
    else words.push(args[i] === "--json" ? `--json=${standardOutput}` : args[i]);
  }
  return words;
}

/** Adds `--json`, alone or with a file. */
export function addJsonOption(command: Command): Command {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (args) => parse(withFile(args));
  return command.option(
    "--json [file.json]",
    "print one JSON object instead of a table, or write it to a file in addition to the table",
  );
}

/** Whether `--json` asks for the object in place of the table. */
export const printsJson = ({ json }: { json?: string }) => json === standardOutput;

/** The file that `--json` names. */
export const jsonFile = ({ json }: { json?: string }) => (json === standardOutput ? undefined : json);
