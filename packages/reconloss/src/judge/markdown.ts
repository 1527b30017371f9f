import { printable } from "@reconloss/core/internal";
import { allImages, chanceMark, judgementTable, type TableCell, type TableOptions } from "./table.ts";
import type { Judgement } from "./types.ts";

/** Text that Markdown takes as it is, in a cell of a table. */
function escaped(text: string): string {
  return printable(text)
    .replace(/[\\`*_{}[\]<>#|~&]/g, "\\$&")
    .replace(/^([+-])/, "\\$1");
}

function cellText({ text, place, interval, mayBeChance }: TableCell, intervals: boolean): string {
  const number = place === "best" ? `**${text}**` : place === "second" ? `<ins>${text}</ins>` : text;
  const mark = mayBeChance ? chanceMark : "";
  return `${number}${mark}${intervals && interval ? `<br><sub>${interval.join(" to ")}</sub>` : ""}`;
}

/** A judgement as a table in Markdown, as GitHub shows it: the best bold, the second underlined. */
export function toMarkdown(judgement: Judgement, options: TableOptions = {}): string {
  const { methods, columns, legend } = judgementTable(judgement, options);
  const { intervals = true } = options;
  const grouped = columns.some(({ group }) => group !== undefined);
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const titles = columns.map(({ label, arrow, group }) => {
    const set = grouped ? `${escaped(group ?? allImages)}<br>` : "";
    return `${set}${escaped(label)} ${arrow}`;
  });
  const lines = [
    row(["", ...titles]),
    row([":--", ...columns.map(() => "--:")]),
    ...methods.map((name, method) =>
      row([escaped(name), ...columns.map(({ cells }) => cellText(cells[method], intervals))]),
    ),
  ];
  if (columns.some(({ target }) => target !== "")) lines.push(row(["targets", ...columns.map(({ target }) => target)]));
  lines.push(row(["images", ...columns.map(({ images }) => images)]));
  return `${lines.join("")}\n${legend.map((line) => `${escaped(line)}\n`).join("\n")}`;
}
