import { stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { systemPath } from "../files.ts";
import { type IgnoredFiles, listFolder } from "../image/index.ts";
import { stemOf } from "../image/names.ts";
import { printIgnoredFiles } from "./ignored-files.ts";
import type { Terminal } from "./terminal.ts";

/** An image, and where what is made of it goes. */
export interface Job {
  readonly input: string;
  readonly output: string;
}

/** The jobs of a path: the one image that it is, or all images of the folder. */
export interface Jobs {
  readonly jobs: readonly Job[];
  /** Whether the input is a folder. */
  readonly isFolder: boolean;
  readonly ignoredFiles?: IgnoredFiles;
}

/**
 * The images of a path, and where their outputs go: to the path `output` for one image, to the same names in the folder `output` for a folder.
 *
 * @param command - what errors begin with
 * @param extensionFor - the extension of the output for that of an input, in lower case; where the name is taken by then, the input's own stays before it
 */
export async function jobsFor(
  command: string,
  input: string,
  output: string,
  extensionFor: (extension: string) => string,
  terminal: Terminal,
): Promise<Jobs> {
  const status = await stat(systemPath(input)).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === "ENOENT" ? "does not exist" : `cannot be read: ${cause.message}`;
    throw new ReconlossError("file", `${command}: ${input} ${reason}`, { cause });
  });
  if (!status.isDirectory()) return { jobs: [{ input, output }], isFolder: false };
  const { images: names, ignoredFiles } = await listFolder(input);
  printIgnoredFiles(terminal, [[input, ignoredFiles]]);
  if (names.length === 0) throw new ReconlossError("file", `${command}: ${input} contains no image`);
  const taken = new Set<string>();
  const jobs = names.map((name) => {
    const extension = extname(name).toLowerCase();
    const wantedExtension = extensionFor(extension);
    const wanted = wantedExtension === extension ? name : `${stemOf(name)}${wantedExtension}`;
    const given = taken.has(wanted) ? `${name}${wantedExtension}` : wanted;
    taken.add(given);
    return { input: join(input, name), output: join(output, given) };
  });
  return { jobs, isFolder: true, ignoredFiles };
}

/** Refuses outputs that would replace what is read, by whatever name or link they are reached. */
export async function refuseReplacing(command: string, jobs: readonly Job[]): Promise<void> {
  const inputs = new Set<string>();
  for (const { input } of jobs) inputs.add(await identityOf(input));
  for (const { output } of jobs) {
    if (!inputs.has(await identityOf(output))) continue;
    throw new ReconlossError(
      "invalid-argument",
      `${command}: ${output} would overwrite the input; choose another name or folder`,
    );
  }
}

/** The identity of a file: its number on its disk, or its path where it does not exist. */
export async function identityOf(path: string): Promise<string> {
  const stats = await stat(systemPath(path), { bigint: true }).catch(() => undefined);
  return stats === undefined ? resolve(path) : `${stats.dev}:${stats.ino}`;
}
