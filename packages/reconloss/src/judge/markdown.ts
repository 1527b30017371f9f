import { markdownTable, markdownText } from "../markdown.ts";
import { allImages, judgementTable, notSignificantMark, type TableCell, type TableOptions } from "./table.ts";
import type { Judgement } from "./types.ts";

function cellText({ text, place, interval, isNotSignificant }: TableCell, intervals: boolean): string {
  const number = place === "best" ? `**${text}**` : place === "second" ? `<ins>${text}</ins>` : text;
  const mark = isNotSignificant ? notSignificantMark : "";
  return `${number}${mark}${intervals && interval ? `<br><sub>${interval.join(" to ")}</sub>` : ""}`;
}

/** A judgement as a table in Markdown, as GitHub shows it: the best bold, the second underlined. */
export function toMarkdown(judgement: Judgement, options: TableOptions = {}): string {
  const { methods, columns, legend } = judgementTable(judgement, options);
  const { intervals = true } = options;
  const grouped = columns.some(({ group }) => group !== undefined);
  const titles = columns.map(({ label, arrow, group }) => {
    const set = grouped ? `${markdownText(group ?? allImages)}<br>` : "";
    return `${set}${markdownText(label)} ${arrow}`;
  });
  const rows = methods.map((name, method) => [
    markdownText(name),
    ...columns.map(({ cells }) => cellText(cells[method], intervals)),
  ]);
  if (columns.some(({ target }) => target !== "")) rows.push(["targets", ...columns.map(({ target }) => target)]);
  rows.push(["images", ...columns.map(({ images }) => images)]);
  const table = markdownTable(["", ...titles], rows, (column) => column > 0);
  return `${table.join("\n")}\n${legend.map((line) => `${markdownText(line)}\n`).join("\n")}`;
}
