import { dirname, extname, relative, resolve, sep } from "node:path";
import { ReconlossError } from "@reconloss/core";
import { checkArguments, suggestion } from "@reconloss/core/internal";
import { readFileBytes, reasonOf } from "../files.ts";
import type { ImagePair, Region } from "./pair.ts";
import { checkRegions } from "./pair-regions.ts";

/** The cells of a row, as they were read, and its place. */
interface Row {
  readonly where: string;
  readonly cells: Readonly<Record<string, unknown>>;
}

const [needed, optional] = [["output", "target"] as const, ["mask", "group"] as const];
/** Fields that only a line of JSON can hold. */
const inJson = ["ignore"] as const;

/** The most bytes of a list: a million pairs have long paths, and no text of Node's is longer than 512 MB. */
const largestList = 2 ** 28;

/** Refuses a name that is near one of those that mean something: it would be ignored. */
function checkNames(path: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    const near = known.includes(name) ? "" : suggestion(name, known);
    if (near !== "") throw new ReconlossError("invalid-argument", `${path} has ${JSON.stringify(name)}${near}`);
  }
  const missing = needed.find((name) => !names.includes(name));
  if (missing === undefined) return;
  const has = names.length > 0 ? names.map((name) => JSON.stringify(name)).join(", ") : "nothing";
  throw new ReconlossError("invalid-argument", `${path} has no ${missing}; it has ${has}`);
}

/** Rows of cells of a CSV file (RFC 4180): cells in quotes hold commas, line breaks and doubled quotes. Empty lines are none. */
function* recordsOf(text: string): Generator<{ line: number; cells: string[] }> {
  let [at, line] = [0, 1];
  while (at < text.length) {
    const cells: string[] = [];
    const first = line;
    for (;;) {
      let cell = "";
      if (text[at] === '"') {
        for (at++; at < text.length; ) {
          const end = text.indexOf('"', at);
          if (end < 0) throw new Error(`the quote that begins in line ${first} has no end`);
          cell += text.slice(at, end);
          at = end + 1;
          if (text[at] !== '"') break;
          cell += '"';
          at++;
        }
        line += cell.split("\n").length - 1;
      }
      const rest = /[^,\r\n]*/y;
      rest.lastIndex = at;
      cell += rest.exec(text)?.[0] ?? "";
      at = rest.lastIndex;
      cells.push(cell);
      if (text[at] !== ",") break;
      at++;
    }
    if (text[at] === "\r") at++;
    if (text[at] === "\n") at++;
    line++;
    if (cells.some((cell) => cell !== "")) yield { line: first, cells };
  }
}

function* csvRows(path: string, text: string): Generator<Row> {
  const records = recordsOf(text);
  const head = records.next();
  const titles = head.done ? [] : head.value.cells.map((cell) => cell.trim().toLowerCase());
  checkNames(path, titles, [...needed, ...optional]);
  const twice = titles.find((title, i) => title !== "" && titles.indexOf(title) !== i);
  if (twice !== undefined) throw new ReconlossError("invalid-argument", `${path} has two columns ${twice}`);
  for (const { line, cells } of records) {
    const where = `${path}: line ${line}`;
    if (cells.length > titles.length) {
      const sizes = `${cells.length} cells, but there are ${titles.length} columns`;
      throw new ReconlossError("invalid-argument", `${where} has ${sizes}; quote names that contain a comma`);
    }
    yield { where, cells: Object.fromEntries(cells.map((cell, i) => [titles[i], cell === "" ? undefined : cell])) };
  }
}

function* jsonRows(path: string, text: string): Generator<Row> {
  let known = "";
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const where = `${path}: line ${index + 1}`;
    let cells: unknown;
    try {
      cells = JSON.parse(line);
    } catch (cause) {
      throw new ReconlossError("invalid-argument", `${where} is not JSON: ${reasonOf(cause)}`, { cause });
    }
    if (typeof cells !== "object" || cells === null || Array.isArray(cells)) {
      throw new ReconlossError("invalid-argument", `${where} must be an object with output and target`);
    }
    const names = Object.keys(cells);
    // Lines of a list are alike.
    if (names.join() !== known) checkNames(where, names, [...needed, ...optional, ...inJson]);
    known = names.join();
    yield { where, cells: cells as Row["cells"] };
  }
}

