import { ReconlossError } from "@reconloss/core";
import { readFileBytes } from "../files.ts";

/** Names of columns, in any case. */
const columns = { name: ["path", "file", "filename", "file_name", "name", "image"], label: ["label", "class", "cls"] };

/**
 * The classes in a CSV file: a row for each image with its name and its class, in columns that a first row names (`path`, `label`), or the first two.
 *
 * @throws {ReconlossError} `file` when it cannot be read, a row has no class, or an image has two
 */
export async function readLabels(path: string): Promise<ReadonlyMap<string, string>> {
  const text = new TextDecoder().decode(await readFileBytes(path)).replace(/^\ufeff/, "");
  const rows = text.split(/\r?\n/).map((line, i) => ({ number: i + 1, cells: cellsOf(line) }));
  const filled = rows.filter(({ cells }) => cells.some((cell) => cell !== ""));
  const header = (filled[0]?.cells ?? []).map((cell) => cell.toLowerCase());
  const [name, label] = [columns.name, columns.label].map((names) => header.findIndex((cell) => names.includes(cell)));
  const hasHeader = name >= 0 && label >= 0;
  const [ofName, ofLabel] = hasHeader ? [name, label] : [0, 1];
  const labels = new Map<string, string>();
  for (const { number, cells } of hasHeader ? filled.slice(1) : filled) {
    const [image, found] = [cells[ofName], cells[ofLabel]];
    const problem = !image || !found ? "has no name and class" : undefined;
    const twice = labels.has(image) && labels.get(image) !== found ? `assigns a second class to ${image}` : undefined;
    if (problem ?? twice) throw new ReconlossError("file", `${path}: row ${number} ${problem ?? twice}`);
    labels.set(image, found);
  }
  if (labels.size === 0) throw new ReconlossError("file", `${path} has no classes; rows are name,class`);
  return labels;
}

/** The cells of a line; those in quotes may hold commas, and doubled quotes. */
function cellsOf(line: string): string[] {
  const cells = line.matchAll(/(?:^|,)(?:\s*"((?:[^"]|"")*)"\s*|([^,]*))/g);
  return [...cells].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain.trim());
}
