import { printable } from "@reconloss/core/internal";
import { type Finding, subjectOf } from "./findings.ts";

/** GitHub shows so many errors of a step, and ignores the others. */
const mostShown = 10;

/** The text of a workflow command; properties have more letters that are its own. */
function escaped(text: string, isProperty: boolean): string {
  const letters = isProperty ? /[%\r\n:,]/g : /[%\r\n]/g;
  return text.replace(letters, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

function command(title: string, text: string, file?: string): string {
  const properties = Object.entries({ file, title }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${escaped(printable(value), true)}`],
  );
  return `::error ${properties.join(",")}::${escaped(printable(text), false)}\n`;
}

/** Findings as annotations of GitHub's workflows, a line each; of many the first, and how many more there are. */
export function annotationsOf(findings: readonly Finding[]): string {
  const shown = findings.length > mostShown ? findings.slice(0, mostShown - 1) : findings;
  const lines = shown.map((finding) => {
    const subject = subjectOf(finding);
    return command(`reconloss: ${subject}`, `${subject}: ${finding.text}`, finding.file);
  });
  const left = findings.length - shown.length;
  return [...lines, ...(left > 0 ? [command("reconloss", `${left} more; see the log and the report`)] : [])].join("");
}