const readers: Readonly<Record<string, (path: string, text: string) => Generator<Row>>> = {
  ".csv": csvRows,
  ".jsonl": jsonRows,
  ".ndjson": jsonRows,
};

/** The folder that all these files are in, or in folders of. */
function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0]).split(sep);
  for (const path of paths) {
    const parts = dirname(path).split(sep);
    const differing = common.findIndex((part, i) => part !== parts[i]);
    if (differing >= 0) common = common.slice(0, differing);
  }
  return common.join(sep) || sep;
}

/**
 * The pairs that a list names, in its order: a CSV file whose first row has `output` and `target`, and `mask` and `group` where there are some, in any order beside any
 * others; or a file with a line of JSON for each pair (`.jsonl`), which can have `ignore` too, a list of [x, y, width, height]. Paths are relative to the list's folder. Whether
 * images are there, and are images, whoever reads them says.
 *
 * @returns pairs whose names are relative to the folder that all outputs are in
 * @throws {ReconlossError} `file` for a list that cannot be read or has more than 256 MiB; `invalid-argument` for another extension, a column or field that is missing or misspelt, a
 *   row without output or target, an output that is listed twice, or no row at all
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { readPairList } from "reconloss/image";
 * const list = join(await mkdtemp(join(tmpdir(), "reconloss-")), "pairs.csv");
 * await writeFile(list, "output,target,group\nours/baby_x4.png,hr/baby.png,Set5\nours/bird_x4.png,hr/bird.png,Set5\n");
 * const pairs = await readPairList(list);
 * pairs.map(({ name }) => name); // ["baby_x4.png", "bird_x4.png"]
 * ```
 */
export async function readPairList(path: string): Promise<ImagePair[]> {
  checkArguments("readPairList", { path: [path, "text"] });
  const rows = readers[extname(path).toLowerCase()];
  if (rows === undefined) {
    const known = Object.keys(readers).join(", ");
    throw new ReconlossError("invalid-argument", `a list of pairs must end in one of ${known}, got ${path}`);
  }
  const bytes = await readFileBytes(path, { most: largestList });
  const pairs: ImagePair[] = [];
  const lines = new Map<string, string>();
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    for (const { where, cells } of rows(path, text)) {
      const pair = pairOf(where, cells, dirname(resolve(path)));
      const before = lines.get(pair.output);
      if (before !== undefined) {
        throw new ReconlossError("invalid-argument", `${where} lists ${pair.output} again, after ${before}`);
      }
      lines.set(pair.output, where.slice(path.length + 2));
      pairs.push(pair);
    }
  } catch (cause) {
    if (cause instanceof ReconlossError) throw cause;
    throw new ReconlossError("file", `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  if (pairs.length === 0) throw new ReconlossError("invalid-argument", `${path} lists no pair`);
  const folder = commonFolder(pairs.map(({ output }) => output));
  return pairs.map((pair) => ({ ...pair, name: relative(folder, pair.output).split(sep).join("/") }));
}

function pairOf(where: string, cells: Row["cells"], folder: string): ImagePair {
  const text = (name: string): string | undefined => {
    const value = cells[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "string" && value !== "") return value;
    throw new ReconlossError("invalid-argument", `${where}: ${name} must be a text, got ${JSON.stringify(value)}`);
  };
  const path = (name: string) => {
    const value = text(name);
    return value === undefined ? undefined : resolve(folder, value);
  };
  const [output, target] = needed.map((name) => {
    const found = path(name);
    if (found === undefined) throw new ReconlossError("invalid-argument", `${where} has no ${name}`);
    return found;
  });
  const [mask, group, { ignore }] = [path("mask"), text("group"), cells];
  if (ignore !== undefined) {
    if (!Array.isArray(ignore)) {
      throw new ReconlossError("invalid-argument", `${where}: ignore must be a list of [x, y, width, height]`);
    }
    checkRegions(where, ignore);
  }
  return {
    name: output,
    output,
    target,
    ...(mask === undefined ? {} : { mask }),
    ...(group === undefined ? {} : { group }),
    ...(ignore === undefined ? {} : { ignore: ignore as readonly Region[] }),
  };
}
