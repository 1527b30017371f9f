import { printable } from "@reconloss/core/internal";

/** Text of which nothing is Markdown's or HTML's, in a line or a cell of a table, as GitHub reads it. */
export function markdownText(text: string): string {
  return printable(text)
    .replace(/[\\`*_{}[\]<>#|~&]/g, "\\$&")
    .replace(/^([+-])/, "\\$1");
}

/**
 * The lines of a table.
 *
 * @param cells - Markdown, no line breaks
 * @param numbers - which columns hold numbers, and are set to the right
 */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: (column: number) => boolean,
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, column) => (numbers(column) ? "--:" : ":--"))), ...rows.map(line), ""];
}
