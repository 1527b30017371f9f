import { readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);

export const readText = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** The pieces of code of a cell of a table. */
export const codeIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code);

/** The rows of all tables of a page of Markdown, by the headings of their columns. */
export function tableRows(markdown: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  let headings: string[] | undefined;
  for (const line of markdown.split("\n")) {
    if (!line.startsWith("|")) {
      headings = undefined;
      continue;
    }
    // A bar inside of code is written as it is.
    const cells = line
      .slice(1, line.lastIndexOf("|"))
      .split(/\|(?=(?:[^`]*`[^`]*`)*[^`]*$)/)
      .map((cell) => cell.trim());
    if (headings === undefined) headings = cells;
    else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) {
      const names = headings;
      rows.push(Object.fromEntries(names.map((name, i) => [name, cells[i] ?? ""])));
    }
  }
  return rows;
}
