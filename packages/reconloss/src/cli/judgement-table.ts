import type { Loss } from "@reconloss/core";
import type { Judgement } from "../judge/index.ts";
import { judgementTable } from "../judge/index.ts";
import { allImages, notSignificantMark, type TableCell } from "../judge/table.ts";
import { blocksOf, columnTitle, plainTable, type TableLayout } from "./table.ts";
import { type Colours, printable } from "./terminal.ts";

/** The mean, the best bold, the second underlined, over its interval. */
function cellText(
  { text, place, interval, isNotSignificant }: TableCell,
  { bold, underline, dim }: Colours,
  withInterval: boolean,
) {
  const number = place === "best" ? bold(text) : place === "second" ? underline(text) : text;
  const mark = isNotSignificant ? notSignificantMark : "";
  return `${number}${mark}${withInterval && interval ? `\n${dim(interval.join(" to "))}` : ""}`;
}

/** Explains the names of metrics that were given one: `PSNR-Y: psnr(channels=y-bt601,crop=2)`. */
export function namesExplained(losses: readonly Loss[]): string[] {
  return losses.flatMap(({ label, spec, isNamed }) => (isNamed ? [`${label}: ${spec}`] : []));
}

/** The judgement for people to read: a row for each method, a column for each metric and data set. */
export function judgementText(
  judgement: Judgement,
  { colours, width = Number.POSITIVE_INFINITY }: TableLayout,
  intervals: boolean,
): string {
  const { methods, columns, legend } = judgementTable(judgement, { intervals });
  const grouped = judgement.groups.length > 0;
  const priors = columns.some(({ target }) => target !== "");
  const below = [...(priors ? ["targets"] : []), "images"];
  const names = [...methods.map(printable), ...below];
  const laidOut = columns.map((column, i) => ({
    title: `${grouped ? `${printable(column.group ?? allImages)}\n` : ""}${columnTitle(judgement.columns[i])}`,
    cells: column.cells.map((cell) => cellText(cell, colours, intervals)),
    summary: [...(priors ? [column.target] : []), column.images],
  }));
  const bold = (text: string) => text.split("\n").map(colours.bold).join("\n");
  const longest = Math.max(...names.map(({ length }) => length));
  const blocks = blocksOf(laidOut, longest, width).map((block) =>
    plainTable(
      [
        ["", ...block.map(({ title }) => title)].map(bold),
        ...methods.map((name, method) => [printable(name), ...block.map(({ cells }) => cells[method])]),
        ...below.map((name, index) => [name, ...block.map(({ summary }) => summary[index])].map(colours.dim)),
      ],
      [1, methods.length + 1],
    ),
  );
  const footnotes = [...namesExplained(judgement.losses), ...legend].map((line) => colours.dim(printable(line)));
  return `${blocks.join("\n\n")}\n\n${footnotes.join("\n")}`;
}
