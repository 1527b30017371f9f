import { readFile } from "node:fs/promises";
import { writeFileAtomically } from "../../packages/reconloss/src/files.ts";
import { reviveInfinity, stringify } from "./cache.ts";
import type { Scores } from "./judges.ts";

/** A table's numbers: a row for each trial by its name, `without` for what there is at first, and `truth` for the photographs themselves. */
export type Rows = Readonly<Record<string, Scores>>;

/** The data of the page: tables by name. The file is kept with the sources, so that a row can be added without computing the others again. */
export type Results = Readonly<Record<string, Rows>>;

/** Reads the results recorded in a file; empty where there is none. */
export async function readResults(path: string): Promise<Results> {
  const text = await readFile(path, "utf8").catch(() => "{}");
  return JSON.parse(text, reviveInfinity);
}

/** Puts numbers into a table, in place of those of the same rows and columns. */
export async function recordRows(path: string, table: string, rows: Rows): Promise<void> {
  const results = await readResults(path);
  const merged = { ...results[table] };
  for (const [name, scores] of Object.entries(rows)) merged[name] = { ...merged[name], ...scores };
  await writeFileAtomically(path, stringify({ ...results, [table]: merged }));
}
