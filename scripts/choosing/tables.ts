import type { Loss } from "../../packages/core/src/losses/index.ts";
import { arrowOf, badness, formatNumber } from "../../packages/reconloss/src/compare/index.ts";
import type { Scores } from "./judges.ts";

/** A row of a table: a name and its numbers. */
export interface Row {
  readonly title: string;
  readonly scores: Scores;
  /** Left out where the best is looked for. */
  readonly isReference?: boolean;
  readonly more?: readonly string[];
}

/** The row whose number is the best of its column; of a prior, the closest to that of the photographs. */
function best(rows: readonly Row[], { spec, better }: Loss, natural: Scores): number {
  const distance = ({ scores, isReference }: Row) =>
    isReference || scores[spec] === undefined ? Number.POSITIVE_INFINITY : badness(better, scores[spec], natural[spec]);
  return rows.reduce((best, row, index) => (distance(row) < distance(rows[best]) ? index : best), 0);
}

/**
 * A table in Markdown: rows by judges, the best of each column bold.
 *
 * @param natural - the scores of the photographs themselves
 * @param more - titles of the rows' other cells
 */
export function scoreTable(
  judges: readonly Loss[],
  rows: readonly Row[],
  natural: Scores,
  more: readonly string[] = [],
): string {
  const columns = judges.map((loss) => {
    const values = rows.map(({ scores }) => scores[loss.spec]);
    const texts = values.map((value) => formatNumber(value, loss.decimals));
    // Those that cannot be told apart from the best are the best too.
    const bold = texts[best(rows, loss, natural)];
    const cells = texts.map((text, row) => (text === bold && !rows[row].isReference ? `**${text}**` : text));
    return { title: `\`${loss.spec}\` ${arrowOf(loss.better)}`, cells };
  });
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...columns.map(({ title }) => title), ...more]),
    line(["---", ...[...columns, ...more].map(() => "---:")]),
    ...rows.map(({ title, more = [] }, row) => line([title, ...columns.map(({ cells }) => cells[row]), ...more])),
  ].join("\n");
}
