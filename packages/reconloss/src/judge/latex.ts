import { printable } from "@reconloss/core/internal";
import { allImages, judgementTable, notSignificantMark, spansOf, type TableCell, type TableOptions } from "./table.ts";
import type { Judgement } from "./types.ts";

const special: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
  '"': "\\textquotedbl{}",
  "↑": "$\\uparrow$",
  "↓": "$\\downarrow$",
  "≈": "$\\approx$",
  "∞": "$\\infty$",
  "–": "--",
  [notSignificantMark]: "$^\\dagger$",
};

/** Text that LaTeX prints as it is. */
function escaped(text: string): string {
  return printable(text).replace(/[\\~^<>|"↑↓≈∞–†]|[{}$&#%_]/gu, (letter) => special[letter] ?? `\\${letter}`);
}

/** A number: a minus, not a hyphen. */
const number = (text: string) => escaped(text).replace(/^-/, "$-$");

function cellText({ text, place, isNotSignificant }: TableCell): string {
  const plain = number(text);
  const placed = place === "best" ? `\\textbf{${plain}}` : place === "second" ? `\\underline{${plain}}` : plain;
  return `${placed}${isNotSignificant ? escaped(notSignificantMark) : ""}`;
}

/** A judgement as a table in LaTeX, with booktabs: the best bold, the second underlined, the legend as the caption. */
export function toLatex(judgement: Judgement, options: TableOptions = {}): string {
  const { methods, columns, legend } = judgementTable(judgement, options);
  const { intervals = true } = options;
  const row = (cells: readonly string[]) => `${cells.join(" & ")} \\\\`;
  const spans = spansOf(columns);
  const head: string[] = [];
  if (spans.some(({ group }) => group !== undefined)) {
    head.push(
      row(["", ...spans.map(({ group, count }) => `\\multicolumn{${count}}{c}{${escaped(group ?? allImages)}}`)]),
    );
    let first = 2;
    const rules = spans.map(({ count }) => {
      const rule = `\\cmidrule(lr){${first}-${first + count - 1}}`;
      first += count;
      return rule;
    });
    head.push(rules.join(" "));
  }
  head.push(row(["Method", ...columns.map(({ label, arrow }) => `${escaped(label)} ${escaped(arrow)}`)]));
  const body = methods.flatMap((name, method) => {
    const cells = columns.map((column) => column.cells[method]);
    const means = row([escaped(name), ...cells.map(cellText)]);
    if (!intervals || cells.every(({ interval }) => interval === undefined)) return [means];
    const ends = cells.map(({ interval }) => (interval ? `{\\scriptsize ${interval.map(number).join(" to ")}}` : ""));
    return [means, row(["", ...ends])];
  });
  if (columns.some(({ target }) => target !== "")) {
    body.push("\\midrule", row(["Targets", ...columns.map(({ target }) => number(target))]));
  }
  return `% needs \\usepackage{booktabs}
\\begin{table}
\\centering
\\caption{${escaped(legend.join(" "))}}
\\begin{tabular}{l${"r".repeat(columns.length)}}
\\toprule
${head.join("\n")}
\\midrule
${body.join("\n")}
\\bottomrule
\\end{tabular}
\\end{table}
`;
}
